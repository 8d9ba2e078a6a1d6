//! Rules of the actions.

use super::{Engine, Stage, deliver_report, patiently, user, value, vehicle};
use crate::{
    Actions, CLOCKS_DIFFER, Signals, Vehicles,
    action::{
        ActionPage, Completion, KEY_LIFE, KeptAnswer, LOST_AFTER, NewAction, Outcome, least_id,
    },
};
use http::HeaderMap;
use smartcar::{Clock, Evidence, Timestamp, VehicleAttributes};
use std::time::Duration;

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// An action about nothing in particular.
fn action(id: &str, at: Timestamp) -> NewAction<'_> {
    NewAction {
        id,
        kind: "security-lock",
        path: "/v3/vehicles/v-1/commands/security/lock",
        caller: "app",
        vehicle: None,
        user: None,
        idempotency_key: None,
        fingerprint: "print",
        is_exclusive: false,
        insists: false,
        evidence: None,
        started_at: at,
    }
}

fn end<'a>(id: &'a str, outcome: Outcome, at: Timestamp, headers: &'a HeaderMap) -> Completion<'a> {
    Completion {
        id,
        at,
        outcome,
        status: 202,
        error: None,
        request_id: None,
        execution_id: None,
        headers,
        body: b"{}",
        vehicle: None,
        user: None,
        is_void: false,
        is_open: false,
    }
}

async fn complete(store: &impl Actions, id: &str, outcome: Outcome, at: Timestamp) {
    let headers = HeaderMap::new();
    store
        .complete(end(id, outcome, at, &headers))
        .await
        .unwrap();
}

async fn outcome(store: &impl Actions, id: &str, now: Timestamp) -> Option<Outcome> {
    Some(store.action(id, now).await.unwrap()?.outcome)
}

pub(crate) async fn action_of_a_vehicle_runs_alone(stage: &Stage<impl Engine>) {
    let (store, now, other) = (stage.instance(), stage.clock.now(), stage.instance());
    let (v1, v2) = (vehicle("v-1"), vehicle("v-2"));
    let of = |id, vehicle| NewAction {
        vehicle: Some(vehicle),
        is_exclusive: true,
        ..action(id, now)
    };
    assert!(store.begin(of("a-1", &v1)).await.unwrap());
    assert!(!other.begin(of("a-2", &v1)).await.unwrap());
    assert!(other.begin(of("a-3", &v2)).await.unwrap());
    // What is not exclusive goes on beside it.
    let beside = NewAction {
        is_exclusive: false,
        ..of("a-4", &v1)
    };
    assert!(store.begin(beside).await.unwrap());
    let holder = other.holder(&v1, now).await.unwrap().unwrap();
    assert_eq!((&*holder.id, holder.outcome), ("a-1", Outcome::Running));
    assert_eq!((&*holder.kind, &*holder.caller), ("security-lock", "app"));
    assert_eq!(holder.started_at, now);
    complete(&store, "a-1", Outcome::Failed, now).await;
    assert!(other.holder(&v1, now).await.unwrap().is_none());
    assert!(other.begin(of("a-5", &v1)).await.unwrap());
}

pub(crate) async fn action_of_a_vehicle_is_begun_by_one_of_the_instances_that_race(
    stage: &Stage<impl Engine>,
) {
    let now = stage.clock.now();
    assert!(stage.instance().action("a", now).await.unwrap().is_none());
    let begun = stage.at_once(4, async |number, store| {
        let v1 = vehicle("v-1");
        let id = format!("a-{number}");
        let new = NewAction {
            vehicle: Some(&v1),
            is_exclusive: true,
            ..action(&id, now)
        };
        patiently(async || store.begin(new).await).await
    });
    assert_eq!(begun.iter().filter(|is_begun| **is_begun).count(), 1);
}

pub(crate) async fn action_that_has_run_for_too_long_is_lost(stage: &Stage<impl Engine>) {
    let (store, now, v1) = (stage.instance(), stage.clock.now(), vehicle("v-1"));
    let of = |id, at| NewAction {
        vehicle: Some(&v1),
        is_exclusive: true,
        ..action(id, at)
    };
    assert!(store.begin(of("a-1", now)).await.unwrap());
    let (before, lost) = (now.after(LOST_AFTER - MILLI), now.after(LOST_AFTER));
    for (at, expected) in [(before, Outcome::Running), (lost, Outcome::Unknown)] {
        assert_eq!(outcome(&store, "a-1", at).await, Some(expected));
        let holder = store.holder(&v1, at).await.unwrap().unwrap();
        assert_eq!(holder.outcome, expected);
    }
    assert!(!store.begin(of("a-2", before)).await.unwrap());
    assert!(store.begin(of("a-2", lost)).await.unwrap());
    // It may still tell what became of it, and does not free the other one's vehicle.
    complete(&store, "a-1", Outcome::Succeeded, lost).await;
    assert_eq!(outcome(&store, "a-1", lost).await, Some(Outcome::Succeeded));
    assert!(!store.begin(of("a-3", lost)).await.unwrap());
}

pub(crate) async fn action_of_a_clock_ahead_is_lost(stage: &Stage<impl Engine>) {
    let (store, now, v1) = (stage.instance(), stage.clock.now(), vehicle("v-1"));
    let ahead = now.after(CLOCKS_DIFFER + MILLI);
    let of = |id, at| NewAction {
        vehicle: Some(&v1),
        is_exclusive: true,
        ..action(id, at)
    };
    assert!(store.begin(of("a-1", ahead)).await.unwrap());
    assert_eq!(outcome(&store, "a-1", now).await, Some(Outcome::Unknown));
    assert!(store.begin(of("a-2", now)).await.unwrap());
    let ahead = now.after(CLOCKS_DIFFER);
    complete(&store, "a-2", Outcome::Failed, now).await;
    assert!(store.begin(of("a-3", ahead)).await.unwrap());
    assert_eq!(outcome(&store, "a-3", now).await, Some(Outcome::Running));
    assert!(!store.begin(of("a-4", now)).await.unwrap());
}

pub(crate) async fn action_whose_outcome_is_unknown_holds_its_vehicle(stage: &Stage<impl Engine>) {
    let (store, now, v1) = (stage.instance(), stage.clock.now(), vehicle("v-1"));
    let headers = HeaderMap::new();
    let of = |id, insists| NewAction {
        vehicle: Some(&v1),
        is_exclusive: true,
        insists,
        ..action(id, now)
    };
    assert!(store.begin(of("a-1", false)).await.unwrap());
    // No one goes ahead of what is running.
    assert!(!store.begin(of("a-2", true)).await.unwrap());
    let open = Completion {
        is_open: true,
        ..end("a-1", Outcome::Unknown, now, &headers)
    };
    store.complete(open).await.unwrap();
    assert!(!store.begin(of("a-2", false)).await.unwrap());
    assert!(store.begin(of("a-2", true)).await.unwrap());
    let recorded = store.action("a-2", now).await.unwrap().unwrap();
    assert!(recorded.insisted);
    // Released where it is unknown alone.
    store.release("a-2").await.unwrap();
    assert!(!store.begin(of("a-3", false)).await.unwrap());
    let open = Completion {
        is_open: true,
        ..end("a-2", Outcome::Unknown, now, &headers)
    };
    store.complete(open).await.unwrap();
    store.release("a-2").await.unwrap();
    assert!(store.begin(of("a-3", false)).await.unwrap());
}

pub(crate) async fn idempotency_key_stands_for_one_action_of_its_caller(
    stage: &Stage<impl Engine>,
) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let of = |id, caller| NewAction {
        caller,
        idempotency_key: Some("key"),
        ..action(id, now)
    };
    assert!(store.begin(of("a-1", "app")).await.unwrap());
    assert!(!store.begin(of("a-2", "app")).await.unwrap());
    assert!(store.begin(of("a-3", "other")).await.unwrap());
    let claimed = store.claimed("app", "key", now).await.unwrap().unwrap();
    assert_eq!((&*claimed.id, &*claimed.fingerprint), ("a-1", "print"));
    assert_eq!(claimed.outcome, Outcome::Running);
    assert!(claimed.answer.is_none());
    assert!(store.claimed("app", "other", now).await.unwrap().is_none());
    // Neither name can be read as a part of the other.
    assert!(store.claimed("app\nkey", "", now).await.unwrap().is_none());
}

pub(crate) async fn idempotency_key_keeps_the_answer_for_a_day(stage: &Stage<impl Engine>) {
    let (store, now, u1) = (stage.instance(), stage.clock.now(), user("u-1"));
    let of = |id, at| NewAction {
        idempotency_key: Some("key"),
        user: Some(&u1),
        ..action(id, at)
    };
    assert!(store.begin(of("a-1", now)).await.unwrap());
    let mut headers = HeaderMap::new();
    headers.insert("sc-request-id", "r: 1".parse().unwrap());
    headers.insert("content-type", "application/json".parse().unwrap());
    let completion = Completion {
        body: &[0, 0xff, b'x'],
        ..end("a-1", Outcome::Succeeded, now, &headers)
    };
    store.complete(completion).await.unwrap();
    let kept = KeptAnswer {
        status: 202,
        headers: headers.clone(),
        body: vec![0, 0xff, b'x'],
    };
    let last = now.after(KEY_LIFE - MILLI);
    let claimed = store.claimed("app", "key", last).await.unwrap().unwrap();
    assert_eq!(claimed.answer, Some(kept));
    assert_eq!(claimed.user.as_deref(), Some("u-1"));
    assert!(!store.begin(of("a-2", last)).await.unwrap());
    // What has run for too long is no more certain by its key than by its id.
    let running = NewAction {
        idempotency_key: Some("other"),
        ..action("a-3", now)
    };
    assert!(store.begin(running).await.unwrap());
    for (at, expected) in [
        (now.after(LOST_AFTER - MILLI), Outcome::Running),
        (now.after(LOST_AFTER), Outcome::Unknown),
    ] {
        let claimed = store.claimed("app", "other", at).await.unwrap().unwrap();
        assert_eq!(claimed.outcome, expected);
    }
    let over = now.after(KEY_LIFE);
    assert!(store.claimed("app", "key", over).await.unwrap().is_none());
    assert!(store.begin(of("a-2", over)).await.unwrap());
}

pub(crate) async fn idempotency_key_is_free_where_nothing_was_done(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let of = |id| NewAction {
        idempotency_key: Some("key"),
        ..action(id, now)
    };
    assert!(store.begin(of("a-1")).await.unwrap());
    let headers = HeaderMap::new();
    let void = Completion {
        is_void: true,
        ..end("a-1", Outcome::Failed, now, &headers)
    };
    store.complete(void).await.unwrap();
    assert!(store.claimed("app", "key", now).await.unwrap().is_none());
    assert!(store.begin(of("a-2")).await.unwrap());
}

pub(crate) async fn answers_are_forgotten_with_their_keys_in_steps(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    for number in 0..5_u32 {
        let (id, key) = (format!("a-{number}"), format!("k-{number}"));
        let at = now.after(SECOND * number);
        let new = NewAction {
            idempotency_key: Some(&key),
            ..action(&id, at)
        };
        assert!(store.begin(new).await.unwrap());
        complete(&store, &id, Outcome::Succeeded, at).await;
    }
    let before = now.after(SECOND * 3);
    let mut steps = 0;
    while store.forget_answers(before, 2).await.unwrap() {
        steps += 1;
    }
    assert_eq!(steps, 2);
    for (key, is_kept) in [("k-0", false), ("k-3", false), ("k-4", true)] {
        let claimed = store.claimed("app", key, now).await.unwrap();
        assert_eq!(claimed.is_some(), is_kept, "{key}");
    }
    assert!(store.action("a-0", now).await.unwrap().is_some());
}

pub(crate) async fn actions_are_forgotten_when_they_have_ended_in_steps(
    stage: &Stage<impl Engine>,
) {
    let (store, now) = (stage.instance(), stage.clock.now());
    for number in 0..5_u32 {
        let id = format!("a-{number}");
        let at = now.after(SECOND * number);
        assert!(store.begin(action(&id, at)).await.unwrap());
        if number != 1 {
            complete(&store, &id, Outcome::Failed, at).await;
        }
    }
    let before = now.after(SECOND * 3);
    let mut steps = 0;
    while store.forget_actions(before, 2).await.unwrap() {
        steps += 1;
    }
    assert_eq!(steps, 2);
    for (id, is_kept) in [("a-0", false), ("a-1", true), ("a-3", false), ("a-4", true)] {
        let found = store.action(id, now).await.unwrap();
        assert_eq!(found.is_some(), is_kept, "{id}");
    }
}

pub(crate) async fn action_is_recorded_as_it_was_and_as_it_ended(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let (v1, u1) = (vehicle("v-1"), user("u-1"));
    let evidence = Evidence::parse("closure-islocked=true").unwrap();
    let new = NewAction {
        idempotency_key: Some("key"),
        evidence: Some(&evidence),
        ..action("a-1", now)
    };
    assert!(store.begin(new).await.unwrap());
    let headers = HeaderMap::new();
    let completion = Completion {
        status: 409,
        error: Some("VEHICLE_STATE/ASLEEP"),
        request_id: Some("r-1"),
        execution_id: Some("x-1"),
        vehicle: Some(&v1),
        user: Some(&u1),
        ..end("a-1", Outcome::Failed, now.after(SECOND), &headers)
    };
    store.complete(completion).await.unwrap();
    // Smartcar's id of the command finds it too.
    for id in ["a-1", "x-1"] {
        let found = store.action(id, now).await.unwrap().unwrap();
        assert_eq!((&*found.id, &*found.kind), ("a-1", "security-lock"));
        assert_eq!(found.path, new.path);
        assert_eq!(found.caller, "app");
        assert_eq!(found.vehicle_id.as_deref(), Some("v-1"));
        assert_eq!(found.user_id.as_deref(), Some("u-1"));
        assert_eq!(found.idempotency_key.as_deref(), Some("key"));
        assert_eq!(found.started_at, now);
        assert_eq!(found.completed_at, Some(now.after(SECOND)));
        assert_eq!((found.insisted, found.status), (false, Some(409)));
        assert_eq!(found.error.as_deref(), Some("VEHICLE_STATE/ASLEEP"));
        assert_eq!(found.request_id.as_deref(), Some("r-1"));
        assert_eq!(found.execution_id.as_deref(), Some("x-1"));
        assert_eq!(found.evidence.as_ref(), Some(&evidence));
        assert_eq!(found.outcome, Outcome::Failed);
    }
    // Whom it is about is known by what was written first.
    assert!(store.begin(action("a-2", now)).await.unwrap());
    store.set_subject("a-2", Some(&v1), None).await.unwrap();
    let other = vehicle("v-2");
    let completion = Completion {
        vehicle: Some(&other),
        user: Some(&u1),
        ..end("a-2", Outcome::Succeeded, now, &headers)
    };
    store.complete(completion).await.unwrap();
    let found = store.action("a-2", now).await.unwrap().unwrap();
    assert_eq!(found.vehicle_id.as_deref(), Some("v-1"));
    assert_eq!(found.user_id.as_deref(), Some("u-1"));
    store.withdraw("a-2").await.unwrap();
    assert!(store.action("a-2", now).await.unwrap().is_none());
}

pub(crate) async fn actions_are_listed_the_newest_first_by_what_is_known_now(
    stage: &Stage<impl Engine>,
) {
    let (store, now, v1) = (stage.instance(), stage.clock.now(), vehicle("v-1"));
    let later = now.after(LOST_AFTER);
    for (id, caller, vehicle, at) in [
        ("a-1", "app", None, now),
        ("a-2", "app", Some(&v1), now),
        ("a-3", "other", Some(&v1), later),
        ("a-4", "app", None, later),
    ] {
        let new = NewAction {
            caller,
            vehicle,
            ..action(id, at)
        };
        assert!(store.begin(new).await.unwrap());
    }
    complete(&store, "a-2", Outcome::Succeeded, now).await;
    let found = async |page: ActionPage<'_>| {
        let limit = if page.limit == 0 { 9 } else { page.limit };
        let page = ActionPage { limit, ..page };
        let actions = store.actions(page, later).await.unwrap();
        let ids = actions.into_iter().map(|action| action.id);
        ids.collect::<Vec<_>>().join(" ")
    };
    let all = ActionPage::default();
    assert_eq!(found(all).await, "a-4 a-3 a-2 a-1");
    assert_eq!(found(ActionPage { limit: 2, ..all }).await, "a-4 a-3");
    let before = ActionPage {
        before: Some("a-3"),
        ..all
    };
    assert_eq!(found(before).await, "a-2 a-1");
    let of_vehicle = ActionPage {
        vehicle_id: Some("v-1"),
        ..all
    };
    assert_eq!(found(of_vehicle).await, "a-3 a-2");
    let of_caller = ActionPage {
        caller: Some("other"),
        ..all
    };
    assert_eq!(found(of_caller).await, "a-3");
    for (outcome, ids) in [
        (Outcome::Running, "a-4 a-3"),
        (Outcome::Unknown, "a-1"),
        (Outcome::Succeeded, "a-2"),
        (Outcome::Failed, ""),
    ] {
        let outcome = Some(outcome);
        assert_eq!(found(ActionPage { outcome, ..all }).await, ids);
    }
    let counts = store.action_counts(now, later).await.unwrap();
    let counts: Vec<_> = counts.iter().map(|c| (c.outcome, c.count)).collect();
    assert_eq!(counts.len(), 3);
    for count in [
        (Outcome::Running, 2),
        (Outcome::Succeeded, 1),
        (Outcome::Unknown, 1),
    ] {
        assert!(counts.contains(&count), "{counts:?}");
    }
    let since = store.action_counts(later, later).await.unwrap();
    assert_eq!(since.iter().map(|c| c.count).sum::<i64>(), 2);
}

pub(crate) async fn removal_says_whose_a_connection_was(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let (v1, u1) = (vehicle("v-1"), user("u-1"));
    let path = "/v3/connections/c-1";
    assert_eq!(store.removal(path).await.unwrap(), None);
    let new = NewAction {
        kind: "remove-connection",
        path,
        vehicle: Some(&v1),
        user: Some(&u1),
        ..action("a-1", now)
    };
    assert!(store.begin(new).await.unwrap());
    complete(&store, "a-1", Outcome::Succeeded, now).await;
    let removal = store.removal(path).await.unwrap().unwrap();
    assert_eq!((&removal.vehicle, &removal.user), (&Some(v1), &Some(u1)));
    assert!(!removal.is_outlived);
    // Another user's connection says nothing of this one.
    deliver_report(&store, "e-1", "u-2", now.after(SECOND), &[]).await;
    assert!(!store.removal(path).await.unwrap().unwrap().is_outlived);
    deliver_report(&store, "e-2", "u-1", now.after(SECOND * 2), &[]).await;
    assert!(store.removal(path).await.unwrap().unwrap().is_outlived);
}

pub(crate) async fn removal_that_may_not_have_happened_is_not_outlived(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let (v1, u1, headers) = (vehicle("v-1"), user("u-1"), HeaderMap::new());
    let remove = async |id, path, outcome, status, at| {
        let new = NewAction {
            kind: "remove-connection",
            path,
            vehicle: Some(&v1),
            user: Some(&u1),
            ..action(id, at)
        };
        assert!(store.begin(new).await.unwrap());
        let completion = Completion {
            status,
            ..end(id, outcome, at, &headers)
        };
        store.complete(completion).await.unwrap();
    };
    let is_outlived = async |path| {
        let removal = store.removal(path).await.unwrap().unwrap();
        removal.is_outlived
    };
    let later = now.after(SECOND * 2);
    let cases = [
        ("/1", Outcome::Unknown, 504, false),
        ("/2", Outcome::Failed, 400, false),
        // Where Smartcar does not know it, it is certainly gone.
        ("/3", Outcome::Failed, 404, true),
        ("/4", Outcome::Failed, 410, true),
        ("/5", Outcome::Succeeded, 204, true),
    ];
    for (path, outcome, status, _) in cases {
        remove(path, path, outcome, status, now).await;
    }
    deliver_report(&store, "e-1", "u-1", now.after(SECOND), &[]).await;
    for (path, outcome, status, expected) in cases {
        assert_eq!(is_outlived(path).await, expected, "{outcome:?} {status}");
    }
    // The newest record says whose it was; any that was certain counts.
    remove("b", "/1", Outcome::Succeeded, 204, later).await;
    assert!(!is_outlived("/1").await, "nothing was reported since");
    remove("c", "/5", Outcome::Unknown, 504, later).await;
    assert!(is_outlived("/5").await);
}

pub(crate) async fn subscription_that_was_made_is_known_until_something_is_removed(
    stage: &Stage<impl Engine>,
) {
    let (store, now, v1) = (stage.instance(), stage.clock.now(), vehicle("v-1"));
    let new = |number: u32, kind| {
        let at = now.after(SECOND * number);
        (least_id(at), kind, at)
    };
    let begin = async |(id, kind, at): &(String, &'static str, Timestamp)| {
        let new = NewAction {
            kind,
            vehicle: Some(&v1),
            ..action(id, *at)
        };
        assert!(store.begin(new).await.unwrap());
    };
    let is = async |since| store.is_subscribed(&v1, "print", since).await.unwrap();
    let made = new(1, "create-subscription");
    begin(&made).await;
    assert!(!is(now).await, "it may still fail");
    complete(&store, &made.0, Outcome::Succeeded, made.2).await;
    assert!(is(now).await && is(made.2).await);
    assert!(!is(made.2.after(MILLI)).await);
    assert!(!store.is_subscribed(&v1, "other", now).await.unwrap());
    let failed = new(2, "remove-subscription");
    begin(&failed).await;
    assert!(!is(now).await, "something is being removed");
    complete(&store, &failed.0, Outcome::Failed, failed.2).await;
    assert!(is(now).await);
    let removed = new(3, "remove-connection");
    begin(&removed).await;
    complete(&store, &removed.0, Outcome::Unknown, removed.2).await;
    assert!(!is(now).await);
}

pub(crate) async fn evidence_is_what_the_vehicle_reports_after_the_start(
    stage: &Stage<impl Engine>,
) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let (v1, u1) = (vehicle("v-1"), user("u-1"));
    let evidence = Evidence::parse("closure-islocked=true").unwrap();
    let new = NewAction {
        vehicle: Some(&v1),
        user: Some(&u1),
        evidence: Some(&evidence),
        ..action("a-1", now)
    };
    assert!(store.begin(new).await.unwrap());
    let reports = async || {
        let reports = store.awaited_reports("a-1").await.unwrap();
        let reports = reports.into_iter();
        let seconds = |at: Timestamp| at.since(now).as_secs();
        reports
            .map(|r| (r.is_late, r.body, seconds(r.observed_at)))
            .collect::<Vec<_>>()
    };
    let locked = |is: bool, at: u64| {
        let at = now.after(Duration::from_secs(at));
        let bodies = [r#"{"value":false}"#, r#"{"value":true}"#];
        value("closure-islocked", bodies[usize::from(is)], at)
    };
    let seconds = |n: u64| now.after(Duration::from_secs(n));
    let [open, closed] = [r#"{"value":false}"#, r#"{"value":true}"#].map(str::to_owned);
    // What was observed before the start, and other signals, say nothing.
    let early = value("closure-islocked", r#"{"value":true}"#, now.before(SECOND));
    deliver_report(&store, "e-1", "u-1", seconds(1), &[early]).await;
    let other = value("charge-ischarging", r#"{"value":true}"#, seconds(1));
    deliver_report(&store, "e-2", "u-1", seconds(2), &[other]).await;
    assert_eq!(reports().await, []);
    deliver_report(&store, "e-3", "u-1", seconds(20), &[locked(true, 20)]).await;
    deliver_report(&store, "e-4", "u-1", seconds(21), &[locked(false, 10)]).await;
    let in_time = [(false, open.clone(), 10), (false, closed.clone(), 20)];
    assert_eq!(reports().await, in_time);
    // A read of Smartcar's API counts as well, and the same value once, when it was first.
    let read = locked(true, 5);
    let mut report = super::report(seconds(25), &[read]);
    report.received_at = seconds(25);
    let about = VehicleAttributes::default();
    store.report(&v1, &u1, &report, &about).await.unwrap();
    let in_time = [(false, closed.clone(), 5), (false, open.clone(), 10)];
    assert_eq!(reports().await, in_time);
    // The first one after the time ends the wait.
    let late = LOST_AFTER.as_secs() + 5;
    deliver_report(&store, "e-5", "u-1", seconds(late), &[locked(false, late)]).await;
    deliver_report(
        &store,
        "e-6",
        "u-1",
        seconds(late + 9),
        &[locked(true, late + 9)],
    )
    .await;
    let [first, second] = in_time;
    assert_eq!(reports().await, [first, second, (true, open, late)]);
}

pub(crate) async fn evidence_says_whose_connection_reported_it_and_goes_with_that_user(
    stage: &Stage<impl Engine>,
) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let (v1, u1) = (vehicle("v-1"), user("u-1"));
    let evidence = Evidence::parse("closure-islocked=true").unwrap();
    let new = NewAction {
        vehicle: Some(&v1),
        user: Some(&u1),
        evidence: Some(&evidence),
        ..action("a-1", now)
    };
    assert!(store.begin(new).await.unwrap());
    let users = async || {
        let reports = store.awaited_reports("a-1").await.unwrap();
        let users = reports.into_iter().map(|report| report.user);
        users.collect::<Vec<_>>()
    };
    let locked = |body, seconds| value("closure-islocked", body, now.after(SECOND * seconds));
    let [closed, open] = [r#"{"value":true}"#, r#"{"value":false}"#];
    for (event, by, report) in [
        ("e-1", "u-1", locked(open, 1)),
        ("e-2", "u-2", locked(closed, 2)),
    ] {
        deliver_report(&store, event, by, now.after(SECOND * 3), &[report]).await;
    }
    let [u1_said, u2_said] = ["u-1", "u-2"].map(|user| Some(user.to_owned()));
    assert_eq!(users().await, [u1_said.clone(), u2_said]);
    // It is kept where the signal itself is another user's by now.
    let latest = locked(closed, 4);
    deliver_report(&store, "e-3", "u-1", now.after(SECOND * 4), &[latest]).await;
    let u2 = user("u-2");
    assert_eq!(store.reported_by(&u2).await.unwrap(), ["v-1"]);
    let vehicles = ["v-1".to_owned()];
    let forget = async |by: &str| {
        store.forget_reports(&vehicles, &user(by)).await.unwrap();
        assert_eq!(store.reported_by(&user(by)).await.unwrap(), [""; 0]);
    };
    forget("u-2").await;
    assert_eq!(users().await, [u1_said]);
    forget("u-1").await;
    assert_eq!(users().await, []);
}

pub(crate) async fn evidence_of_a_command_ends_where_another_one_asks_for_something_else(
    stage: &Stage<impl Engine>,
) {
    let (store, now, v1) = (stage.instance(), stage.clock.now(), vehicle("v-1"));
    let begin = async |id, evidence, second: u32| {
        let evidence = Evidence::parse(evidence).unwrap();
        let new = NewAction {
            vehicle: Some(&v1),
            evidence: Some(&evidence),
            ..action(id, now.after(SECOND * second))
        };
        assert!(store.begin(new).await.unwrap());
    };
    let report = async |event, body, second: u32| {
        let at = now.after(SECOND * second);
        let signals = [value("closure-islocked", body, at)];
        deliver_report(&store, event, "u-1", at, &signals).await;
    };
    let waits = async |id| store.awaited_reports(id).await.unwrap().len();
    begin("a-1", "closure-islocked=true", 0).await;
    // The same again, and another signal, leave it.
    begin("a-2", "closure-islocked=true", 1).await;
    begin("a-3", "charge-ischarging=true", 2).await;
    report("e-1", r#"{"value":true}"#, 3).await;
    assert_eq!((waits("a-1").await, waits("a-2").await), (1, 1));
    // What is reported now can be the later one's doing.
    begin("a-4", "closure-islocked=false", 4).await;
    report("e-2", r#"{"value":false}"#, 5).await;
    assert_eq!((waits("a-1").await, waits("a-2").await), (1, 1));
    assert_eq!(waits("a-4").await, 1);
    // Not where that was not carried out.
    complete(&store, "a-4", Outcome::Failed, now.after(SECOND * 6)).await;
    report("e-3", r#"{"value":null}"#, 7).await;
    assert_eq!((waits("a-1").await, waits("a-2").await), (2, 2));
}
