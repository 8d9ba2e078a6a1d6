//! What becomes of vehicles that Smartcar lists no more, on the fake host.

use super::{
    reconciliation::APART,
    tests::{CONNECTIONS, SUBSCRIPTIONS, WEBHOOKS, codes, connection, doctor, list, webhook},
};
use crate::testing::{Instance, SECOND, body};
use serde_json::{Value, json};
use smartcar::{Sent, VehicleAttributes, VehicleId, VehicleMode};
use store::Vehicles;

const NONE: &[Value] = &[];

/// An instance that knows the vehicle `v-N` of the user `u-N`, so many of them.
fn knowing(vehicles: usize) -> Instance {
    let instance = Instance::new();
    let fake = &instance.fake;
    fake.answer(WEBHOOKS, 200, &list(&[webhook(&json!({}))]));
    fake.answer(SUBSCRIPTIONS, 200, &list(&[]));
    for number in 1..=vehicles {
        let (vehicle, user) = (format!("v-{number}"), format!("u-{number}"));
        instance.report(&vehicle, &user, "odometer-x", &json!({"value": 1}));
    }
    instance
}

fn connected(number: usize) -> Value {
    connection(&format!("v-{number}"), &format!("u-{number}"), &[])
}

/// Has Smartcar answer lists of connections so, one after the other: of live vehicles, of
/// simulated ones, and then of single vehicles the same way.
fn lists(instance: &Instance, lists: &[&[Value]]) {
    instance.fake.clear_answers(CONNECTIONS);
    for connections in lists {
        instance.fake.answer(CONNECTIONS, 200, &list(connections));
    }
}

/// What the doctor finds of what is stored, how many vehicles, and how many it has forgotten.
fn compared(instance: &Instance) -> (Vec<(String, Value)>, u64) {
    let found = doctor(instance);
    let mut about = Vec::new();
    for (code, finding) in codes(&found)
        .iter()
        .zip(found["findings"].as_array().unwrap())
    {
        if [
            "ACCESS_ENDED",
            "NONE_LISTED",
            "LISTING_INCOMPLETE",
            "NOT_ANSWERED",
        ]
        .contains(code)
        {
            about.push(((*code).to_owned(), finding["details"]["vehicles"].clone()));
        }
    }
    (about, found["forgotten"].as_u64().unwrap())
}

fn ended(vehicles: usize) -> Vec<(String, Value)> {
    vec![("ACCESS_ENDED".to_owned(), json!(vehicles))]
}

/// An instance that knows two vehicles, of which Smartcar did not list the first a while ago.
fn with_one_missing() -> Instance {
    let instance = knowing(2);
    lists(&instance, &[&[connected(2)], NONE]);
    assert_eq!(compared(&instance), (ended(1), 0));
    instance.fake.advance(APART);
    instance
}

#[test]
fn vehicle_is_forgotten_when_two_listings_and_a_question_about_it_say_so() {
    let instance = knowing(2);
    lists(&instance, &[&[connected(2)], NONE]);
    assert_eq!(compared(&instance), (ended(1), 0));
    let again = APART - SECOND * 2;
    instance.fake.advance(again);
    lists(&instance, &[&[connected(2)], NONE]);
    assert_eq!(compared(&instance), (ended(1), 0));
    assert_eq!(instance.count("vehicle"), 2);
    instance.fake.advance(APART - again);
    // Enough since the first time, and Smartcar has given back what the last one took.
    instance.fake.advance(SECOND * 1200);
    lists(&instance, &[&[connected(2)], NONE, NONE, NONE]);
    assert_eq!(compared(&instance), (vec![], 1));
    assert_eq!(
        (instance.count("vehicle"), instance.count("signal")),
        (1, 1)
    );
    let query = instance.fake.requests().pop().unwrap().uri().to_string();
    assert!(query.contains("filter%5BvehicleId%5D=v-1&"), "{query}");
    let audit = body(&instance.call("GET", "/v3/audit"));
    let record = &audit["data"][0]["attributes"];
    let expected = json!({"caller": "reconciliation", "kind": "forget-vehicle",
        "vehicleId": "v-1", "userId": "u-1", "outcome": "succeeded"});
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&record[name], value, "{record}");
    }
    assert_eq!(audit["data"].as_array().unwrap().len(), 1);
}

#[test]
fn vehicle_that_is_listed_again_is_kept() {
    let instance = with_one_missing();
    // A reconnect gives a new connection of the same vehicle.
    let mut reconnected = connected(1);
    reconnected["id"] = json!("c-new");
    lists(&instance, &[&[reconnected, connected(2)], NONE]);
    assert_eq!(compared(&instance), (vec![], 0));
    instance.fake.advance(APART);
    lists(&instance, &[&[connected(2)], NONE]);
    assert_eq!(compared(&instance), (ended(1), 0));
    assert_eq!(instance.count("vehicle"), 2);
}

#[test]
fn vehicle_that_has_delivered_something_meanwhile_is_kept() {
    let instance = with_one_missing();
    instance.report("v-1", "u-1", "odometer-x", &json!({"value": 2}));
    lists(&instance, &[&[connected(2)], NONE]);
    assert_eq!(compared(&instance), (ended(1), 0));
    assert_eq!(instance.count("vehicle"), 2);
}

#[test]
fn vehicle_is_kept_where_smartcar_asked_for_it_alone_knows_its_connection_or_does_not_answer() {
    let instance = with_one_missing();
    lists(&instance, &[&[connected(2)], NONE, &[connected(1)], NONE]);
    assert_eq!(compared(&instance), (vec![], 0));

    let instance = with_one_missing();
    lists(&instance, &[&[connected(2)], NONE]);
    instance.fake.fail(CONNECTIONS, Sent::No);
    let unanswered = ("NOT_ANSWERED".to_owned(), Value::Null);
    assert_eq!(
        compared(&instance),
        ([vec![unanswered], ended(1)].concat(), 0)
    );
    assert_eq!(instance.count("vehicle"), 2);
    // The next time, it does.
    instance.fake.advance(SECOND * 1200);
    lists(&instance, &[&[connected(2)], NONE, NONE, NONE]);
    assert_eq!(compared(&instance), (vec![], 1));
}

#[test]
fn listing_that_cannot_be_right_has_nothing_forgotten() {
    let mut nameless = connected(2);
    nameless["relationships"]["vehicle"] = Value::Null;
    let twice = [connected(2), connected(2)];
    let cut = json!({"data": [connected(2)], "meta": {"totalCount": 2}, "links": {"next": null}});
    let odd = json!({"data": [connected(2), 7], "links": {"next": null}});
    for listing in [
        list(&[nameless]),
        list(&twice),
        cut.to_string(),
        odd.to_string(),
    ] {
        let instance = with_one_missing();
        instance.fake.clear_answers(CONNECTIONS);
        instance.fake.answer(CONNECTIONS, 200, &listing);
        instance.fake.answer(CONNECTIONS, 200, &list(NONE));
        let incomplete = vec![("LISTING_INCOMPLETE".to_owned(), Value::Null)];
        assert_eq!(compared(&instance), (incomplete, 0), "{listing}");
        assert_eq!(instance.count("vehicle"), 2);
        // What was missing before is not forgotten either.
        instance.fake.advance(SECOND * 1200);
        lists(&instance, &[&[connected(2)], NONE, NONE, NONE]);
        assert_eq!(compared(&instance), (vec![], 1), "{listing}");
    }
}

#[test]
fn listing_that_fails_has_nothing_forgotten() {
    let instance = with_one_missing();
    instance.fake.clear_answers(CONNECTIONS);
    instance
        .fake
        .answer(CONNECTIONS, 200, &list(&[connected(2)]));
    instance.fake.answer(CONNECTIONS, 500, "{}");
    let unanswered = vec![("NOT_ANSWERED".to_owned(), Value::Null)];
    assert_eq!(compared(&instance), (unanswered, 0));
    assert_eq!(instance.count("vehicle"), 2);
}

#[test]
fn listing_of_none_that_is_stored_has_nothing_forgotten() {
    for listed in [NONE, &[connected(9)]] {
        let instance = knowing(2);
        for _ in 0..3 {
            lists(&instance, &[listed, NONE]);
            let none = vec![("NONE_LISTED".to_owned(), json!(2))];
            assert_eq!(compared(&instance), (none, 0));
            instance.fake.advance(APART * 2);
        }
        assert_eq!(instance.count("vehicle"), 2);
    }
}

#[test]
fn simulated_vehicle_is_compared_with_the_list_of_those() {
    let instance = knowing(1);
    let about = VehicleAttributes {
        mode: Some(VehicleMode::Simulated),
        ..VehicleAttributes::default()
    };
    let vehicle = VehicleId::parse("v-s").unwrap();
    let store = instance.store();
    let remembered = store.remember_vehicle(&vehicle, None, false, &about);
    instance.fake.run(remembered).unwrap();
    lists(
        &instance,
        &[&[connected(1)], &[connection("v-s", "u-s", &[])]],
    );
    assert_eq!(compared(&instance), (vec![], 0));
    instance.fake.advance(APART);
    lists(&instance, &[&[connected(1)], NONE]);
    let none = vec![("NONE_LISTED".to_owned(), json!(1))];
    assert_eq!(compared(&instance), (none, 0));
}

#[test]
fn vehicle_of_several_users_loses_what_the_one_who_left_has_reported() {
    let instance = knowing(2);
    // u-1 is the owner; the connection of u-3 has reported something too.
    instance.report("v-1", "u-3", "tractionbattery-x", &json!({"value": 3}));
    instance.fake.advance(SECOND);
    instance.report("v-1", "u-1", "odometer-x", &json!({"value": 1}));
    let stays = connection("v-1", "u-3", &[]);
    lists(&instance, &[&[stays.clone(), connected(2)], NONE]);
    assert_eq!(compared(&instance), (ended(1), 0));
    // What the vehicle reports through another connection is no sign of this one.
    instance.fake.advance(SECOND);
    instance.report("v-1", "u-3", "tractionbattery-x", &json!({"value": 4}));
    instance.fake.advance(APART);
    let all = [stays.clone(), connected(2)];
    lists(&instance, &[&all, NONE, std::slice::from_ref(&stays), NONE]);
    assert_eq!(compared(&instance), (vec![], 1));
    assert_eq!(instance.count("vehicle"), 2);
    assert_eq!(
        instance.count("signal WHERE vehicle_id = 'v-1' AND user_id = 'u-3'"),
        1
    );
    assert_eq!(instance.count("signal WHERE vehicle_id = 'v-1'"), 1);
    let vehicle = VehicleId::parse("v-1").unwrap();
    let owner = instance.fake.run(instance.store().owner(&vehicle)).unwrap();
    assert_eq!(owner.unwrap().as_str(), "u-3");
}

#[test]
fn vehicles_are_forgotten_five_at_a_time() {
    let instance = knowing(8);
    lists(&instance, &[&[connected(8)], NONE]);
    assert_eq!(compared(&instance), (ended(7), 0));
    instance.fake.advance(APART);
    lists(&instance, &[&[connected(8)], NONE, NONE]);
    assert_eq!(compared(&instance), (ended(2), 5));
    instance.fake.advance(APART);
    lists(&instance, &[&[connected(8)], NONE, NONE]);
    assert_eq!(compared(&instance), (vec![], 2));
    assert_eq!(instance.count("vehicle"), 1);
}
