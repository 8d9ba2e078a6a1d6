//! Which sinks the database knows: those of the newest configuration that an
//! instance has brought.
//!
//! Variables are read once by each instance, so for a while after a change instances
//! bring the value from before. An instance cannot tell which one is newer; the
//! database can, since it has seen which one replaced the other.

use edge::{
    Host,
    log::{self, Event, Level},
    sinks::Sink,
};
use secrecy::ExposeSecret;
use serde_json::json;
use sha2::{Digest, Sha256};
use smartcar::Timestamp;
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use store::{
    old::chore::is_ahead,
    old::sqlite::{Row, Store, StoreError, Value},
};

/// A configuration that no instance has brought for so long is no longer in use
/// anywhere: one that it replaced may come back.
pub(crate) const QUIET: Duration = Duration::from_secs(3 * 60);

/// How often it is written down that a configuration is in use.
const SEEN: Duration = Duration::from_secs(20);

/// A configuration that was replaced is remembered for so long after an instance
/// last brought it. The trigger `relay_replaced` goes by the same number.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

/// The configuration in force, when an instance last brought it, and when one last
/// brought `?1`, if that was replaced.
pub(crate) const KNOWN: &str = "SELECT sinks, seen_at,
        (SELECT seen_at FROM former_configuration WHERE sinks = ?1)
    FROM relay";

/// Puts `?1` in force at `?2`, unless another instance has replaced what was in force
/// (`?3`) meanwhile.
pub(crate) const REPLACE: &str =
    "UPDATE relay SET sinks = ?1, seen_at = ?2 WHERE sinks IS ?3 AND sinks IS NOT ?1";

pub(crate) const USED: &str = "UPDATE relay SET seen_at = ?2 WHERE sinks = ?1";

pub(crate) const STILL_BROUGHT: &str =
    "UPDATE former_configuration SET seen_at = ?2 WHERE sinks = ?1";

/// Brings the sinks of this instance to the database, and returns those that are in
/// force as this instance knows them. Secrets and URLs stay out of the database; a
/// digest shows that they have changed.
pub(crate) async fn bring<'a>(
    store: &Store,
    sinks: &'a [Sink],
    now: Timestamp,
) -> Result<Vec<&'a Sink>, StoreError> {
    let mine: Vec<serde_json::Value> = sinks.iter().map(described).collect();
    let text = json!(mine).to_string();
    let known = store.first(KNOWN, [Value::from(text.as_str())]).await?;
    let known = known.map(Known::from).unwrap_or_default();
    let (statement, is_in_force) = match known.judge(&text, now) {
        Judgement::InForce => return Ok(sinks.iter().collect()),
        Judgement::Used => (Some(USED), true),
        Judgement::Newer => (Some(REPLACE), true),
        Judgement::Outdated => (None, false),
        Judgement::OutdatedStill => (Some(STILL_BROUGHT), false),
    };
    if let Some(statement) = statement {
        let mut parameters = vec![Value::from(text.as_str()), Value::from(now.0)];
        if statement == REPLACE {
            parameters.push(Value::from(known.sinks.as_deref()));
        }
        store.execute(statement, parameters).await?;
    }
    if is_in_force {
        return Ok(sinks.iter().collect());
    }
    tell_once();
    let in_force: Vec<serde_json::Value> = known
        .sinks
        .and_then(|known| serde_json::from_str(&known).ok())
        .unwrap_or_default();
    let same = sinks.iter().zip(&mine);
    Ok(same
        .filter(|(_, mine)| in_force.contains(mine))
        .map(|(sink, _)| sink)
        .collect())
}

fn tell_once() {
    static IS_SAID: AtomicBool = AtomicBool::new(false);
    if !IS_SAID.swap(true, Ordering::Relaxed) {
        let reason = "the sinks of this instance were replaced by newer ones: what has changed \
            is left to instances that have these";
        log::line(&Host, Level::Warn, Event::SinksOutdated)
            .with("reason", reason)
            .write();
    }
}

/// A sink as the database knows it.
fn described(sink: &Sink) -> serde_json::Value {
    let list = |list: &Option<Vec<String>>| list.as_ref().map(|list| json!(list).to_string());
    let mut digest = Sha256::new();
    digest.update(sink.url.as_bytes());
    for secret in &sink.secrets {
        digest.update(b"\n");
        digest.update(secret.expose_secret().as_bytes());
    }
    json!({
        "name": sink.name,
        "types": list(&sink.types),
        "vehicles": list(&sink.vehicles),
        "modes": list(&sink.modes),
        "changedOnly": i64::from(sink.changed_only),
        "digest": hex::encode(digest.finalize()),
    })
}

/// What the database knows.
#[derive(Default)]
struct Known {
    sinks: Option<String>,
    seen_at: Option<i64>,
    former_at: Option<i64>,
}

impl From<Row> for Known {
    fn from(row: Row) -> Self {
        Self {
            sinks: row.text(0).map(str::to_owned),
            seen_at: row.integer(1),
            former_at: row.integer(2),
        }
    }
}

/// What a configuration is to the database.
#[derive(Debug, PartialEq, Eq)]
enum Judgement {
    /// The one in force.
    InForce,
    /// The one in force, which was last written down a while ago.
    Used,
    /// A new one, or one from before to which the operator has returned.
    Newer,
    /// One that was replaced.
    Outdated,
    /// One that was replaced long ago and is still brought.
    OutdatedStill,
}

impl Known {
    fn judge(&self, mine: &str, now: Timestamp) -> Judgement {
        // A time further ahead than clocks of several machines differ is none.
        let within = |at: Option<i64>, time: Duration| {
            at.map(Timestamp)
                .is_some_and(|at| now.since(at) < time && (at <= now || is_ahead(at, now, QUIET)))
        };
        if self.sinks.as_deref() == Some(mine) {
            return if within(self.seen_at, SEEN) {
                Judgement::InForce
            } else {
                Judgement::Used
            };
        }
        if !within(self.former_at, REMEMBERED) || !within(self.seen_at, QUIET) {
            return Judgement::Newer;
        }
        if within(self.former_at, REMEMBERED / 24) {
            Judgement::Outdated
        } else {
            Judgement::OutdatedStill
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::{Connection, OptionalExtension, params};
    use store::sqlite::schema::{STEPS, statements};

    const SECOND: i64 = 1000;
    const MINUTE: i64 = 60 * SECOND;
    const NOW: i64 = 1_800_000_000_000;

    struct Database(Connection);

    impl Database {
        fn new() -> Self {
            let database = Connection::open_in_memory().unwrap();
            for statement in STEPS.iter().flat_map(|step| statements(step)) {
                database.execute_batch(statement).unwrap();
            }
            Self(database)
        }

        /// What `bring` does, under SQLite itself. Whether `mine` is in force then.
        fn bring(&self, mine: &str, at: i64) -> bool {
            let mine = json!([{"name": mine}]).to_string();
            let known = self
                .0
                .query_row(KNOWN, [&mine], |row| {
                    Ok(Known {
                        sinks: row.get(0)?,
                        seen_at: row.get(1)?,
                        former_at: row.get(2)?,
                    })
                })
                .optional()
                .unwrap()
                .unwrap_or_default();
            let changed = match known.judge(&mine, Timestamp(at)) {
                Judgement::InForce => return true,
                Judgement::Outdated => return false,
                Judgement::Used => self.0.execute(USED, params![mine, at]),
                Judgement::Newer => self.0.execute(REPLACE, params![mine, at, known.sinks]),
                Judgement::OutdatedStill => {
                    self.0.execute(STILL_BROUGHT, params![mine, at]).unwrap();
                    return false;
                }
            };
            assert_eq!(changed.unwrap(), 1);
            true
        }

        fn sinks(&self) -> String {
            let names = "SELECT group_concat(name) FROM sink";
            self.0.query_row(names, [], |row| row.get(0)).unwrap()
        }
    }

    #[test]
    fn configuration_of_an_instance_from_before_a_change_does_not_undo_it() {
        let database = Database::new();
        assert!(database.bring("old", NOW));
        assert!(database.bring("new", NOW + SECOND));
        // For as long as both are there, however often they take turns.
        for minute in 0..60 * 30 {
            let at = NOW + 2 * SECOND + minute * MINUTE;
            assert!(!database.bring("old", at), "{minute}");
            assert!(database.bring("new", at + 1), "{minute}");
            assert_eq!(database.sinks(), "new");
        }
    }

    #[test]
    fn configuration_from_before_comes_back_when_the_newer_one_is_gone() {
        let database = Database::new();
        assert!(database.bring("old", NOW));
        assert!(database.bring("new", NOW + SECOND));
        let quiet = i64::try_from(QUIET.as_millis()).unwrap();
        assert!(!database.bring("old", NOW + quiet));
        assert!(database.bring("old", NOW + SECOND + quiet));
        assert_eq!(database.sinks(), "old");
        // An instance that was left from between does not flip it again.
        assert!(!database.bring("new", NOW + 2 * SECOND + quiet));
        // A third one is new, whatever there was before.
        assert!(database.bring("third", NOW + 3 * SECOND + quiet));
        assert!(!database.bring("old", NOW + 4 * SECOND + quiet));
        // What nobody has brought for a day is new too.
        let day = i64::try_from(REMEMBERED.as_millis()).unwrap();
        assert!(database.bring("third", NOW + day + 10 * MINUTE));
        assert!(database.bring("old", NOW + day + 10 * MINUTE));
    }

    #[test]
    fn configuration_that_a_wrong_clock_has_seen_holds_nothing_up() {
        let database = Database::new();
        let month = 30 * 24 * 60 * MINUTE;
        assert!(database.bring("old", NOW + month));
        assert!(database.bring("new", NOW + month));
        assert!(database.bring("old", NOW));
        assert!(database.bring("new", NOW + SECOND + 5 * MINUTE));
    }
}
