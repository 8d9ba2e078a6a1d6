//! Events that are still to be passed on to sinks.

use crate::StoreError;
use smartcar::Timestamp;
use std::time::Duration;

/// A row whose sender is gone can be claimed again after this: longer than a sink has for
/// its answer.
pub const LEASE: Duration = Duration::from_secs(60);

/// After this an event is not sent any more by itself.
pub const LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest that a sink is paused, whatever it asks for: one that has asked for too
/// much by mistake is heard again. A pause that ends later was set by a clock that was
/// ahead, and is over.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// An event that was claimed for a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The row, in the order of receipt.
    pub seq: i64,
    /// The event.
    pub event_id: String,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// The vehicle that it is about.
    pub vehicle_id: Option<String>,
    /// For example `VEHICLE_STATE`.
    pub event_type: String,
    /// Sent by hand from Smartcar's dashboard.
    pub is_test: bool,
    /// The owner of the vehicle.
    pub user_id: Option<String>,
    /// When it was received.
    pub received_at: Timestamp,
    /// Since when it is to be sent: since it was received, or replayed.
    pub since: Timestamp,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

/// What becomes of a row that the sink did not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The row.
    pub seq: i64,
    /// The attempt that it is about: an earlier one changes nothing.
    pub attempt: u32,
    /// When it is due again.
    pub due_at: Timestamp,
    /// Of the attempt.
    pub error: String,
    /// It is a dead letter from now on.
    pub is_dead: bool,
}

/// What a run of the relay did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub struct RunReport {
    /// Events that no sink is sent any more by itself.
    pub dead: usize,
    /// Events that a sink took.
    pub delivered: usize,
    /// Events that are sent again later.
    pub kept: usize,
    /// Sinks that were neither off nor paused.
    pub ready: usize,
    /// Sinks that are configured.
    pub sinks: usize,
}

impl std::ops::AddAssign for RunReport {
    fn add_assign(&mut self, other: Self) {
        self.dead += other.dead;
        self.delivered += other.delivered;
        self.kept += other.kept;
        self.ready += other.ready;
        self.sinks += other.sinks;
    }
}

/// How a sink fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SinkFigures {
    /// Its name; none for all sinks that there will be, before the relay has ever run.
    pub sink: Option<String>,
    /// Why it was switched off.
    pub switched_off: Option<String>,
    /// Until when it is left alone.
    pub paused_until: Option<Timestamp>,
    /// How many events wait.
    pub waiting: i64,
    /// How many are dead letters.
    pub dead_letters: i64,
    /// Since when the oldest of those that wait does.
    pub oldest_at: Option<Timestamp>,
}

/// The outbox. Events of a vehicle reach a sink in the order of receipt, one at a time;
/// a sink that is switched off or paused is sent nothing.
#[allow(
    async_fn_in_trait,
    reason = "a component has one thread, so no future needs to be Send"
)]
pub trait Outbox {
    /// The sinks that can be sent something.
    async fn ready_sinks(&self, now: Timestamp) -> Result<Vec<String>, StoreError>;

    /// Claims up to so many events that are due at a sink, for [`LEASE`]: no other run
    /// sends them meanwhile. One whose last attempt ended without a word comes alone:
    /// should it end its instance again, it takes no other event with it.
    async fn claim(&self, sink: &str, now: Timestamp, most: usize) -> Result<Vec<Due>, StoreError>;

    /// Removes rows that were delivered.
    async fn delivered(&self, seqs: &[i64]) -> Result<(), StoreError>;

    /// Keeps rows that were not.
    async fn keep(&self, kept: &[Kept], now: Timestamp) -> Result<(), StoreError>;

    /// Counts the failures in a row of a sink from 0 again.
    async fn sink_works(&self, sink: &str) -> Result<(), StoreError>;

    /// Counts failures in a row of a sink, and returns how many there are by now.
    async fn sink_fails(&self, sink: &str, more: i64) -> Result<i64, StoreError>;

    /// Sends nothing to a sink for so long, [`LONGEST_PAUSE`] at most. Of two pauses the
    /// longer one holds.
    async fn pause_sink(
        &self,
        sink: &str,
        now: Timestamp,
        time: Duration,
    ) -> Result<(), StoreError>;

    /// Sends nothing to a sink any more, until it is configured again.
    async fn switch_off(&self, sink: &str, why: &str) -> Result<(), StoreError>;

    /// The sinks that are configured.
    async fn sinks(&self) -> Result<Vec<String>, StoreError>;

    /// The sinks that were left out and that events still wait for.
    async fn left_out_sinks(&self) -> Result<Vec<String>, StoreError>;

    /// Makes dead letters of up to so many events that wait for a sink for [`LIFE`], the
    /// oldest first. Returns whether there were any.
    async fn expire(&self, sink: &str, now: Timestamp, most: i64) -> Result<bool, StoreError>;

    /// Makes up to so many events due at a sink that a clock which was ahead has put off
    /// for longer than an event lives. Returns whether there were any.
    async fn bring_near(&self, sink: &str, now: Timestamp, most: i64) -> Result<bool, StoreError>;

    /// Ends claims that last longer than one can: a clock that was ahead made them.
    async fn release_claims(&self, now: Timestamp) -> Result<(), StoreError>;

    /// Removes up to so many events that wait for a sink that was left out. Returns whether
    /// there were any; if not, the sink is forgotten.
    async fn remove_left_out(&self, sink: &str, most: i64) -> Result<bool, StoreError>;

    /// How each sink fares, in the order of their names. Counts no event for it.
    async fn sink_figures(&self) -> Result<Vec<SinkFigures>, StoreError>;
}

/// An event that no sink has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The row, in the order of receipt.
    pub seq: i64,
    /// The sink that did not take it.
    pub sink: String,
    /// The event.
    pub event_id: String,
    /// For example `VEHICLE_STATE`.
    pub event_type: String,
    /// The vehicle that it is about.
    pub vehicle_id: Option<String>,
    /// How often it was sent.
    pub attempts: i64,
    /// Of the last attempt.
    pub error: Option<String>,
    /// When it was received.
    pub received_at: Timestamp,
    /// Since when it is a dead letter.
    pub dead_at: Timestamp,
}

/// The dead letters. One that is replayed is as new: it has another day and as many
/// attempts.
#[allow(
    async_fn_in_trait,
    reason = "a component has one thread, so no future needs to be Send"
)]
pub trait DeadLetters {
    /// Dead letters before a row, the newest first; of one sink where it is named.
    async fn dead_letters(
        &self,
        before: Option<i64>,
        sink: Option<&str>,
        limit: i64,
    ) -> Result<Vec<DeadLetter>, StoreError>;

    /// Replays one. False where it is no dead letter.
    async fn replay(&self, seq: i64, now: Timestamp) -> Result<bool, StoreError>;

    /// Replays up to so many whose events were received from then to then, the oldest
    /// first; of one sink where it is named. Returns how many.
    async fn replay_received(
        &self,
        sink: Option<&str>,
        from: Timestamp,
        to: Timestamp,
        now: Timestamp,
        most: i64,
    ) -> Result<usize, StoreError>;
}

/// Which events a sink wants, as the store knows it: without its URL and its secrets. Its
/// fields are in the order of the alphabet: a configuration is recognised by its text.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SinkConfiguration {
    /// 1: of vehicle states only those that change a signal.
    pub changed_only: i64,
    /// SHA-256 of its URL and secrets, which shows that they have changed.
    pub digest: String,
    /// `LIVE`, `TEST`, a JSON array; none is all.
    pub modes: Option<String>,
    /// Its name.
    pub name: String,
    /// Types of events, a JSON array; none is all.
    pub types: Option<String>,
    /// Ids of vehicles, a JSON array; none is all.
    pub vehicles: Option<String>,
}

/// What is known of a configuration of sinks, and of the one in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownConfiguration {
    /// The configuration in force; none before the relay has ever run.
    pub in_force: Option<String>,
    /// When an instance last brought the one in force.
    pub seen_at: Option<Timestamp>,
    /// When an instance last brought the one that was asked about, if that was replaced.
    pub former_at: Option<Timestamp>,
}

/// Which sinks there are: a JSON array of [`SinkConfiguration`]. Events wait for them from
/// the moment at which a configuration is in force; what waited for all sinks that there
/// will be then waits for each.
#[allow(
    async_fn_in_trait,
    reason = "a component has one thread, so no future needs to be Send"
)]
pub trait Configurations {
    /// What is known of a configuration.
    async fn known_configuration(
        &self,
        configuration: &str,
    ) -> Result<KnownConfiguration, StoreError>;

    /// Puts a configuration in force, unless another instance has replaced meanwhile what
    /// was in force. Sinks that were switched off or paused are on again.
    async fn put_in_force(
        &self,
        configuration: &str,
        in_place_of: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Records that an instance has brought the configuration in force.
    async fn in_force_seen(&self, configuration: &str, now: Timestamp) -> Result<(), StoreError>;

    /// Records that an instance still brings a configuration that was replaced.
    async fn replaced_seen(&self, configuration: &str, now: Timestamp) -> Result<(), StoreError>;
}
