//! A database that does not do what it should. It fails in one way at a time.

use super::Database;

/// Keeps others from writing, until it is dropped.
#[must_use]
pub struct Lock(Database);

impl Drop for Lock {
    fn drop(&mut self) {
        // Where this fails, closing the connection ends the transaction as well.
        let _ = self.0.connection.execute_batch("COMMIT");
    }
}

impl Database {
    /// Keeps others from writing. They can read.
    pub fn lock(self) -> Lock {
        self.connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        Lock(self)
    }

    /// No action can be begun any more.
    pub fn fail_to_begin_actions(&self) {
        self.fail("INSERT ON action BEGIN SELECT raise(FAIL, 'disk')");
    }

    /// No action can be completed any more.
    pub fn fail_to_complete_actions(&self) {
        self.fail("UPDATE ON action BEGIN SELECT raise(FAIL, 'disk')");
    }

    /// No more than so many deliveries can be stored.
    pub fn fail_to_store_more_than(&self, deliveries: usize) {
        self.fail(&format!(
            "INSERT ON delivery WHEN (SELECT count(*) FROM delivery) >= {deliveries}
            BEGIN SELECT raise(ABORT, 'disk I/O error')"
        ));
    }

    /// The delivery of this event cannot be stored.
    pub fn fail_to_store(&self, event: &str) {
        let event = event.replace('\'', "''");
        self.fail(&format!(
            "INSERT ON delivery WHEN NEW.event_id = '{event}'
            BEGIN SELECT raise(ABORT, 'this one')"
        ));
    }

    fn fail(&self, at: &str) {
        self.change(&format!("CREATE TRIGGER fault BEFORE {at}; END"), []);
    }

    /// Everything can be written again.
    pub fn recover(&self) {
        self.change("DROP TRIGGER fault", []);
    }
}
