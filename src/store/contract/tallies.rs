//! Rules of the tallies.

use super::{Engine, Stage, patiently};
use crate::{
    Tallies,
    tally::{Count, Outcome, Reason, Tally},
};
use smartcar::delivery::{Mode, Rejection};

fn tally(outcome: Outcome) -> Tally {
    Tally {
        outcome,
        reason: Reason::None,
        event_type: String::new(),
        mode: Mode::Live,
    }
}

fn count(minute: i64, tally: &Tally, count: i64) -> Count {
    Count {
        minute,
        tally: tally.clone(),
        count,
    }
}

pub(crate) async fn tallies_of_instances_and_minutes_add_up(stage: &Stage<impl Engine>) {
    let (one, other) = (stage.instance(), stage.instance());
    let [stored, failed] = [Outcome::Stored, Outcome::Failed].map(tally);
    one.add_tallies(&[]).await.unwrap();
    one.add_tallies(&[
        count(9, &stored, 100),
        count(10, &stored, 1),
        count(11, &failed, 2),
    ])
    .await
    .unwrap();
    other
        .add_tallies(&[count(10, &stored, 3), count(12, &stored, 5)])
        .await
        .unwrap();
    let since = async |minute| one.tallies_since(minute).await.unwrap();
    assert_eq!(since(10).await, [(failed.clone(), 2), (stored.clone(), 9)]);
    assert_eq!(since(11).await, [(failed, 2), (stored, 5)]);
    assert_eq!(since(13).await, []);
}

pub(crate) async fn tallies_of_instances_that_race_add_up(stage: &Stage<impl Engine>) {
    let verify = tally(Outcome::Verify);
    stage
        .instance()
        .add_tallies(&[count(1, &verify, 1)])
        .await
        .unwrap();
    stage.at_once(4, async |_, store| {
        for _ in 0..25 {
            let counts = [count(1, &tally(Outcome::Verify), 1)];
            patiently(async || store.add_tallies(&counts).await).await;
        }
    });
    let tallies = stage.instance().tallies_since(1).await.unwrap();
    assert_eq!(tallies, [(verify, 101)]);
}

pub(crate) async fn tallies_are_in_the_order_in_which_they_are_shown(stage: &Stage<impl Engine>) {
    let store = stage.instance();
    let of = |outcome: Outcome, reason: Reason, event_type: &str, mode: Mode| Tally {
        outcome,
        reason,
        event_type: event_type.to_owned(),
        mode,
    };
    let (live, test) = (Mode::Live, Mode::Test);
    let expected = [
        of(Outcome::Duplicate, Reason::Token(0), "VEHICLE_STATE", live),
        of(Outcome::Failed, Reason::None, "", live),
        of(Outcome::Noted, Reason::ClockAhead, "", live),
        of(
            Outcome::Refused,
            Reason::Signature(Rejection::ALL[0]),
            "",
            live,
        ),
        of(Outcome::Refused, Reason::Stale, "", live),
        of(Outcome::Refused, Reason::Stale, "", test),
        of(
            Outcome::Refused,
            Reason::Other("Z new".to_owned()),
            "",
            live,
        ),
        of(Outcome::Stored, Reason::Token(0), "VEHICLE_ERROR", live),
        of(Outcome::Stored, Reason::Token(0), "VEHICLE_STATE", live),
        of(Outcome::Stored, Reason::Token(1), "VEHICLE_ERROR", live),
        of(
            Outcome::Other("tomorrow".to_owned()),
            Reason::None,
            "",
            live,
        ),
    ];
    for tally in expected.iter().rev() {
        store.add_tallies(&[count(1, tally, 7)]).await.unwrap();
    }
    let tallies = store.tallies_since(1).await.unwrap();
    let mut shown: Vec<_> = tallies.iter().map(|(tally, _)| tally.clone()).collect();
    assert_eq!(shown, expected);
    assert!(tallies.iter().all(|(_, count)| *count == 7));
    shown.sort_by_key(|tally| {
        let texts = [
            tally.outcome.as_str(),
            &tally.reason.text(),
            &tally.event_type,
        ];
        (texts.map(str::to_owned), tally.mode.as_str())
    });
    assert_eq!(shown, expected);
}

pub(crate) async fn tallies_before_a_minute_are_forgotten(stage: &Stage<impl Engine>) {
    let store = stage.instance();
    let stored = tally(Outcome::Stored);
    let counts = [1, 2, 3].map(|minute| count(minute, &stored, minute));
    store.add_tallies(&counts).await.unwrap();
    assert!(!store.forget_tallies(1).await.unwrap());
    assert!(store.forget_tallies(3).await.unwrap());
    assert_eq!(store.tallies_since(0).await.unwrap(), [(stored, 3)]);
    assert!(!store.forget_tallies(3).await.unwrap());
}
