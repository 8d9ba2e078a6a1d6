//! A database that does not do what it should. It fails in one way at a time.

use super::Database;

/// Keeps others from writing, until it is dropped.
#[must_use]
pub struct Lock(Database);

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.connection.batch("COMMIT");
    }
}

impl Database {
    /// Keeps others from writing. They can read.
    pub fn lock(self) -> Lock {
        if self.is_sqlite() {
            self.connection.batch("BEGIN IMMEDIATE");
        } else {
            let sql = "SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables
                WHERE schemaname = 'public'";
            let tables: String = self.one(sql, &[], |row| row.get(0));
            // Without waiting: a lock that waits for one table while it holds another is half
            // of a deadlock.
            let lock = format!("BEGIN; LOCK TABLE {tables} IN EXCLUSIVE MODE NOWAIT");
            while let Err(error) = self.connection.try_batch(&lock) {
                assert!(error.contains("55P03"), "{lock}: {error}");
                self.connection.batch("ROLLBACK");
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
        Lock(self)
    }

    /// No action can be begun any more.
    pub fn fail_to_begin_actions(&self) {
        self.fail("INSERT", "action", "true", "disk");
    }

    /// No action can be completed any more.
    pub fn fail_to_complete_actions(&self) {
        self.fail("UPDATE", "action", "true", "disk");
    }

    /// No more than so many deliveries can be stored.
    pub fn fail_to_store_more_than(&self, deliveries: usize) {
        let condition = format!("(SELECT count(*) FROM delivery) >= {deliveries}");
        self.fail("INSERT", "delivery", &condition, "disk I/O error");
    }

    /// The delivery of this event cannot be stored.
    pub fn fail_to_store(&self, event: &str) {
        let event = event.replace('\'', "''");
        let condition = format!("NEW.event_id = '{event}'");
        self.fail("INSERT", "delivery", &condition, "this one");
    }

    fn fail(&self, writing: &str, table: &str, condition: &str, why: &str) {
        let trigger = if self.is_sqlite() {
            format!(
                "CREATE TRIGGER fault BEFORE {writing} ON {table} WHEN {condition}
                BEGIN SELECT raise(ABORT, '{why}'); END"
            )
        } else {
            format!(
                "CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    IF {condition} THEN RAISE EXCEPTION '{why}'; END IF;
                    RETURN NEW;
                END $$;
                CREATE TRIGGER fault BEFORE {writing} ON {table}
                FOR EACH ROW EXECUTE FUNCTION fault()"
            )
        };
        self.connection.batch(&trigger);
    }

    /// Everything can be written again.
    pub fn recover(&self) {
        if self.is_sqlite() {
            self.connection.batch("DROP TRIGGER fault");
        } else {
            self.connection.batch("DROP FUNCTION fault CASCADE");
        }
    }

    /// Ends every other connection to the server, as its operator can.
    pub fn end_connections(&self) {
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'";
        self.count(sql);
    }

    /// Has connections that are opened from now on write nothing.
    pub fn make_read_only(&self) {
        self.connection
            .batch("ALTER DATABASE postgres SET default_transaction_read_only = on");
    }

    /// Has each write of a delivery take longer than the server lets statements take, on
    /// connections that are opened from now on.
    pub fn slow_down(&self) {
        self.connection
            .batch("ALTER DATABASE postgres SET statement_timeout = '200ms'");
        self.fail("INSERT", "delivery", "pg_sleep(2)::text IS NULL", "never");
    }
}
