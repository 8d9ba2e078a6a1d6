//! How requests end, counted.
//!
//! In memory first: a flood of forged requests must not become a flood of writes.
//! What was counted is written at most once a second by each instance, after the
//! answers; and in a flood, which makes instances by the hundred, by few of them.

use edge::{
    Host,
    log::{self, Event, Level},
};
use smartcar::{Clock, Random, Spawn, Timestamp, delivery::Mode};
use std::{
    collections::BTreeMap,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use store::old::sqlite::{self, Value};

/// Between two writes of an instance.
const PAUSE: Duration = Duration::from_secs(1);

/// An instance that strangers ask so often between two writes is in a flood.
const FLOOD: i64 = 64;

/// In a flood, one of so many instances writes, and counts for all of them.
const SHARE: i32 = 16;

/// What is counted together. All of it is from small sets, but for the type of a
/// verified event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    pub(crate) outcome: &'static str,
    pub(crate) reason: String,
    pub(crate) event_type: String,
    pub(crate) mode: Mode,
}

/// How often, by the minute and what.
type Taken = BTreeMap<(i64, Kind), i64>;

#[derive(Default)]
struct Counts {
    counts: Taken,
    is_scheduled: bool,
}

static COUNTS: Mutex<Counts> = Mutex::new(Counts {
    counts: BTreeMap::new(),
    is_scheduled: false,
});

/// Counts one request that was received at `at`.
pub(crate) fn count(at: Timestamp, kind: Kind) {
    let is_scheduled = {
        let mut counts = counts();
        *counts.counts.entry((at.0 / 60_000, kind)).or_default() += 1;
        mem::replace(&mut counts.is_scheduled, true)
    };
    if !is_scheduled {
        Host.spawn(async {
            Host.sleep(PAUSE).await;
            write().await;
        });
    }
}

/// Adds what was counted to the table, in one statement.
async fn write() {
    let taken = {
        let mut counts = counts();
        counts.is_scheduled = false;
        mem::take(&mut counts.counts)
    };
    let taken = in_a_flood(taken, Host.unit());
    if taken.is_empty() {
        return;
    }
    let rows = vec!["(?, ?, ?, ?, ?, ?)"; taken.len()].join(", ");
    let sql = format!(
        "INSERT INTO tally (minute, outcome, reason, event_type, mode, count) VALUES {rows} \
         ON CONFLICT (minute, outcome, reason, event_type, mode) \
         DO UPDATE SET count = count + excluded.count"
    );
    let parameters: Vec<Value> = taken
        .into_iter()
        .flat_map(|((minute, kind), count)| {
            [
                Value::from(minute),
                Value::from(kind.outcome),
                Value::from(kind.reason),
                Value::from(kind.event_type),
                Value::from(kind.mode.as_str()),
                Value::from(count),
            ]
        })
        .collect();
    let result = async { sqlite::store().await?.execute(&sql, parameters).await }.await;
    if let Err(error) = result {
        log::line(&Host, Level::Warn, Event::Tally)
            .with("error", error.to_string())
            .write();
    }
}

/// What this instance is to write by `chance` (0 to 1) where all of it can be made by
/// strangers (refusals and VERIFY, which needs no signature), and there is much of it.
fn in_a_flood(taken: Taken, chance: f64) -> Taken {
    let is_by_strangers = |kind: &Kind| matches!(kind.outcome, "refused" | "verify");
    if !taken.keys().all(|(_, kind)| is_by_strangers(kind)) || taken.values().sum::<i64>() < FLOOD {
        return taken;
    }
    if chance * f64::from(SHARE) >= 1.0 {
        return Taken::new();
    }
    let for_all = |(kind, count): (_, i64)| (kind, count * i64::from(SHARE));
    taken.into_iter().map(for_all).collect()
}

fn counts() -> MutexGuard<'static, Counts> {
    COUNTS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(counts: &[(&'static str, i64)]) -> Taken {
        let kind = |outcome| Kind {
            outcome,
            reason: String::new(),
            event_type: String::new(),
            mode: Mode::Live,
        };
        let counts = counts.iter();
        counts
            .map(|(name, count)| ((1, kind(name)), *count))
            .collect()
    }

    #[test]
    fn one_of_many_counts_for_all_in_a_flood() {
        let flood = taken(&[("refused", FLOOD)]);
        let for_all = taken(&[("refused", FLOOD * i64::from(SHARE))]);
        assert_eq!(in_a_flood(flood.clone(), 0.06), for_all);
        assert_eq!(in_a_flood(flood.clone(), 0.07), Taken::new());
        assert_eq!(in_a_flood(flood, 1.0), Taken::new());
    }

    #[test]
    fn verify_does_not_end_a_flood() {
        // Anybody may post a VERIFY: it needs no signature.
        for flood in [
            taken(&[("verify", FLOOD)]),
            taken(&[("refused", FLOOD - 1), ("verify", 1)]),
        ] {
            assert_eq!(in_a_flood(flood.clone(), 0.07), Taken::new());
            let counted: i64 = in_a_flood(flood, 0.06).values().sum();
            assert_eq!(counted, FLOOD * i64::from(SHARE));
        }
    }

    #[test]
    fn everything_else_is_counted_exactly() {
        for exact in [
            taken(&[("refused", FLOOD - 1)]),
            taken(&[("stored", 1000)]),
            taken(&[("refused", 1000), ("duplicate", 1)]),
        ] {
            assert_eq!(in_a_flood(exact.clone(), 0.99), exact);
        }
    }
}
