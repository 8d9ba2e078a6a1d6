//! The host's key-value store, read and changed behind its back.

use rusqlite::Connection;
use std::path::Path;

/// The key-value store in its file, as an operator would open it.
pub struct KeyValue {
    connection: Connection,
}

impl KeyValue {
    pub(crate) fn open(file: &Path) -> Self {
        let connection = Connection::open(file).unwrap();
        Self { connection }
    }

    /// How many keys it holds; none where it cannot say so at the moment.
    pub fn count_keys(&self) -> i64 {
        self.count("SELECT count(*) FROM spin_key_value")
    }

    /// How many leases it holds; none where it cannot say so at the moment.
    pub fn count_leases(&self) -> i64 {
        self.count("SELECT count(*) FROM spin_key_value WHERE key LIKE '%lease%'")
    }

    fn count(&self, sql: &str) -> i64 {
        let count = self.connection.query_row(sql, [], |row| row.get(0));
        count.unwrap_or(0)
    }

    /// Takes away what it is kept in, so that the host can neither read nor write it.
    pub fn destroy(&self) {
        let table = self.connection.execute("DROP TABLE spin_key_value", []);
        table.unwrap();
    }
}
