//! The component that takes events for sinks.

use smartcar::Timestamp;

/// An event on its way to a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// The same however often the event is sent.
    pub(crate) id: String,
    /// The sink that it is for, by its name in the configuration.
    pub(crate) sink: String,
    /// For example `VEHICLE_STATE`.
    pub(crate) event_type: String,
    /// Sent by hand from Smartcar's dashboard.
    pub(crate) is_test: bool,
    /// The vehicle that it is about.
    pub(crate) vehicle_id: Option<String>,
    /// The owner of the vehicle.
    pub(crate) user_id: Option<String>,
    /// When it was received.
    pub(crate) received_at: Timestamp,
    /// The number of this attempt, from 1.
    pub(crate) attempt: u32,
    /// The body, byte for byte.
    pub(crate) body: Vec<u8>,
}

/// Why a sink did not take an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SinkError {
    /// The sink does not take the event now.
    Unavailable {
        /// For how many seconds the sink wants nothing, if it says so.
        retry_after: Option<u32>,
        /// What went wrong.
        detail: String,
    },
    /// The sink never takes this event.
    Rejected(String),
    /// The sink takes no events any more.
    Gone(String),
}

/// Takes events for all sinks.
pub(crate) trait Sinks: 'static {
    /// Has a sink take an event.
    async fn deliver(&self, event: Event) -> Result<(), SinkError>;
}
