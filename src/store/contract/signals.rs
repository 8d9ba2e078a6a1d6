//! Rules of the signals.

use super::{Engine, Stage, deliver_report, failure, report, user, value, vehicle};
use crate::{Signals, Vehicles, signal::StoredSignals};
use smartcar::{Clock, SignalCode, Timestamp, VehicleAttributes, report::SignalReport};
use std::{slice, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

/// Stores what Smartcar's API answered at this time.
async fn read(store: &impl Signals, by: &str, at: Timestamp, signals: &[SignalReport<'_>]) {
    let about = VehicleAttributes::default();
    store
        .report(&vehicle("v-1"), &user(by), &report(at, signals), &about)
        .await
        .unwrap();
}

async fn stored(store: &impl Signals, by: Option<&str>) -> Option<StoredSignals> {
    let by = by.map(user);
    store.signals(&vehicle("v-1"), by.as_ref()).await.unwrap()
}

/// The value of the one signal.
async fn body(store: &impl Signals) -> Option<String> {
    let stored = stored(store, None).await?;
    let signal = stored.signals.into_iter().next()?;
    signal.value.map(|value| value.body)
}

pub(crate) async fn signal_keeps_its_newest_value_in_any_order(stage: &Stage<impl Engine>) {
    let now = stage.clock.now();
    let values = [1, 2, 3].map(|number: u32| format!(r#"{{"value":{number}}}"#));
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        let stage = Stage::like(stage);
        let store = stage.instance();
        for index in order {
            let at = now.after(SECOND * u32::try_from(index).unwrap());
            let signal = value("a", &values[index], at);
            // The middle one comes by a read, the others by deliveries.
            if index == 1 {
                read(&store, "u-1", at, &[signal]).await;
            } else {
                deliver_report(&store, &format!("e-{index}"), "u-1", at, &[signal]).await;
            }
        }
        assert_eq!(
            body(&store).await.as_deref(),
            Some(&*values[2]),
            "{order:?}"
        );
    }
}

pub(crate) async fn signal_keeps_an_error_beside_its_value(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    deliver_report(
        &store,
        "e-1",
        "u-1",
        now,
        &[value("a", r#"{"value":1}"#, now)],
    )
    .await;
    let later = now.after(SECOND);
    deliver_report(&store, "e-2", "u-1", later, &[failure("a", later)]).await;
    deliver_report(&store, "e-3", "u-1", now, &[failure("a", now)]).await;
    let signal = stored(&store, None).await.unwrap().signals.remove(0);
    let (value, error) = (signal.value.unwrap(), signal.error.unwrap());
    assert_eq!(value.body, r#"{"value":1}"#);
    assert_eq!(
        (value.observed_at, value.delivered_at),
        (Some(now), Some(now))
    );
    assert_eq!(error.at, later);
    assert!(error.json.contains("ERROR"), "{}", error.json);
}

pub(crate) async fn signals_are_read_with_their_vehicle(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    assert_eq!(stored(&store, None).await, None);
    let signals = [
        value("b", r#"{"value":2}"#, now),
        value("a", r#"{"value":1}"#, now),
    ];
    deliver_report(&store, "e-1", "u-1", now, &signals).await;
    let all = stored(&store, None).await.unwrap();
    assert_eq!(all.reader.as_deref(), Some("u-1"));
    assert_eq!(all.about.make.as_deref(), Some("MAKE"));
    let codes: Vec<&str> = all.signals.iter().map(|s| s.code.as_str()).collect();
    assert_eq!(codes, ["a", "b"]);
    assert_eq!(all.signals[0].name.as_deref(), Some("Name"));
    assert_eq!(all.signals[0].group.as_deref(), Some("Group"));
    let code = SignalCode::parse("b").unwrap();
    let one = store.signal(&vehicle("v-1"), None, &code).await.unwrap();
    let one = one.unwrap();
    assert_eq!(one.signals, all.signals[1..]);
    assert_eq!((one.reader, one.about), (all.reader, all.about));
    let code = SignalCode::parse("c").unwrap();
    let none = store.signal(&vehicle("v-1"), None, &code).await.unwrap();
    assert_eq!(none, None);
}

pub(crate) async fn signal_says_whose_connection_reported_it(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    deliver_report(
        &store,
        "e-1",
        "u-1",
        now,
        &[value("a", r#"{"value":1}"#, now)],
    )
    .await;
    let later = now.after(SECOND);
    read(&store, "u-2", later, &[failure("a", later)]).await;
    let of = stored(&store, Some("u-2")).await.unwrap();
    assert_eq!(of.reader.as_deref(), Some("u-2"));
    let signal = &of.signals[0];
    let users = (
        signal
            .value
            .as_ref()
            .and_then(|value| value.user.as_deref()),
        signal
            .error
            .as_ref()
            .and_then(|error| error.user.as_deref()),
    );
    assert_eq!(users, (Some("u-1"), Some("u-2")));
    // A new owner does not inherit what the one before reported.
    let latest = later.after(SECOND);
    deliver_report(&store, "e-2", "u-3", latest, &[]).await;
    let of = stored(&store, None).await.unwrap();
    assert_eq!(of.reader.as_deref(), Some("u-3"));
    let value = of.signals[0].value.as_ref().unwrap();
    assert_eq!(value.user.as_deref(), Some("u-1"));
}

pub(crate) async fn signals_of_a_read_replace_nothing_that_is_known_of_the_vehicle(
    stage: &Stage<impl Engine>,
) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let about = VehicleAttributes {
        make: Some("OTHER".to_owned()),
        year: Some(2026),
        ..VehicleAttributes::default()
    };
    let (v1, u1) = (vehicle("v-1"), user("u-1"));
    let signals = [value("a", r#"{"value":1}"#, now)];
    store
        .report(&v1, &u1, &report(now, &signals), &about)
        .await
        .unwrap();
    let known = super::vehicles::known(&store).await;
    assert_eq!(known.about.make.as_deref(), Some("OTHER"));
    assert_eq!((known.user_id, known.delivered_at), (None, None));
    // What is delivered does.
    deliver_report(&store, "e-1", "u-1", now, &[]).await;
    store
        .report(&v1, &u1, &report(now, &signals), &about)
        .await
        .unwrap();
    let known = super::vehicles::known(&store).await;
    assert_eq!(known.about.make.as_deref(), Some("MAKE"));
    assert_eq!(known.about.year, Some(2026));
    assert_eq!(known.delivered_at, Some(now));
}

pub(crate) async fn listing_holds_while_what_was_listed_is_the_user_s(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let (v1, u1) = (vehicle("v-1"), user("u-1"));
    deliver_report(&store, "e-1", "u-1", now, &[]).await;
    let signals = ["a", "b"].map(|code| value(code, r#"{"value":1}"#, now));
    read(&store, "u-1", now, &signals).await;
    let listed_at = async |by| stored(&store, by).await.unwrap().listed_at;
    // One of them is not stored.
    store.listed(&v1, &u1, &["a", "c"], now).await.unwrap();
    assert_eq!(listed_at(None).await, None);
    store.listed(&v1, &u1, &["a", "b"], now).await.unwrap();
    assert_eq!(listed_at(None).await, Some(now));
    assert_eq!(listed_at(Some("u-2")).await, None);
    // Another user's word of one of them is the newest.
    let later = now.after(SECOND);
    read(&store, "u-2", later, &[value("a", r#"{"value":2}"#, later)]).await;
    assert_eq!(listed_at(None).await, None);
    let b = value("b", r#"{"value":2}"#, later);
    read(&store, "u-1", later, &[b]).await;
    store.listed(&v1, &u1, &["a", "b"], later).await.unwrap();
    assert_eq!(listed_at(None).await, None);
}

pub(crate) async fn vehicle_that_is_forgotten_takes_its_signals_along(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    deliver_report(
        &store,
        "e-1",
        "u-1",
        now,
        &[value("a", r#"{"value":1}"#, now)],
    )
    .await;
    let v1 = vehicle("v-1");
    store.forget_vehicle(&v1, Some(&user("u-2"))).await.unwrap();
    assert!(stored(&store, None).await.is_some(), "it is another one's");
    store.forget_vehicle(&v1, Some(&user("u-1"))).await.unwrap();
    assert_eq!(stored(&store, None).await, None);
}

pub(crate) async fn reports_of_a_user_are_forgotten_and_others_stay(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let later = now.after(SECOND);
    let body = r#"{"value":1}"#;
    let signals = ["mine", "both"].map(|code| value(code, body, now));
    deliver_report(&store, "e-1", "u-1", now, &signals).await;
    read(
        &store,
        "u-2",
        later,
        &[failure("both", later), value("theirs", body, later)],
    )
    .await;
    let (v1, u2) = (vehicle("v-1"), user("u-2"));
    assert_eq!(store.reported_by(&u2).await.unwrap(), slice::from_ref(&v1));
    store
        .forget_reports(slice::from_ref(&v1), &u2)
        .await
        .unwrap();
    assert_eq!(store.reported_by(&u2).await.unwrap(), []);
    let left = stored(&store, None).await.unwrap();
    let shown = |store: &StoredSignals| {
        let signals = store.signals.iter();
        let parts = signals.map(|s| (s.code.clone(), s.value.is_some(), s.error.is_some()));
        parts.collect::<Vec<_>>()
    };
    let of = |code: &str| (code.to_owned(), true, false);
    assert_eq!(shown(&left), [of("both"), of("mine")]);
    // The owner's go with what is left of the vehicle.
    store.forget_reports(&[v1], &user("u-1")).await.unwrap();
    assert_eq!(stored(&store, None).await, None);
    assert_eq!(
        store.owner(&vehicle("v-1")).await.unwrap(),
        Some(user("u-1"))
    );
}
