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

/// The member `meta`. One page of Smartcar's documentation has it inside `data`
/// (<https://smartcar.com/docs/getting-started/how-to/detect-charging-session>).
#[derive(Default)]
struct Meta<'a> {
    mode: Option<Mode>,
    delivered_at: Option<Result<Timestamp, Impossible>>,
    sequence: Option<u64>,
    application_id: Option<Cow<'a, str>>,
}

/// No delivery was made at a time that was given.
struct Impossible;

/// The member `data`.
#[derive(Default)]
struct Data<'a> {
    meta: Meta<'a>,
    vehicle_id: Option<Cow<'a, str>>,
    vehicle: VehicleReport<'a>,
    user_id: Option<Cow<'a, str>>,
    external_id: Option<Cow<'a, str>>,
    signals: Vec<Parts<'a>>,
    errors: Vec<ErrorReport<'a>>,
}

impl<'a> Event<'a> {
    /// Reads the text of a body, which is best [`readable`](crate::readable). A body that
    /// is no JSON object has no fields.
    pub fn read(text: &'a str) -> Self {
        let (mut envelope, mut data) = (Envelope::default(), Data::default());
        let mut meta = Meta::default();
        if let Some(mut cursor) = Cursor::new(text) {
            cursor.object(&mut |cursor, name| match name {
                "eventId" => envelope.event_id = filled(cursor.value()),
                "eventType" => envelope.event_type = filled(cursor.value()),
                "vehicleId" => envelope.vehicle_id = filled(cursor.value()),
                "meta" => meta = Meta::read(cursor),
                "data" => data = Data::read(cursor),
                _ => {}
            });
        }
        envelope.vehicle_id = data.vehicle_id.or(envelope.vehicle_id);
        envelope.user_id = data.user_id;
        envelope.external_id = data.external_id;
        envelope.mode = meta.mode.or(data.meta.mode);
        envelope.sequence = meta.sequence.or(data.meta.sequence);
        envelope.application_id = meta.application_id.or(data.meta.application_id);
        match meta.delivered_at.or(data.meta.delivered_at) {
            Some(Ok(at)) => envelope.delivered_at = Some(at),
            Some(Err(Impossible)) => envelope.has_impossible_time = true,
            None => {}
        }
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
        let (sequence, signals) = (envelope.sequence, mem::take(&mut self.signals).into_iter());
        report.signals = signals
            .map(|parts| {
                let signal = SignalReport::of(parts, report.reported_at, received_at);
                signal.in_sequence(sequence)
            })
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
                (data.user_id, data.external_id) = (None, None);
                cursor.object(&mut |cursor, name| match name {
                    "id" => data.user_id = filled(cursor.value()),
                    "externalId" => data.external_id = filled(cursor.value()),
                    _ => {}
                });
            }
            "meta" => data.meta = Meta::read(cursor),
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

impl<'a> Meta<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Self {
        let mut meta = Self::default();
        cursor.object(&mut |cursor, name| match name {
            "mode" => meta.mode = filled(cursor.value()).map(mode),
            "deliveredAt" => meta.delivered_at = sent_at(cursor.value()),
            // Earlier names of it.
            "deliveryTimestamp" | "deliveryTime" if meta.delivered_at.is_none() => {
                meta.delivered_at = sent_at(cursor.value());
            }
            "sequence" => meta.sequence = cursor.value().parse().ok(),
            "applicationId" => meta.application_id = filled(cursor.value()),
            _ => {}
        });
        meta
    }
}

/// When an attempt was made. A number that would be a time before 1973 in milliseconds is
/// one of seconds, as one page of Smartcar's documentation has it
/// (<https://smartcar.com/docs/integrations/webhooks/responses>).
fn sent_at(json: &str) -> Option<Result<Timestamp, Impossible>> {
    let mut at = cursor::time(json)?;
    if !json.starts_with('"') && at < Timestamp(100_000_000_000) {
        at = Timestamp(at.0 * 1000);
    }
    Some(if at < EARLIEST {
        Err(Impossible)
    } else {
        Ok(at)
    })
}

/// The beginning of 2020. Smartcar delivers by webhooks since then, so that whoever repeats a
/// delivery that was once made has a later time in it.
const EARLIEST: Timestamp = Timestamp(1_577_836_800_000);

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
    fn time_of_delivery_is_understood_in_each_form() {
        let at = |meta: &str| {
            let body = format!(r#"{{"eventId":"e-1",{meta}}}"#);
            let envelope = Envelope::read(body.as_bytes());
            (
                envelope.delivered_at.map(|at| at.0),
                envelope.has_impossible_time,
            )
        };
        let time = (Some(1_782_777_353_000), false);
        for meta in [
            r#""meta":{"deliveredAt":1782777353000}"#,
            r#""meta":{"deliveredAt":1782777353}"#,
            r#""meta":{"deliveredAt":"2026-06-29T23:55:53Z"}"#,
            r#""meta":{"deliveryTime":1,"deliveredAt":1782777353000}"#,
            r#""meta":{"deliveredAt":1782777353000,"deliveryTime":1}"#,
            r#""meta":{"deliveryTimestamp":1782777353000}"#,
            r#""data":{"meta":{"deliveryTimestamp":"2026-06-29T23:55:53Z"}}"#,
            r#""data":{"meta":{"deliveredAt":1}},"meta":{"deliveredAt":1782777353}"#,
        ] {
            assert_eq!(at(meta), time, "{meta}");
        }
        for meta in [
            r#""meta":{"deliveredAt":1500000000}"#,
            r#""meta":{"deliveredAt":7}"#,
            r#""meta":{"deliveredAt":"2019-12-31T23:59:59Z"}"#,
        ] {
            assert_eq!(at(meta), (None, true), "{meta}");
        }
        // 0 stands for unknown, as for signals.
        for meta in [r#""meta":{"deliveredAt":0}"#, r#""meta":{}"#] {
            assert_eq!(at(meta), (None, false), "{meta}");
        }
    }

    #[test]
    fn event_says_which_application_and_whose_user_it_is_about() {
        let body = r#"{"data":{"user":{"id":"u-1","externalId":"e@x"},"meta":{"mode":"TEST"}},
            "meta":{"sequence":17,"applicationId":"app_1"}}"#;
        let envelope = Envelope::read(body.as_bytes());
        assert_eq!(envelope.external_id.as_deref(), Some("e@x"));
        assert_eq!(envelope.application_id.as_deref(), Some("app_1"));
        assert_eq!(
            (envelope.sequence, envelope.mode),
            (Some(17), Some(Mode::Test))
        );
        let body = r#"{"data":{"user":{"externalId":null}},"meta":{"sequence":"x"}}"#;
        assert_eq!(Envelope::read(body.as_bytes()), Envelope::default());
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
