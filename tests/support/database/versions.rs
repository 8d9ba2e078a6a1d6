//! Databases of other versions than this one.

use super::{Database, Engine};
use crate::process::repository;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where the steps of the schema stand, one file each.
fn migrations() -> PathBuf {
    let engine = match Engine::chosen() {
        Engine::Sqlite => "sqlite",
        Engine::Postgres => "postgres",
    };
    repository().join(format!("src/store/{engine}/migrations"))
}

/// What a delivery reports, as the receiver writes it since the sixth version.
const REPORT: &str = r#"[1790000000000,[null,null,null,null,null],[["odometer-traveleddistance",
    "TraveledDistance","Odometer",{"value":7,"unit":"km"},1790000000000,1790000000000,
    "01a0c4506c0001a0c4506c0001a0c4506c00"]],[],[]]"#;

/// The steps of the schema, in their order.
fn steps() -> Vec<PathBuf> {
    let files = fs::read_dir(migrations()).unwrap();
    let mut steps: Vec<PathBuf> = files
        .map(|file| file.unwrap().path())
        .filter(|file| file.extension().is_some_and(|ending| ending == "sql"))
        .collect();
    steps.sort();
    steps
}

impl Database {
    /// The version of the schema that this version of the application makes.
    pub fn newest_version() -> u32 {
        u32::try_from(steps().len()).unwrap()
    }

    /// Makes a database as an earlier version left it. In it is one delivery with this
    /// body: the event e-1 of the vehicle v-1, sent at 1790000000000, when its odometer
    /// (`odometer-traveleddistance`) said 7.
    pub fn make_of_version(version: u32, file: &Path, body: &str) {
        let database = Self::open(file);
        for step in steps().iter().take(version as usize) {
            for statement in fs::read_to_string(step).unwrap().split("\n--;\n") {
                database.connection.batch(statement);
            }
        }
        // Versions after the fifth are given what a delivery reports, taken apart.
        let (into, report) = match version {
            ..=5 => ("delivery", ""),
            _ => ("received", ", ?2"),
        };
        let insert = format!(
            "INSERT INTO {into} SELECT 'e-1', 'VEHICLE_STATE', 'LIVE', 'v-1', 'u-1', 1790000000000,
                1790000000000, ?1{report} WHERE ?2 IS NOT NULL"
        );
        database.change(&insert, &[&body, &REPORT]);
        database.set_version(version);
    }

    /// The version of its schema.
    pub fn version(&self) -> u32 {
        let sql = if self.is_sqlite() {
            "SELECT user_version FROM pragma_user_version"
        } else {
            "SELECT version FROM schema_version"
        };
        u32::try_from(self.count(sql)).unwrap()
    }

    /// Marks it as one of another version.
    pub fn set_version(&self, version: u32) {
        let stamp = if self.is_sqlite() {
            format!("PRAGMA user_version = {version}")
        } else {
            format!(
                "CREATE TABLE IF NOT EXISTS schema_version (version bigint NOT NULL);
                DELETE FROM schema_version; INSERT INTO schema_version VALUES ({version})"
            )
        };
        self.connection.batch(&stamp);
    }
}
