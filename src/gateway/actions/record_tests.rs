//! How changes are claimed and completed: once under a key, one at a time for a vehicle,
//! and on the record whatever becomes of the call.

use crate::testing::{
    ALL, DAY, Instance, SECOND, action_id, edge, error, key, request, restricted_key, with,
};
use edge::Response;
use futures::future::{join, join_all, select};
use http::Request;
use serde_json::json;
use smartcar::{Clock, Sent, testing::Reply};
use std::time::Duration;
use store::StoreError;

const LOCK: &str = "/v3/vehicles/v-1/commands/security/lock";
const UNLOCK: &str = "/v3/vehicles/v-1/commands/security/unlock";
const DONE: &str = r#"{"data":{"id":"exec-1","attributes":{"status":{"value":"SUCCESS"}}}}"#;
const INSIST: (&str, &str) = ("edge-insist", "true");

/// As long as any call may take.
const LOST: Duration = Duration::from_secs(330);

/// A command of the user of the vehicle.
fn command(path: &str) -> Request<&'static str> {
    with(request(ALL, "POST", path), ("sc-user-id", "u-1"))
}

fn under(idempotency_key: &str, path: &str) -> Request<&'static str> {
    with(command(path), ("idempotency-key", idempotency_key))
}

/// An instance whose Smartcar carries out every command.
fn obedient() -> Instance {
    let instance = Instance::new();
    for path in [LOCK, UNLOCK] {
        let id = vec![("sc-request-id", "r-1".to_owned())];
        let reply = Reply::Answer(200, id, DONE.to_owned());
        instance.fake.reply(path, reply);
    }
    instance
}

/// An instance on which the answer to a lock was lost.
fn lost() -> (Instance, Response) {
    let instance = Instance::new();
    instance.fake.fail(LOCK, Sent::Maybe);
    instance.fake.answer(UNLOCK, 200, DONE);
    let lost = instance.send(command(LOCK));
    assert_eq!(error(&lost), edge(504, "OUTCOME_UNKNOWN"));
    (instance, lost)
}

/// Delivers whether the car is locked.
fn report(instance: &Instance, is_locked: bool) {
    let body = json!({"value": is_locked});
    instance.report("v-1", "u-1", "closure-islocked", &body);
}

#[test]
fn idempotency_key_replays_the_first_answer_with_its_headers_and_body() {
    let instance = obedient();
    let first = instance.send(under("k-1", LOCK));
    assert_eq!(first.status(), 200);
    assert!(!first.headers().contains_key("idempotent-replayed"));
    // Quoted, as RFC 9651 writes a string; and on another instance.
    for (instance, key) in [(&instance, "k-1"), (&instance.another(), "\"k-1\"")] {
        let again = instance.send(under(key, LOCK));
        assert_eq!((again.status().as_u16(), again.body()), (200, first.body()));
        assert_eq!(again.headers()["idempotent-replayed"], "true");
        assert_eq!(again.headers()["sc-request-id"], "r-1");
        assert_eq!(action_id(&again), action_id(&first));
    }
    assert_eq!(instance.fake.requests_to(LOCK), 1);
    instance.send(under("k-2", LOCK));
    assert_eq!(instance.fake.requests_to(LOCK), 2);
}

#[test]
fn idempotency_key_is_honoured_for_a_day() {
    let instance = obedient();
    instance.send(under("k-1", LOCK));
    instance.fake.advance(DAY - SECOND);
    let again = instance.send(under("k-1", LOCK));
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    instance.fake.advance(SECOND);
    let later = instance.send(under("k-1", LOCK));
    assert!(!later.headers().contains_key("idempotent-replayed"));
    assert_eq!(instance.fake.requests_to(LOCK), 2);
}

#[test]
fn idempotency_key_stands_for_one_request_of_one_caller() {
    let keys = [key("other", &["*"])];
    let instance = Instance::with_keys(&keys);
    for path in [LOCK, UNLOCK] {
        instance.fake.answer(path, 200, DONE);
    }
    instance.send(under("k-1", LOCK));
    let user = ("sc-user-id", "u-2");
    let other_user = with(request(ALL, "POST", LOCK), user);
    for other in [
        under("k-1", UNLOCK),
        under("k-1", &format!("{LOCK}?a=b")),
        with(other_user, ("idempotency-key", "k-1")),
    ] {
        let refused = instance.send(other);
        assert_eq!(error(&refused), edge(422, "IDEMPOTENCY_KEY_REUSED"));
    }
    let other_caller = with(request("other", "POST", LOCK), ("sc-user-id", "u-1"));
    let answer = instance.send(with(other_caller, ("idempotency-key", "k-1")));
    assert_eq!(answer.status(), 200);
    assert_eq!(instance.fake.requests_to(LOCK), 2);
}

#[test]
fn idempotency_key_can_be_required() {
    let instance = obedient();
    let variable = "require_idempotency_key";
    instance.fake.set_variable(variable, "true");
    let refused = instance.send(command(LOCK));
    assert_eq!(error(&refused), edge(400, "MISSING_IDEMPOTENCY_KEY"));
    assert_eq!(instance.send(under("k-1", LOCK)).status(), 200);
}

#[test]
fn idempotency_key_sends_one_of_many_requests_at_once() {
    let instance = obedient();
    let instances = [&instance, &instance.another(), &instance.another()];
    let many = instances.map(|instance| instance.answer(under("k-1", LOCK)));
    let answers = instance.fake.run(join_all(many));
    let (done, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|a| a.status() == 200);
    assert_eq!((done.len(), refused.len()), (1, 2));
    for answer in refused {
        assert_eq!(error(answer), edge(409, "REQUEST_IN_PROGRESS"));
        assert_eq!(answer.headers()["retry-after"], "2");
    }
    assert_eq!(instance.fake.requests_to(LOCK), 1);
}

#[test]
fn command_keeps_others_of_its_vehicle_waiting_while_it_runs() {
    let instance = obedient();
    let other = "/v3/vehicles/v-2/commands/security/lock";
    instance.fake.answer(other, 200, DONE);
    let (first, (refused, other)) = instance.fake.run(join(
        instance.answer(command(LOCK)),
        join(
            // Nor does it help to insist.
            instance.answer(with(command(UNLOCK), INSIST)),
            instance.answer(command(other)),
        ),
    ));
    assert_eq!([first.status(), other.status()], [200, 200]);
    assert_eq!(error(&refused), edge(409, "COMMAND_IN_PROGRESS"));
    assert_eq!(refused.headers()["retry-after"], "2");
    assert_eq!(instance.fake.requests_to(UNLOCK), 0);
    assert_eq!(instance.send(command(UNLOCK)).status(), 200);
}

#[test]
fn unknown_outcome_holds_the_vehicle_for_330_seconds() {
    let (instance, lost) = lost();
    // The answer took a moment to get lost.
    let took = instance.fake.passed();
    let refused = instance.send(command(UNLOCK));
    assert_eq!(error(&refused), edge(409, "COMMAND_IN_PROGRESS"));
    assert_eq!(refused.headers()["retry-after"], "330");
    let text = String::from_utf8_lossy(refused.body()).into_owned();
    for part in [&action_id(&lost), "security-lock", "Edge-Insist: true"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    instance.fake.advance(LOST - SECOND - took);
    assert_eq!(instance.send(command(UNLOCK)).status(), 409);
    assert_eq!(instance.fake.requests_to(UNLOCK), 0);
    instance.fake.advance(SECOND);
    assert_eq!(instance.send(command(UNLOCK)).status(), 200);
}

#[test]
fn unknown_outcome_holds_the_vehicle_until_it_reports_what_was_asked_for() {
    let (instance, _) = lost();
    // The car has not acted yet, or never will.
    report(&instance, false);
    assert_eq!(instance.send(command(UNLOCK)).status(), 409);
    instance.fake.advance(SECOND);
    report(&instance, true);
    let free = instance.send(command(UNLOCK));
    assert_eq!(free.status(), 200);
    assert_eq!(instance.record(&free)["insisted"], false);
}

#[test]
fn unknown_outcome_holds_the_vehicle_until_a_caller_insists() {
    let (instance, lost) = lost();
    let wrong = instance.send(with(command(UNLOCK), ("edge-insist", "yes")));
    assert_eq!(error(&wrong), edge(400, "INVALID_INPUT"));
    let insisting = instance.send(with(under("k-1", UNLOCK), INSIST));
    assert_eq!(insisting.status(), 200);
    assert_eq!(instance.record(&insisting)["insisted"], true);
    assert_eq!(instance.record(&lost)["insisted"], false);
    // The same once more is the same, whether it insists or not.
    let again = instance.send(under("k-1", UNLOCK));
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    // Where nothing is in the way, no one insists.
    let free = instance.send(with(command(UNLOCK), INSIST));
    assert_eq!(instance.record(&free)["insisted"], false);
}

#[test]
fn unknown_outcome_of_another_caller_is_not_named() {
    let instance = Instance::with_keys(&[
        key("door", &["control_security"]),
        restricted_key("vehicle", "vehicles", &["v-1"]),
    ]);
    instance.fake.fail(LOCK, Sent::Maybe);
    let lost = instance.send(command(LOCK));
    for (name, is_named) in [("door", false), ("vehicle", false), (ALL, true)] {
        let command = with(request(name, "POST", UNLOCK), ("sc-user-id", "u-1"));
        let refused = instance.send(command);
        assert_eq!(error(&refused), edge(409, "COMMAND_IN_PROGRESS"), "{name}");
        let text = String::from_utf8_lossy(refused.body()).into_owned();
        for part in ["security-lock", &action_id(&lost)] {
            assert_eq!(text.contains(part), is_named, "{name}: {text}");
        }
    }
}

#[test]
fn idempotency_key_of_an_action_that_never_ended_says_that_it_may_have_happened() {
    let instance = obedient();
    // The instance ends while Smartcar is being asked.
    let mut command = Box::pin(instance.answer(under("k-1", LOCK)));
    instance.fake.run(async {
        let asked = async {
            while instance.fake.requests_to(LOCK) == 0 {
                instance.fake.sleep(SECOND / 100).await;
            }
        };
        select(&mut command, Box::pin(asked)).await;
    });
    drop(command);
    let running = instance.another().send(under("k-1", LOCK));
    assert_eq!(error(&running), edge(409, "REQUEST_IN_PROGRESS"));
    instance.fake.advance(LOST);
    let lost = instance.another().send(under("k-1", LOCK));
    assert_eq!(error(&lost), edge(504, "OUTCOME_UNKNOWN"));
    assert_eq!(lost.headers()["idempotent-replayed"], "true");
    assert_eq!(instance.record(&lost)["outcome"], "unknown");
    assert_eq!(instance.fake.requests_to(LOCK), 1);
    // The vehicle is free all the same.
    assert_eq!(
        instance
            .send(crate::actions::record_tests::command(UNLOCK))
            .status(),
        200
    );
}

#[test]
fn idempotency_key_is_free_again_where_nothing_was_done() {
    let instance = Instance::new();
    instance.fake.fail(LOCK, Sent::No);
    let refused = instance.send(under("k-1", LOCK));
    assert_eq!(error(&refused), edge(502, "SMARTCAR_UNREACHABLE"));
    let record = instance.record(&refused);
    assert_eq!(record["outcome"], "failed");
    assert_eq!(record["idempotencyKey"], "k-1");
    let tried = instance.fake.requests_to(LOCK);
    // The last answer of a path stays, so that the next ones come after it.
    instance.fake.answer(LOCK, 200, DONE);
    let again = (0..2).map(|_| instance.send(under("k-1", LOCK)));
    let again: Vec<_> = again.collect();
    assert!(instance.fake.requests_to(LOCK) > tried);
    assert_eq!(again[1].status(), 200);
    assert!(!again[0].headers().contains_key("idempotent-replayed"));
}

#[test]
fn command_is_not_sent_where_it_cannot_be_recorded() {
    let instance = obedient();
    instance.send(command(UNLOCK));
    let full = StoreError::Full;
    instance.database.fail_write(0, full.clone());
    let refused = instance.send(command(LOCK));
    assert_eq!(error(&refused), edge(503, "STORE_UNAVAILABLE"));
    assert_eq!(refused.headers()["retry-after"], "5");
    assert!(!refused.headers().contains_key("edge-action-id"));
    assert_eq!(instance.fake.requests_to(LOCK), 0);
    let lines = instance.fake.lines_about("store");
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["error"], full.to_string());
    // A second failure within the second says nothing new.
    instance.database.fail_write(0, full.clone());
    instance.send(command(LOCK));
    assert_eq!(instance.fake.lines_about("store").len(), 1);
    instance.fake.advance(SECOND);
    instance.database.fail_write(0, full);
    instance.send(command(LOCK));
    assert_eq!(instance.fake.lines_about("store").len(), 2);
}

#[test]
fn answer_is_given_where_its_action_cannot_be_completed() {
    let instance = obedient();
    instance.send(command(UNLOCK));
    instance.database.fail_write(1, StoreError::Full);
    let answer = instance.send(under("k-1", LOCK));
    assert_eq!(
        (answer.status().as_u16(), &answer.body()[..]),
        (200, DONE.as_bytes())
    );
    let lines = instance.fake.lines_about("action_not_completed");
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["action_id"], action_id(&answer));
    assert_eq!(lines[0]["outcome"], "succeeded");
    // For whoever looks, it still runs, and is lost after a while.
    assert_eq!(instance.record(&answer)["outcome"], "running");
    instance.fake.advance(LOST);
    assert_eq!(instance.record(&answer)["outcome"], "unknown");
    let again = instance.send(under("k-1", LOCK));
    assert_eq!(error(&again), edge(504, "OUTCOME_UNKNOWN"));
    assert_eq!(instance.fake.requests_to(LOCK), 1);
}
