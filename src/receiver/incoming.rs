//! What is read of a delivery.

use memchr::memmem;
use sha2::{Digest, Sha256};
use smartcar::{
    Timestamp,
    delivery::{Envelope, Event, Mode, Verified},
    report::Report,
};
use std::borrow::Cow;
use store::delivery::Delivery;

/// The type of an event that does not name one.
const UNKNOWN: &str = "UNKNOWN";

/// A delivery that Smartcar signed, read.
pub(crate) struct Incoming<'a> {
    /// The same over all attempts to deliver the event.
    pub(crate) event_id: Cow<'a, str>,
    envelope: Envelope<'a>,
    verified: Verified<'a>,
    received_at: Timestamp,
}

impl<'a> Incoming<'a> {
    /// The delivery that `event` was read from.
    pub(crate) fn new(event: Event<'a>, verified: Verified<'a>, received_at: Timestamp) -> Self {
        let envelope = event.envelope;
        let event_id = match &envelope.event_id {
            Some(id) => id.clone(),
            // What Smartcar signed is kept even where we cannot read it; a retry has
            // the same id as long as it has the same bytes.
            None => format!("sha256:{}", hex::encode(Sha256::digest(verified.body()))).into(),
        };
        Self {
            event_id,
            envelope,
            verified,
            received_at,
        }
    }

    /// For example `VEHICLE_STATE`.
    pub(crate) fn event_type(&self) -> &str {
        self.envelope.event_type.as_deref().unwrap_or(UNKNOWN)
    }

    pub(crate) fn vehicle_id(&self) -> Option<&str> {
        self.envelope.vehicle_id.as_deref()
    }

    pub(crate) fn application_id(&self) -> Option<&str> {
        self.envelope.application_id.as_deref()
    }

    pub(crate) fn mode(&self) -> Mode {
        mode(&self.envelope)
    }

    /// Which of the management tokens signed it, counted from 0.
    pub(crate) fn token(&self) -> usize {
        self.verified.token()
    }

    /// The delivery as it is stored, with what it reports.
    pub(crate) fn delivery<'b>(&'b self, report: Option<&'b Report<'b>>) -> Delivery<'b> {
        Delivery {
            event_id: &self.event_id,
            event_type: self.event_type(),
            mode: self.mode(),
            vehicle_id: self.vehicle_id(),
            user_id: self.envelope.user_id.as_deref(),
            delivered_at: self.envelope.delivered_at,
            received_at: self.received_at,
            body: self.verified.body(),
            report,
        }
    }
}

/// The mode of an event: one that does not say is live.
pub(crate) fn mode(envelope: &Envelope<'_>) -> Mode {
    envelope.mode.unwrap_or(Mode::Live)
}

/// What a forgery claims to be: it tells a wrong token from an attack. It is not
/// worth being read as JSON for that.
pub(crate) fn claimed_mode(body: &[u8]) -> Mode {
    let is_test = memmem::find_iter(body, b"\"mode\"").any(|at| {
        let rest = body.get(at + 6..).unwrap_or_default().trim_ascii_start();
        let value = rest
            .strip_prefix(b":")
            .unwrap_or_default()
            .trim_ascii_start();
        value.starts_with(b"\"TEST\"")
    });
    if is_test { Mode::Test } else { Mode::Live }
}

/// As much of a name as a log line or a counter needs.
pub(crate) fn short(name: &str) -> &str {
    match name.char_indices().nth(128) {
        Some((end, _)) => name.get(..end).unwrap_or(name),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgery_is_counted_as_what_it_claims_to_be() {
        for test in [
            r#"{"meta":{"mode":"TEST"}}"#,
            "{\"meta\": {\"mode\" :\n \"TEST\"}}",
        ] {
            assert_eq!(claimed_mode(test.as_bytes()), Mode::Test, "{test}");
        }
        for live in [
            "",
            "\"mode\"",
            r#"{"make":"TEST","mode":"live"}"#,
            r#"{"meta":{"mode":"LIVE"}}"#,
        ] {
            assert_eq!(claimed_mode(live.as_bytes()), Mode::Live, "{live}");
        }
    }

    #[test]
    fn name_is_cut_between_characters() {
        let long = "ü".repeat(129);
        assert_eq!(short(&long), "ü".repeat(128));
        assert_eq!(short(&long[2..]), &long[2..]);
        assert_eq!(short(""), "");
    }
}
