//! What waits in quarantine, and what becomes of it.

use super::*;
use crate::receiver::tests::{HOUR, Instance, SECOND, TOKEN, has, outcome, post, sign_with, with};
use http::Request;
use serde_json::{Value, json};
use smartcar::{Clock, Random, delivery::Mode, write_time};
use store::{StoreError, Vehicles, quarantine::QuarantineFigures, vehicle::VehiclePage};

/// The token that Smartcar signs with and that is not configured yet.
const OTHER: &str = "other-token";

const MINUTE: Duration = Duration::from_secs(60);

/// An instance that keeps so many deliveries aside and knows the vehicle `v-1`.
fn keeping(most: &str) -> Instance {
    let instance = Instance::new();
    instance.fake.set_variable("quarantine", most);
    let first = sign_with(TOKEN, event(&instance, "first", json!({})));
    assert_eq!(outcome(&instance.post(first)), has(200, "stored"));
    instance
}

/// The next instance, which knows the other token too.
fn with_the_other_token(instance: &Instance) -> Instance {
    let tokens = format!("{TOKEN},{OTHER}");
    instance.fake.set_variable("management_tokens", &tokens);
    Instance::on(instance.fake.clone(), instance.database.clone())
}

/// A vehicle state of `v-1` that is sent now, with these members in place of others.
fn event(instance: &Instance, id: &str, members: Value) -> String {
    let mut event = json!({
        "eventId": id,
        "eventType": "VEHICLE_STATE",
        "data": {"vehicle": {"id": "v-1", "model": id}, "user": {"id": "u-1"}},
        "meta": {"deliveredAt": instance.fake.now().0},
    });
    let Value::Object(members) = members else {
        panic!("members are an object");
    };
    event.as_object_mut().unwrap().extend(members);
    event.to_string()
}

/// A delivery that the other token signs.
fn of_the_other(instance: &Instance, id: &str) -> Request<String> {
    sign_with(OTHER, event(instance, id, json!({})))
}

fn mismatch() -> (u16, String) {
    has(401, "SIGNATURE_MISMATCH")
}

/// How many deliveries are in quarantine.
fn waiting(instance: &Instance) -> i64 {
    let figures = instance.store.quarantine_figures(Timestamp(0));
    instance.fake.run(figures).unwrap().waiting
}

/// What is known of the vehicle `v-1`.
fn vehicle(instance: &Instance) -> store::vehicle::Vehicle {
    let page = VehiclePage {
        limit: 9,
        ..VehiclePage::default()
    };
    let vehicles = instance.fake.run(instance.store.vehicles(page));
    vehicles.unwrap().remove(0)
}

#[test]
fn quarantine_keeps_nothing_unless_it_is_on() {
    let instance = keeping("0");
    let refused = instance.post(of_the_other(&instance, "e-1"));
    assert_eq!(outcome(&refused), mismatch());
    assert_eq!(waiting(&instance), 0);
    let refused = instance.answer(of_the_other(&instance, "e-1"));
    let seen = instance.fake.run(async {
        refused.await;
        instance.receiver.sample.sampled().seen
    });
    assert_eq!(seen, 0);
    let next = with_the_other_token(&instance);
    next.post(of_the_other(&next, "e-2"));
    assert_eq!(next.stored(), 2);
    // No chore was looked at.
    assert_eq!(
        instance
            .database
            .count("chore WHERE name = 'quarantine' AND next_at = 0"),
        1
    );
}

#[test]
fn quarantine_keeps_an_event_once_and_answers_as_ever() {
    let (on, off) = (keeping("9"), keeping("0"));
    let [kept, refused] = [&on, &off].map(|instance| instance.post(of_the_other(instance, "e-1")));
    assert_eq!(outcome(&kept), mismatch());
    assert_eq!(
        (kept.headers(), kept.body()),
        (refused.headers(), refused.body())
    );
    assert_eq!((on.stored(), waiting(&on)), (1, 1));
    for _ in 0..3 {
        on.fake.advance(SECOND * 25);
        assert_eq!(outcome(&on.post(of_the_other(&on, "e-1"))), mismatch());
    }
    assert_eq!((on.stored(), waiting(&on)), (1, 1));
    let refused = ("refused/SIGNATURE_MISMATCH//LIVE".to_owned(), 4);
    assert!(on.tallies().contains(&refused));
    assert!(on.fake.lines_about("quarantine").is_empty());
}

#[test]
fn quarantine_is_accepted_with_the_first_delivery_that_the_added_token_fits() {
    let instance = keeping("9");
    for id in ["e-1", "e-2"] {
        instance.post(of_the_other(&instance, id));
    }
    instance.post(sign_with(
        "a forger's",
        event(&instance, "forged", json!({})),
    ));
    assert_eq!((instance.stored(), waiting(&instance)), (1, 3));
    instance.fake.advance(20 * HOUR);
    let next = with_the_other_token(&instance);
    next.post(of_the_other(&next, "e-3"));
    assert_eq!((next.stored(), waiting(&next)), (4, 1));
    let stored = ("stored/token 1/VEHICLE_STATE/LIVE".to_owned(), 3);
    assert!(next.tallies().contains(&stored), "{:?}", next.tallies());
    let lines = next.fake.lines_about("delivery");
    let events = lines.iter().map(|line| line["event_id"].as_str().unwrap());
    assert_eq!(events.collect::<Vec<_>>(), ["first", "e-3", "e-1", "e-2"]);
    let lines = next.fake.lines_about("quarantine");
    assert_eq!(lines.len(), 1);
    assert_eq!(
        (&lines[0]["level"], &lines[0]["accepted"]),
        (&json!("info"), &json!(2))
    );
    // A retry of what was accepted is known.
    let again = next.post(of_the_other(&next, "e-1"));
    assert_eq!(outcome(&again), has(200, "duplicate"));
}

#[test]
fn quarantine_that_is_accepted_has_the_relay_pass_it_on() {
    let instance = keeping("9");
    instance.post(of_the_other(&instance, "e-1"));
    instance.fake.advance(MINUTE);
    let next = with_the_other_token(&instance);
    let nudged = next.fake.requests_to("/nudge");
    // A duplicate has nothing to pass on.
    let again = next.post(sign_with(TOKEN, event(&next, "first", json!({}))));
    assert_eq!(outcome(&again), has(200, "duplicate"));
    assert_eq!((next.stored(), waiting(&next)), (2, 0));
    assert_eq!(next.fake.requests_to("/nudge"), nudged + 1);
}

#[test]
fn quarantine_tries_nothing_that_has_waited_for_a_day() {
    let instance = keeping("9");
    instance.post(of_the_other(&instance, "e-1"));
    instance.fake.advance(24 * HOUR + MINUTE);
    let next = with_the_other_token(&instance);
    // Another instance has just begun to sweep, and has not come to it yet.
    let now = next.fake.now();
    let store = next.store;
    let swept = store.put_chore("retention", now.after(SECOND * 10));
    next.fake.run(swept).unwrap();
    next.post(of_the_other(&next, "e-2"));
    assert_eq!((next.stored(), waiting(&next)), (2, 1));
}

#[test]
fn quarantine_brings_nothing_back_that_is_newer() {
    let instance = keeping("9");
    let signals = |value: i64| json!([{"code": "a-b", "body": {"value": value}}]);
    let state = |instance: &Instance, id: &str, user: &str, value: i64| {
        let data = json!({"vehicle": {"id": "v-1", "model": id}, "user": {"id": user},
            "signals": signals(value)});
        sign_with(OTHER, event(instance, id, json!({"data": data})))
    };
    instance.post(state(&instance, "old", "u-1", 1));
    instance.fake.advance(HOUR);
    let next = with_the_other_token(&instance);
    next.post(state(&next, "new", "u-2", 2));
    assert_eq!((next.stored(), waiting(&next)), (3, 0));
    let vehicle = vehicle(&next);
    assert_eq!(vehicle.about.model.as_deref(), Some("new"));
    assert_eq!(vehicle.user_id.as_deref(), Some("u-2"));
    assert_eq!(
        next.database.count(r#"signal WHERE body = '{"value":2}'"#),
        1
    );
}

#[test]
fn quarantine_accepts_what_was_received_in_time_however_old_it_is_by_then() {
    let instance = Instance::new();
    instance.fake.set_variable("max_delivery_age", "3600");
    instance.fake.set_variable("quarantine", "9");
    instance.post(sign_with(TOKEN, event(&instance, "first", json!({}))));
    instance.post(of_the_other(&instance, "e-1"));
    instance.fake.advance(23 * HOUR);
    let next = with_the_other_token(&instance);
    next.post(of_the_other(&next, "e-2"));
    assert_eq!((next.stored(), waiting(&next)), (3, 0));
    // It is kept as long as any that comes now: longer than it could be sent again.
    let old = next.fake.now().before(HOUR).0;
    assert_eq!(
        next.database
            .count(&format!("delivery WHERE received_at < {old}")),
        1
    );
}

#[test]
fn quarantine_forgets_what_fits_no_token_for_a_day() {
    let instance = keeping("9");
    instance.post(of_the_other(&instance, "e-1"));
    instance.fake.advance(24 * HOUR - MINUTE);
    instance.post(sign_with(TOKEN, event(&instance, "e-2", json!({}))));
    assert_eq!(waiting(&instance), 1);
    instance.fake.advance(2 * MINUTE);
    instance.post(sign_with(TOKEN, event(&instance, "e-3", json!({}))));
    assert_eq!(waiting(&instance), 0);
    let next = with_the_other_token(&instance);
    next.fake.advance(MINUTE);
    next.post(of_the_other(&next, "e-4"));
    assert_eq!(next.stored(), 4);
}

#[test]
fn quarantine_keeps_only_what_could_be_a_delivery() {
    let instance = keeping("9");
    let now = instance.fake.now();
    let long = "e".repeat(129);
    let of = |members: Value| event(&instance, "e-1", members);
    for (why, body) in [
        ("without a type", of(json!({"eventType": null}))),
        ("without an event", of(json!({"eventId": ""}))),
        ("with a long id", of(json!({"eventId": long}))),
        ("with an odd id", of(json!({"eventId": "e 1"}))),
        ("of no vehicle", of(json!({"data": {}}))),
        (
            "of an unknown vehicle",
            of(json!({"data": {"vehicle": {"id": "v-2"}}})),
        ),
        ("of no time", of(json!({"meta": {}}))),
        (
            "of long ago",
            of(json!({"meta": {"deliveredAt": now.before(HOUR * 49).0}})),
        ),
        ("of no object", "[]".to_owned()),
    ] {
        assert_eq!(
            outcome(&instance.post(sign_with(OTHER, body))),
            mismatch(),
            "{why}"
        );
        assert_eq!(waiting(&instance), 0, "{why}");
    }
    let whole = || event(&instance, "e-1", json!({}));
    instance.post(post(whole()));
    instance.post(with(post(whole()), "no signature"));
    let signature = "0".repeat(64);
    instance.post(with(with(post(whole()), &signature), &signature));
    assert_eq!(waiting(&instance), 0);
    instance.post(with(post(whole()), &format!("sha256={signature}")));
    let at = instance.fake.now();
    let figures = instance
        .fake
        .run(instance.store.quarantine_figures(Timestamp(0)));
    let figures: QuarantineFigures = figures.unwrap();
    assert_eq!(figures.waiting, 1);
    assert!(figures.oldest_at.unwrap() <= at, "{:?}", write_time(at));
}

#[test]
fn quarantine_keeps_no_verify_that_has_to_be_signed() {
    let instance = keeping("9");
    instance.fake.set_variable("require_signed_verify", "true");
    let instance = Instance::on(instance.fake.clone(), instance.database.clone());
    let members = json!({"eventType": "VERIFY"});
    let verify = sign_with(OTHER, event(&instance, "e-1", members));
    assert_eq!(outcome(&instance.post(verify)), mismatch());
    assert_eq!(waiting(&instance), 0);
    instance.post(of_the_other(&instance, "e-1"));
    assert_eq!(waiting(&instance), 1);
}

#[test]
fn quarantine_finds_the_genuine_one_among_forgeries() {
    let instance = keeping("9");
    let forged = |number: usize| {
        let members = json!({"data": {"vehicle": {"id": format!("v-{number}")}}});
        let body = event(&instance, &format!("forged-{number}"), members);
        sign_with("a forger's", body)
    };
    // As many as a sample has.
    let genuine = [of_the_other(&instance, "e-1")];
    instance.posts((100..131).map(forged).chain(genuine));
    assert_eq!(waiting(&instance), 1);
    // More than that, for minutes: Smartcar tries four times, and some are found.
    for round in 0..10 {
        let genuine = [of_the_other(&instance, &format!("e-{round}"))];
        let flood = (100..196).map(forged);
        instance.posts(flood.clone().chain(genuine).chain(flood));
        instance.fake.advance(MINUTE);
    }
    let found = waiting(&instance);
    assert!((1..9).contains(&found), "{found}");
    assert_eq!(instance.stored(), 1);
}

#[test]
fn sample_is_small_and_of_all_that_came() {
    let (instance, sample) = (Instance::new(), Sample::new());
    let mut read = 0;
    for number in 0..3200_i64 {
        let is_first = sample.add(instance.fake.unit(), || {
            read += 1;
            Some(Quarantined {
                event_id: String::new(),
                vehicle_id: String::new(),
                received_at: Timestamp(number),
                signature: String::new(),
                body: Vec::new(),
            })
        });
        assert_eq!(is_first, number == 0);
    }
    // 32 and 32 * ln(3200 / 32), give or take.
    assert!((100..300).contains(&read), "{read}");
    let taken = sample.take();
    assert_eq!(taken.len(), 32);
    let late = taken.iter().filter(|taken| taken.received_at.0 >= 1600);
    assert!((8..24).contains(&late.count()));
    // What is no delivery takes no place, and is forgotten with its second.
    assert!(sample.add(0.0, || None));
    assert!(!sample.add(0.0, || None));
    assert!(sample.take().is_empty());
    assert_eq!(sample.sampled().seen, 0);
}

#[test]
fn quarantine_is_tried_by_one_instance_a_minute() {
    let instance = keeping("9");
    let next = with_the_other_token(&instance);
    instance.post(of_the_other(&instance, "e-1"));
    // The first delivery of all had it tried.
    next.post(of_the_other(&next, "e-2"));
    assert_eq!(waiting(&next), 1);
    next.fake.advance(MINUTE);
    next.post(of_the_other(&next, "e-3"));
    assert_eq!(waiting(&next), 0);
    assert_eq!(next.fake.lines_about("quarantine").len(), 1);
}

#[test]
fn quarantine_loses_and_repeats_nothing_where_a_write_fails() {
    for failing in 0..6 {
        let instance = keeping("9");
        for id in ["e-1", "e-2"] {
            instance.post(of_the_other(&instance, id));
        }
        instance.fake.advance(MINUTE);
        let next = with_the_other_token(&instance);
        // Those of the delivery, of the chores, of each that is accepted and of the release.
        next.database.fail_write(failing, StoreError::Full);
        next.post(of_the_other(&next, "e-3"));
        next.fake.advance(MINUTE);
        next.post(of_the_other(&next, "e-3"));
        assert_eq!((next.stored(), waiting(&next)), (4, 0), "{failing}");
        let events = next
            .database
            .count("outbox WHERE event_id IN ('e-1', 'e-2')");
        assert_eq!(events, 2, "{failing}");
    }
}

#[test]
fn quarantine_that_cannot_be_written_is_no_matter_of_the_answer() {
    let instance = keeping("9");
    // That of the counts comes first.
    instance.database.fail_write(0, StoreError::Full);
    instance.database.fail_write(0, StoreError::Full);
    assert_eq!(
        outcome(&instance.post(of_the_other(&instance, "e-1"))),
        mismatch()
    );
    let lines = instance.fake.lines_about("quarantine");
    assert_eq!(lines[0]["level"], "warn");
    assert_eq!(lines[0]["error"], "database: the database is full");
    assert_eq!(waiting(&instance), 0);
}

#[test]
fn quarantined_test_event_is_accepted_as_one() {
    let instance = keeping("9");
    let meta = json!({"deliveredAt": instance.fake.now().0, "mode": "TEST"});
    instance.post(sign_with(
        OTHER,
        event(&instance, "e-1", json!({"meta": meta})),
    ));
    instance.fake.advance(MINUTE);
    let next = with_the_other_token(&instance);
    next.post(of_the_other(&next, "e-2"));
    let test = format!(
        "delivery WHERE event_id = 'e-1' AND mode = '{}'",
        Mode::Test.as_str()
    );
    assert_eq!(next.database.count(&test), 1);
}

#[test]
fn quarantine_looks_again_after_a_second_of_rubbish() {
    let instance = keeping("9");
    for _ in 0..3 {
        instance.posts((0..200).map(|_| sign_with(OTHER, "no delivery")));
        instance.post(of_the_other(&instance, "e-1"));
    }
    assert_eq!(waiting(&instance), 1);
}
