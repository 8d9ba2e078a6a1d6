//! A database of an earlier version is brought to this one by the first request.

use serde_json::Value;
use support::{App, Database, signal, vehicle_state};

#[test]
fn migration_upgrades_every_earlier_schema_and_keeps_its_rows() {
    let at = 1_790_000_000_000;
    let signals = [signal("odometer-traveleddistance", 7, at, at)];
    let delivery = vehicle_state("e-1", "v-1", at, &signals);
    let mut app = App::start();
    let newest = Database::newest_version();
    for version in 1..newest {
        app.kill();
        app.go_back_to(version, &delivery);
        app.run();
        let status = app.call("GET", "/status", &[], "").json();
        assert_eq!(status["store"]["schemaVersion"], newest, "{version}");
        assert_eq!(app.stored(), 1, "{version}");
        let signal = app.signal("v-1", "odometer-traveleddistance").json();
        let value: &Value = &signal["data"]["attributes"]["body"]["value"];
        assert_eq!(*value, 7, "{version}");
        // It is as good as one that began with this version.
        assert_eq!(app.try_deliver(&delivery).unwrap().status, 200);
        let other = vehicle_state("e-2", "v-1", at + 1, &[]);
        assert_eq!(app.try_deliver(&other).unwrap().status, 200);
        assert_eq!(app.stored(), 2, "{version}");
    }
}
