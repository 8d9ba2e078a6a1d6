//! `deploy/`: what is there can be applied, and names what the manifests name.

use super::{
    kubernetes::{self, Resource, SpinApp},
    repository::{text, variables_of},
    runtime_config::{KeyValueStore, RuntimeConfig, SqliteDatabase},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

const APP: &str = "deploy/kubernetes/app.yaml";
const SECRETS: &str = "deploy/kubernetes/secrets.yaml";
const RELAY: &str = "deploy/kubernetes/relay.yaml";

fn app() -> SpinApp {
    let mut resources = kubernetes::parse(&text(APP)).unwrap();
    match (resources.pop(), resources.is_empty()) {
        (Some(Resource::SpinApp(app)), true) => {
            assert_eq!(app.api_version, "core.spinkube.dev/v1alpha1");
            // The service that relay.yaml calls has this name.
            assert_eq!(app.metadata.name, "smartcar-edge");
            app.spec
        }
        other => panic!("{other:?}"),
    }
}

/// The secrets, each with what is in it.
fn secrets() -> BTreeMap<String, BTreeMap<String, String>> {
    let secrets = kubernetes::parse(&text(SECRETS)).unwrap().into_iter();
    secrets
        .map(|secret| match secret {
            Resource::Secret(secret) => {
                assert_eq!((&*secret.api_version, &*secret.kind), ("v1", "Opaque"));
                (secret.metadata.name, secret.string_data)
            }
            other => panic!("{other:?}"),
        })
        .collect()
}

fn several(text: &str) -> RuntimeConfig {
    let config = RuntimeConfig::parse(text).unwrap();
    let redis = &config.key_value_store["default"];
    assert!(matches!(redis, KeyValueStore::Redis { url } if url.starts_with("rediss://")));
    assert!(config.sqlite_database.is_empty());
    assert_eq!(config.outbound_pg.as_ref().unwrap().max_connections, 64);
    config
}

#[test]
fn deployment_on_one_machine_keeps_its_state_where_it_says() {
    let config = RuntimeConfig::parse(&text("deploy/runtime-config.toml")).unwrap();
    let state = config.state_dir.unwrap();
    let KeyValueStore::Spin { path: key_value } = &config.key_value_store["default"] else {
        panic!("{:?}", config.key_value_store);
    };
    let SqliteDatabase::Spin { path: database } = &config.sqlite_database["default"];
    // The same names as without a runtime config, so that either finds the other's.
    assert_eq!(*key_value, state.join("sqlite_key_value.db"));
    assert_eq!(*database, state.join("sqlite_db.db"));
    assert!(state.is_absolute() && config.outbound_http.connection_pooling);
}

#[test]
fn log_files_are_not_written_on_machines() {
    for file in ["runtime-config.toml", "runtime-config-several.toml"] {
        let config = RuntimeConfig::parse(&text(&format!("deploy/{file}"))).unwrap();
        assert_eq!(config.log_dir, Some(PathBuf::new()), "{file}");
    }
}

#[test]
fn several_machines_and_pods_are_configured_alike() {
    let machines = several(&text("deploy/runtime-config-several.toml"));
    let secrets = secrets();
    let app = app();
    let secret = &secrets[&app.runtime_config.load_from_secret];
    let pods = several(&secret["runtime-config.toml"]);
    for config in [&machines, &pods] {
        assert!(config.outbound_http.connection_pooling);
        assert_eq!(config.outbound_http.max_connections, 256);
        assert_eq!(config.outbound_networking.block_networks, ["private"]);
        assert_eq!(config.max_instance_memory, Some(128 << 20));
    }
    assert_eq!(app.invocation_limits["memory"], "128Mi");
    assert!(app.replicas > 1 && app.image.contains("@sha256:"));
    assert_eq!(app.executor, "containerd-shim-spin");
    for probe in [app.checks.readiness, app.checks.liveness] {
        assert_eq!(probe.http_get.path, "/healthz");
    }
}

#[test]
fn variable_is_given_or_said_to_keep_its_default() {
    let (app, secrets, variables) = (app(), secrets(), variables_of("spin-postgres.toml"));
    let mut named = BTreeSet::new();
    for variable in app.variables {
        let default = variables.get(&variable.name);
        let default =
            default.unwrap_or_else(|| panic!("spin-postgres.toml has no {}", variable.name));
        match (variable.value, variable.value_from) {
            (Some(value), None) if variable.name == "database_host" => {
                let url = &secrets["smartcar-edge"]["database_url"];
                assert!(url.contains(&format!("@{value}/")), "{url}");
            }
            // What is not a secret is shown with its default.
            (Some(value), None) => assert_eq!(value, *default, "{}", variable.name),
            (None, Some(from)) => {
                let from = from.secret_key_ref;
                assert_eq!(from.key, variable.name);
                assert!(secrets[&from.name].contains_key(&from.key), "{}", from.key);
            }
            _ => panic!("{} has one value", variable.name),
        }
        assert!(named.insert(variable.name));
    }
    let text = text(APP);
    let (_, kept) = text.split_once("keep their defaults:\n").unwrap();
    for line in kept.lines() {
        let name = line.trim_start().strip_prefix("#   ").unwrap();
        assert!(named.insert(name.to_owned()), "{name} is named twice");
    }
    assert_eq!(named, variables.into_keys().collect());
}

#[test]
fn variable_that_is_secret_comes_from_a_secret() {
    let manifest = super::repository::manifest_in("spin-postgres.toml");
    let declared = manifest["variables"].as_table().unwrap();
    for variable in app().variables {
        let is_secret = declared[&variable.name].get("secret").is_some();
        if is_secret {
            assert!(variable.value_from.is_some(), "{}", variable.name);
        }
    }
}

#[test]
fn schedule_runs_the_relay_with_a_key_from_a_secret() {
    let mut resources = kubernetes::parse(&text(RELAY)).unwrap();
    let Some(Resource::CronJob(job)) = resources.pop() else {
        panic!("{RELAY}");
    };
    assert_eq!(job.api_version, "batch/v1");
    assert_eq!(job.metadata.name, "smartcar-edge-relay");
    let job = job.spec;
    assert_eq!(
        (&*job.schedule, &*job.concurrency_policy),
        ("* * * * *", "Forbid")
    );
    let pod = job.job_template.spec.template.spec;
    let (container, volume) = (&pod.containers[0], &pod.volumes[0]);
    let mount = &container.volume_mounts[0];
    assert_eq!(mount.name, volume.name);
    let header = format!("@{}/header", mount.mount_path);
    assert!(container.args.contains(&header));
    assert!(
        container
            .args
            .contains(&"http://smartcar-edge/run".to_owned())
    );
    let secret = &secrets()[&volume.secret.secret_name];
    assert!(secret["header"].starts_with("Authorization: Bearer "));
}

#[test]
fn runtime_config_with_a_misspelt_or_missing_key_is_refused() {
    for (right, wrong) in [
        ("connection_pooling", "connection_poling"),
        ("type = \"spin\"", "type = \"sqlite\""),
        ("[outbound_networking]", "[outbound_network]"),
        ("path = \"/var/lib/smartcar-edge/sqlite_db.db\"", ""),
    ] {
        let misspelt = text("deploy/runtime-config.toml").replace(right, wrong);
        assert!(RuntimeConfig::parse(&misspelt).is_err(), "{wrong}");
    }
    for (file, right, wrong) in [
        (APP, "loadFromSecret", "loadFromSecrets"),
        (APP, "executor:", "executer:"),
        (APP, "secretKeyRef", "secretRef"),
        (APP, "kind: SpinApp", "kind: SpinApplication"),
        (RELAY, "concurrencyPolicy: Forbid", ""),
        (SECRETS, "stringData", "data"),
    ] {
        let misspelt = text(file).replace(right, wrong);
        assert!(kubernetes::parse(&misspelt).is_err(), "{file}: {wrong}");
    }
}
