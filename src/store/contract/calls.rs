//! Rules of the calls about vehicles.

use super::{Engine, Stage, deliver_report, patiently, user, vehicle};
use crate::{
    CLOCKS_DIFFER, Calls, Vehicles,
    call::{CallFigures, KnownCalls, Refusal},
    vehicle::VehiclePage,
};
use smartcar::{Clock, Month, Timestamp, VehicleAttributes};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// The first moment of the clock's month, and of the next one.
fn months(stage: &Stage<impl Engine>) -> (Timestamp, Timestamp) {
    let month = Month::of(stage.clock.now());
    (month.begins, month.ends)
}

async fn count(store: &impl Calls, id: &str, month: Timestamp) -> i64 {
    let known = store.known_calls(&vehicle(id), month).await;
    known.unwrap().count
}

async fn call(store: &impl Calls, id: &str, month: Timestamp, succeeded: bool) {
    let vehicle = vehicle(id);
    let counted = store.count_call(&vehicle, month, succeeded);
    counted.await.unwrap();
}

/// A refusal of now, until then.
fn refusal(at: Timestamp, until: Timestamp) -> Refusal {
    Refusal {
        code: "VEHICLE_REQUEST_LIMIT".to_owned(),
        at,
        until,
    }
}

async fn refuse(store: &impl Calls, id: &str, month: Timestamp, refusal: &Refusal) {
    let vehicle = vehicle(id);
    let refused = store.refuse_calls(&vehicle, month, refusal);
    refused.await.unwrap();
}

pub(crate) async fn calls_of_a_vehicle_are_counted_by_the_month(stage: &Stage<impl Engine>) {
    let (store, (month, next)) = (stage.instance(), months(stage));
    let none = store.known_calls(&vehicle("v-1"), month).await.unwrap();
    assert_eq!(none, KnownCalls::default());
    for (id, at) in [
        ("v-1", month),
        ("v-1", month),
        ("v-1", next),
        ("v-2", month),
    ] {
        call(&store, id, at, true).await;
    }
    assert_eq!(count(&store, "v-1", month).await, 2);
    assert_eq!(count(&store, "v-1", next).await, 1);
    assert_eq!(count(&store, "v-2", month).await, 1);
}

pub(crate) async fn calls_of_instances_that_race_add_up(stage: &Stage<impl Engine>) {
    let (month, _) = months(stage);
    let (store, v1) = (stage.instance(), vehicle("v-1"));
    stage.at_once(4, async |_, store| {
        for _ in 0..5 {
            patiently(async || store.count_call(&v1, month, true).await).await;
        }
    });
    assert_eq!(count(&store, "v-1", month).await, 20);
}

pub(crate) async fn refusal_is_known_to_all_until_a_call_ends_it(stage: &Stage<impl Engine>) {
    let (one, other, now) = (stage.instance(), stage.instance(), stage.clock.now());
    let (month, next) = months(stage);
    let v1 = vehicle("v-1");
    let limit = refusal(now, next);
    let known = async |month| other.known_calls(&v1, month).await.unwrap().refusal;
    refuse(&one, "v-1", month, &limit).await;
    assert_eq!(known(month).await, Some(limit.clone()));
    assert_eq!(known(next).await, None);
    // One that failed says nothing of the plan.
    call(&one, "v-1", month, false).await;
    assert_eq!(known(month).await, Some(limit));
    let newer = refusal(now.after(SECOND), next);
    refuse(&one, "v-1", month, &newer).await;
    assert_eq!(known(month).await, Some(newer));
    call(&one, "v-1", month, true).await;
    assert_eq!(known(month).await, None);
    assert_eq!(count(&other, "v-1", month).await, 2);
}

pub(crate) async fn refusal_holds_as_long_as_it_says_and_not_by_a_clock_ahead(
    stage: &Stage<impl Engine>,
) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let (month, _) = months(stage);
    let until = now.after(HOUR);
    let holds = async |at, now| {
        let refusal = refusal(at, until);
        refuse(&store, "v-1", month, &refusal).await;
        let figures = store.call_figures(month, now, 1).await.unwrap();
        assert_eq!(figures.refused.len() == 1, refusal.holds(now));
        refusal.holds(now)
    };
    assert!(holds(now, now).await);
    assert!(holds(now, until.before(SECOND)).await);
    assert!(!holds(now, until).await);
    assert!(holds(now.after(CLOCKS_DIFFER), now).await);
    assert!(!holds(now.after(CLOCKS_DIFFER + SECOND), now).await);
}

pub(crate) async fn refusal_is_questioned_by_one_of_the_instances_that_race(
    stage: &Stage<impl Engine>,
) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let (month, next) = months(stage);
    refuse(&store, "v-1", month, &refusal(now, next)).await;
    let (v1, later) = (vehicle("v-1"), now.after(HOUR));
    let asked = stage.at_once(4, async |_, store| {
        patiently(async || store.question_refusal(&v1, month, now, later).await).await
    });
    assert_eq!(asked.iter().filter(|asked| **asked).count(), 1);
    let known = store.known_calls(&v1, month).await.unwrap();
    assert_eq!(known.refusal, Some(refusal(later, next)));
    let gone = store.question_refusal(&v1, next, later, later).await;
    assert!(!gone.unwrap());
}

pub(crate) async fn call_figures_are_those_of_a_month(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let (month, next) = months(stage);
    let none = store.call_figures(month, now, 2).await.unwrap();
    assert_eq!(none, CallFigures::default());
    for id in ["v-1", "v-2", "v-2", "v-3", "v-3"] {
        call(&store, id, month, true).await;
    }
    call(&store, "v-1", next, true).await;
    refuse(&store, "v-3", month, &refusal(now, next)).await;
    refuse(&store, "v-4", month, &refusal(now, next)).await;
    let other = Refusal {
        code: "INVALID_PLAN".to_owned(),
        ..refusal(now, now.after(HOUR))
    };
    refuse(&store, "v-5", month, &other).await;
    let counts = |counts: &[(&str, i64)]| -> Vec<(String, i64)> {
        let counts = counts
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count));
        counts.collect()
    };
    let figures = store.call_figures(month, now, 2).await.unwrap();
    assert_eq!((figures.count, figures.at_ceiling), (5, 2));
    let mut refused = figures.refused;
    refused.sort();
    let both = counts(&[("INVALID_PLAN", 1), ("VEHICLE_REQUEST_LIMIT", 2)]);
    assert_eq!(refused, both);
    let most = store.most_called(month, 2).await.unwrap();
    assert_eq!(most, counts(&[("v-2", 2), ("v-3", 2)]));
    let all = store.most_called(month, 9).await.unwrap();
    assert_eq!(all.len(), 3);
}

pub(crate) async fn calls_are_forgotten_with_their_vehicle(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let (month, next) = months(stage);
    let about = VehicleAttributes::default();
    let (u1, v2) = (user("u-1"), vehicle("v-2"));
    deliver_report(&store, "e-1", "u-1", now, &[]).await;
    store
        .remember_vehicle(&v2, Some(&u1), true, &about)
        .await
        .unwrap();
    for id in ["v-1", "v-2"] {
        call(&store, id, month, true).await;
        refuse(&store, id, month, &refusal(now, next)).await;
    }
    let listed = async || {
        let page = VehiclePage {
            month,
            limit: 9,
            ..VehiclePage::default()
        };
        let vehicles = store.vehicles(page).await.unwrap();
        let listed = vehicles.into_iter().map(|vehicle| vehicle.calls);
        listed.collect::<Vec<_>>()
    };
    let both = KnownCalls {
        count: 1,
        refusal: Some(refusal(now, next)),
    };
    assert_eq!(listed().await, [both.clone(), both.clone()]);
    store
        .forget_vehicle(&vehicle("v-1"), Some(&u1))
        .await
        .unwrap();
    let known = async |id| store.known_calls(&vehicle(id), month).await.unwrap();
    assert_eq!(known("v-1").await, KnownCalls::default());
    assert_eq!(known("v-2").await, both);
    store.forget_vehicles_of(&u1).await.unwrap();
    assert_eq!(known("v-2").await, KnownCalls::default());
}

pub(crate) async fn calls_of_former_months_are_forgotten_in_steps(stage: &Stage<impl Engine>) {
    let (store, (month, next)) = (stage.instance(), months(stage));
    for id in ["v-1", "v-2", "v-3"] {
        call(&store, id, month, true).await;
        call(&store, id, next, true).await;
    }
    let forget = async |before| store.forget_calls(before, 2).await.unwrap();
    // The month is not over before its last moment.
    assert!(!forget(next.before(SECOND)).await);
    assert_eq!(store.most_called(month, 9).await.unwrap().len(), 3);
    assert!(forget(next).await);
    assert_eq!(store.most_called(month, 9).await.unwrap().len(), 1);
    assert!(forget(next).await);
    assert!(!forget(next).await);
    assert_eq!(store.most_called(next, 9).await.unwrap().len(), 3);
}
