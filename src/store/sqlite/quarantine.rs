//! Deliveries in quarantine, in SQLite. A trigger makes room for one that is kept.

use super::{Connect, Sqlite, Value, database::names};
use crate::{
    Quarantine, StoreError,
    quarantine::{QuarantineFigures, Quarantined},
    rows,
};
use edge::Platform;
use smartcar::Timestamp;

const KNOWN: &str = "SELECT id FROM vehicle WHERE id IN (SELECT value FROM json_each(?1))";

/// Whether there is room for a delivery. What is older than a day, or further in the future
/// than clocks of hosts differ, takes none: it is forgotten with the next one that is kept.
macro_rules! fits {
    () => {
        "EXISTS (SELECT 1 FROM vehicle WHERE id = ?2)
        AND NOT EXISTS (SELECT 1 FROM delivery WHERE event_id = ?1)
        AND NOT EXISTS (SELECT 1 FROM quarantine WHERE event_id = ?1)
        AND (
            WITH share AS (
                SELECT vehicle_id, count(*) AS many
                FROM quarantine INDEXED BY quarantine_vehicle
                WHERE received_at BETWEEN ?3 - 86400000 AND ?3 + 300000
                GROUP BY vehicle_id
            )
            SELECT coalesce(sum(many), 0) < ?4
                OR coalesce(sum(many) FILTER (WHERE vehicle_id = ?2), 0) + 1 < max(many)
            FROM share
        )"
    };
}

/// A look, which waits for no write.
const FITS: &str = concat!("SELECT ", fits!());

const ADMIT: &str = concat!(
    "INSERT INTO admission (event_id, vehicle_id, received_at, most, signature, body)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE ",
    fits!()
);

const QUARANTINED: &str = "SELECT event_id, vehicle_id, received_at, signature, body
    FROM quarantine WHERE (received_at, event_id) > (?1, ?2)
    ORDER BY received_at, event_id LIMIT ?3";

const RELEASE: &str = "DELETE FROM quarantine WHERE event_id IN (SELECT value FROM json_each(?1))";

const FIGURES: &str = "SELECT count(*), min(received_at) FROM quarantine WHERE received_at >= ?1";

const IS_OLD: &str = "SELECT EXISTS (SELECT 1 FROM quarantine WHERE received_at <= ?1)";

const FORGET: &str = "DELETE FROM quarantine WHERE event_id IN (SELECT event_id FROM quarantine
    WHERE received_at <= ?1 ORDER BY received_at LIMIT ?2)";

impl<C: Connect, P: Platform> Quarantine for Sqlite<C, P> {
    async fn known_vehicles(&self, vehicles: &[String]) -> Result<Vec<String>, StoreError> {
        let rows = self.query(KNOWN, [Value::from(names(vehicles))]).await?;
        Ok(rows::texts(rows))
    }

    async fn quarantine(&self, delivery: &Quarantined, most: i64) -> Result<bool, StoreError> {
        let mut parameters = vec![
            Value::from(delivery.event_id.as_str()),
            Value::from(delivery.vehicle_id.as_str()),
            Value::from(delivery.received_at.0),
            Value::from(most),
        ];
        if !self.is(FITS, parameters.clone()).await? {
            return Ok(false);
        }
        parameters.push(Value::from(delivery.signature.as_str()));
        parameters.push(Value::from(delivery.body.as_slice()));
        self.execute(ADMIT, parameters).await?;
        Ok(true)
    }

    async fn quarantined(
        &self,
        (received_at, event): (Timestamp, &str),
        most: i64,
    ) -> Result<Vec<Quarantined>, StoreError> {
        let parameters = [
            Value::from(received_at.0),
            Value::from(event),
            Value::from(most),
        ];
        let rows = self.query(QUARANTINED, parameters).await?;
        Ok(rows
            .into_iter()
            .map(rows::quarantine::quarantined)
            .collect())
    }

    async fn release_quarantined(&self, events: &[String]) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        self.execute(RELEASE, [Value::from(names(events))]).await
    }

    async fn quarantine_figures(&self, since: Timestamp) -> Result<QuarantineFigures, StoreError> {
        let row = self.first(FIGURES, [Value::from(since.0)]).await?;
        Ok(row
            .map(rows::quarantine::quarantine_figures)
            .unwrap_or_default())
    }

    async fn forget_quarantined(&self, before: Timestamp, most: i64) -> Result<bool, StoreError> {
        self.forget([IS_OLD, FORGET], before, most).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::{
        cost::{effort, plan},
        schema::{STEPS, statements},
    };
    use rusqlite::params;

    /// A database of the version before, with a vehicle, that is then brought to this one.
    fn upgraded() -> rusqlite::Connection {
        let database = rusqlite::Connection::open_in_memory().unwrap();
        let run = |steps: &[&'static str]| {
            for statement in steps.iter().flat_map(|step| statements(step)) {
                database.execute_batch(statement).unwrap();
            }
        };
        let before = STEPS.iter().position(|step| step.contains("quarantine"));
        let (before, added) = STEPS.split_at(before.unwrap());
        run(before);
        let vehicle = "INSERT INTO vehicle (id, delivered_at) VALUES ('v-1', 0)";
        database.execute(vehicle, []).unwrap();
        run(added);
        database
    }

    #[test]
    fn quarantine_is_open_to_the_vehicles_of_the_version_before() {
        let database = upgraded();
        let parameters = params!["e-1", "v-1", 1, 1, "signature", b"body"];
        database.execute(ADMIT, parameters).unwrap();
        let kept = database.query_row(FIGURES, [1], |row| row.get::<_, i64>(0));
        assert_eq!(kept, Ok(1));
        let due = "SELECT next_at FROM chore WHERE name = 'quarantine'";
        assert_eq!(database.query_row(due, [], |row| row.get(0)), Ok(0));
    }

    #[test]
    fn quarantine_reads_no_body_to_see_whether_there_is_room() {
        let database = upgraded();
        let filled = "WITH RECURSIVE number(n) AS
                (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n < 999)
            INSERT INTO quarantine
            SELECT 'e-' || n, 'v-' || (n % 50), n, '', zeroblob(8192) FROM number";
        database.execute(filled, []).unwrap();
        for sql in [FITS, FIGURES] {
            let plan = plan(&database, sql);
            println!("{plan}");
            let of = plan.lines().filter(|line| line.contains(" quarantine "));
            let is_by_index = |line: &str| line.contains("COVERING INDEX");
            assert!(
                of.clone().count() > 0 && of.clone().all(is_by_index),
                "{plan}"
            );
        }
        let (steps, scanned) = effort(&database, FITS, params!["e", "v-1", 1000, 1000]);
        println!("{steps} instructions, {scanned} rows scanned");
        assert!(steps < 20_000 && scanned <= 1100, "{steps}, {scanned}");
        let (steps, _) = effort(&database, FITS, params!["e", "a stranger's", 1000, 1000]);
        assert!(steps < 100, "{steps}");
    }
}
