//! Vehicles, their signals, and what is known of their lists and owners.

use super::{Database, millis};
use crate::now;
use std::time::Duration;

/// What is kept of a signal.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// Its code.
    pub code: String,
    /// The value with its unit, JSON.
    pub body: Option<String>,
    /// The rank of the value.
    pub rank: Option<String>,
    /// The user whose connection reported the value or, where there is none, the error.
    pub user_id: Option<String>,
    /// The signal as it was reported without a value, JSON.
    pub error: Option<String>,
    /// When that was, in milliseconds since 1970.
    pub error_at: Option<i64>,
    /// The user whose connection reported the error.
    pub error_user_id: Option<String>,
}

impl Database {
    /// How many vehicles are known.
    pub fn count_vehicles(&self) -> i64 {
        self.count("SELECT count(*) FROM vehicle")
    }

    /// The owner of a vehicle; none where the vehicle or its owner is not known.
    pub fn owner_of(&self, vehicle: &str) -> Option<String> {
        let sql = "SELECT user_id FROM vehicle WHERE id = ?1";
        self.found::<Option<String>>(sql, &[&vehicle]).flatten()
    }

    /// Makes this user the owner of every vehicle.
    pub fn give_vehicles_to(&self, user: &str) {
        self.change("UPDATE vehicle SET user_id = ?1", &[&user]);
    }

    /// Lets so much time pass since every vehicle last reported something. Its signals
    /// stay as they are.
    pub fn age_vehicles(&self, by: Duration) {
        let sql = "UPDATE vehicle SET delivered_at = delivered_at - ?1";
        self.change(sql, &[&millis(by)]);
    }

    /// What is kept of every signal, in the order of codes.
    pub fn signals(&self) -> Vec<Signal> {
        let rank = if self.is_sqlite() {
            "value_rank"
        } else {
            "rank"
        };
        let sql = format!(
            "SELECT code, body, {rank}, user_id, error, error_at, error_user_id
            FROM signal ORDER BY code"
        );
        self.all(&sql, |row| Signal {
            code: row.get(0),
            body: row.get(1),
            rank: row.get(2),
            user_id: row.get(3),
            error: row.get(4),
            error_at: row.get(5),
            error_user_id: row.get(6),
        })
    }

    /// Adds a signal with a value that one user's connection reported and a later error
    /// that another one's did.
    pub fn add_signal(
        &self,
        vehicle: &str,
        code: &str,
        value_of: Option<&str>,
        error_of: Option<&str>,
    ) {
        let sql = r#"INSERT INTO signal (vehicle_id, code, body, delivered_at, rank, user_id, error,
                error_at, error_user_id)
            SELECT ?1, ?2, CASE WHEN ?3 THEN '{"value":1}' END, CASE WHEN ?3 THEN 1 END,
                CASE WHEN ?3 THEN '1' END, ?4, CASE WHEN ?5 THEN '{"old":1}' END,
                CASE WHEN ?5 THEN 2 END, ?6"#;
        self.change(
            sql,
            &[
                &vehicle,
                &code,
                &value_of.is_some(),
                &value_of.or(error_of),
                &error_of.is_some(),
                &error_of,
            ],
        );
    }

    /// Lets so much time pass since every signal was reported.
    pub fn age_signals(&self, by: Duration) {
        let sql = "UPDATE signal SET delivered_at = delivered_at - ?1, error_at = error_at - ?1";
        self.change(sql, &[&millis(by)]);
    }

    /// Has every vehicle been listed with all that is kept of it by this moment, and has
    /// its last delivery come in then.
    pub fn list_signals_now(&self) {
        let sql = "INSERT INTO listing SELECT id, user_id, CAST(?1 AS bigint) FROM vehicle";
        self.change(sql, &[&(now() / 1000 * 1000)]);
        let sql = "UPDATE signal SET (delivered_at, error_at) = (
            SELECT signal.delivered_at + listing.listed_at - vehicle.delivered_at,
                error_at + listing.listed_at - vehicle.delivered_at
            FROM listing JOIN vehicle ON vehicle_id = id)";
        self.change(sql, &[]);
    }

    /// Lets so much time pass since the signals of every vehicle were listed.
    pub fn age_listings(&self, by: Duration) {
        let sql = "UPDATE listing SET listed_at = listed_at - ?1";
        self.change(sql, &[&millis(by)]);
    }

    /// Has the signals been listed later, as if by a clock that is ahead.
    pub fn advance_listings(&self, by: Duration) {
        let sql = "UPDATE listing SET listed_at = listed_at + ?1";
        self.change(sql, &[&millis(by)]);
    }

    /// Adds an open error of a vehicle that one user's connection reported.
    pub fn add_vehicle_error(&self, vehicle: &str, code: &str, user: &str) {
        let sql = "INSERT INTO vehicle_error (vehicle_id, type, code, error_at, user_id)
            VALUES (?1, 'T', ?2, 1, ?3)";
        self.change(sql, &[&vehicle, &code, &user]);
    }

    /// The codes of the errors of vehicles.
    pub fn vehicle_errors(&self) -> Vec<String> {
        let sql = "SELECT code FROM vehicle_error ORDER BY code";
        self.all(sql, |row| row.get(0))
    }

    /// Lets so much time pass since every look-up that found no owner.
    pub fn age_fruitless_lookups(&self, by: Duration) {
        let sql = "UPDATE fruitless_lookup SET at = at - ?1";
        self.change(sql, &[&millis(by)]);
    }

    /// Has these look-ups been made later, as if by a clock that is ahead.
    pub fn advance_fruitless_lookups(&self, by: Duration) {
        let sql = "UPDATE fruitless_lookup SET at = at + ?1";
        self.change(sql, &[&millis(by)]);
    }
}
