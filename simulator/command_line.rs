//! The program itself: its one line, its exit code, its silence about secrets.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::{
    io::{BufRead, BufReader, Read},
    process::{Command, Stdio},
};

fn simulator(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smartcar-simulator"));
    command.args(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn command_line_names_the_free_port_and_refuses_a_busy_one() {
    let secrets = [
        "--client-secret",
        "planted-1",
        "--management-token",
        "planted-2",
    ];
    let mut running = simulator(&["--listen", "127.0.0.1:0"])
        .args(secrets)
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(running.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let address = line
        .trim_end()
        .strip_prefix("Simulator listening on http://")
        .expect("the line that tools wait for");

    let refused = simulator(&["--listen", address]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let error = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.contains(address), "{error}");
    assert!(refused.stdout.is_empty());

    running.kill().unwrap();
    running.wait().unwrap();
    let mut output = String::new();
    stdout.read_to_string(&mut output).unwrap();
    running.stderr.unwrap().read_to_string(&mut output).unwrap();
    assert_eq!(output, "");
}

#[test]
fn setting_that_cannot_work_is_refused() {
    for arguments in [
        ["--deliver-to", "https://example.com/"],
        ["--retry-scale", "-1"],
        ["--listen", "4010"],
        ["--token-life", "-5"],
    ] {
        let refused = simulator(&[]).args(arguments).output().unwrap();
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
    }
}
