//! Points in time as Smartcar writes them: ISO-8601 in REST answers, epoch
//! milliseconds in webhook events.

use jiff::Timestamp;
use serde::Serialize;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Millis(pub(crate) i64);

impl Millis {
    pub(crate) fn now() -> Self {
        Self(Timestamp::now().as_millisecond())
    }

    pub(crate) fn minus(self, milliseconds: i64) -> Self {
        Self(self.0.saturating_sub(milliseconds))
    }

    /// ISO-8601 with exactly three decimals, as the REST API answers.
    pub(crate) fn iso(self) -> String {
        let timestamp = Timestamp::from_millisecond(self.0).unwrap_or(Timestamp::UNIX_EPOCH);
        format!("{timestamp:.3}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_keeps_three_decimals() {
        assert_eq!(Millis(1_700_000_000_120).iso(), "2023-11-14T22:13:20.120Z");
        assert_eq!(Millis(0).iso(), "1970-01-01T00:00:00.000Z");
    }
}
