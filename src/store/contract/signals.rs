//! Rules of the signals.

use super::{
    Engine, Stage, claimed, configure, deliver_errors, deliver_report, deliver_report_of, error,
    failure, report, sink, user, value, vehicle,
};
use crate::{Outbox, Signals, Vehicles, outbox::SinkConfiguration, signal::StoredSignals};
use smartcar::{Clock, SignalCode, Timestamp, VehicleAttributes, report::SignalReport};
use std::time::Duration;

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
    let found = store.signal(&vehicle("v-1"), None, &code).await.unwrap();
    let one = found.unwrap();
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
    // What was reported last before that time was not listed at it.
    let later = now.after(SECOND);
    read(&store, "u-1", later, &[value("b", r#"{"value":1}"#, later)]).await;
    store.listed(&v1, &u1, &["a", "b"], later).await.unwrap();
    assert_eq!(listed_at(None).await, Some(now));
    // A signal without a value counts too, and the newest listing.
    read(&store, "u-1", later, &[failure("a", later)]).await;
    read(&store, "u-1", later, &[failure("c", later)]).await;
    store
        .listed(&v1, &u1, &["a", "b", "c"], later)
        .await
        .unwrap();
    assert_eq!(listed_at(None).await, Some(later));
    // Another user's word of one of them is the newest.
    let later = later.after(SECOND);
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

/// Code, and whose the value and the error are, of each signal of `v-1`.
async fn shown(store: &impl Signals) -> Vec<(String, Option<String>, Option<String>)> {
    let signals = stored(store, None).await.unwrap().signals.into_iter();
    let parts = signals.map(|signal| {
        let error = signal.error.map(|error| error.user.unwrap());
        (signal.code, signal.value.map(|v| v.user.unwrap()), error)
    });
    parts.collect()
}

fn part(code: &str, value: Option<&str>, error: Option<&str>) -> PartsOf {
    let owned = |user: Option<&str>| user.map(str::to_owned);
    (code.to_owned(), owned(value), owned(error))
}

type PartsOf = (String, Option<String>, Option<String>);

pub(crate) async fn reports_of_a_user_are_forgotten_and_others_stay(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let later = now.after(SECOND);
    let body = r#"{"value":1}"#;
    let signals = ["mine", "both", "ours"].map(|code| value(code, body, now));
    deliver_report(&store, "e-1", "u-1", now, &signals).await;
    let signals = [
        failure("both", later),
        failure("failed", later),
        value("ours", body, later),
        value("theirs", body, later),
    ];
    read(&store, "u-2", later, &signals).await;
    read(&store, "u-1", later, &[failure("ours", later)]).await;
    let (u1, u2) = (Some("u-1"), Some("u-2"));
    let before = [
        part("both", u1, u2),
        part("failed", None, u2),
        part("mine", u1, None),
        part("ours", u2, u1),
        part("theirs", u2, None),
    ];
    assert_eq!(shown(&store).await, before);
    let vehicles = ["v-1".to_owned()];
    store.forget_reports(&vehicles, &user("u-2")).await.unwrap();
    let left = [
        part("both", u1, None),
        part("mine", u1, None),
        part("ours", None, u1),
    ];
    assert_eq!(shown(&store).await, left);
    assert_eq!(store.reported_by(&user("u-2")).await.unwrap(), [""; 0]);
    // What is forgotten is in the way of nothing, however old that is: a sink that wants
    // changes gets it.
    let changes = SinkConfiguration {
        changed_only: 1,
        ..sink("changes")
    };
    configure(&store, &[changes], now).await;
    let due = store.claim("changes", later, 9).await.unwrap();
    let seqs: Vec<i64> = due.iter().map(|event| event.seq).collect();
    store.delivered(&seqs).await.unwrap();
    let older = [value("ours", body, now.before(SECOND))];
    deliver_report(&store, "e-2", "u-1", now, &older).await;
    assert_eq!(shown(&store).await[2], part("ours", u1, u1));
    assert_eq!(claimed(&store, "changes", later, 9).await, ["e-2"]);
    // The owner's go with what is left of the vehicle.
    store.forget_reports(&vehicles, &user("u-1")).await.unwrap();
    assert_eq!(stored(&store, None).await, None);
    assert_eq!(
        store.owner(&vehicle("v-1")).await.unwrap(),
        Some(user("u-1"))
    );
}

pub(crate) async fn reports_of_a_user_are_found_and_forgotten_of_the_vehicles_that_are_named(
    stage: &Stage<impl Engine>,
) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let (u1, signals) = (user("u-1"), [value("a", r#"{"value":1}"#, now)]);
    // A vehicle's id is what Smartcar says.
    let odd = "v/3 \"ü\"\n";
    for (event, id, by) in [
        ("e-1", "v-2", "u-1"),
        ("e-2", odd, "u-1"),
        ("e-3", "v-3", "u-2"),
        ("e-4", "v-4", "u-1"),
    ] {
        deliver_report_of(&store, event, (id, by), now, &signals).await;
    }
    // So are an error beside another's value and an error of the vehicle.
    let failed = [failure("a", now)];
    deliver_report_of(&store, "e-6", ("v-3", "u-4"), now, &failed).await;
    assert_eq!(store.reported_by(&user("u-4")).await.unwrap(), ["v-3"]);
    deliver_errors(&store, "e-5", "u-1", now, &[error("T", "C", false)]).await;
    let found = async || {
        let mut found = store.reported_by(&u1).await.unwrap();
        found.sort();
        found
    };
    assert_eq!(found().await, ["v-1", "v-2", "v-4", odd]);
    assert_eq!(store.reported_by(&user("u-3")).await.unwrap(), [""; 0]);
    let vehicles = ["v-1", "v-2", "v-3", odd].map(str::to_owned);
    store.forget_reports(&vehicles, &u1).await.unwrap();
    assert_eq!(found().await, ["v-4"]);
    assert_eq!(store.reported_by(&user("u-2")).await.unwrap(), ["v-3"]);
}

pub(crate) async fn errors_of_a_vehicle_go_with_the_reports_of_their_user(
    stage: &Stage<impl Engine>,
) {
    let (store, now) = (stage.instance(), stage.clock.now());
    deliver_errors(&store, "e-1", "u-2", now, &[error("THEIRS", "", false)]).await;
    deliver_errors(&store, "e-2", "u-1", now, &[error("MINE", "", false)]).await;
    let vehicles = ["v-1".to_owned()];
    store.forget_reports(&vehicles, &user("u-2")).await.unwrap();
    assert_eq!(store.reported_by(&user("u-2")).await.unwrap(), [""; 0]);
    let open = super::vehicles::known(&store).await.open_errors;
    let open = super::vehicles::names(&open);
    assert_eq!(open, [("MINE".to_owned(), None)]);
    store.forget_reports(&vehicles, &user("u-1")).await.unwrap();
    let open = super::vehicles::known(&store).await.open_errors;
    assert_eq!(open, []);
}
