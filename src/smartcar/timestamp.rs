//! Points in time, and Smartcar's two ways to write one.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::time::Duration;
use time::{OffsetDateTime, UtcDateTime, format_description::well_known::Rfc3339};

/// How far the clocks of two hosts, or one clock before and after it was set, may
/// differ without a time that was written under the one being meaningless under
/// the other.
pub(crate) const CLOCKS_DIFFER: Duration = Duration::from_secs(10);

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, the unit of
/// Smartcar's webhook timestamps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This point in time, `by` later. Stops at the end of time instead of wrapping.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self(self.0.saturating_add(millis(by)))
    }

    /// How long this point in time is after `earlier`; nothing where it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let millis = self.0.saturating_sub(earlier.0);
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }

    /// This point in time, `by` earlier. Stops at the beginning of time instead of wrapping.
    #[must_use]
    pub fn before(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(millis(by)))
    }

    /// How long something still lasts that ends at this point in time and never
    /// lasts longer than `longest`. None where it is over, and where the end is
    /// further away than it can be: a clock that was ahead wrote it, and believing
    /// it would last as long as that clock was ahead.
    pub(crate) fn left(self, now: Self, longest: Duration) -> Option<Duration> {
        let left = self.since(now);
        let is_possible = left <= longest.saturating_add(CLOCKS_DIFFER);
        (is_possible && !left.is_zero()).then(|| left.min(longest))
    }

    /// Whether something can have happened at this point in time: not where a
    /// clock that was ahead wrote it.
    pub(crate) fn is_past(self, now: Self) -> bool {
        self <= now.after(CLOCKS_DIFFER)
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// A time as Smartcar writes it: ISO 8601 text in its API, milliseconds since
/// 1970 in webhooks. 0 stands for "unknown" there, and so does anything else
/// that is not a time: a delivery is never lost to a field's shape.
pub fn parse_time(json: &RawValue) -> Option<Timestamp> {
    parse(json.get())
}

/// [`parse_time`] of the text of a value.
pub(crate) fn parse(json: &str) -> Option<Timestamp> {
    if json.starts_with('"') {
        return parse_iso(&serde_json::from_str::<String>(json).ok()?);
    }
    // Almost always it is a plain number of milliseconds.
    let millis = match json.parse::<i64>() {
        Ok(millis) => millis,
        #[allow(
            clippy::cast_possible_truncation,
            reason = "what is out of range is the nearest end of it"
        )]
        Err(_) => serde_json::from_str::<f64>(json).ok()? as i64,
    };
    // Past this, a number of milliseconds is no date that a calendar knows.
    known(millis).filter(|time| time.0 <= 253_402_300_799_999)
}

/// A time in ISO 8601, as RFC 3339 narrows it.
pub(crate) fn parse_iso(text: &str) -> Option<Timestamp> {
    let nanos = OffsetDateTime::parse(text, &Rfc3339)
        .ok()?
        .unix_timestamp_nanos();
    known(i64::try_from(nanos / 1_000_000).ok()?)
}

fn known(millis: i64) -> Option<Timestamp> {
    (millis > 0).then_some(Timestamp(millis))
}

/// A time as Smartcar's API writes it, with three decimals: `2026-06-29T23:55:53.250Z`. None
/// for a time that RFC 3339 cannot say.
pub fn write_time(time: Timestamp) -> Option<String> {
    let nanos = i128::from(time.0) * 1_000_000;
    let time = UtcDateTime::from_unix_timestamp_nanos(nanos).ok()?;
    let is_written = (0..=9999).contains(&time.year());
    is_written.then(|| {
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            time.year(),
            u8::from(time.month()),
            time.day(),
            time.hour(),
            time.minute(),
            time.second(),
            time.millisecond()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Option<i64> {
        let raw: &RawValue = serde_json::from_str(json).unwrap();
        parse_time(raw).map(|t| t.0)
    }

    #[test]
    fn end_that_is_further_away_than_it_can_be_is_over() {
        let (now, longest) = (Timestamp(1_000_000), Duration::from_secs(60));
        let left = |millis: i64| Timestamp(1_000_000 + millis).left(now, longest);
        assert_eq!(left(0), None);
        assert_eq!(left(-1), None);
        assert_eq!(left(1), Some(Duration::from_millis(1)));
        assert_eq!(left(60_000), Some(longest));
        // The clock of another host may be a little ahead.
        assert_eq!(left(70_000), Some(longest));
        assert_eq!(left(70_001), None);
        assert_eq!(Timestamp(i64::MAX).left(now, longest), None);
        assert!(now.is_past(now) && now.after(CLOCKS_DIFFER).is_past(now));
        assert!(!Timestamp(1_010_001).is_past(now));
    }

    #[test]
    fn time_is_read_in_both_notations() {
        // date -u -d '2026-06-29T23:55:53Z' +%s → 1782777353
        assert_eq!(parse("1782777353000"), Some(1_782_777_353_000));
        assert_eq!(
            parse("\"2026-06-29T23:55:53.000Z\""),
            Some(1_782_777_353_000)
        );
        assert_eq!(
            parse("\"2026-06-30T01:55:53+02:00\""),
            Some(1_782_777_353_000)
        );
        assert_eq!(parse("1782777353000.0"), Some(1_782_777_353_000));
    }

    #[test]
    fn time_is_written_as_it_is_read() {
        for text in ["2026-06-29T23:55:53.000Z", "2026-06-29T23:55:53.250Z"] {
            let raw = serde_json::value::to_raw_value(text).unwrap();
            let written = parse_time(&raw).and_then(write_time);
            assert_eq!(written.as_deref(), Some(text));
        }
        assert_eq!(write_time(Timestamp(i64::MAX)), None);
        // date -u -d @253402300800 +%FT%T.%3NZ → 10000-01-01T00:00:00.000Z
        assert_eq!(write_time(Timestamp(253_402_300_800_000)), None);
    }

    #[test]
    fn time_that_is_malformed_is_unknown() {
        for json in [
            "0",
            "null",
            "-5",
            "1e300",
            "\"\"",
            "\"yesterday\"",
            "{}",
            "[]",
            "true",
        ] {
            assert_eq!(parse(json), None, "{json}");
        }
    }
}
