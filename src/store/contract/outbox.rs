//! Rules of the outbox: which events wait for a sink, and who sends them when.

use super::{Engine, Stage, claimed, configure, deliver, delivery, insert, patiently, sink};
use crate::{
    Configurations, DeadLetters, Deliveries, Outbox,
    chore::SKEW,
    delivery::Delivery,
    outbox::{Due, Kept, LEASE, LIFE, LONGEST_PAUSE, SinkConfiguration, SinkFigures},
};
use serde_json::{Value, json};
use smartcar::{
    Clock, Timestamp,
    delivery::{Event, Mode},
};
use std::{collections::BTreeMap, sync::Mutex, time::Duration};

const MILLI: Duration = Duration::from_millis(1);

const SECOND: Duration = Duration::from_secs(1);

const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);

fn list(item: &str) -> Option<String> {
    Some(json!([item]).to_string())
}

/// That an attempt failed, and the event is due again then.
fn failed(due: &Due, due_at: Timestamp) -> Kept {
    Kept {
        seq: due.seq,
        attempt: due.attempt,
        due_at,
        error: format!("attempt {} failed", due.attempt),
        is_dead: false,
    }
}

fn dead(due: &Due) -> Kept {
    Kept {
        is_dead: true,
        ..failed(due, Timestamp(0))
    }
}

/// Stores what a vehicle reports, and whether that is a test.
async fn report(store: &impl Deliveries, event_id: &str, mode: Mode, signals: &Value) {
    let received_at = Timestamp(1_700_000_000_000);
    let body = json!({"data": {"vehicle": {"id": "v-1"}, "signals": signals},
        "meta": {"mode": mode.as_str(), "deliveredAt": 5}});
    let body = body.to_string();
    let report = Event::read(&body).report(received_at);
    let delivery = Delivery {
        mode,
        vehicle_id: Some("v-1"),
        body: body.as_bytes(),
        report: report.as_ref(),
        ..delivery(event_id)
    };
    insert(store, &[delivery]).await;
}

fn locked(is_locked: bool, at: i64) -> Value {
    let meta = json!({"oemUpdatedAt": at, "retrievedAt": at});
    json!([{"code": "closure-islocked", "body": {"value": is_locked}, "meta": meta}])
}

/// Takes all that a sink gets, one after the other, and returns the events.
async fn take_all(store: &impl Outbox, sink: &str, now: Timestamp) -> Vec<String> {
    let mut events = Vec::new();
    loop {
        let due = store.claim(sink, now, 16).await.unwrap();
        if due.is_empty() {
            return events;
        }
        let seqs: Vec<i64> = due.iter().map(|due| due.seq).collect();
        store.delivered(&seqs).await.unwrap();
        events.extend(due.into_iter().map(|due| due.event_id));
    }
}

pub(crate) async fn outbox_has_an_event_for_each_sink_that_wants_it(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let vehicles = |id: &str| SinkConfiguration {
        vehicles: list(id),
        ..sink("")
    };
    let configurations = [
        sink("all"),
        SinkConfiguration {
            modes: list("LIVE"),
            ..sink("live")
        },
        SinkConfiguration {
            name: "mine".to_owned(),
            ..vehicles("v-1")
        },
        SinkConfiguration {
            name: "other".to_owned(),
            ..vehicles("v-2")
        },
        SinkConfiguration {
            types: Some(json!(["VEHICLE_ERROR", "VEHICLE_STATE"]).to_string()),
            modes: list("TEST"),
            ..sink("tests")
        },
    ];
    configure(&store, &configurations, now).await;
    for (event_id, event_type, mode, vehicle_id) in [
        ("e-1", "VEHICLE_STATE", Mode::Test, Some("v-1")),
        ("e-2", "TOMORROW", Mode::Live, Some("v-1")),
        ("e-3", "TOMORROW", Mode::Test, None),
    ] {
        let delivery = Delivery {
            event_type,
            mode,
            vehicle_id,
            ..delivery(event_id)
        };
        insert(&store, &[delivery]).await;
    }
    for (sink, expected) in [
        ("all", &["e-1", "e-3", "e-2"][..]),
        ("live", &["e-2"]),
        ("mine", &["e-1", "e-2"]),
        ("other", &[]),
        ("tests", &["e-1"]),
    ] {
        assert_eq!(take_all(&store, sink, now).await, expected, "{sink}");
    }
}

pub(crate) async fn outbox_has_what_changes_a_signal_for_a_sink_that_wants_changes(
    stage: &Stage<impl Engine>,
) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let changes = SinkConfiguration {
        changed_only: 1,
        ..sink("changes")
    };
    configure(&store, &[sink("all"), changes], now).await;
    let (live, test) = (Mode::Live, Mode::Test);
    report(&store, "new", live, &locked(true, 10)).await;
    report(&store, "same", live, &locked(true, 20)).await;
    report(&store, "changed", live, &locked(false, 30)).await;
    report(&store, "older", live, &locked(true, 25)).await;
    report(&store, "test", test, &locked(true, 40)).await;
    report(&store, "none", live, &json!([])).await;
    let mut without = locked(true, 50);
    without[0]["status"] = json!({"value": "ERROR"});
    report(&store, "error of a signal", live, &without).await;
    deliver(&store, "no vehicle state", Some("v-1"), now).await;
    report(&store, "back", live, &locked(true, 60)).await;
    assert_eq!(take_all(&store, "all", now).await.len(), 9);
    let expected = ["new", "changed", "no vehicle state", "back"];
    assert_eq!(take_all(&store, "changes", now).await, expected);
}

pub(crate) async fn outbox_claim_has_the_whole_event(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    configure(&store, &[sink("a")], now).await;
    let received_at = Timestamp(1_650_000_000_000);
    let whole = Delivery {
        event_type: "VEHICLE_STATE",
        mode: Mode::Test,
        vehicle_id: Some("v-1"),
        user_id: Some("u-1"),
        delivered_at: Some(Timestamp(5)),
        received_at,
        body: b"{\"a\": 1}",
        ..delivery("e-1")
    };
    insert(&store, &[whole, delivery("e-2")]).await;
    let due = store.claim("a", now, 16).await.unwrap();
    let [first, second] = due.as_slice() else {
        panic!("{due:?}")
    };
    let expected = Due {
        seq: first.seq,
        event_id: "e-1".to_owned(),
        attempt: 1,
        vehicle_id: Some("v-1".to_owned()),
        event_type: "VEHICLE_STATE".to_owned(),
        is_test: true,
        user_id: Some("u-1".to_owned()),
        received_at,
        since: received_at,
        body: b"{\"a\": 1}".to_vec(),
    };
    assert_eq!(*first, expected);
    let ids = (&second.vehicle_id, &second.user_id, second.is_test);
    assert_eq!(ids, (&None, &None, false));
    assert!(first.seq < second.seq);
}

pub(crate) async fn outbox_keeps_the_order_of_a_vehicle(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    configure(&store, &[sink("a"), sink("b")], now).await;
    for (event, vehicle) in [("1", "x"), ("2", "x"), ("3", "y"), ("4", "x"), ("5", "y")] {
        deliver(&store, event, Some(vehicle), now).await;
    }
    deliver(&store, "6", None, now).await;
    deliver(&store, "7", None, now).await;
    let first = store.claim("a", now, 16).await.unwrap();
    let events: Vec<_> = first.iter().map(|due| due.event_id.as_str()).collect();
    assert_eq!(events, ["1", "3", "6", "7"]);
    assert!(claimed(&store, "a", now, 16).await.is_empty());
    // The event of x is delivered, that of y waits for its next attempt.
    store.delivered(&[first[0].seq]).await.unwrap();
    let later = now.after(5 * SECOND);
    store.keep(&[failed(&first[1], later)], now).await.unwrap();
    assert_eq!(claimed(&store, "a", now, 16).await, ["2"]);
    let again = store.claim("a", later, 16).await.unwrap();
    assert_eq!((again[0].event_id.as_str(), again[0].attempt), ("3", 2));
    assert_eq!(again.len(), 1);
    // As a dead letter it is in no one's way.
    store.keep(&[dead(&again[0])], later).await.unwrap();
    let next = store.claim("a", later, 16).await.unwrap();
    assert_eq!(next[0].event_id, "5");
    // Replayed it comes first again, when the one that is being sent has its answer.
    assert!(store.replay(again[0].seq, later).await.unwrap());
    store.keep(&[failed(&next[0], later)], later).await.unwrap();
    assert_eq!(claimed(&store, "a", later, 16).await, ["3"]);
    // Another sink has an order of its own.
    assert_eq!(claimed(&store, "b", now, 2).await, ["1", "3"]);
}

pub(crate) async fn outbox_claim_finds_what_waits_behind_many_others(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    configure(&store, &[sink("a")], now).await;
    let events: Vec<String> = (0..300).map(|event| format!("x-{event}")).collect();
    let of_x = events.iter().map(|event| Delivery {
        vehicle_id: Some("x"),
        ..delivery(event)
    });
    insert(&store, &of_x.collect::<Vec<_>>()).await;
    let first = store.claim("a", now, 16).await.unwrap();
    assert_eq!(first.len(), 1);
    deliver(&store, "y", Some("y"), now).await;
    assert_eq!(claimed(&store, "a", now, 16).await, ["y"]);
    store.delivered(&[first[0].seq]).await.unwrap();
    assert_eq!(claimed(&store, "a", now, 16).await, ["x-1"]);
}

pub(crate) async fn outbox_claim_finds_what_waits_behind_many_that_were_replayed(
    stage: &Stage<impl Engine>,
) {
    let (store, now) = (stage.instance(), stage.clock.now());
    configure(&store, &[sink("a")], now).await;
    let events: Vec<String> = (0..100).map(|event| format!("x-{event}")).collect();
    let of_x = events.iter().map(|event| Delivery {
        vehicle_id: Some("x"),
        ..delivery(event)
    });
    insert(&store, &of_x.collect::<Vec<_>>()).await;
    let tomorrow = now.after(LIFE);
    assert!(store.expire("a", tomorrow, 1000).await.unwrap());
    let replayed = store.replay_received(None, now, now, tomorrow, 1000).await;
    assert_eq!(replayed.unwrap(), events.len());
    deliver(&store, "y", Some("y"), tomorrow).await;
    assert_eq!(claimed(&store, "a", tomorrow, 1).await, ["x-0"]);
    assert_eq!(claimed(&store, "a", tomorrow, 16).await, ["y"]);
    assert!(claimed(&store, "a", tomorrow, 16).await.is_empty());
}

pub(crate) async fn outbox_claim_takes_no_more_than_asked_for(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    configure(&store, &[sink("a")], now).await;
    for event in 0..40 {
        deliver(&store, &event.to_string(), None, now).await;
    }
    let mut events = Vec::new();
    for expected in [16, 16, 8, 0] {
        let claimed = claimed(&store, "a", now, 16).await;
        assert_eq!(claimed.len(), expected);
        events.extend(claimed);
    }
    let all: Vec<String> = (0..40).map(|event| event.to_string()).collect();
    events.sort_by_key(|event| event.parse::<i32>().unwrap());
    assert_eq!(events, all);
}

pub(crate) async fn outbox_claim_holds_for_its_lease_and_knows_that_it_was_taken(
    stage: &Stage<impl Engine>,
) {
    let (one, other, now) = (stage.instance(), stage.instance(), stage.clock.now());
    configure(&one, &[sink("a")], now).await;
    deliver(&one, "1", Some("x"), now).await;
    let first = one.claim("a", now, 16).await.unwrap();
    assert_eq!(first[0].attempt, 1);
    let end = now.after(LEASE);
    assert!(claimed(&other, "a", end.before(MILLI), 16).await.is_empty());
    let second = other.claim("a", end, 16).await.unwrap();
    assert_eq!((second[0].seq, second[0].attempt), (first[0].seq, 2));
    // What the first attempt comes to changes nothing now.
    one.keep(&[failed(&first[0], end)], end).await.unwrap();
    one.keep(&[dead(&first[0])], end).await.unwrap();
    assert!(claimed(&one, "a", end.after(SECOND), 16).await.is_empty());
    assert!(one.dead_letters(None, None, 9).await.unwrap().is_empty());
    // Except that it was delivered.
    one.delivered(&[first[0].seq]).await.unwrap();
    let later = end.after(2 * LEASE);
    assert!(claimed(&one, "a", later, 16).await.is_empty());
}

pub(crate) async fn outbox_event_is_claimed_by_one_of_the_instances_that_race(
    stage: &Stage<impl Engine>,
) {
    let (store, now) = (stage.instance(), stage.clock.now());
    configure(&store, &[sink("a")], now).await;
    for event in 0..60 {
        deliver(&store, &event.to_string(), None, now).await;
    }
    let claims = stage.at_once(4, async |_, store| {
        let mut all = Vec::new();
        loop {
            let due = patiently(async || store.claim("a", now, 4).await).await;
            if due.is_empty() {
                return all;
            }
            all.extend(due.into_iter().map(|due| due.event_id));
        }
    });
    let mut events: Vec<_> = claims.into_iter().flatten().collect();
    events.extend(take_all(&store, "a", now).await);
    events.sort_by_key(|event| event.parse::<i32>().unwrap());
    let all: Vec<String> = (0..60).map(|event| event.to_string()).collect();
    assert_eq!(events, all);
}

pub(crate) async fn outbox_event_whose_attempt_ended_without_a_word_is_claimed_alone(
    stage: &Stage<impl Engine>,
) {
    let (store, now) = (stage.instance(), stage.clock.now());
    configure(&store, &[sink("a")], now).await;
    for event in ["1", "2", "3"] {
        deliver(&store, event, None, now).await;
    }
    let first = store.claim("a", now, 3).await.unwrap();
    // Of the first and the third attempt nothing was heard.
    store.keep(&[failed(&first[1], now)], now).await.unwrap();
    let over = now.after(LEASE);
    deliver(&store, "4", None, now).await;
    assert_eq!(claimed(&store, "a", over, 16).await, ["1"]);
    // A suspect that is not the first one lets the others go first.
    assert_eq!(claimed(&store, "a", over, 16).await, ["2", "4"]);
    assert_eq!(claimed(&store, "a", over, 16).await, ["3"]);
    assert!(claimed(&store, "a", over, 16).await.is_empty());
}

pub(crate) async fn outbox_event_that_was_kept_is_due_at_its_time(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    configure(&store, &[sink("a")], now).await;
    deliver(&store, "1", Some("x"), now).await;
    deliver(&store, "2", Some("y"), now).await;
    let due = store.claim("a", now, 16).await.unwrap();
    let (soon, late) = (now.after(SECOND), now.after(2 * SECOND));
    let kept = [failed(&due[0], late), failed(&due[1], soon)];
    store.keep(&kept, now).await.unwrap();
    store.keep(&[], now).await.unwrap();
    store.delivered(&[]).await.unwrap();
    assert!(
        claimed(&store, "a", soon.before(MILLI), 16)
            .await
            .is_empty()
    );
    let again = store.claim("a", soon, 16).await.unwrap();
    assert_eq!((again[0].event_id.as_str(), again[0].attempt), ("2", 2));
    assert_eq!(again[0].since, now, "the first attempt was due then");
    assert_eq!(claimed(&store, "a", late, 16).await, ["1"]);
}

pub(crate) async fn outbox_sends_nothing_to_a_sink_that_is_paused(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    configure(&store, &[sink("a"), sink("b")], now).await;
    for event in 0..9 {
        deliver(&store, &event.to_string(), None, now).await;
    }
    let ready = async |at| {
        let mut ready = store.ready_sinks(at).await.unwrap();
        ready.sort();
        (ready, claimed(&store, "a", at, 1).await.len())
    };
    let both = vec!["a".to_owned(), "b".to_owned()];
    let b = vec!["b".to_owned()];
    store.pause_sink("a", now, 5 * SECOND).await.unwrap();
    let end = now.after(5 * SECOND);
    assert_eq!(ready(now).await, (b.clone(), 0));
    assert_eq!(ready(end.before(MILLI)).await, (b.clone(), 0));
    assert_eq!(ready(end).await, (both.clone(), 1));
    // Of two pauses the longer one holds.
    store.pause_sink("a", now, 8 * SECOND).await.unwrap();
    store.pause_sink("a", now, 6 * SECOND).await.unwrap();
    let end = now.after(8 * SECOND);
    assert_eq!(ready(end.before(MILLI)).await, (b.clone(), 0));
    assert_eq!(ready(end).await, (both.clone(), 1));
    let figures = store.sink_figures().await.unwrap();
    let paused: Vec<_> = figures.iter().map(|of| of.paused_until).collect();
    assert_eq!(paused, [Some(end), None]);
    // However much a sink asks for.
    store.pause_sink("a", now, MONTH).await.unwrap();
    let end = now.after(LONGEST_PAUSE);
    assert_eq!(ready(end.before(MILLI)).await, (b, 0));
    assert_eq!(ready(end).await, (both, 1));
}

pub(crate) async fn outbox_pause_of_a_clock_ahead_is_over(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    configure(&store, &[sink("a")], now).await;
    for event in ["1", "2"] {
        deliver(&store, event, None, now).await;
    }
    store
        .pause_sink("a", now.after(MONTH), LONGEST_PAUSE)
        .await
        .unwrap();
    assert_eq!(store.ready_sinks(now).await.unwrap(), ["a"]);
    assert_eq!(claimed(&store, "a", now, 1).await, ["1"]);
    // A pause that is set then holds, though it ends earlier.
    store.pause_sink("a", now, SECOND).await.unwrap();
    assert!(store.ready_sinks(now).await.unwrap().is_empty());
    assert!(claimed(&store, "a", now, 1).await.is_empty());
    assert_eq!(claimed(&store, "a", now.after(SECOND), 1).await, ["2"]);
    // A clock that is a little ahead is believed.
    store
        .pause_sink("a", now.after(SKEW), LONGEST_PAUSE)
        .await
        .unwrap();
    assert!(store.ready_sinks(now).await.unwrap().is_empty());
}

pub(crate) async fn outbox_has_nothing_for_a_sink_that_is_off_until_it_is_configured_again(
    stage: &Stage<impl Engine>,
) {
    let (store, now) = (stage.instance(), stage.clock.now());
    configure(&store, &[sink("a"), sink("b")], now).await;
    deliver(&store, "1", None, now).await;
    store.switch_off("a", "it answered 410").await.unwrap();
    store.pause_sink("b", now, LONGEST_PAUSE).await.unwrap();
    assert_eq!(store.sink_fails("b", 3).await.unwrap(), 3);
    deliver(&store, "2", None, now).await;
    assert!(store.ready_sinks(now).await.unwrap().is_empty());
    for sink in ["a", "b"] {
        assert!(claimed(&store, sink, now, 9).await.is_empty());
    }
    let figures = store.sink_figures().await.unwrap();
    assert_eq!(figures[0].switched_off.as_deref(), Some("it answered 410"));
    assert_eq!((figures[0].waiting, figures[1].waiting), (1, 2));
    // Its digest tells that it is another one now.
    let replaced = |name: &str| SinkConfiguration {
        digest: "another".to_owned(),
        ..sink(name)
    };
    configure(&store, &[replaced("a"), replaced("b")], now).await;
    assert_eq!(store.ready_sinks(now).await.unwrap().len(), 2);
    assert_eq!(claimed(&store, "a", now, 9).await, ["1"]);
    assert_eq!(claimed(&store, "b", now, 9).await, ["1", "2"]);
    assert_eq!(store.sink_fails("b", 1).await.unwrap(), 1);
    let figures = store.sink_figures().await.unwrap();
    let off: Vec<_> = figures
        .iter()
        .map(|of| (of.switched_off.is_some(), of.paused_until))
        .collect();
    assert_eq!(off, [(false, None), (false, None)]);
}

pub(crate) async fn outbox_counts_the_failures_of_a_sink_in_a_row(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    configure(&store, &[sink("a"), sink("b")], now).await;
    assert_eq!(store.sink_fails("a", 3).await.unwrap(), 3);
    assert_eq!(store.sink_fails("a", 4).await.unwrap(), 7);
    assert_eq!(store.sink_fails("b", 1).await.unwrap(), 1);
    store.sink_works("a").await.unwrap();
    store.sink_works("a").await.unwrap();
    assert_eq!(store.sink_fails("a", 1).await.unwrap(), 1);
    assert_eq!(store.sink_fails("b", 1).await.unwrap(), 2);
    assert_eq!(store.sink_fails("none", 1).await.unwrap(), 0);
    let of_all = stage.at_once(4, async |_, store| {
        for _ in 0..10 {
            patiently(async || store.sink_fails("a", 1).await).await;
        }
    });
    assert_eq!(of_all.len(), 4);
    assert_eq!(store.sink_fails("a", 1).await.unwrap(), 42);
}

pub(crate) async fn outbox_event_is_a_dead_letter_after_a_day_of_waiting(
    stage: &Stage<impl Engine>,
) {
    let (store, now) = (stage.instance(), stage.clock.now());
    configure(&store, &[sink("a"), sink("b")], now).await;
    for event in 0..5 {
        let at = now.after(SECOND * event);
        deliver(&store, &event.to_string(), Some("x"), at).await;
    }
    let due = store.claim("a", now, 1).await.unwrap();
    store.keep(&[failed(&due[0], now)], now).await.unwrap();
    let end = now.after(LIFE);
    assert!(!store.expire("a", end.before(MILLI), 9).await.unwrap());
    assert!(store.expire("a", end, 9).await.unwrap());
    let letters = store.dead_letters(None, None, 9).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].error.as_deref(), Some("attempt 1 failed"));
    assert_eq!((letters[0].dead_at, letters[0].attempts), (end, 1));
    // An event that is being sent does not expire before it has its answer.
    let later = end.after(4 * SECOND);
    let sending = store.claim("a", later, 1).await.unwrap();
    assert_eq!(sending[0].event_id, "1");
    let step = async |at| store.expire("a", at, 2).await.unwrap();
    assert!(store.expire("a", later, 1).await.unwrap());
    let letters = store.dead_letters(None, None, 1).await.unwrap();
    assert_eq!(letters[0].event_id, "2", "the oldest one first");
    assert_eq!([step(later).await, step(later).await], [true, false]);
    let letters = store.dead_letters(None, None, 9).await.unwrap();
    let events: Vec<_> = letters
        .iter()
        .map(|letter| letter.event_id.as_str())
        .collect();
    assert_eq!(events, ["4", "3", "2", "0"]);
    assert_eq!(letters[0].error.as_deref(), Some("it waited for a day"));
    assert!(step(later.after(LEASE)).await);
    assert!(!step(later.after(LEASE)).await);
    // Those of another sink are its own.
    let figures = store.sink_figures().await.unwrap();
    let counts: Vec<_> = figures
        .iter()
        .map(|of| (of.waiting, of.dead_letters))
        .collect();
    assert_eq!(counts, [(0, 5), (5, 0)]);
}

pub(crate) async fn outbox_of_a_sink_that_is_left_out_goes_in_steps_unless_it_comes_back(
    stage: &Stage<impl Engine>,
) {
    let (store, now) = (stage.instance(), stage.clock.now());
    configure(&store, &[sink("a"), sink("b")], now).await;
    for event in 0..12 {
        deliver(&store, &format!("{event:02}"), Some("x"), now).await;
    }
    assert!(store.left_out_sinks().await.unwrap().is_empty());
    configure(&store, &[sink("b")], now).await;
    assert_eq!(store.left_out_sinks().await.unwrap(), ["a"]);
    assert!(claimed(&store, "a", now, 9).await.is_empty());
    let step = async |sink| store.remove_left_out(sink, 5).await.unwrap();
    assert!(step("a").await);
    // It is configured again: what is left is its own.
    configure(&store, &[sink("a"), sink("b")], now).await;
    assert!(store.left_out_sinks().await.unwrap().is_empty());
    assert!(!step("a").await);
    let figures = store.sink_figures().await.unwrap();
    let waiting: Vec<_> = figures.iter().map(|of| of.waiting).collect();
    assert_eq!(waiting, [7, 12]);
    assert_eq!(claimed(&store, "a", now, 9).await.len(), 1);
    configure(&store, &[sink("b")], now).await;
    assert_eq!(
        [step("a").await, step("a").await, step("a").await],
        [true, true, false]
    );
    assert!(store.left_out_sinks().await.unwrap().is_empty());
    // One that is configured loses nothing.
    assert!(!step("b").await);
    let all: Vec<_> = (0..12).map(|event| format!("{event:02}")).collect();
    assert_eq!(take_all(&store, "b", now).await, all);
    configure(&store, &[sink("a"), sink("b")], now).await;
    assert!(take_all(&store, "a", now).await.is_empty());
}

pub(crate) async fn outbox_claim_of_a_clock_ahead_is_released(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    configure(&store, &[sink("a")], now).await;
    for event in ["1", "2", "3"] {
        deliver(&store, event, None, now).await;
    }
    assert_eq!(claimed(&store, "a", now.after(MONTH), 1).await, ["1"]);
    // A clock that is a little ahead is believed, and so is this one.
    assert_eq!(claimed(&store, "a", now.after(SKEW), 1).await, ["2"]);
    assert_eq!(claimed(&store, "a", now, 1).await, ["3"]);
    assert!(claimed(&store, "a", now, 9).await.is_empty());
    store.release_claims(now).await.unwrap();
    let again = store.claim("a", now, 9).await.unwrap();
    assert_eq!((again[0].event_id.as_str(), again[0].attempt), ("1", 2));
    assert_eq!(again.len(), 1);
}

pub(crate) async fn outbox_event_that_a_clock_ahead_has_put_off_is_brought_near(
    stage: &Stage<impl Engine>,
) {
    let (store, now) = (stage.instance(), stage.clock.now());
    configure(&store, &[sink("a"), sink("b")], now).await;
    for event in ["1", "2", "3", "4"] {
        deliver(&store, event, None, now).await;
    }
    let due = store.claim("a", now, 9).await.unwrap();
    // The last one is as far off as a sink may ask for.
    let longest = now.after(LIFE + SKEW);
    let kept = [
        failed(&due[0], now.after(MONTH)),
        failed(&due[1], longest.after(MILLI)),
        failed(&due[2], now.after(MONTH)),
        failed(&due[3], longest),
    ];
    store.keep(&kept, now).await.unwrap();
    assert!(claimed(&store, "a", now, 9).await.is_empty());
    assert!(!store.bring_near("b", now, 2).await.unwrap());
    let step = async || store.bring_near("a", now, 2).await.unwrap();
    assert_eq!(
        [step().await, step().await, step().await],
        [true, true, false]
    );
    let mut events = claimed(&store, "a", now, 9).await;
    events.sort();
    assert_eq!(events, ["1", "2", "3"]);
}

pub(crate) async fn outbox_figures_say_how_each_sink_fares(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let of = |name: &str| SinkFigures {
        sink: Some(name.to_owned()),
        ..SinkFigures::default()
    };
    let unnamed = SinkFigures::default();
    let figures = store.sink_figures().await.unwrap();
    assert_eq!(figures, std::slice::from_ref(&unnamed));
    let second = now.after(SECOND);
    deliver(&store, "2", None, second).await;
    deliver(&store, "1", None, now).await;
    let waits = SinkFigures {
        waiting: 2,
        oldest_at: Some(now),
        ..unnamed
    };
    assert_eq!(store.sink_figures().await.unwrap(), [waits]);
    configure(&store, &[sink("b"), sink("c"), sink("a")], now).await;
    let due = store.claim("b", now, 9).await.unwrap();
    let first = due.iter().find(|due| due.event_id == "1").unwrap();
    store.keep(&[dead(first)], now).await.unwrap();
    assert_eq!(take_all(&store, "a", now).await.len(), 2);
    store.switch_off("a", "gone").await.unwrap();
    store.pause_sink("b", now, SECOND).await.unwrap();
    let expected = [
        SinkFigures {
            switched_off: Some("gone".to_owned()),
            ..of("a")
        },
        SinkFigures {
            paused_until: Some(second),
            waiting: 1,
            dead_letters: 1,
            oldest_at: Some(second),
            ..of("b")
        },
        SinkFigures {
            waiting: 2,
            oldest_at: Some(now),
            ..of("c")
        },
    ];
    assert_eq!(store.sink_figures().await.unwrap(), expected);
}

/// Numbers that look like chance and are the same in each run.
struct Drawn(u64);

impl Drawn {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % most
    }

    fn place(&mut self, of: usize) -> usize {
        usize::try_from(self.below(of as u64)).unwrap()
    }
}

/// A day of deliveries, claims, answers and upkeep in an order that chance makes.
struct Day<'a, S> {
    store: &'a S,
    drawn: Drawn,
    now: Timestamp,
    /// What is being sent, to which sink.
    flying: Vec<(&'static str, Due)>,
    /// The last row that was claimed, by sink and vehicle.
    last: BTreeMap<(&'static str, String), i64>,
    /// The events that came, and those that are gone: delivered or forgotten.
    came: usize,
}

impl<S: Deliveries + Outbox + DeadLetters> Day<'_, S> {
    async fn go_on(&mut self) {
        self.now = self.now.after(SECOND);
        let sink = ["a", "b"][self.drawn.place(2)];
        match self.drawn.below(9) {
            0..=2 => {
                let vehicle = format!("v-{}", self.drawn.below(4));
                let vehicle = (self.drawn.below(5) > 0).then_some(vehicle.as_str());
                let event = format!("e-{}", self.came);
                deliver(self.store, &event, vehicle, self.now).await;
                self.came += 1;
            }
            3 | 4 => self.claim(sink).await,
            5 | 6 if !self.flying.is_empty() => {
                let (_, due) = self.flying.remove(self.drawn.place(self.flying.len()));
                if self.drawn.below(2) == 0 {
                    let is_dead = self.drawn.below(4) == 0;
                    let due_at = self.now.after(SECOND / 2);
                    let kept = Kept {
                        is_dead,
                        ..failed(&due, due_at)
                    };
                    self.store.keep(&[kept], self.now).await.unwrap();
                } else {
                    self.store.delivered(&[due.seq]).await.unwrap();
                }
            }
            7 => {
                // As if the day were as short.
                let tomorrow = self.now.after(LIFE).before(SECOND * 100);
                self.store.expire(sink, tomorrow, 2).await.unwrap();
            }
            _ => {
                let old = self.now.before(SECOND * 200);
                self.store.forget_deliveries(old, 1).await.unwrap();
            }
        }
    }

    async fn claim(&mut self, sink: &'static str) {
        let most = 1 + self.drawn.place(4);
        for due in self.store.claim(sink, self.now, most).await.unwrap() {
            if let Some(vehicle) = due.vehicle_id.clone() {
                let before = self.last.insert((sink, vehicle), due.seq);
                assert!(before.is_none_or(|before| before <= due.seq), "{due:?}");
            }
            self.flying.retain(|(_, other)| other.seq != due.seq);
            self.flying.push((sink, due));
        }
    }
}

pub(crate) async fn outbox_loses_no_event_and_no_order_whatever_happens_to_the_others(
    stage: &Stage<impl Engine>,
) {
    let store = stage.instance();
    let began = stage.clock.now();
    configure(&store, &[sink("a"), sink("b")], began).await;
    let mut day = Day {
        store: &store,
        drawn: Drawn(7),
        now: began,
        flying: Vec::new(),
        last: BTreeMap::new(),
        came: 0,
    };
    for _ in 0..2000 {
        day.go_on().await;
    }
    let figures = store.sink_figures().await.unwrap();
    let left: i64 = figures.iter().map(|of| of.waiting + of.dead_letters).sum();
    assert!(left > 20, "{figures:?}");
    // Whatever state they are in, all that are left can be sent.
    let (from, to, later) = (Timestamp(0), Timestamp(i64::MAX), day.now.after(2 * LEASE));
    store
        .replay_received(None, from, to, later, 1_000_000)
        .await
        .unwrap();
    let mut sent = 0;
    for sink in ["a", "b"] {
        sent += take_all(&store, sink, later).await.len();
    }
    assert_eq!(i64::try_from(sent).unwrap(), left);
    let figures = store.sink_figures().await.unwrap();
    let left = figures.iter().map(|of| (of.waiting, of.dead_letters));
    assert_eq!(left.collect::<Vec<_>>(), [(0, 0), (0, 0)]);
}

pub(crate) async fn outbox_of_an_instance_goes_on_in_another(stage: &Stage<impl Engine>) {
    let (one, now) = (stage.instance(), stage.clock.now());
    configure(&one, &[sink("a")], now).await;
    deliver(&one, "1", None, now).await;
    deliver(&one, "2", None, now).await;
    let due = one.claim("a", now, 1).await.unwrap();
    drop(one);
    let other = stage.instance();
    let configuration = serde_json::to_string(&[sink("a")]).unwrap();
    let known = other.known_configuration(&configuration).await.unwrap();
    assert_eq!(known.in_force, Some(configuration));
    assert_eq!(claimed(&other, "a", now, 9).await, ["2"]);
    other.delivered(&[due[0].seq]).await.unwrap();
    assert!(claimed(&other, "a", now.after(LEASE), 9).await == ["2"]);
}

pub(crate) async fn outbox_of_instances_that_race_is_emptied_in_order(stage: &Stage<impl Engine>) {
    const EVENTS: usize = 60;
    let now = stage.clock.now();
    configure(&stage.instance(), &[sink("a")], now).await;
    let claimed = Mutex::new(Vec::new());
    let count = || claimed.lock().unwrap().len();
    stage.at_once(5, async |number, store| {
        // Two store events of vehicles of their own, the others pass them on.
        if number < 2 {
            for event in 0..EVENTS {
                let (vehicle, event) = (event % 3, format!("e-{number}-{event:03}"));
                let vehicle = format!("v-{number}-{vehicle}");
                let delivery = Delivery {
                    event_type: "TOMORROW",
                    vehicle_id: Some(&vehicle),
                    ..delivery(&event)
                };
                let prepared = store.prepare(&delivery);
                patiently(async || store.insert(&[&prepared]).await).await;
            }
            return;
        }
        let mut looks = 0;
        while count() < 2 * EVENTS {
            looks += 1;
            assert!(looks < 20_000, "an event is stuck");
            let due = patiently(async || store.claim("a", now, 2).await).await;
            let seqs: Vec<i64> = due.iter().map(|due| due.seq).collect();
            let events = due.into_iter().map(|due| (due.vehicle_id, due.event_id));
            claimed.lock().unwrap().extend(events);
            patiently(async || store.delivered(&seqs).await).await;
        }
    });
    let claimed = claimed.into_inner().unwrap();
    assert_eq!(claimed.len(), 2 * EVENTS, "each once");
    for vehicle in 0..6 {
        let vehicle = format!("v-{}-{}", vehicle / 3, vehicle % 3);
        let of_vehicle = |(id, _): &&(Option<String>, String)| id.as_deref() == Some(&*vehicle);
        let events = claimed.iter().filter(of_vehicle);
        let events: Vec<&String> = events.map(|(_, event)| event).collect();
        assert_eq!(events.len(), EVENTS / 3);
        assert!(events.is_sorted(), "{events:?}");
    }
    let figures = stage.instance().sink_figures().await.unwrap();
    assert_eq!((figures[0].waiting, figures[0].oldest_at), (0, None));
}

pub(crate) async fn outbox_of_a_first_configuration_has_what_is_stored_meanwhile(
    stage: &Stage<impl Engine>,
) {
    const EVENTS: usize = 25;
    let now = stage.clock.now();
    stage.instance().delivery_figures().await.unwrap();
    stage.at_once(4, async |number, store| {
        if number == 0 {
            let configuration = serde_json::to_string(&[sink("a")]).unwrap();
            patiently(async || store.put_in_force(&configuration, None, now).await).await;
            return;
        }
        for event in 0..EVENTS {
            let event = format!("e-{number}-{event}");
            let prepared = store.prepare(&delivery(&event));
            patiently(async || store.insert(&[&prepared]).await).await;
        }
    });
    let store = stage.instance();
    assert_eq!(take_all(&store, "a", now).await.len(), 3 * EVENTS);
    assert!(!store.remove_left_out("", 9).await.unwrap());
}
