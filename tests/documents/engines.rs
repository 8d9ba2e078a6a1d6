//! `spin-postgres.toml` is `spin.toml` but for the engine, and `deploy/akamai/spin.toml` is
//! that but for what its platform needs.

use super::repository::{manifest, manifest_in};
use toml::{Table, Value};

/// What only the application on PostgreSQL has.
const VARIABLES: [&str; 2] = ["database_url", "database_host"];

fn on_postgres() -> Table {
    manifest_in("spin-postgres.toml")
}

/// The manifest on PostgreSQL, with what is of its engine turned into what SQLite has.
fn without_the_engine(mut manifest: Table) -> Table {
    let variables = manifest["variables"].as_table_mut().unwrap();
    for name in VARIABLES {
        assert!(variables.remove(name).is_some(), "{name}");
    }
    let components = manifest["component"].as_table_mut().unwrap();
    for (name, component) in components.iter_mut() {
        let component = component.as_table_mut().unwrap();
        let source = component["source"].as_str().unwrap();
        let Some(file) = source.strip_prefix("target/postgres/") else {
            assert_eq!(name, "http-sink", "it has no database");
            continue;
        };
        let source = format!("target/{file}");
        component.insert("source".to_owned(), source.into());
        component.insert("sqlite_databases".to_owned(), vec!["default"].into());
        let hosts = component["allowed_outbound_hosts"].as_array_mut().unwrap();
        let database = hosts.pop().unwrap();
        assert_eq!(database.as_str(), Some("postgres://{{ database_host }}"));
        let variables = component["variables"].as_table_mut().unwrap();
        let url = variables.remove("database_url").unwrap();
        assert_eq!(url.as_str(), Some("{{ database_url }}"));
        let build = component["build"].as_table_mut().unwrap();
        let command = build["command"].as_str().unwrap();
        let flags = [
            " --target-dir target/postgres",
            " --no-default-features --features postgres",
        ];
        let plain = flags.iter().fold(command.to_owned(), |command, flag| {
            assert!(command.contains(flag), "{command}");
            command.replace(flag, "")
        });
        build.insert("command".to_owned(), plain.into());
    }
    manifest
}

#[test]
fn manifest_on_postgresql_is_the_other_one_but_for_the_engine() {
    assert_eq!(without_the_engine(on_postgres()), manifest());
}

#[test]
fn address_of_the_database_is_secret_and_empty_unless_it_is_set() {
    let url = on_postgres()["variables"]["database_url"].clone();
    assert_eq!(url["secret"], Value::Boolean(true));
    assert_eq!(url["default"].as_str(), Some(""));
}

#[test]
fn manifest_for_akamai_is_the_one_on_postgresql_but_for_what_the_platform_needs() {
    let mut manifest = manifest_in("deploy/akamai/spin.toml");
    let application = manifest["application"].as_table_mut().unwrap();
    let targets = application.remove("targets").unwrap();
    assert_eq!(targets, Value::from(vec!["akamai-functions"]));
    // A request may take 30 seconds, and its cron sends GET without a key.
    let variables = manifest["variables"].as_table_mut().unwrap();
    for (name, here, elsewhere) in [
        ("command_deadline", "25", "310"),
        ("run_time", "10", "30"),
        ("run_without_key", "true", "false"),
    ] {
        let default = &mut variables[name]["default"];
        assert_eq!(default.as_str(), Some(here), "{name}");
        *default = elsewhere.into();
    }
    for (_, component) in manifest["component"].as_table_mut().unwrap() {
        let component = component.as_table_mut().unwrap();
        let source = component["source"].as_str().unwrap();
        let source = source.strip_prefix("../../").unwrap().to_owned();
        component.insert("source".to_owned(), source.into());
        let build = component["build"].as_table_mut().unwrap();
        assert_eq!(build.remove("workdir").unwrap().as_str(), Some("../.."));
    }
    assert_eq!(manifest, on_postgres());
}
