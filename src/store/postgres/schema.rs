//! The database's schema, in steps that are only ever added to.

use super::connection::{Connection, Failure};
use std::fmt::Write as _;

/// Each step takes the schema from the version before it (its place in this list, counted
/// from 0) to the next. They are the files of `migrations/`, by their names; `build.rs`
/// leaves their comments out.
const STEPS: &[&str] = &include!(concat!(env!("OUT_DIR"), "/postgres-migrations.rs"));

/// The schema version of this application.
pub(super) const VERSION: i64 = STEPS.len() as i64;

const FOUND: &str = "SELECT version FROM schema_version";

/// A number of this application's own, for the lock of those who bring the schema up to
/// date. It ends with their transaction.
const LOCK: i64 = 0x0073_6d63_6172_6564;

/// Brings the database to [`VERSION`], in one statement and one transaction. Of instances
/// that start at the same time one does it; the others wait, and find it done.
pub(super) async fn apply(connection: &impl Connection) -> Result<(), Failure> {
    let found = match connection.query(FOUND, Vec::new()).await {
        Ok(rows) => rows.first().map_or(0, |row| row.count(0)),
        Err(failure) if failure.is_undefined_table() => 0,
        Err(failure) => return Err(failure),
    };
    if found == VERSION {
        return Ok(());
    }
    if found > VERSION {
        return Err(Failure::NewerSchema {
            found,
            known: VERSION,
        });
    }
    let upgraded = connection.execute(&upgrade(STEPS), Vec::new()).await;
    upgraded.map(drop)
}

/// A block that takes those of the steps that the database does not have yet.
fn upgrade(steps: &[&str]) -> String {
    let mut block = format!(
        "DO $upgrade$
DECLARE found bigint;
BEGIN
PERFORM pg_advisory_xact_lock({LOCK});
CREATE TABLE IF NOT EXISTS schema_version (version bigint NOT NULL);
SELECT version INTO found FROM schema_version;
IF found IS NULL THEN
    found := 0;
    INSERT INTO schema_version (version) VALUES (0);
END IF;
"
    );
    for (place, step) in steps.iter().enumerate() {
        // Writing into memory does not fail.
        let _ = writeln!(block, "IF found <= {place} THEN\n{step}\nEND IF;");
    }
    let _ = write!(
        block,
        "IF found < {count} THEN UPDATE schema_version SET version = {count}; END IF;\nEND $upgrade$",
        count = steps.len()
    );
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schema_upgrade_takes_the_steps_that_are_missing_in_one_block() {
        let block = upgrade(&["STEP ONE;", "STEP TWO;"]);
        let places = [
            "IF found <= 0 THEN\nSTEP ONE;",
            "IF found <= 1 THEN\nSTEP TWO;",
        ];
        for place in places {
            assert!(block.contains(place), "{block}");
        }
        assert!(block.contains("SET version = 2"), "{block}");
    }

    #[test]
    fn failure_of_a_missing_table_is_distinguished_by_its_code() {
        let failure = |code: &str| Failure::Refused {
            code: code.to_owned(),
            text: String::new(),
        };
        assert!(failure("42P01").is_undefined_table());
        assert!(!failure("42703").is_undefined_table());
    }
}
