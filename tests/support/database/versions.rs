//! Databases of other versions than this one.

use super::{Database, Engine};
use crate::process::repository;
use std::{fs, path::PathBuf};

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

/// What the first version on PostgreSQL left of such a delivery.
const RECEIVED: &str = "
    INSERT INTO delivery VALUES
        ('e-1', 'VEHICLE_STATE', 'LIVE', 'v-1', 'u-1', 1790000000000, 1790000000000, '');
    INSERT INTO vehicle (id, user_id, delivered_at) VALUES ('v-1', 'u-1', 1790000000000);
    INSERT INTO signal (vehicle_id, code, name, group_name, body, observed_at, retrieved_at,
        delivered_at, rank, delivered_rank)
    VALUES ('v-1', 'odometer-traveleddistance', 'TraveledDistance', 'Odometer',
        '{\"value\":7,\"unit\":\"km\"}', 1790000000000, 1790000000000, 1790000000000,
        '01a0c4506c0001a0c4506c0001a0c4506c00', '01a0c4506c0001a0c4506c0001a0c4506c00')";

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

    /// Makes an empty database one that an earlier version left. In it is one delivery with
    /// this body: the event e-1 of the vehicle v-1, sent at 1790000000000, when its odometer
    /// (`odometer-traveleddistance`) said 7.
    pub fn become_of_version(&self, version: u32, body: &str) {
        for step in steps().iter().take(version as usize) {
            let step = fs::read_to_string(step).unwrap();
            if self.is_sqlite() {
                for statement in step.split("\n--;\n") {
                    self.connection.batch(statement);
                }
            } else {
                let block = format!("DO $step$ BEGIN {step} END $step$");
                self.connection.batch(&block);
            }
        }
        if self.is_sqlite() {
            self.receive_in_sqlite(version, body);
        } else {
            self.connection.batch(RECEIVED);
            let change = "UPDATE delivery SET body = convert_to(?1, 'UTF8')";
            self.change(change, &[&body]);
        }
        self.set_version(version);
    }

    fn receive_in_sqlite(&self, version: u32, body: &str) {
        // Versions after the fifth are given what a delivery reports, taken apart.
        let (into, report) = match version {
            ..=5 => ("delivery", ""),
            _ => ("received", ", ?2"),
        };
        let insert = format!(
            "INSERT INTO {into} SELECT 'e-1', 'VEHICLE_STATE', 'LIVE', 'v-1', 'u-1', 1790000000000,
                1790000000000, ?1{report} WHERE ?2 IS NOT NULL"
        );
        self.change(&insert, &[&body, &REPORT]);
    }

    /// Removes all that is in it, so that it is as good as new.
    pub(crate) fn empty(&self) {
        self.connection
            .batch("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
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
