//! What the doctor found last.

use super::{Database, millis};
use serde_json::{Value, json};
use std::time::Duration;

impl Database {
    /// Lets so much time pass since the doctor first missed the vehicles that it misses.
    pub fn age_missing_vehicles(&self, by: Duration) {
        let sql = "SELECT report FROM examination";
        let report: String = self.one(sql, &[], |row| row.get(0));
        let mut kept: Value = serde_json::from_str(&report).unwrap();
        for missing in kept["report"]["missing"].as_array_mut().unwrap() {
            missing["since"] = json!(missing["since"].as_i64().unwrap() - millis(by));
        }
        let sql = "UPDATE examination SET report = ?1";
        self.change(sql, &[&kept.to_string()]);
    }
}
