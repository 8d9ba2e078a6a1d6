//! Deliveries in SQLite. Triggers do what follows from one, in the statement that stores
//! it.

use super::{Connect, Connection, Sqlite, Value, reports};
use crate::{
    Deliveries, StoreError,
    delivery::{Delivery, DeliveryFigures},
    rows,
};
use edge::Platform;
use smartcar::Timestamp;
use std::sync::LazyLock;

/// As many as Spin has an instance serve at the same time.
const BATCH: usize = 16;

/// The columns of a delivery, in the order of [`Prepared`].
const COLUMNS: &str = "(event_id, event_type, mode, vehicle_id, user_id, delivered_at, \
     received_at, body, report)";

const PLACES: &str = "(?, ?, ?, ?, ?, ?, ?, ?, ?)";

const WIDTH: usize = 9;

/// Stores deliveries; triggers bring the vehicles' state up to date in the same
/// statement. Its text is always the same, since SQLite prepares each text once and that
/// takes longer than a row: places that are not needed are NULL.
///
/// It returns no rows. They would be read one by one, and until the last of them has been
/// read SQLite does not commit: the lock would be held for many trips between the host
/// and the instance. So where an event is stored already the whole statement fails, and
/// [`KNOWN`], which takes no lock, tells which.
static INSERT: LazyLock<String> = LazyLock::new(|| {
    let rows = [PLACES; BATCH].join(", ");
    format!(
        "INSERT INTO received {COLUMNS} SELECT * FROM (VALUES {rows}) \
         WHERE column1 IS NOT NULL"
    )
});

/// Which of the events are stored: a bit for each, so there is one row to read, however
/// many events there are.
static KNOWN: LazyLock<String> = LazyLock::new(|| {
    let (mut cases, mut places) = (String::new(), Vec::new());
    for place in 1..=BATCH {
        cases += &format!(" WHEN ?{place} THEN {}", 1 << (place - 1));
        places.push(format!("?{place}"));
    }
    let places = places.join(", ");
    format!("SELECT sum(CASE event_id{cases} END) FROM delivery WHERE event_id IN ({places})")
});

/// Whether there is something to forget: a look does not wait for the write lock.
const IS_OLD: &str = "SELECT EXISTS (SELECT 1 FROM delivery WHERE received_at < ?1)";

const FORGET: &str = "DELETE FROM delivery WHERE rowid IN (
    SELECT rowid FROM delivery WHERE received_at < ?1 ORDER BY received_at LIMIT ?2)";

/// From indexes alone, since bodies are large, and at the same cost however many there are:
/// beyond [`COUNTED`](crate::delivery::COUNTED) the numbers of the rows tell how many they
/// are. The oldest go first, so that few are missing in between.
const FIGURES: &str = "SELECT (
        SELECT CASE WHEN n <= 1000 THEN n
            ELSE (SELECT max(rowid) FROM delivery) - (SELECT min(rowid) FROM delivery) + 1 END
        FROM (SELECT count(*) AS n FROM (SELECT 1 FROM delivery LIMIT 1001))
    ),
    (SELECT max(received_at) FROM delivery),
    (SELECT received_at FROM delivery WHERE mode = 'LIVE' ORDER BY received_at DESC LIMIT 1)";

/// A delivery as a row of parameters.
#[derive(Clone, Debug)]
pub struct Prepared([Value; WIDTH]);

impl Prepared {
    fn event_id(&self) -> &Value {
        let [event_id, ..] = &self.0;
        event_id
    }
}

fn parameters(deliveries: &[&Prepared]) -> Vec<Value> {
    let mut parameters = Vec::with_capacity(WIDTH * BATCH);
    for delivery in deliveries {
        parameters.extend_from_slice(&delivery.0);
    }
    parameters.resize(WIDTH * BATCH, Value::Null);
    parameters
}

/// The statements have places for so many and would leave out the others.
fn at_most_a_batch(deliveries: &[&Prepared]) -> Result<(), StoreError> {
    if deliveries.len() <= BATCH {
        return Ok(());
    }
    let reason = format!("a statement takes at most {BATCH} deliveries");
    Err(StoreError::Unavailable(reason))
}

impl<C: Connect, P: Platform> Deliveries for Sqlite<C, P> {
    type Prepared = Prepared;

    const BATCH: usize = BATCH;

    fn prepare(&self, delivery: &Delivery<'_>) -> Prepared {
        let report = delivery.report.map(reports::rows);
        // As received: text where a text can hold it, else the bytes.
        let body = match std::str::from_utf8(delivery.body) {
            Ok(text) if memchr::memchr(0, delivery.body).is_none() => Value::from(text),
            _ => Value::from(delivery.body),
        };
        Prepared([
            Value::from(delivery.event_id),
            Value::from(delivery.event_type),
            Value::from(delivery.mode.as_str()),
            Value::from(delivery.vehicle_id),
            Value::from(delivery.user_id),
            Value::from(delivery.delivered_at.map(|at| at.0)),
            Value::from(delivery.received_at.0),
            body,
            report.map_or(Value::Null, Value::Text),
        ])
    }

    async fn insert(&self, deliveries: &[&Prepared]) -> Result<(), StoreError> {
        at_most_a_batch(deliveries)?;
        let connection = self.connection().await?;
        connection.execute(&INSERT, parameters(deliveries)).await
    }

    async fn known(&self, deliveries: &[&Prepared]) -> Result<Vec<bool>, StoreError> {
        at_most_a_batch(deliveries)?;
        let events = deliveries.iter().map(|delivery| delivery.event_id());
        let mut parameters: Vec<Value> = events.cloned().collect();
        parameters.resize(BATCH, Value::Null);
        let found = self.first(&KNOWN, parameters).await?;
        let bits = found.map_or(0, |row| row.count(0));
        // An event that is here twice has its bit at the first place.
        let first = |event: &Value| {
            deliveries
                .iter()
                .position(|other| other.event_id() == event)
        };
        let is_known = |event| first(event).is_some_and(|place| bits >> place & 1 == 1);
        let events = deliveries.iter().map(|delivery| delivery.event_id());
        Ok(events.map(is_known).collect())
    }

    async fn forget_deliveries(&self, before: Timestamp, most: i64) -> Result<bool, StoreError> {
        if !self.is(IS_OLD, [Value::from(before.0)]).await? {
            return Ok(false);
        }
        let parameters = [Value::from(before.0), Value::from(most)];
        self.execute(FORGET, parameters).await?;
        Ok(true)
    }

    async fn delivery_figures(&self) -> Result<DeliveryFigures, StoreError> {
        let row = self.first(FIGURES, []).await?;
        Ok(row
            .map(rows::deliveries::delivery_figures)
            .unwrap_or_default())
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

    const ROWS: i64 = 100_000;

    /// A database with many deliveries, a millisecond apart from 0.
    fn filled() -> rusqlite::Connection {
        let database = rusqlite::Connection::open_in_memory().unwrap();
        for statement in STEPS.iter().flat_map(|step| statements(step)) {
            database.execute_batch(statement).unwrap();
        }
        database.execute("DELETE FROM sink", []).unwrap();
        let insert = "WITH RECURSIVE number(n) AS
                (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < ?1)
            INSERT INTO delivery
            SELECT 'e-' || n, 'T', 'LIVE', 'v-1', 'u-1', NULL, n, '{}' FROM number";
        database.execute(insert, [ROWS]).unwrap();
        database
    }

    #[test]
    fn deliveries_are_counted_at_the_same_cost_however_many_there_are() {
        let database = filled();
        database
            .execute("DELETE FROM delivery WHERE received_at < 7", [])
            .unwrap();
        let count = || {
            let stored = database.query_row(FIGURES, [], |row| row.get::<_, i64>(0));
            (stored.unwrap(), effort(&database, FIGURES, []).0)
        };
        let (stored, steps) = count();
        assert_eq!(stored, ROWS - 7);
        assert!(steps < 8_000, "{steps}");
        database
            .execute("DELETE FROM delivery WHERE received_at >= 1007", [])
            .unwrap();
        assert_eq!(count().0, 1000);
    }

    #[test]
    fn deliveries_are_forgotten_in_steps_that_do_not_grow_with_what_is_kept() {
        let database = filled();
        let (steps, _) = effort(&database, IS_OLD, [0]);
        assert!(steps < 100, "{steps}");
        let (steps, scanned) = effort(&database, FORGET, params![ROWS / 2, 100]);
        println!("{steps} instructions, {scanned} rows scanned");
        assert!(steps < 40_000 && scanned < 2000, "{steps}, {scanned}");
        let (steps, _) = effort(&database, IS_OLD, [ROWS / 2]);
        assert!(steps < 100, "{steps}");
    }

    #[test]
    fn delivery_figures_read_no_body() {
        let database = filled();
        let plan = plan(&database, FIGURES);
        for line in plan.lines().filter(|line| line.contains(" delivery ")) {
            let is_by_index = line.contains("INDEX delivery_");
            assert!(is_by_index, "{plan}");
        }
        let (steps, scanned) = effort(&database, FIGURES, []);
        println!("{steps} instructions, {scanned} rows scanned\n{plan}");
        assert!(steps < 8_000, "{steps}, {scanned}");
    }

    #[test]
    fn deliveries_that_are_known_are_found_by_their_keys() {
        let database = filled();
        let events = (0..BATCH).map(|event| format!("e-{event}"));
        let (steps, scanned) = effort(&database, &KNOWN, rusqlite::params_from_iter(events));
        assert!(steps < 2000 && scanned < 100, "{steps}, {scanned}");
    }
}
