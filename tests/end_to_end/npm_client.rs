//! A client that Smartcar wrote itself, pointed at the gateway.

use serde_json::Value;
use simulator::{FIRST_USER, FIRST_VEHICLE};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output},
};
use support::{App, KEY, is_required};

const SIGNAL: &str = "odometer-traveleddistance";

/// The package in a folder of its own, installed once for each change of the
/// lock file; or why there is none.
fn installed() -> Result<PathBuf, String> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (from, folder) = (tests.join("npm-client"), tests.join("../target/npm-client"));
    fs::create_dir_all(&folder).unwrap();
    for file in ["package.json", "package-lock.json", "client.js"] {
        fs::copy(from.join(file), folder.join(file)).unwrap();
    }
    let lock = fs::read(from.join("package-lock.json")).unwrap();
    let installed = folder.join("installed.json");
    run("node", &["--version"], &folder, &[])?;
    if fs::read(&installed).is_ok_and(|installed| installed == lock) {
        return Ok(folder);
    }
    let flags = [
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--fetch-retries=1",
        "--fetch-timeout=20000",
    ];
    run("npm", &flags, &folder, &[])?;
    fs::write(installed, lock).unwrap();
    Ok(folder)
}

/// What a program printed, or why it did not run well.
fn run(
    program: &str,
    arguments: &[&str],
    folder: &Path,
    environment: &[(&str, &str)],
) -> Result<String, String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .envs(environment.iter().copied())
        .output();
    match output {
        Err(error) => Err(format!("{program}: {error}")),
        Ok(Output { status, stderr, .. }) if !status.success() => {
            let said = String::from_utf8_lossy(&stderr).into_owned();
            Err(format!("{program} ended with {status}: {said}"))
        }
        Ok(output) => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
    }
}

/// In JavaScript, 91.0 and 91 are one number.
fn in_javascript(value: Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().into(),
        Value::Array(items) => items.into_iter().map(in_javascript).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, in_javascript(value)))
            .collect(),
        other => other,
    }
}

#[test]
fn smartcar_s_own_npm_client_needs_another_origin_and_another_token_alone() {
    let folder = match installed() {
        Ok(folder) => folder,
        Err(why) => {
            assert!(!is_required("node"), "EDGE_REQUIRE names node: {why}");
            // Past the harness, which shows what a test prints only where it fails.
            let _ = writeln!(
                std::io::stderr(),
                "skipped: the test with Smartcar's npm client, since it is not there and could \
                 not be installed: {why}"
            );
            return;
        }
    };
    let app = App::start();
    let said = run(
        "node",
        &["client.js", KEY, FIRST_VEHICLE, SIGNAL],
        &folder,
        &[
            ("SMARTCAR_API_V3_ORIGIN", &app.url("")),
            ("NO_PROXY", "127.0.0.1"),
        ],
    );
    let said = in_javascript(serde_json::from_str(&said.unwrap()).unwrap());

    let asked = |path: &str| {
        let path = format!("/v3/vehicles/{FIRST_VEHICLE}{path}");
        let answer = app.smartcar.get(&path, &[("sc-user-id", FIRST_USER)]);
        assert_eq!(answer.status, 200, "{answer:?}");
        // Its links lead to the gateway.
        let body = answer.body.replace(&app.smartcar.origin(), "");
        in_javascript(serde_json::from_str(&body).unwrap())
    };
    let vehicle = asked("");
    assert_eq!(said["vehicle"]["body"], vehicle);
    assert_eq!(said["vehicle"]["requestId"], true);
    assert_eq!(vehicle["data"]["attributes"]["make"], "VOLVO");
    assert_eq!(vehicle["data"]["attributes"]["model"], "EX30");

    // The client names no user. The gateway knows whose vehicle it is.
    let signals = asked("/signals");
    let listed = &said["signals"]["body"]["data"];
    assert!(*listed == signals["data"], "{listed} is not {signals}");
    assert_eq!(listed.as_array().unwrap().len(), 14);
    let signal = asked(&format!("/signals/{SIGNAL}"));
    let attributes = &said["signal"]["body"]["data"]["attributes"];
    assert_eq!(*attributes, signal["data"]["attributes"]);
    assert_eq!(attributes["body"]["value"], 18234.5);

    for unknown in ["unknownVehicle", "unknownSignals", "unknownSignal"] {
        let error = &said[unknown];
        assert_eq!(error["name"], "SmartcarError", "{unknown}: {error}");
        assert_eq!(error["statusCode"], 404.0, "{unknown}: {error}");
    }
    assert_eq!(said["unknownVehicle"]["requestId"], true);
}
