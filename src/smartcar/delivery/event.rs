//! A delivery, taken apart.

use super::{Envelope, Mode};
use crate::{
    Timestamp,
    cursor::{self, Cursor},
    report::{ErrorReport, Report, SignalReport, VehicleReport},
    signal::Parts,
};
use std::{borrow::Cow, mem};

/// A delivery that is read once: who and what it is about, and what it reports.
///
/// ```
/// use smartcar::{Timestamp, delivery::Event, readable};
///
/// let body = readable(br#"{"eventId":"e-1","data":{"vehicle":{"id":"v-1"},"signals":[
///     {"code":"charge-ischarging","body":{"value":true}}]}}"#);
/// let mut event = Event::read(&body);
/// assert_eq!(event.envelope.vehicle_id.as_deref(), Some("v-1"));
/// let report = event.report(Timestamp(1_783_157_415_000)).unwrap();
/// assert_eq!(report.signals[0].code, "charge-ischarging");
/// ```
#[derive(Default)]
pub struct Event<'a> {
    /// Who and what it is about.
    pub envelope: Envelope<'a>,
    vehicle: VehicleReport<'a>,
    signals: Vec<Parts<'a>>,
    errors: Vec<ErrorReport<'a>>,
}

/// The member `data`.
#[derive(Default)]
struct Data<'a> {
    vehicle_id: Option<Cow<'a, str>>,
    vehicle: VehicleReport<'a>,
    user_id: Option<Cow<'a, str>>,
    signals: Vec<Parts<'a>>,
    errors: Vec<ErrorReport<'a>>,
}

impl<'a> Event<'a> {
    /// Reads the text of a body, which is best [`readable`](crate::readable). A body that
    /// is no JSON object has no fields.
    pub fn read(text: &'a str) -> Self {
        let (mut envelope, mut data) = (Envelope::default(), Data::default());
        if let Some(mut cursor) = Cursor::new(text) {
            cursor.object(&mut |cursor, name| match name {
                "eventId" => envelope.event_id = filled(cursor.value()),
                "eventType" => envelope.event_type = filled(cursor.value()),
                "vehicleId" => envelope.vehicle_id = filled(cursor.value()),
                "meta" => {
                    (envelope.mode, envelope.delivered_at) = (None, None);
                    cursor.object(&mut |cursor, name| match name {
                        "mode" => envelope.mode = filled(cursor.value()).map(mode),
                        "deliveredAt" => envelope.delivered_at = cursor::time(cursor.value()),
                        _ => {}
                    });
                }
                "data" => data = Data::read(cursor),
                _ => {}
            });
        }
        envelope.vehicle_id = data.vehicle_id.or(envelope.vehicle_id);
        envelope.user_id = data.user_id;
        Self {
            envelope,
            vehicle: data.vehicle,
            signals: data.signals,
            errors: data.errors,
        }
    }

    /// What it reports of a vehicle, received at this time. None where it is about no
    /// vehicle, and of a test event, which changes nothing that is known of one.
    /// It is taken out: the next report says nothing.
    pub fn report(&mut self, received_at: Timestamp) -> Option<Report<'a>> {
        let envelope = &self.envelope;
        if envelope.vehicle_id.is_none() || envelope.mode == Some(Mode::Test) {
            return None;
        }
        let mut report = Report::new(envelope.delivered_at, received_at);
        let signals = mem::take(&mut self.signals).into_iter();
        report.signals = signals
            .map(|parts| SignalReport::of(parts, report.reported_at, received_at))
            .collect();
        report.vehicle = mem::take(&mut self.vehicle);
        if envelope.event_type.as_deref() == Some("VEHICLE_ERROR") {
            report.errors = mem::take(&mut self.errors);
        }
        Some(report)
    }
}

impl<'a> Data<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Self {
        let mut data = Self::default();
        cursor.object(&mut |cursor, name| match name {
            "vehicle" => {
                (data.vehicle_id, data.vehicle) = (None, VehicleReport::default());
                cursor.object(&mut |cursor, name| match name {
                    "id" => data.vehicle_id = filled(cursor.value()),
                    name => data.vehicle.note(name, cursor),
                });
            }
            "user" => {
                data.user_id = None;
                cursor.object(&mut |cursor, name| {
                    if name == "id" {
                        data.user_id = filled(cursor.value());
                    }
                });
            }
            "signals" => {
                data.signals.clear();
                cursor.array(&mut |cursor| data.signals.extend(Parts::read(cursor)));
            }
            "errors" => {
                data.errors.clear();
                cursor.array(&mut |cursor| data.errors.extend(ErrorReport::read(cursor)));
            }
            _ => {}
        });
        data
    }
}

/// A text that says something.
fn filled(json: &str) -> Option<Cow<'_, str>> {
    cursor::text(json).filter(|text| !text.is_empty())
}

fn mode(text: Cow<'_, str>) -> Mode {
    if text.eq_ignore_ascii_case("TEST") {
        Mode::Test
    } else {
        Mode::Live
    }
}

impl<'a> Envelope<'a> {
    /// Reads `body`. A body that is no JSON object has no fields.
    pub fn read(body: &'a [u8]) -> Self {
        let text = std::str::from_utf8(body).unwrap_or_default();
        Event::read(text).envelope
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENTED: &str = r#"{"eventId":"e-1","eventType":"VEHICLE_STATE","vehicleId":"v-1",
        "data":{"user":{"id":"u-1"},"vehicle":{"id":"v-1"},"triggers":[],"signals":[]},
        "meta":{"deliveredAt":"2026-06-29T23:55:53Z","mode":"LIVE"}}"#;
    const OBSERVED: &str = r#"{"eventId":"e-1","eventType":"VEHICLE_STATE",
        "data":{"user":{"id":"u-1"},"vehicle":{"id":"v-1","mode":"live"},"signals":[]},
        "triggers":[],"meta":{"deliveredAt":1782777353000}}"#;

    #[test]
    fn event_of_either_layout_reads_the_same() {
        let documented = Envelope::read(DOCUMENTED.as_bytes());
        let observed = Envelope::read(OBSERVED.as_bytes());
        assert_eq!(
            documented,
            Envelope {
                mode: Some(Mode::Live),
                ..observed.clone()
            }
        );
        assert_eq!(observed.event_id.as_deref(), Some("e-1"));
        assert_eq!(observed.event_type.as_deref(), Some("VEHICLE_STATE"));
        assert_eq!(observed.vehicle_id.as_deref(), Some("v-1"));
        assert_eq!(observed.user_id.as_deref(), Some("u-1"));
        assert_eq!(observed.delivered_at, Some(Timestamp(1_782_777_353_000)));
    }

    #[test]
    fn plain_strings_are_borrowed_and_escaped_ones_are_read() {
        let body = r#"{"eventId":"plain","eventType":"\u0041"}"#;
        let envelope = Envelope::read(body.as_bytes());
        assert!(matches!(envelope.event_id, Some(Cow::Borrowed("plain"))));
        assert_eq!(envelope.event_type.as_deref(), Some("A"));
    }

    #[test]
    fn field_of_another_shape_does_not_cost_the_others() {
        let body = r#"{"eventId":"e-1","eventType":7,"vehicleId":["v"],"data":{"vehicle":null,
            "user":{"id":{}}},"meta":{"mode":"Test","deliveredAt":{}}}"#;
        let envelope = Envelope::read(body.as_bytes());
        assert_eq!(envelope.event_id.as_deref(), Some("e-1"));
        assert_eq!(envelope.mode, Some(Mode::Test));
        assert_eq!(
            envelope,
            Envelope {
                event_id: envelope.event_id.clone(),
                mode: Some(Mode::Test),
                ..Default::default()
            }
        );
    }

    #[test]
    fn mode_is_shown_as_smartcar_writes_it() {
        assert_eq!([Mode::Live, Mode::Test].map(Mode::as_str), ["LIVE", "TEST"]);
    }

    #[test]
    fn event_that_is_not_an_object_has_no_fields() {
        for body in ["", "null", "[]", "\"x\"", "{", "{}", "\u{feff}{}"] {
            assert_eq!(
                Envelope::read(body.as_bytes()),
                Envelope::default(),
                "{body}"
            );
        }
        assert_eq!(Envelope::read(&[0xff, 0xfe]), Envelope::default());
    }
}
