//! When it is night.

/// A time of day from which and up to which it is night, in minutes since
/// midnight, where the clock shows so much more than UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Night {
    from: i64,
    to: i64,
    offset: i64,
}

const DAY: i64 = 24 * 60;

impl Night {
    /// Reads `22:00`, `06:00` and `+02:00`.
    pub(crate) fn parse(from: &str, to: &str, offset: &str) -> Result<Self, String> {
        let offset = offset.trim();
        let (sign, distance) = match offset.strip_prefix('-') {
            Some(distance) => (-1, distance),
            None => (1, offset.strip_prefix('+').unwrap_or(offset)),
        };
        Ok(Self {
            from: time_of_day(from)?,
            to: time_of_day(to)?,
            offset: sign * time_of_day(distance)?,
        })
    }

    /// Whether it is night at this time, in seconds since 1970. A night that ends
    /// when it begins lasts all day.
    pub(crate) fn is_at(self, unix_seconds: i64) -> bool {
        let now = (unix_seconds.div_euclid(60) + self.offset).rem_euclid(DAY);
        let since = (now - self.from).rem_euclid(DAY);
        let length = (self.to - self.from).rem_euclid(DAY);
        length == 0 || since < length
    }
}

fn time_of_day(text: &str) -> Result<i64, String> {
    let number = |text: &str, below: i64| {
        let number = text.trim().parse().ok();
        number.filter(|number| (0..below).contains(number))
    };
    text.split_once(':')
        .and_then(|(hours, minutes)| Some(number(hours, 24)? * 60 + number(minutes, 60)?))
        .ok_or_else(|| format!("{text:?} is no time of day such as 22:00"))
}

#[cfg(test)]
mod tests {
    use super::*;

    // date -u -d '2026-07-04T09:30:00Z' +%s → 1783157400
    const HALF_PAST_NINE: i64 = 1_783_157_400;
    const HOUR: i64 = 60 * 60;

    #[test]
    fn night_goes_over_midnight() {
        let night = Night::parse("22:00", "06:00", "+00:00").unwrap();
        assert!(!night.is_at(HALF_PAST_NINE));
        assert!(!night.is_at(HALF_PAST_NINE + 12 * HOUR));
        assert!(night.is_at(HALF_PAST_NINE + 13 * HOUR));
        assert!(night.is_at(HALF_PAST_NINE + 20 * HOUR));
        assert!(!night.is_at(HALF_PAST_NINE + 21 * HOUR));
    }

    #[test]
    fn clock_on_the_wall_counts() {
        let at = |offset| Night::parse("17:00", "18:00", offset).unwrap();
        assert!(at("+08:00").is_at(HALF_PAST_NINE));
        assert!(!at("-08:00").is_at(HALF_PAST_NINE));
        assert!(at("-16:30").is_at(HALF_PAST_NINE));
    }

    #[test]
    fn hours_that_begin_when_they_end_never_end() {
        assert!(Night::parse("00:00", "00:00", "0:00").unwrap().is_at(0));
    }

    #[test]
    fn time_that_is_malformed_is_named() {
        for text in ["", "22", "24:00", "22:60", "-1:00", "ten:00"] {
            let error = Night::parse(text, "06:00", "+00:00").unwrap_err();
            assert!(error.contains("22:00"), "{error}");
        }
    }
}
