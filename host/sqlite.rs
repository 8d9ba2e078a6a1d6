//! SQLite connections of guests: each is a connection of its own, used on blocking
//! threads, so that no guest waits for another guest's statement.

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// The error is what a component reads.
type Result<T> = std::result::Result<T, String>;

/// The resource that a guest holds. The file is opened at the first statement.
#[derive(Clone)]
#[allow(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Connection {
    file: PathBuf,
    slot: Arc<Mutex<Option<rusqlite::Connection>>>,
}

impl Connection {
    pub(crate) fn new(file: PathBuf) -> Self {
        Self {
            file,
            slot: Arc::default(),
        }
    }

    /// Runs SQL on a blocking thread.
    pub(crate) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&rusqlite::Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        tokio::task::spawn_blocking(move || self.with(work))
            .await
            .map_err(|error| error.to_string())?
    }

    /// Runs SQL on this thread, which it blocks.
    pub(crate) fn with<T>(
        &self,
        work: impl FnOnce(&rusqlite::Connection) -> Result<T>,
    ) -> Result<T> {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = match slot.take() {
            Some(connection) => connection,
            None => self.open().map_err(|error| error.to_string())?,
        };
        let result = work(&connection);
        *slot = Some(connection);
        result
    }

    fn open(&self) -> rusqlite::Result<rusqlite::Connection> {
        let mut connection = rusqlite::Connection::open(&self.file)?;
        // A guest must not reach files beside its database.
        connection.authorizer(Some(|context: AuthContext<'_>| match context.action {
            AuthAction::Attach { filename } if !matches!(filename, "" | ":memory:") => {
                Authorization::Deny
            }
            _ => Authorization::Allow,
        }))?;
        Ok(connection)
    }
}
