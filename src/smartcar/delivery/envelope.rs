//! Who and what a delivery is about.

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
    /// The application's own id of the owner, as Connect was given it. It can be an e-mail
    /// address.
    pub external_id: Option<Cow<'a, str>>,
    /// The Smartcar application: `app_…`
    pub application_id: Option<Cow<'a, str>>,
    /// `meta.mode`; an event that does not say is live.
    pub mode: Option<Mode>,
    /// When this attempt was made.
    pub delivered_at: Option<Timestamp>,
    /// Whether a time was given for it at which no delivery can have been made.
    pub has_impossible_time: bool,
    /// Which of two deliveries with the same times is the later one.
    pub sequence: Option<u64>,
}
