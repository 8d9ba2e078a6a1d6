//! Reports of a vehicle, as they reach the database: plain rows in one parameter.
//!
//! One statement takes whole batches of deliveries, each with any number of signals.
//! So the rows of a report go as one JSON text of our own, arrays whose places the
//! triggers of `migrations/0006-….sql` know. What Smartcar wrote stands in it as it was
//! written, and the database looks for nothing in there.

use serde::Serialize;
use smartcar::{
    Timestamp,
    report::{Content, Report},
};

/// Where the signals of an answer of Smartcar's API go: of the vehicle `?1`, asked for
/// on behalf of the user `?2`, as the [`rows`] `?3`. The trigger of the view keeps the
/// newest of each, as it does for deliveries.
pub(super) const REPORT: &str = "INSERT INTO reported (vehicle_id, user_id, is_delivered, report)
    VALUES (?1, ?2, 0, ?3)";

/// The rows of a report:
/// `[reportedAt, [make, model, year, powertrainType, mode], [value, …], [failed, …], [error, …],
/// receivedAt]`, a value as `[code, name, group, body, observedAt, retrievedAt, rank]`, a signal without
/// one as `[code, name, group, error]`, a vehicle's error as `[type, code, isResolved, error]`.
pub(super) fn rows(report: &Report<'_>) -> String {
    let mut rows = Rows(Vec::with_capacity(2048));
    let vehicle = &report.vehicle;
    rows.open();
    rows.time(Some(report.reported_at));
    rows.open();
    rows.text(vehicle.make.as_deref());
    rows.text(vehicle.model.as_deref());
    rows.number(vehicle.year.map(i64::from));
    rows.text(vehicle.powertrain_type.as_deref());
    rows.text(vehicle.mode.as_deref());
    rows.close();
    rows.open();
    for signal in &report.signals {
        if let Content::Value(body) = signal.content {
            rows.open();
            rows.text(Some(&signal.code));
            rows.text(signal.name.as_deref());
            rows.text(signal.group.as_deref());
            rows.json(body);
            rows.time(signal.observed_at);
            rows.time(signal.retrieved_at);
            rows.text(Some(&signal.rank.text()));
            rows.close();
        }
    }
    rows.close();
    rows.open();
    for signal in &report.signals {
        if let Content::Error(error) = &signal.content {
            rows.open();
            rows.text(Some(&signal.code));
            rows.text(signal.name.as_deref());
            rows.text(signal.group.as_deref());
            rows.json(error);
            rows.close();
        }
    }
    rows.close();
    rows.open();
    for error in &report.errors {
        rows.open();
        rows.text(Some(&error.kind));
        rows.text(Some(&error.code));
        rows.number(Some(i64::from(error.is_resolved)));
        rows.json(error.json);
        rows.close();
    }
    rows.close();
    rows.time(Some(report.received_at));
    rows.close();
    // Of texts comes a text.
    String::from_utf8(rows.0).unwrap_or_default()
}

/// JSON that is being put together.
struct Rows(Vec<u8>);

impl Rows {
    /// Separates an element from the one before it.
    fn next(&mut self) {
        if !matches!(self.0.last(), None | Some(b'[')) {
            self.0.push(b',');
        }
    }

    fn open(&mut self) {
        self.next();
        self.0.push(b'[');
    }

    fn close(&mut self) {
        self.0.push(b']');
    }

    fn json(&mut self, json: &str) {
        self.next();
        self.0.extend_from_slice(json.as_bytes());
    }

    fn element(&mut self, element: impl Serialize) {
        self.next();
        // Serialising into memory does not fail.
        let _ = serde_json::to_writer(&mut self.0, &element);
    }

    fn number(&mut self, number: Option<i64>) {
        self.element(number);
    }

    fn time(&mut self, time: Option<Timestamp>) {
        self.element(time);
    }

    fn text(&mut self, text: Option<&str>) {
        self.element(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smartcar::delivery::Event;

    #[test]
    fn rows_are_json_whose_places_are_the_columns() {
        let body = r#"{"eventType":"VEHICLE_ERROR","meta":{"deliveredAt":1790000000000},"data":{
            "vehicle":{"id":"v-1","make":"M\"","year":2026},
            "errors":[{"type":"T","code":null,"state":"RESOLVED"}],
            "signals":[{"code":"a","group":"G","body":{"value": 1.5},"meta":{"oemUpdatedAt":7}},
                {"code":"b","status":{"value":"ERROR"}}]}}"#;
        let report = Event::read(body)
            .report(Timestamp(1_800_000_000_000))
            .unwrap();
        let read: serde_json::Value = serde_json::from_str(&rows(&report)).unwrap();
        let expected = serde_json::json!([
            1_790_000_000_000_i64,
            ["M\"", null, 2026, null, null],
            [[
                "a",
                null,
                "G",
                {"value": 1.5},
                7,
                null,
                "01a0c4506c0000000000000701a0c4506c00"
            ]],
            [[
                "b",
                null,
                null,
                {"status": {"value": "ERROR"}, "body": null}
            ]],
            [[
                "T",
                "",
                1,
                {"type": "T", "code": null, "state": "RESOLVED"}
            ]],
            1_800_000_000_000_i64,
        ]);
        assert_eq!(read, expected);
    }
}
