//! What log lines are about.

/// Declares the enum together with its names and its list, so that neither can
/// leave an event out.
macro_rules! events {
    ($($(#[doc = $doc:literal])+ $event:ident => $name:literal,)+) => {
        /// What a log line is about. OPERATING.md has a row for each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Event {
            $($(#[doc = $doc])+ $event,)+
        }

        impl Event {
            /// Every event.
            pub const ALL: &[Self] = &[$(Self::$event),+];

            /// The value of the field `event`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$event => $name,)+
                }
            }
        }
    };
}

events! {
    /// A signed delivery was stored, or could not be.
    Delivery => "delivery",
    /// Smartcar's challenge was answered.
    Verify => "verify",
    /// Old deliveries could not be removed.
    Sweep => "sweep",
    /// Counters could not be written and are lost.
    Tally => "tally",
    /// Deliveries were accepted from quarantine, or could not be kept or tried.
    Quarantine => "quarantine",
    /// A variable is missing or wrong.
    NotConfigured => "not_configured",
    /// The database could not be read or written.
    Store => "store",
    /// The access token was used.
    Smartcar => "smartcar",
    /// A command ended and its outcome could not be written down.
    ActionNotCompleted => "action_not_completed",
    /// Someone came back from Smartcar Connect.
    Connect => "connect",
    /// An event was passed on to a sink, or could not be.
    Relay => "relay",
    /// A sink answered 410 and is switched off.
    SinkGone => "sink_gone",
    /// An instance has a value of `sinks` that a newer one has replaced.
    SinksOutdated => "sinks_outdated",
}
