//! A database of an earlier version is brought to this one by the first request.

use end_to_end::{App, vehicle_state};
use rusqlite::Connection;
use serde_json::Value;
use std::{fs, path::PathBuf};
use tempfile::TempDir;

/// The steps of the schema, in their order.
fn steps() -> Vec<PathBuf> {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../src/store/sqlite/migrations"
    );
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let mut steps: Vec<PathBuf> = files
        .filter(|file| file.extension().is_some_and(|ending| ending == "sql"))
        .collect();
    steps.sort();
    steps
}

/// What [`delivery`](database_of) reports, as the receiver writes it since the sixth version.
const REPORT: &str = r#"[1790000000000,[null,null,null,null,null],[["odometer-traveleddistance",
    "TraveledDistance","Odometer",{"value":7,"unit":"km"},1790000000000,1790000000000,
    "01a0c4506c0001a0c4506c0001a0c4506c00"]],[],[]]"#;

/// A database as the version with so many steps left it, with a delivery in it.
fn database_of(version: usize, folder: &TempDir, delivery: &str) -> PathBuf {
    let path = folder.path().join(format!("version-{version}.db"));
    let database = Connection::open(&path).unwrap();
    for step in steps().iter().take(version) {
        for statement in fs::read_to_string(step).unwrap().split("\n--;\n") {
            database.execute_batch(statement).unwrap();
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
    database.execute(&insert, [delivery, REPORT]).unwrap();
    let stamp = format!("PRAGMA user_version = {version}");
    database.execute_batch(&stamp).unwrap();
    path
}

#[test]
fn every_earlier_schema_is_upgraded_and_keeps_what_it_holds() {
    let folder = TempDir::new().unwrap();
    let at = 1_790_000_000_000;
    let signals = [end_to_end::signal("odometer-traveleddistance", 7, at, at)];
    let delivery = vehicle_state("e-1", "v-1", at, &signals);
    let mut app = App::start();
    let newest = steps().len();
    for version in 1..newest {
        app.kill();
        app.restore(&database_of(version, &folder, &delivery));
        app.run();
        let status = app.call("GET", "/status", &[], "").json();
        assert_eq!(status["store"]["schemaVersion"], newest, "{version}");
        assert_eq!(app.stored(), 1, "{version}");
        let told = app.signal("v-1", "odometer-traveleddistance").json();
        let value: &Value = &told["data"]["attributes"]["body"]["value"];
        assert_eq!(*value, 7, "{version}");
        // It is as good as one that began with this version.
        assert_eq!(app.try_deliver(&delivery).unwrap().status, 200);
        let other = vehicle_state("e-2", "v-1", at + 1, &[]);
        assert_eq!(app.try_deliver(&other).unwrap().status, 200);
        assert_eq!(app.stored(), 2, "{version}");
    }
}
