//! The rules of what a report means and of which one counts.

use super::*;
use crate::delivery::Event;
use proptest::prelude::*;
use serde_json::{Value, json};

/// When everything here is received, unless a test says otherwise.
const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn delivery(delivered_at: i64, signals: &Value) -> String {
    json!({
        "eventType": "VEHICLE_STATE",
        "data": {"vehicle": {"id": "v-1"}, "signals": signals},
        "meta": {"deliveredAt": delivered_at},
    })
    .to_string()
}

fn percent(value: i64, meta: &Value) -> Value {
    json!({"code": "tractionbattery-stateofcharge", "body": {"value": value}, "meta": meta})
}

fn codes(report: &Report<'_>) -> Vec<String> {
    let codes = report.signals.iter();
    codes.map(|signal| signal.code.to_string()).collect()
}

/// What is left of reports of one signal, taken in this order.
fn left<'a>(reports: &[&'a SignalReport<'a>]) -> [Option<&'a SignalReport<'a>>; 2] {
    let mut left = [None, None];
    for &report in reports {
        let place = usize::from(matches!(report.content, Content::Error(_)));
        let kept: &mut Option<&SignalReport<'_>> = &mut left[place];
        if kept.is_none_or(|kept| report.key() > kept.key()) {
            *kept = Some(report);
        }
    }
    left
}

fn permutations(order: &mut [usize], from: usize, each: &mut impl FnMut(&[usize])) {
    if from == order.len() {
        return each(order);
    }
    for other in from..order.len() {
        order.swap(from, other);
        permutations(order, from + 1, each);
        order.swap(from, other);
    }
}

#[test]
fn reports_in_each_of_720_orders_end_in_the_same_state() {
    let failed = json!([{"code": "tractionbattery-stateofcharge", "status": {"value": "ERROR"},
        "body": {"value": 99}, "meta": {"oemUpdatedAt": 999, "retrievedAt": 999}}]);
    let bodies = [
        delivery(
            10,
            &json!([percent(
                50,
                &json!({"oemUpdatedAt": 100, "retrievedAt": 200})
            )]),
        ),
        delivery(
            20,
            &json!([percent(
                51,
                &json!({"oemUpdatedAt": 100, "retrievedAt": 210})
            )]),
        ),
        delivery(
            30,
            &json!([percent(
                52,
                &json!({"oemUpdatedAt": 90, "retrievedAt": 220})
            )]),
        ),
        delivery(
            30,
            &json!([percent(
                53,
                &json!({"oemUpdatedAt": 90, "retrievedAt": 220})
            )]),
        ),
        delivery(
            40,
            &json!([percent(54, &json!({"oemUpdatedAt": 0, "retrievedAt": 99}))]),
        ),
        delivery(50, &failed),
    ];
    let reports: Vec<_> = bodies
        .iter()
        .map(|body| Event::read(body).report(NOW).unwrap().signals.remove(0))
        .collect();
    let mut count = 0;
    permutations(&mut [0, 1, 2, 3, 4, 5], 0, &mut |order| {
        let order: Vec<_> = order.iter().map(|index| &reports[*index]).collect();
        let [value, error] = left(&order);
        assert_eq!(value.unwrap().content, Content::Value(r#"{"value":53}"#));
        assert_eq!(
            error,
            Some(&reports[5]),
            "an error is kept beside the value"
        );
        count += 1;
    });
    assert_eq!(count, 720);
}

#[test]
fn value_without_a_time_of_observation_is_replaced_by_a_later_retrieval() {
    // 10:00, observed at an unknown time; from 10:10 on observed at 9:00: the car sleeps.
    let at = |hour: i64, minute: i64| 1_799_900_000_000 + (hour * 60 + minute) * 60_000;
    for unknown in [json!(0), Value::Null, json!(NOW.0 + 86_400_000)] {
        let first = percent(
            1,
            &json!({"oemUpdatedAt": unknown, "retrievedAt": at(10, 0)}),
        );
        let first = delivery(at(10, 0), &json!([first]));
        let second = percent(
            2,
            &json!({"oemUpdatedAt": at(9, 0), "retrievedAt": at(10, 10)}),
        );
        let second = delivery(at(10, 10), &json!([second]));
        let [first, second] =
            [&first, &second].map(|body| Event::read(body).report(NOW).unwrap().signals.remove(0));
        assert!(first.key() < second.key());
    }
}

#[test]
fn time_from_the_future_is_no_time() {
    let ahead = NOW.after(SKEW).0 + 1;
    let body = delivery(
        ahead,
        &json!([percent(
            1,
            &json!({"oemUpdatedAt": ahead, "retrievedAt": ahead})
        )]),
    );
    let report = Event::read(&body).report(NOW).unwrap();
    assert_eq!(report.reported_at, NOW);
    assert_eq!(
        (
            report.signals[0].observed_at,
            report.signals[0].retrieved_at
        ),
        (None, None)
    );
    let within = NOW.after(SKEW).0;
    let body = delivery(
        within,
        &json!([percent(1, &json!({"oemUpdatedAt": within}))]),
    );
    let report = Event::read(&body).report(NOW).unwrap();
    assert_eq!(report.reported_at.0, within);
    assert_eq!(report.signals[0].observed_at, Some(Timestamp(within)));
}

#[test]
fn report_reads_both_ways_of_writing_a_time_and_both_names() {
    let signal = |meta: Value| {
        let body = delivery(77, &json!([percent(1, &meta)]));
        let report = Event::read(&body).report(NOW).unwrap();
        let signal = &report.signals[0];
        (
            signal.observed_at.map(|at| at.0),
            signal.retrieved_at.map(|at| at.0),
        )
    };
    let iso =
        json!({"oemUpdatedAt": "2026-06-29T23:55:53.250Z", "retrievedAt": 1_782_777_354_000_i64});
    assert_eq!(
        signal(iso),
        (Some(1_782_777_353_250), Some(1_782_777_354_000))
    );
    let other = json!({"oemUpdatedAt": 0, "fetchedAt": "2026-06-29T23:55:53Z"});
    assert_eq!(signal(other), (None, Some(1_782_777_353_000)));
    let odd = json!({"oemUpdatedAt": "soon", "retrievedAt": 1e300, "fetchedAt": {}});
    assert_eq!(signal(odd), (None, None));
    assert_eq!(signal(json!([])), (None, None));
}

#[test]
fn malformed_signal_costs_no_sibling() {
    let body = r#"{"data":{"vehicle":{"id":"v-1"},"signals":[
        7, null, "text", [], {}, 1e999, {"code":7}, {"code":"x","body":7}, {"code":"y","body":null},
        {"code":"big","body":{"value":1e999}}, {"code":"a","code":"twice","body":{"a":1},"body":{"a":2}},
        {"code":"good","name":7,"group":null,"body":{"value":42}}]}}"#;
    let report = Event::read(body).report(NOW).unwrap();
    assert_eq!(codes(&report), ["x", "y", "big", "twice", "good"]);
    let values: Vec<_> = report
        .signals
        .iter()
        .map(|signal| &signal.content)
        .collect();
    let error = |body: &str| Content::Error(format!(r#"{{"status":null,"body":{body}}}"#));
    assert_eq!(
        values,
        [
            &error("7"),
            &error("null"),
            &Content::Value(r#"{"value":1e999}"#),
            &Content::Value(r#"{"a":2}"#),
            &Content::Value(r#"{"value":42}"#),
        ]
    );
}

#[test]
fn signal_that_is_nested_too_deep_costs_no_sibling() {
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let body = format!(
        r#"{{"vehicleId":"v-1","data":{{"signals":[{{"code":"a","status":{deep},"body":{{"value":{deep}}}}},
        {{"code":"b","body":{{"value":1}}}}]}}}}"#
    );
    let report = Event::read(&body).report(NOW).unwrap();
    let contents: Vec<_> = report
        .signals
        .iter()
        .map(|signal| &signal.content)
        .collect();
    let error = Content::Error(r#"{"status":null,"body":null}"#.to_owned());
    assert_eq!(contents, [&error, &Content::Value(r#"{"value":1}"#)]);
}

#[test]
fn half_a_surrogate_pair_costs_nothing_but_itself() {
    let body = br#"{"eventId":"e-1","data":{"vehicle":{"id":"v-1","model":"a\u0000b"},"signals":[
        {"code":"vehicleidentification-nickname","body":{"value":"Flitzer \ud83d"}},
        {"code":"odometer-traveleddistance","body":{"value":7}}]}}"#;
    let text = crate::readable(body);
    let report = Event::read(&text).report(NOW).unwrap();
    assert_eq!(report.vehicle.model.as_deref(), Some("a\u{fffd}b"));
    let values: Vec<_> = report
        .signals
        .iter()
        .map(|signal| &signal.content)
        .collect();
    assert_eq!(
        values,
        [
            &Content::Value(r#"{"value":"Flitzer \ufffd"}"#),
            &Content::Value(r#"{"value":7}"#)
        ]
    );
}

#[test]
fn test_event_reports_nothing_and_neither_does_one_about_no_vehicle() {
    for body in [
        r#"{"data":{"vehicle":{"id":"v-1"}},"meta":{"mode":"TEST"}}"#,
        r#"{"data":{"signals":[]}}"#,
        "",
        "[]",
        r#"{"data":1e999}"#,
    ] {
        assert_eq!(Event::read(body).report(NOW), None, "{body}");
    }
    for body in [
        r#"{"vehicleId":"v-1"}"#,
        r#"{"vehicleId":"v-1","data":7}"#,
        r#"{"vehicleId":"v-1","data":{"signals":{"a":{}},"vehicle":[],"errors":7}}"#,
        r#"{"vehicleId":"v-1","data":{"vehicle":{"year":99999999999999999999,"make":{}}}}"#,
    ] {
        let report = Event::read(body).report(NOW).unwrap();
        assert_eq!(report, Report::new(None, NOW), "{body}");
    }
}

#[test]
fn error_of_a_vehicle_is_read_of_events_that_are_about_errors() {
    let errors = r#""errors":[{"type":"VEHICLE_STATE","code":"UNREACHABLE","state":"RESOLVED"},
        {"type":"PERMISSION","code":null,"state":"ERROR","signals":["A.B",{"code":"c"}]},
        {"code":"no type"},7,null]"#;
    let body = |kind: &str| {
        format!(r#"{{"eventType":"{kind}","data":{{"vehicle":{{"id":"v-1"}},{errors}}}}}"#)
    };
    let text = body("VEHICLE_ERROR");
    let report = Event::read(&text).report(NOW).unwrap();
    let read: Vec<_> = report
        .errors
        .iter()
        .map(|error| (&*error.kind, &*error.code, error.is_resolved))
        .collect();
    assert_eq!(
        read,
        [
            ("VEHICLE_STATE", "UNREACHABLE", true),
            ("PERMISSION", "", false)
        ]
    );
    let text = body("VEHICLE_STATE");
    assert!(Event::read(&text).report(NOW).unwrap().errors.is_empty());
}

#[test]
fn answer_of_the_api_reports_as_a_delivery_does() {
    let flat =
        r#"{"code":"a-b","name":"B","group":"A","status":{"value":"ERROR"},"body":{"value":1}}"#;
    let api = r#"{"id":"a-b","type":"signal","attributes":{"code":"a-b","name":"B","group":"A",
        "status":{"value":"ERROR"},"body":{"value":1}},"links":{}}"#;
    let read = |json: &str| {
        let json: Box<serde_json::value::RawValue> = serde_json::from_str(json).unwrap();
        let report = SignalReport::read(&json, NOW, NOW).unwrap();
        (report.code.into_owned(), report.content.clone_owned())
    };
    assert_eq!(read(flat), read(api));
}

impl Content<'_> {
    fn clone_owned(&self) -> String {
        match self {
            Self::Value(body) => (*body).to_owned(),
            Self::Error(json) => json.clone(),
        }
    }
}

/// A time that is missing, 0, right, or of a clock that is ahead.
fn time() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!(0)),
        Just(json!(NOW.0 + 86_400_000)),
        (1..20_i64).prop_map(|at| json!(BASE + at)),
    ]
}

/// A time at which something can have been delivered.
const BASE: i64 = 1_600_000_000_000;

#[test]
fn report_of_the_later_delivery_counts_where_all_times_are_the_same() {
    let meta = json!({"oemUpdatedAt": 5, "retrievedAt": 5});
    let numbered = |value: i64, sequence: &str| {
        let body = delivery(BASE, &json!([percent(value, &meta)]));
        body.replace(
            r#""meta":{"deliveredAt""#,
            &format!(r#""meta":{{{sequence}"deliveredAt""#),
        )
    };
    let bodies = [
        numbered(9, ""),
        numbered(8, r#""sequence":9,"#),
        numbered(7, r#""sequence":10,"#),
    ];
    let reports = bodies
        .iter()
        .map(|body| Event::read(body).report(NOW).unwrap().signals.remove(0));
    let ranks: Vec<_> = reports.map(|report| report.rank).collect();
    assert!(ranks.is_sorted_by(|one, next| one < next), "{ranks:?}");
}

proptest! {
    #[test]
    fn reports_with_and_without_each_time_end_in_the_same_state_in_every_order(
        reported in proptest::collection::vec((0..3_i64, time(), time(), 1..20_i64), 4)
    ) {
        let bodies: Vec<_> = reported
            .iter()
            .map(|(value, observed, retrieved, delivered)| {
                let meta = json!({"oemUpdatedAt": observed, "retrievedAt": retrieved});
                delivery(BASE + *delivered, &json!([percent(*value, &meta)]))
            })
            .collect();
        let reports: Vec<_> = bodies
            .iter()
            .map(|body| Event::read(body).report(NOW).unwrap().signals.remove(0))
            .collect();
        let newest = reports.iter().max_by_key(|report| report.key().0).unwrap();
        permutations(&mut [0, 1, 2, 3], 0, &mut |order| {
            let order: Vec<_> = order.iter().map(|index| &reports[*index]).collect();
            let [value, _] = left(&order);
            assert_eq!(value.unwrap().rank, newest.rank);
            assert_eq!(value.unwrap().key(), left(&[&reports[0], &reports[1], &reports[2], &reports[3]])[0].unwrap().key());
        });
    }

    #[test]
    fn later_retrieval_is_never_shut_out_by_a_time_that_is_missing_or_wrong(
        observed in time(), retrieved in time(), delivered in 1..20_i64, late_observed in time()
    ) {
        let meta = json!({"oemUpdatedAt": observed, "retrievedAt": retrieved});
        let earlier = delivery(BASE + delivered, &json!([percent(1, &meta)]));
        // Later than everything that the other says and that can be.
        let meta = json!({"oemUpdatedAt": late_observed, "retrievedAt": BASE + 20});
        let later = delivery(BASE + 21, &json!([percent(0, &meta)]));
        let [earlier, later] = [&earlier, &later].map(|body| {
            Event::read(body).report(NOW).unwrap().signals.remove(0)
        });
        prop_assert!(later.key() > earlier.key());
    }
}
