//! Which of two reports of a signal counts.

use crate::Timestamp;

/// The place of a reported value among all that were ever reported of a signal: of two
/// values the one with the greater rank counts, and of two with the same rank the one
/// whose bytes are greater. Each report has its rank by itself, so that every order in
/// which reports arrive ends in the same value.
///
/// 1. **Retrieval**: when Smartcar asked the vehicle's maker (`retrievedAt`, `fetchedAt`).
///    It is Smartcar's own clock, and what Smartcar retrieved last is what its API answers.
///    Where it is missing, the report itself is the latest time at which it can have been.
/// 2. **Observation**: when the vehicle said so (`oemUpdatedAt`). Smartcar's guide orders
///    deliveries by it, but it is the vehicle's or its maker's clock, and 0 or missing for
///    many signals, so that it cannot come first: a value without it would be compared by
///    another clock. It decides between values of one retrieval, and a missing one is the
///    smallest.
/// 3. **Report**: when it was delivered, or asked for.
/// 4. **Sequence**: the number of the delivery (`meta.sequence`), where it has one; without
///    one a report is the smallest.
///
/// Sources: <https://smartcar.com/docs/api-reference/get-signal>,
/// <https://smartcar.com/docs/integrations/webhooks/best-practices/reliability>
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    retrieved_at: Timestamp,
    observed_at: Timestamp,
    reported_at: Timestamp,
    sequence: Option<u64>,
}

impl Rank {
    /// The place of a report by the times that are known of it.
    pub fn new(
        retrieved_at: Option<Timestamp>,
        observed_at: Option<Timestamp>,
        reported_at: Timestamp,
    ) -> Self {
        Self {
            retrieved_at: retrieved_at.unwrap_or(reported_at),
            observed_at: observed_at.unwrap_or(Timestamp(0)),
            reported_at,
            sequence: None,
        }
    }

    /// The same, of a delivery with this number.
    pub(crate) fn in_sequence(self, sequence: Option<u64>) -> Self {
        Self { sequence, ..self }
    }

    /// The rank as text, in the same order: twelve hexadecimal digits for the milliseconds
    /// of each time, and twelve for the number where there is one.
    pub fn text(self) -> String {
        let mut text = String::with_capacity(48);
        let times = [self.retrieved_at, self.observed_at, self.reported_at];
        let times = times.map(|time| Some(u64::try_from(time.0).unwrap_or(0)));
        for number in times.into_iter().chain([self.sequence]).flatten() {
            let number = number.min(LAST);
            for place in (0..12).rev() {
                let digit = b"0123456789abcdef".get((number >> (4 * place) & 0xf) as usize);
                text.push(char::from(digit.copied().unwrap_or(b'0')));
            }
        }
        text
    }
}

/// The largest number that twelve digits can say; as a time, in the year 10889.
const LAST: u64 = 0xffff_ffff_ffff;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rank(times: [i64; 3]) -> Rank {
        let [retrieved_at, observed_at, reported_at] = times.map(Timestamp);
        Rank {
            retrieved_at,
            observed_at,
            reported_at,
            sequence: None,
        }
    }

    #[test]
    fn rank_is_twelve_digits_a_time() {
        // printf '%012x%012x%012x' 1790000000000 0 255
        let text = rank([1_790_000_000_000, 0, 255]).text();
        assert_eq!(text, "01a0c4506c000000000000000000000000ff");
        assert_eq!(rank([i64::MAX, -1, 0]).text().len(), 36);
        let numbered = rank([1_790_000_000_000, 0, 255]).in_sequence(Some(17));
        assert_eq!(numbered.text(), text + "000000000011");
    }

    proptest! {
        #[test]
        fn rank_as_text_has_the_order_of_its_times(
            one in [0..2_i64, 0..3, 0..3],
            other in [0..4_000_000_000_000_i64, 0..3, 0..3],
            numbers in [proptest::option::of(0..3_u64), proptest::option::of(0..3_u64)],
        ) {
            let one = rank(one).in_sequence(numbers[0]);
            let other = rank(other.map(|time| time % 4)).in_sequence(numbers[1]);
            prop_assert_eq!(one.cmp(&other), one.text().cmp(&other.text()));
        }
    }
}
