//! How deliveries fared, as the receiver counted it.

use serde_json::json;
use store::old::sqlite::{Store, StoreError, Value};

const SINCE: &str = "SELECT outcome, reason, event_type, mode, sum(count) FROM tally
    WHERE minute >= ?1 GROUP BY outcome, reason, event_type, mode ORDER BY 1, 2, 3, 4";

/// Counts of a while.
#[derive(Debug, Default)]
pub(crate) struct Tally(Vec<Count>);

#[derive(Debug)]
struct Count {
    outcome: String,
    reason: String,
    event_type: String,
    mode: String,
    count: i64,
}

impl Tally {
    /// What was counted since a minute (since 1970).
    pub(crate) async fn since(store: &Store, minute: i64) -> Result<Self, StoreError> {
        let rows = store.query(SINCE, [Value::from(minute)]).await?;
        let text =
            |row: &store::old::sqlite::Row, column| row.text(column).unwrap_or_default().to_owned();
        let counts = rows.iter().map(|row| Count {
            outcome: text(row, 0),
            reason: text(row, 1),
            event_type: text(row, 2),
            mode: text(row, 3),
            count: row.integer(4).unwrap_or(0),
        });
        Ok(Self(counts.collect()))
    }

    fn sum(&self, is: impl Fn(&Count) -> bool) -> i64 {
        self.0
            .iter()
            .filter(|count| is(count))
            .map(|count| count.count)
            .sum()
    }

    /// Requests that ended so.
    pub(crate) fn of(&self, outcome: &str) -> i64 {
        self.sum(|count| count.outcome == outcome)
    }

    /// Requests about which this was noted.
    pub(crate) fn reason(&self, reason: &str) -> i64 {
        self.sum(|count| count.reason == reason)
    }

    /// Deliveries that were acknowledged, now or before.
    pub(crate) fn accepted(&self, mode: &str) -> i64 {
        self.sum(|count| ["stored", "duplicate"].contains(&&*count.outcome) && count.mode == mode)
    }

    /// Requests that were refused for this reason.
    pub(crate) fn refused(&self, reason: &str, mode: &str) -> i64 {
        self.sum(|count| count.outcome == "refused" && count.reason == reason && count.mode == mode)
    }

    /// All counts, each with what was counted.
    pub(crate) fn show(&self) -> serde_json::Value {
        let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        self.0
            .iter()
            .map(|count| {
                json!({
                    "outcome": count.outcome,
                    "reason": filled(&count.reason),
                    "eventType": filled(&count.event_type),
                    "mode": count.mode,
                    "count": count.count,
                })
            })
            .collect()
    }

    #[cfg(test)]
    pub(crate) fn of_rows<'a>(
        rows: impl Iterator<Item = (&'a str, &'a str, &'a str, &'a str, i64)>,
    ) -> Self {
        Self(
            rows.map(|(outcome, reason, event_type, mode, count)| Count {
                outcome: outcome.to_owned(),
                reason: reason.to_owned(),
                event_type: event_type.to_owned(),
                mode: mode.to_owned(),
                count,
            })
            .collect(),
        )
    }
}
