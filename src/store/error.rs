//! Why a store could not do what was asked.

use std::time::Duration;

/// The store could not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Someone else was writing, and went on writing until the wait ended.
    #[error("the database is locked")]
    Busy,
    /// A row with this key is there already.
    #[error("the key is taken: {0}")]
    Taken(String),
    /// The schema was made by a newer version of this application.
    #[error(
        "the database has schema version {found}, and this application knows {known}: run a newer version"
    )]
    NewerSchema {
        /// The version found.
        found: i64,
        /// The newest version that this application knows.
        known: i64,
    },
    /// There is no room left.
    #[error("database: the database is full")]
    Full,
    /// Anything else, in the engine's words. They are for the log; nothing is decided by
    /// them.
    #[error("database: {0}")]
    Unavailable(String),
}

impl StoreError {
    /// How long a write waits for others before it fails as [`StoreError::Busy`].
    pub const PATIENCE: Duration = Duration::from_secs(5);

    /// How long to pause before trying again what was [`StoreError::Busy`], after waiting
    /// for so long.
    ///
    /// No one says when others have finished writing; it takes trying again, and whoever
    /// tries more often is more likely to be next. So the longer a write has waited, the
    /// more often it tries: it comes first, and the others leave the processor to the one
    /// that writes.
    #[must_use]
    pub fn pause(waited: Duration) -> Duration {
        /// The first pause: a few writes.
        const LONGEST: Duration = Duration::from_millis(5);
        /// The pause after a long wait: less than a write.
        const SHORTEST: Duration = Duration::from_micros(300);
        LONGEST.saturating_sub(waited / 8).max(SHORTEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pause_shrinks_the_longer_a_write_has_waited() {
        let pause = |millis| StoreError::pause(Duration::from_millis(millis)).as_micros();
        assert_eq!([pause(0), pause(8), pause(16)], [5000, 4000, 3000]);
        assert_eq!([pause(1000), pause(5000)], [300, 300]);
    }
}
