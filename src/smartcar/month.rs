//! Months, by which Smartcar counts the calls about a vehicle.

use crate::Timestamp;
use std::time::Duration;
use time::UtcDateTime;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A month of the calendar, in UTC. When Smartcar's own month turns is not documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Month {
    /// Its first moment.
    pub begins: Timestamp,
    /// The first moment of the next one.
    pub ends: Timestamp,
}

impl Month {
    /// The month that a point in time is in. A time that no calendar knows is a month that
    /// ends at once.
    pub fn of(time: Timestamp) -> Self {
        let Ok(date) = UtcDateTime::from_unix_timestamp(time.0.div_euclid(1000)) else {
            return Self {
                begins: time,
                ends: time,
            };
        };
        let of_the_day = date.time().duration_since(time::Time::MIDNIGHT);
        let midnight = Timestamp((date.unix_timestamp() - of_the_day.whole_seconds()) * 1000);
        let begins = midnight.before(DAY * u32::from(date.day() - 1));
        let days = date.month().length(date.year());
        Self {
            begins,
            ends: begins.after(DAY * u32::from(days)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{timestamp::parse_iso, write_time};

    #[test]
    fn month_is_the_calendar_s_in_utc() {
        for (time, begins, ends) in [
            ("2026-11-25T22:30:00.5Z", "2026-11-01", "2026-12-01"),
            ("2026-12-31T23:59:59.999Z", "2026-12-01", "2027-01-01"),
            ("2027-01-01T00:00:00Z", "2027-01-01", "2027-02-01"),
            ("2028-02-29T12:00:00Z", "2028-02-01", "2028-03-01"),
            ("2027-02-28T12:00:00Z", "2027-02-01", "2027-03-01"),
        ] {
            let month = Month::of(parse_iso(time).unwrap());
            let written = |at| write_time(at).unwrap();
            let midnight = |day: &str| format!("{day}T00:00:00.000Z");
            let bounds = (written(month.begins), written(month.ends));
            assert_eq!(bounds, (midnight(begins), midnight(ends)), "{time}");
        }
    }

    #[test]
    fn month_of_a_time_that_no_calendar_knows_ends_at_once() {
        let time = Timestamp(i64::MAX);
        assert_eq!(Month::of(time).ends, time);
    }
}
