//! The host's SQLite database named `default`.

use crate::sqlite::schema::{STEPS, VERSION, statements};
use edge::{Host, Once};
use smartcar::Clock;
use spin_sdk::sqlite::{Error, RowResult, wit::sqlite::Connection};
use std::time::{Duration, Instant};

pub use spin_sdk::sqlite::Value;

/// The database could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another connection is writing, and went on writing until the wait ended.
    #[error("the database is locked")]
    Locked,
    /// The schema was made by a newer version of this application.
    #[error(
        "the database has schema version {found}, and this application knows {known}: run a newer version"
    )]
    Newer {
        /// The version found.
        found: i64,
        /// The newest version that this application knows.
        known: i64,
    },
    /// A row with this key is there already.
    #[error("the key is taken: {0}")]
    Taken(String),
    /// Anything else, in the host's words.
    #[error("database: {0}")]
    Failed(String),
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match error {
            Error::NoSuchDatabase => Self::Failed("the host has no database named default".into()),
            Error::AccessDenied => {
                Self::Failed("spin.toml does not grant this component the database".into())
            }
            Error::InvalidConnection => Self::Failed("the connection is not valid".into()),
            Error::DatabaseFull => Self::Failed("the database is full".into()),
            Error::Io(what) if what.contains("database is locked") => Self::Locked,
            Error::Io(what) if what.contains("UNIQUE constraint failed") => Self::Taken(what),
            Error::Io(what) => Self::Failed(what),
        }
    }
}

/// A row of a result.
pub struct Row(RowResult);

impl Row {
    /// The text in a column; none where it holds none.
    pub fn text(&self, column: usize) -> Option<&str> {
        match self.0.values.get(column)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes in a column; none where it holds none.
    pub fn bytes(&self, column: usize) -> Option<&[u8]> {
        match self.0.values.get(column)? {
            Value::Blob(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The integer in a column; none where it holds none.
    pub fn integer(&self, column: usize) -> Option<i64> {
        match self.0.values.get(column)? {
            Value::Integer(integer) => Some(*integer),
            _ => None,
        }
    }

    /// Makes these columns hold nothing.
    pub fn clear(&mut self, columns: &[usize]) {
        for column in columns {
            if let Some(value) = self.0.values.get_mut(*column) {
                *value = Value::Null;
            }
        }
    }
}

/// A row as the host gives it, for tests of those who read rows.
impl From<Vec<Value>> for Row {
    fn from(values: Vec<Value>) -> Self {
        Self(RowResult { values })
    }
}

/// The database, with the schema of this version.
pub struct Store(Connection);

/// One connection for all requests of this instance. Each statement stands for
/// itself: requests take turns on the connection, so a transaction over several
/// statements of one would hold statements of another.
static STORE: Once<Store> = Once::new();

/// The database. Opened, and brought to this version's schema, by the first
/// request of an instance; the others wait for it.
pub async fn store() -> Result<&'static Store, StoreError> {
    STORE
        .get_or_try_init(&Host, async || {
            let store = Store(Connection::open_async("default".to_owned()).await?);
            apply(&store).await?;
            Ok(store)
        })
        .await
}

/// The wait for another connection's write to end.
///
/// Nobody is told when it does; it takes asking again and again, and who asks
/// more often is more likely to be next. So the longer somebody has waited, the
/// more often they ask: they come first, and the others leave the processor to
/// the one that writes.
#[derive(Debug)]
pub struct Wait {
    began: Instant,
}

impl Wait {
    /// How long a statement waits for the write lock before it fails.
    pub const PATIENCE: Duration = Duration::from_secs(5);

    /// The first pause before it asks again: a few writes.
    const LONGEST: Duration = Duration::from_millis(5);

    /// The pause of who has waited for long: less than a write.
    const SHORTEST: Duration = Duration::from_micros(300);

    /// Begins to wait.
    #[must_use]
    pub fn begin() -> Self {
        Self {
            began: Instant::now(),
        }
    }

    /// How long to pause before asking again, after so long a wait.
    #[must_use]
    pub fn pause(waited: Duration) -> Duration {
        let pause = Self::LONGEST.saturating_sub(waited / 8);
        pause.max(Self::SHORTEST)
    }

    /// Waits until it is time to ask again; false when it has waited long enough.
    pub async fn again(&mut self) -> bool {
        let waited = self.began.elapsed();
        if waited >= Self::PATIENCE {
            return false;
        }
        Host.sleep(Self::pause(waited)).await;
        true
    }
}

/// A statement that gives rows is one call of the host, during which this instance
/// does nothing else. `spin_sdk`'s own way, with a wait for the columns, for each row,
/// for the end of the rows and for that of the statement, takes more processor time
/// than most statements, and one that writes holds the lock until its last row is
/// fetched. A statement that gives none may wait for locks and for the disk: other
/// requests go on meanwhile.
impl Store {
    /// Runs one statement and returns its rows. Where another connection is
    /// writing, asks again until it is done.
    pub async fn query(
        &self,
        sql: &str,
        parameters: impl Into<Vec<Value>>,
    ) -> Result<Vec<Row>, StoreError> {
        let parameters = parameters.into();
        patiently(async || {
            let result = self.0.execute(sql, &parameters)?;
            Ok(result.rows.into_iter().map(Row).collect())
        })
        .await
    }

    /// Runs one statement and returns its first row.
    pub async fn first(
        &self,
        sql: &str,
        parameters: impl Into<Vec<Value>>,
    ) -> Result<Option<Row>, StoreError> {
        let rows = self.query(sql, parameters).await?;
        Ok(rows.into_iter().next())
    }

    /// Runs one statement that gives no rows. Where another connection is writing,
    /// asks again until it is done.
    pub async fn execute(
        &self,
        sql: &str,
        parameters: impl Into<Vec<Value>>,
    ) -> Result<(), StoreError> {
        let parameters = parameters.into();
        patiently(async || self.attempt(sql, parameters.clone()).await).await
    }

    /// Runs one statement that gives no rows, or fails at once where another
    /// connection is writing.
    pub async fn attempt(&self, sql: &str, parameters: Vec<Value>) -> Result<(), StoreError> {
        let (_, _, end) = self.0.execute_async(sql.to_owned(), parameters).await?;
        Ok(end.await?)
    }
}

async fn patiently<T>(attempt: impl AsyncFn() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let mut wait = Wait::begin();
    loop {
        match attempt().await {
            Err(StoreError::Locked) if wait.again().await => {}
            result => return result,
        }
    }
}

/// Brings the database to [`VERSION`].
///
/// Instances that start at the same time may all come here: the one that gets
/// the write lock does the work, the others find it done.
async fn apply(store: &Store) -> Result<(), StoreError> {
    // An acknowledged delivery survives a power cut. Who waits for the write lock
    // does so here and not in SQLite, whose own waiting blocks the connection and
    // lets others overtake. Where the database is not a file of this host's
    // (libSQL), its server decides and may not know these.
    for pragma in [
        "PRAGMA busy_timeout = 0",
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
    ] {
        let _ = store.query(pragma, []).await;
    }
    if version(store).await? == VERSION {
        return Ok(());
    }
    store.execute("BEGIN IMMEDIATE", []).await?;
    match upgrade(store).await {
        Ok(()) => store.execute("COMMIT", []).await,
        Err(error) => {
            let _ = store.execute("ROLLBACK", []).await;
            Err(error)
        }
    }
}

async fn upgrade(store: &Store) -> Result<(), StoreError> {
    let found = version(store).await?;
    let known = usize::try_from(found).unwrap_or(usize::MAX);
    let Some(missing) = STEPS.get(known..) else {
        return Err(StoreError::Newer {
            found,
            known: VERSION,
        });
    };
    for statement in missing.iter().flat_map(|step| statements(step)) {
        store.execute(statement, []).await?;
    }
    store
        .execute(&format!("PRAGMA user_version = {VERSION}"), [])
        .await?;
    Ok(())
}

async fn version(store: &Store) -> Result<i64, StoreError> {
    let version = store.first("PRAGMA user_version", []).await?;
    Ok(version.and_then(|row| row.integer(0)).unwrap_or(0))
}
