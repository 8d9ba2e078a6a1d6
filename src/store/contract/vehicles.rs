//! Rules of the vehicles.

use super::{Engine, Stage, deliver_report, error, failure, user, value, vehicle};
use crate::{
    Deliveries, Vehicles,
    delivery::Delivery,
    vehicle::{OpenError, Vehicle, VehiclePage},
};
use smartcar::{Clock, VehicleAttributes, VehicleMode, delivery::Mode, report::ErrorReport};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// The one vehicle.
pub(super) async fn known(store: &impl Vehicles) -> Vehicle {
    let page = VehiclePage {
        limit: 9,
        ..VehiclePage::default()
    };
    let mut vehicles = store.vehicles(page).await.unwrap();
    assert_eq!(vehicles.len(), 1);
    vehicles.remove(0)
}

/// Types and codes of errors, in their order.
pub(super) fn names(errors: &[OpenError]) -> Vec<(String, Option<String>)> {
    let names = errors
        .iter()
        .map(|error| (error.kind.clone(), error.code.clone()));
    names.collect()
}

pub(crate) async fn vehicle_has_the_owner_that_a_delivery_or_a_look_up_says(
    stage: &Stage<impl Engine>,
) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let (v1, u1, u2, u3) = (vehicle("v-1"), user("u-1"), user("u-2"), user("u-3"));
    let about = VehicleAttributes::default();
    let owner = async || store.owner(&v1).await.unwrap();
    assert_eq!(owner().await, None);
    store
        .remember_vehicle(&v1, None, false, &about)
        .await
        .unwrap();
    assert_eq!(owner().await, None);
    // A user who is connected, as long as no owner is known.
    store
        .remember_vehicle(&v1, Some(&u1), false, &about)
        .await
        .unwrap();
    store
        .remember_vehicle(&v1, Some(&u2), false, &about)
        .await
        .unwrap();
    assert_eq!(owner().await, Some(u1));
    store
        .remember_vehicle(&v1, Some(&u2), true, &about)
        .await
        .unwrap();
    assert_eq!(owner().await, Some(u2));
    deliver_report(&store, "e-1", "u-3", now, &[]).await;
    assert_eq!(owner().await, Some(u3));
}

pub(crate) async fn vehicle_is_what_the_newest_delivery_says(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    deliver_report(&store, "e-2", "u-2", now.after(SECOND), &[]).await;
    deliver_report(&store, "e-1", "u-1", now, &[]).await;
    let vehicle = known(&store).await;
    assert_eq!(vehicle.user_id.as_deref(), Some("u-2"));
    assert_eq!(vehicle.delivered_at, Some(now.after(SECOND)));
    assert_eq!(vehicle.about.make.as_deref(), Some("MAKE"));
}

pub(crate) async fn vehicle_is_not_changed_by_what_is_remembered_of_it(stage: &Stage<impl Engine>) {
    let (store, now, v1) = (stage.instance(), stage.clock.now(), vehicle("v-1"));
    deliver_report(&store, "e-1", "u-1", now, &[]).await;
    let about = VehicleAttributes {
        make: Some("OTHER".to_owned()),
        model: Some("Model".to_owned()),
        year: Some(2026),
        powertrain_type: Some("BEV".into()),
        mode: Some(VehicleMode::Live),
    };
    store
        .remember_vehicle(&v1, None, false, &about)
        .await
        .unwrap();
    let about = known(&store).await.about;
    assert_eq!(about.make.as_deref(), Some("MAKE"));
    assert_eq!(about.model.as_deref(), Some("Model"));
    assert_eq!(about.year, Some(2026));
    assert_eq!(about.powertrain_type.as_deref(), Some("BEV"));
    assert_eq!(about.mode.as_deref(), Some("live"));
}

pub(crate) async fn vehicle_is_not_changed_by_a_delivery_that_reports_nothing(
    stage: &Stage<impl Engine>,
) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let test = Delivery {
        mode: Mode::Test,
        vehicle_id: Some("v-1"),
        user_id: Some("u-1"),
        received_at: now,
        ..super::delivery("e-1")
    };
    super::insert(&store, &[test]).await;
    assert_eq!(store.owner(&vehicle("v-1")).await.unwrap(), None);
    assert_eq!(store.delivery_figures().await.unwrap().stored, 1);
}

pub(crate) async fn vehicles_are_listed_to_those_who_may_see_them(stage: &Stage<impl Engine>) {
    let store = stage.instance();
    let about = VehicleAttributes::default();
    for (id, owner) in [("v-1", Some("u-1")), ("v-2", Some("u-2")), ("v-3", None)] {
        let (id, owner) = (vehicle(id), owner.map(user));
        let remembered = store.remember_vehicle(&id, owner.as_ref(), true, &about);
        remembered.await.unwrap();
    }
    let found = async |page: VehiclePage<'_>| {
        let limit = if page.limit == 0 { 9 } else { page.limit };
        let vehicles = store.vehicles(VehiclePage { limit, ..page }).await.unwrap();
        let ids = vehicles.into_iter().map(|vehicle| vehicle.id);
        ids.collect::<Vec<_>>().join(" ")
    };
    let all = VehiclePage::default();
    let ids = |ids: &[&str]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(found(all).await, "v-1 v-2 v-3");
    assert_eq!(found(VehiclePage { limit: 2, ..all }).await, "v-1 v-2");
    let after = Some("v-1");
    assert_eq!(found(VehiclePage { after, ..all }).await, "v-2 v-3");
    let only = ids(&["v-3", "v-1", "v-9"]);
    let vehicles = Some(&*only);
    assert_eq!(found(VehiclePage { vehicles, ..all }).await, "v-1 v-3");
    let only = ids(&["u-2", "u-9"]);
    let users = Some(&*only);
    assert_eq!(found(VehiclePage { users, ..all }).await, "v-2");
    assert_eq!(
        found(VehiclePage {
            users,
            vehicles,
            ..all
        })
        .await,
        ""
    );
    let vehicles = Some(&[] as &[String]);
    assert_eq!(found(VehiclePage { vehicles, ..all }).await, "");
}

pub(crate) async fn vehicle_figures_are_those_of_its_owner(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let later = now.after(SECOND);
    let body = r#"{"value":1}"#;
    let signals = [value("a", body, now), value("b", body, later)];
    deliver_report(&store, "e-1", "u-1", later, &signals).await;
    let errors = [
        error("VEHICLE_STATE", "ASLEEP", false),
        error("PERMISSION", "", false),
    ];
    super::deliver_errors(&store, "e-2", "u-1", later, &errors).await;
    let vehicle = known(&store).await;
    assert_eq!(
        (vehicle.signals, vehicle.last_observed_at),
        (2, Some(later))
    );
    let asleep = ("VEHICLE_STATE".to_owned(), Some("ASLEEP".to_owned()));
    let permission = || ("PERMISSION".to_owned(), None);
    assert_eq!(names(&vehicle.open_errors), [permission(), asleep]);
    let resolved = [error("VEHICLE_STATE", "ASLEEP", true)];
    super::deliver_errors(&store, "e-3", "u-1", later.after(SECOND), &resolved).await;
    let open = known(&store).await.open_errors;
    assert_eq!(names(&open), [permission()]);
    // What the owner before has reported is not the new one's.
    let latest = later.after(SECOND * 2);
    deliver_report(&store, "e-4", "u-2", latest, &[value("c", body, latest)]).await;
    let vehicle = known(&store).await;
    assert_eq!(vehicle.signals, 1);
    assert_eq!(vehicle.open_errors, []);
}

pub(crate) async fn error_of_a_vehicle_is_open_since_it_was_first_reported(
    stage: &Stage<impl Engine>,
) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let report = async |number: u32, is_resolved, json| {
        let reported = ErrorReport {
            json,
            ..error("VEHICLE_STATE", "ASLEEP", is_resolved)
        };
        let at = now.after(SECOND * 600 * number);
        super::deliver_errors(&store, &format!("e-{number}"), "u-1", at, &[reported]).await;
        let open = known(&store).await.open_errors.pop();
        open.map(|open| (open.opened_at, open.error))
    };
    let since = |number: u32| Some(now.after(SECOND * 600 * number));
    let text = |json: &str| Some(json.to_owned());
    let first = r#"{"a":1}"#;
    assert_eq!(report(0, false, first).await, Some((since(0), text(first))));
    // Reported again, it is as old as before, and says what it says now.
    let second = r#"{"a":2}"#;
    assert_eq!(
        report(1, false, second).await,
        Some((since(0), text(second)))
    );
    assert_eq!(report(2, true, "{}").await, None);
    assert_eq!(
        report(3, false, second).await,
        Some((since(3), text(second)))
    );
}

pub(crate) async fn error_that_has_ended_opens_with_the_next_delivery(stage: &Stage<impl Engine>) {
    let (store, now, v1) = (stage.instance(), stage.clock.now(), vehicle("v-1"));
    let report = async |number: u32, is_resolved| {
        let at = now.after(SECOND * 10 * number);
        let errors = [
            error("VEHICLE_STATE", "ASLEEP", is_resolved),
            error("PERMISSION", "", false),
        ];
        super::deliver_errors(&store, &format!("e-{number}"), "u-1", at, &errors).await;
    };
    let open = async || {
        let errors = store.open_errors(&v1).await.unwrap();
        let codes = errors.into_iter().filter_map(|error| error.code);
        codes.collect::<Vec<_>>()
    };
    assert_eq!(open().await, [""; 0]);
    report(0, false).await;
    let errors = store.open_errors(&v1).await.unwrap();
    let [permission, asleep] = &errors[..] else {
        panic!("{errors:?}");
    };
    assert_eq!(permission.code, None);
    assert_eq!(
        (asleep.user_id.as_deref(), asleep.error_at),
        (Some("u-1"), now)
    );
    let listed = async |types: &[&str]| {
        let page = VehiclePage {
            with_errors_but: Some(types),
            limit: 9,
            ..VehiclePage::default()
        };
        store.vehicles(page).await.unwrap().len()
    };
    assert_eq!(listed(&["PERMISSION"]).await, 1);
    assert_eq!(listed(&["PERMISSION", "VEHICLE_STATE"]).await, 0);
    store.end_error(&v1, asleep).await.unwrap();
    assert_eq!(open().await, [""; 0]);
    assert_eq!(listed(&["PERMISSION"]).await, 0);
    // Smartcar's own word that it has ended comes later, and does not end the next one.
    report(1, true).await;
    report(2, false).await;
    assert_eq!(open().await, ["ASLEEP"]);
    // What was delivered again meanwhile has not ended.
    store.end_error(&v1, asleep).await.unwrap();
    assert_eq!(open().await, ["ASLEEP"]);
}

pub(crate) async fn vehicles_of_an_owner_are_forgotten_together(stage: &Stage<impl Engine>) {
    let store = stage.instance();
    let about = VehicleAttributes::default();
    for (id, owner) in [("v-1", "u-1"), ("v-2", "u-2"), ("v-3", "u-1")] {
        let (id, owner) = (vehicle(id), user(owner));
        let remembered = store.remember_vehicle(&id, Some(&owner), true, &about);
        remembered.await.unwrap();
    }
    store.forget_vehicles_of(&user("u-1")).await.unwrap();
    assert_eq!(known(&store).await.id, "v-2");
    // Whose it is may not be known.
    store.forget_vehicle(&vehicle("v-2"), None).await.unwrap();
    assert_eq!(store.owner(&vehicle("v-2")).await.unwrap(), None);
}

pub(crate) async fn accesses_are_those_of_owners_and_of_whoever_has_reported_something(
    stage: &Stage<impl Engine>,
) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let about = VehicleAttributes {
        mode: Some(VehicleMode::Simulated),
        ..VehicleAttributes::default()
    };
    store
        .remember_vehicle(&vehicle("v-3"), Some(&user("u-3")), true, &about)
        .await
        .unwrap();
    let unknown = VehicleAttributes::default();
    store
        .remember_vehicle(&vehicle("v-2"), None, false, &unknown)
        .await
        .unwrap();
    // Of the first vehicle, one user has brought a value, another one an error of it, and a
    // third one its errors; the last of them is the owner.
    let signals = [value("a", r#"{"value":1}"#, now)];
    deliver_report(&store, "e-1", "u-1", now, &signals).await;
    let later = now.after(SECOND);
    deliver_report(&store, "e-2", "u-2", later, &[failure("a", later)]).await;
    let errors = [error("PERMISSION", "", false)];
    super::deliver_errors(&store, "e-3", "u-4", later.after(SECOND), &errors).await;
    deliver_report(&store, "e-4", "u-5", later.after(SECOND * 2), &[]).await;
    let accesses = store.accesses(9).await.unwrap();
    let pairs: Vec<_> = accesses
        .iter()
        .map(|of| (of.vehicle_id.as_str(), of.user_id.as_deref()))
        .collect();
    let of_first = ["u-1", "u-2", "u-4", "u-5"].map(|user| ("v-1", Some(user)));
    let others = [("v-2", None), ("v-3", Some("u-3"))];
    assert_eq!(pairs, [&of_first[..], &others].concat());
    // What the vehicle delivers says that its owner's access lasts, and no one else's.
    let delivered = accesses.iter().map(|of| of.delivered_at);
    let mut expected = vec![None; accesses.len()];
    expected[3] = Some(later.after(SECOND * 2));
    assert_eq!(delivered.collect::<Vec<_>>(), expected);
    assert_eq!(accesses[0].mode, None);
    assert_eq!(accesses[5].mode.as_deref(), Some("simulated"));
    assert_eq!(store.accesses(2).await.unwrap(), accesses[..2]);
    // Whose reports are forgotten has had no access.
    store
        .forget_reports(&["v-1".to_owned()], &user("u-1"))
        .await
        .unwrap();
    let accesses = store.accesses(9).await.unwrap();
    assert_eq!(accesses[0].user_id.as_deref(), Some("u-2"));
}
