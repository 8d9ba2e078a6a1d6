//! What is shown of stored signals, to whom, and how old they are.

use super::*;
use crate::{
    access::callers::Callers,
    testing::{ALL, DAY, SECOND, key},
};
use store::signal::{StoredSignalError, StoredValue};

const NOW: Timestamp = Timestamp(1_700_000_000_000);

const ERROR: &str = r#"{"status":{"value":"ERROR","error":{"type":"X"}},"body":{"value":7}}"#;

fn signal(value: Option<i64>, error: Option<i64>) -> StoredSignal {
    StoredSignal {
        code: "closure-islocked".to_owned(),
        value: value.map(|at| StoredValue {
            body: r#"{"value":1}"#.to_owned(),
            delivered_at: Some(Timestamp(at)),
            ..StoredValue::default()
        }),
        error: error.map(|at| StoredSignalError {
            json: ERROR.to_owned(),
            at: Timestamp(at),
            user: None,
        }),
        ..StoredSignal::default()
    }
}

/// A signal whose value and error were reported so long before [`NOW`].
fn reported(value: Option<Duration>, error: Option<Duration>) -> StoredSignal {
    let at = |ago: Duration| NOW.before(ago).0;
    signal(value.map(at), error.map(at))
}

fn stored(signals: Vec<StoredSignal>, listed_at: Option<Timestamp>) -> Stored {
    Stored {
        vehicle: VehicleId::parse("v-1").unwrap(),
        is_list: listed_at.is_some(),
        stored: StoredSignals {
            signals,
            listed_at,
            ..StoredSignals::default()
        },
    }
}

/// The body of an answer to a key with this scope.
fn shown(stored: &Stored, scope: &str) -> String {
    let keys = serde_json::json!([key(ALL, &[scope])]).to_string();
    let callers = Callers::parse(&keys).unwrap();
    let caller = callers.identify(Some("all-key")).unwrap();
    String::from_utf8(stored.show(caller)).unwrap()
}

/// The attributes and the meta of the one signal.
fn shown_signal(signal: StoredSignal, scope: &str) -> [String; 2] {
    let shown = shown(&stored(vec![signal], None), scope);
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    ["attributes", "meta"].map(|member| shown["data"][member].to_string())
}

#[test]
fn signal_is_in_the_list_where_it_was_reported_then_or_since() {
    let is_in = |value: Option<i64>, error: Option<i64>, listed: Option<i64>| {
        is_in_the_list(&signal(value, error), listed.map(Timestamp), Timestamp(5))
    };
    assert!(is_in(Some(5), None, Some(5)) && is_in(Some(6), None, Some(5)));
    assert!(is_in(None, Some(5), Some(5)) && is_in(Some(1), Some(5), Some(5)));
    assert!(!is_in(Some(4), None, Some(5)) && !is_in(None, Some(4), Some(5)));
    assert!(!is_in(Some(4), Some(3), Some(5)) && !is_in(None, None, Some(5)));
    assert!(is_in(Some(4), None, None) && is_in(None, None, None));
    assert!(is_in(Some(4), None, Some(300_006)) && !is_in(Some(4), None, Some(300_005)));
}

#[test]
fn signal_shows_the_value_and_the_error_of_the_reader_s_own_connection() {
    let shown = |reader: Option<&str>, reporter: Option<&str>, error_reporter: Option<&str>| {
        let mut signal = signal(Some(1), Some(1));
        signal.value.as_mut().unwrap().user = reporter.map(str::to_owned);
        signal.error.as_mut().unwrap().user = error_reporter.map(str::to_owned);
        let is_visible = is_visible(&mut signal, reader);
        is_visible.then_some((signal.value.is_some(), signal.error.is_some()))
    };
    let (a, b) = (Some("a"), Some("b"));
    assert_eq!(shown(a, a, a), Some((true, true)));
    assert_eq!(shown(a, a, b), Some((true, false)));
    assert_eq!(shown(a, b, a), Some((false, true)));
    assert_eq!(shown(a, b, b), None);
    // A vehicle without an owner shows what was reported by no known connection.
    assert_eq!(shown(None, None, None), Some((true, true)));
    assert_eq!(shown(None, a, a), None);
}

#[test]
fn signal_is_as_old_as_its_newest_report() {
    let age = |signal| stored(vec![signal], None).age(NOW);
    let seconds = |seconds| Some(SECOND * seconds);
    assert_eq!(age(reported(seconds(10), None)), SECOND * 10);
    assert_eq!(age(reported(seconds(10), seconds(4))), SECOND * 4);
    assert_eq!(age(reported(seconds(3), seconds(9))), SECOND * 3);
    assert_eq!(age(reported(None, seconds(9))), SECOND * 9);
    let mut unknown = reported(seconds(3), None);
    unknown.value.as_mut().unwrap().delivered_at = None;
    assert_eq!(age(unknown), Duration::MAX);
}

#[test]
fn signal_of_a_clock_that_was_ahead_is_as_old_as_can_be() {
    let age = |ahead| {
        let at = NOW.after(ahead).0;
        stored(vec![signal(Some(at), None)], None).age(NOW)
    };
    assert_eq!(age(CLOCKS_DIFFER), Duration::ZERO);
    assert_eq!(age(CLOCKS_DIFFER + Duration::from_millis(1)), Duration::MAX);
}

#[test]
fn list_is_as_old_as_its_oldest_signal_or_the_listing() {
    let age = |listed_ago| {
        let signals = [10, 20].map(|seconds| reported(Some(SECOND * seconds), None));
        stored(signals.to_vec(), Some(NOW.before(listed_ago))).age(NOW)
    };
    assert_eq!(age(SECOND * 15), SECOND * 15);
    assert_eq!(age(SECOND * 25), SECOND * 20);
}

#[test]
fn list_is_current_for_a_day_and_a_signal_always() {
    let is_current = |listed_ago| {
        let signals = vec![reported(Some(SECOND), None)];
        stored(signals, Some(NOW.before(listed_ago))).is_current(NOW)
    };
    assert!(is_current(DAY) && !is_current(DAY + Duration::from_millis(1)));
    assert!(stored(vec![reported(Some(DAY * 9), None)], None).is_current(NOW));
}

#[test]
fn signal_has_the_shape_of_smartcar_s_api() {
    let mut signal = signal(Some(NOW.0), None);
    signal.name = Some("IsLocked".to_owned());
    signal.group = Some("Closure".to_owned());
    let value = signal.value.as_mut().unwrap();
    value.body = r#"{"value":1.50,"unit":"x"}"#.to_owned();
    value.observed_at = Some(NOW.before(SECOND * 2));
    value.retrieved_at = Some(NOW.before(SECOND));
    let mut one = stored(vec![signal], None);
    one.stored.about = About {
        make: Some("TESLA".to_owned()),
        model: Some("Model 3".to_owned()),
        year: Some(2026),
        powertrain_type: Some("BEV".to_owned()),
        mode: Some("live".to_owned()),
    };
    let expected = concat!(
        r#"{"data":{"id":"closure-islocked","type":"signal","attributes":{"#,
        r#""code":"closure-islocked","name":"IsLocked","group":"Closure","#,
        r#""status":{"value":"SUCCESS"},"body":{"value":1.50,"unit":"x"}},"#,
        r#""meta":{"ingestedAt":"2023-11-14T22:13:20.000Z","retrievedAt":"2023-11-14T22:13:19.000Z","#,
        r#""oemUpdatedAt":"2023-11-14T22:13:18.000Z"},"#,
        r#""links":{"self":"/v3/vehicles/v-1/signals/closure-islocked"}},"#,
        r#""included":{"vehicle":{"id":"v-1","type":"vehicle","attributes":{"make":"TESLA","#,
        r#""model":"Model 3","year":2026,"powertrainType":"BEV","mode":"live"},"#,
        r#""links":{"self":"/v3/vehicles/v-1"}}}}"#
    );
    assert_eq!(shown(&one, "*"), expected);
}

#[test]
fn list_has_the_shape_of_smartcar_s_api() {
    let signals = vec![signal(Some(NOW.0), None), signal(Some(NOW.0), None)];
    let list = shown(&stored(signals, Some(NOW)), "*");
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["data"].as_array().unwrap().len(), 2);
    let meta = serde_json::json!({"pageNumber": 1, "pageSize": 2, "totalCount": 2});
    assert_eq!(list["meta"], meta);
    let page = "/v3/vehicles/v-1/signals";
    let links = serde_json::json!(
        {"self": page, "first": page, "last": page, "prev": null, "next": null});
    assert_eq!(list["links"], links);
    assert_eq!(
        list["included"]["vehicle"]["attributes"]["make"],
        serde_json::Value::Null
    );
}

#[test]
fn signal_error_is_shown_where_it_is_newer_than_the_value() {
    let status = |value, error| {
        let [attributes, meta] = shown_signal(signal(value, error), "*");
        assert!(attributes.contains(r#""body":{"value":1}"#), "{attributes}");
        assert!(meta.contains("1970-01-01T00:00:01.000Z"), "{meta}");
        attributes.contains(r#""status":{"error":{"type":"X"},"value":"ERROR"}"#)
    };
    assert!(status(Some(1000), Some(1001)));
    assert!(!status(Some(1000), Some(1000)) && !status(Some(1000), Some(999)));
}

#[test]
fn signal_error_is_shown_with_the_old_value_that_came_with_it() {
    let [attributes, meta] = shown_signal(signal(None, Some(1000)), "*");
    assert!(attributes.contains(r#""body":{"value":7}"#), "{attributes}");
    assert!(attributes.contains(r#""type":"X""#), "{attributes}");
    assert_eq!(meta, r#"{"ingestedAt":"1970-01-01T00:00:01.000Z"}"#);
}

#[test]
fn signal_without_its_scope_shows_neither_value_nor_error_nor_time() {
    for hidden in [
        signal(Some(1), None),
        signal(None, Some(1)),
        signal(Some(1), Some(2)),
    ] {
        let [attributes, meta] = shown_signal(hidden, "read_battery");
        assert!(attributes.contains("MISSING_SCOPE"), "{attributes}");
        assert!(
            !attributes.contains("body") && !attributes.contains(r#""X""#),
            "{attributes}"
        );
        assert_eq!(meta, "{}");
    }
}
