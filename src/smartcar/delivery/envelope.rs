//! Who and what a delivery is about.

use super::Event;
use crate::Timestamp;
use std::borrow::Cow;

/// Whether an event is about a real car.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// A car on the road, or a simulated one.
    Live,
    /// Sent by hand from Smartcar's dashboard.
    Test,
}

impl Mode {
    /// As it is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "LIVE",
            Self::Test => "TEST",
        }
    }
}

/// The few fields of a delivery that decide what becomes of it, borrowed from
/// its body.
///
/// Both layouts of Smartcar's events are read. Whatever is missing or of another
/// shape is none: a delivery is never refused for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// The same over all attempts to deliver the event.
    pub event_id: Option<Cow<'a, str>>,
    /// `VEHICLE_STATE`, `VEHICLE_ERROR`, or one that Smartcar adds tomorrow.
    pub event_type: Option<Cow<'a, str>>,
    /// The vehicle.
    pub vehicle_id: Option<Cow<'a, str>>,
    /// The vehicle's owner.
    pub user_id: Option<Cow<'a, str>>,
    /// `meta.mode`; an event that does not say is live.
    pub mode: Option<Mode>,
    /// When this attempt was made.
    pub delivered_at: Option<Timestamp>,
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
    fn both_layouts_tell_the_same() {
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
    fn a_field_of_another_shape_does_not_cost_the_others() {
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
    fn a_mode_is_shown_as_smartcar_writes_it() {
        assert_eq!([Mode::Live, Mode::Test].map(Mode::as_str), ["LIVE", "TEST"]);
    }

    #[test]
    fn what_is_no_object_has_no_fields() {
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
