//! Rules of the dead letters.

use super::{Engine, Stage, claimed, configure, delivery, insert, sink};
use crate::{
    Configurations, DeadLetters, Deliveries, Outbox,
    delivery::Delivery,
    outbox::{DeadLetter, Due, Kept},
};
use smartcar::{Clock, Timestamp};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// When the event of this number is received: a minute after the one before.
fn received(number: u64) -> Timestamp {
    Timestamp(1_700_000_000_000).after(Duration::from_secs(60) * u32::try_from(number).unwrap())
}

/// Events of one vehicle, from 0, none of which two sinks have taken: they are dead
/// letters since `now`.
async fn refused(
    store: &(impl Deliveries + Outbox + Configurations),
    events: u64,
    now: Timestamp,
) -> Vec<Due> {
    configure(store, &[sink("a"), sink("b")], now).await;
    let mut all = Vec::new();
    for number in 0..events {
        let event_id = format!("e-{number}");
        let delivery = Delivery {
            vehicle_id: Some("v-1"),
            received_at: received(number),
            ..delivery(&event_id)
        };
        insert(store, &[delivery]).await;
        for sink in ["a", "b"] {
            let due = store.claim(sink, now, 1).await.unwrap().remove(0);
            let kept = Kept {
                seq: due.seq,
                attempt: due.attempt,
                due_at: now,
                error: format!("{sink} answered 400"),
                is_dead: true,
            };
            store.keep(&[kept], now).await.unwrap();
            all.push(due);
        }
    }
    all
}

async fn listed(
    store: &impl DeadLetters,
    before: Option<i64>,
    sink: Option<&str>,
    limit: i64,
) -> Vec<(String, String)> {
    let letters = store.dead_letters(before, sink, limit).await.unwrap();
    let letters = letters.into_iter();
    letters
        .map(|letter| (letter.sink, letter.event_id))
        .collect()
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter()
        .map(|(sink, event)| ((*sink).to_owned(), (*event).to_owned()))
        .collect()
}

pub(crate) async fn dead_letters_are_listed_the_newest_first(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    assert!(listed(&store, None, None, 9).await.is_empty());
    let refused = refused(&store, 3, now).await;
    let all = listed(&store, None, None, 9).await;
    let mut events: Vec<_> = all.iter().map(|(_, event)| event.as_str()).collect();
    events.dedup();
    assert_eq!(events, ["e-2", "e-1", "e-0"]);
    assert_eq!(all.len(), 6);
    // A page goes on after the row with which the one before ended.
    let letters = store.dead_letters(None, None, 2).await.unwrap();
    assert_eq!(letters.len(), 2);
    let rest = listed(&store, Some(letters[1].seq), None, 9).await;
    assert_eq!(rest, all[2..]);
    let of_b = pairs(&[("b", "e-2"), ("b", "e-1"), ("b", "e-0")]);
    assert_eq!(listed(&store, None, Some("b"), 9).await, of_b);
    let last = letters.iter().find(|letter| letter.sink == "b").unwrap();
    assert_eq!(
        listed(&store, Some(last.seq), Some("b"), 1).await,
        of_b[1..2]
    );
    assert!(listed(&store, None, Some("c"), 9).await.is_empty());
    assert!(listed(&store, Some(0), None, 9).await.is_empty());
    let expected = DeadLetter {
        seq: refused[5].seq,
        sink: "b".to_owned(),
        event_id: "e-2".to_owned(),
        event_type: "VEHICLE_STATE".to_owned(),
        vehicle_id: Some("v-1".to_owned()),
        attempts: 1,
        error: Some("b answered 400".to_owned()),
        received_at: received(2),
        dead_at: now,
    };
    assert_eq!(*last, expected);
}

pub(crate) async fn dead_letter_that_is_replayed_is_as_new(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let refused = refused(&store, 2, now).await;
    let later = now.after(HOUR);
    let first = &refused[0];
    assert!(claimed(&store, "a", later, 9).await.is_empty());
    assert!(store.replay(first.seq, later).await.unwrap());
    assert_eq!(
        listed(&store, None, Some("a"), 9).await,
        pairs(&[("a", "e-1")])
    );
    let due = store.claim("a", later, 9).await.unwrap();
    let expected = Due {
        since: later,
        ..first.clone()
    };
    assert_eq!(due, [expected], "with another day and as many attempts");
    // It is none any more.
    assert!(!store.replay(first.seq, later).await.unwrap());
    assert!(!store.replay(i64::MAX, later).await.unwrap());
    assert!(claimed(&store, "a", later, 9).await.is_empty());
    // A day counts from then.
    let end = later.after(crate::outbox::LIFE);
    assert!(!store.expire("a", end.before(HOUR), 9).await.unwrap());
    assert!(store.expire("a", end, 9).await.unwrap());
}

pub(crate) async fn dead_letters_of_a_while_are_replayed_the_oldest_first(
    stage: &Stage<impl Engine>,
) {
    let (store, now) = (stage.instance(), stage.clock.now());
    refused(&store, 6, now).await;
    let replay = async |sink, from: u64, to: u64, most| {
        let (from, to) = (received(from), received(to));
        store
            .replay_received(sink, from, to, now, most)
            .await
            .unwrap()
    };
    // Both ends are within.
    assert_eq!(replay(Some("a"), 1, 3, 2).await, 2);
    let left = pairs(&[("a", "e-5"), ("a", "e-4"), ("a", "e-3"), ("a", "e-0")]);
    assert_eq!(listed(&store, None, Some("a"), 9).await, left);
    assert_eq!(replay(Some("a"), 1, 3, 2).await, 1);
    assert_eq!(replay(Some("a"), 1, 3, 2).await, 0);
    // Each is sent in the order of receipt.
    let due = store.claim("a", now, 9).await.unwrap();
    assert_eq!((due[0].event_id.as_str(), due.len()), ("e-1", 1));
    // Without a name they are those of all sinks.
    assert_eq!(replay(None, 5, 9, 1000).await, 2);
    assert_eq!(replay(Some("c"), 0, 9, 1000).await, 0);
    let figures = store.sink_figures().await.unwrap();
    let dead: Vec<_> = figures.iter().map(|of| of.dead_letters).collect();
    assert_eq!(dead, [2, 5]);
}

pub(crate) async fn dead_letter_goes_with_its_delivery(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    refused(&store, 2, now).await;
    assert!(store.forget_deliveries(received(1), 9).await.unwrap());
    let left = pairs(&[("a", "e-1"), ("b", "e-1")]);
    let mut letters = listed(&store, None, None, 9).await;
    letters.sort();
    assert_eq!(letters, left);
    let figures = store.sink_figures().await.unwrap();
    let dead: Vec<_> = figures.iter().map(|of| of.dead_letters).collect();
    assert_eq!(dead, [1, 1]);
}
