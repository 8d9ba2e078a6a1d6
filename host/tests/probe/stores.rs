//! Key-value, SQLite and variables.

use crate::running::{Answer, Running, probe_manifest};

#[test]
fn key_value_keeps_what_it_is_given() {
    let host = Running::start(&[]);
    assert_eq!(host.get("/key-value/get?key=a"), Answer::ok("none"));
    assert_eq!(host.get("/key-value/set?key=a&value=1").0, 200);
    assert_eq!(host.get("/key-value/set?key=a&value=2").0, 200);
    assert_eq!(host.get("/key-value/set?key=b&value=3").0, 200);
    assert_eq!(host.get("/key-value/get?key=a"), Answer::ok("2"));
    assert_eq!(host.get("/key-value/keys"), Answer::ok("a,b"));
}

#[test]
fn key_may_have_255_bytes() {
    let host = Running::start(&[]);
    let set = |length| host.get(&format!("/key-value/set?key={}&value=", "k".repeat(length)));
    assert_eq!(set(255).0, 200);
    let Answer(status, text) = set(256);
    assert_eq!(status, 500);
    assert!(text.contains("255 bytes"), "{text}");
}

#[test]
fn sqlite_returns_rows_of_every_type() {
    let host = Running::start(&[]);
    assert_eq!(
        host.post("/sqlite", "CREATE TABLE t (a, b)"),
        Answer::ok("")
    );
    let insert = "INSERT INTO t VALUES (1, x'00ff'), (2.5, NULL) RETURNING *, 'text' AS c";
    assert_eq!(
        host.post("/sqlite", insert),
        Answer::ok("a,b,c\n1|x'00ff'|'text'\n2.5|null|'text'")
    );
}

#[test]
fn sqlite_error_carries_the_text_of_sqlite() {
    let host = Running::start(&[]);
    let Answer(status, text) = host.post("/sqlite", "SELECT * FROM missing");
    assert_eq!(status, 500);
    assert!(text.contains("no such table: missing"), "{text}");
}

#[test]
fn sqlite_attaches_no_files() {
    let host = Running::start(&[]);
    let Answer(status, text) = host.post("/sqlite", "ATTACH 'sqlite_key_value.db' AS other");
    assert_eq!(status, 500);
    assert!(text.contains("not authorized"), "{text}");
    let memory = host.post("/sqlite", "ATTACH ':memory:' AS scratch");
    assert_eq!(memory, Answer::ok(""));
}

#[test]
fn sqlite_result_of_any_length_is_streamed_whole() {
    let host = Running::start(&[]);
    let numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) \
                   SELECT i FROM n";
    let Answer(status, text) = host.post("/sqlite", numbers);
    assert_eq!(status, 200);
    assert_eq!(text.lines().count(), 2001);
    assert_eq!(text.lines().last(), Some("2000"));
}

#[test]
fn stores_survive_a_restart() {
    let state = tempfile::tempdir().unwrap();
    let start = || Running::start_on(&probe_manifest(), state.path(), &[]);
    let first = start();
    assert_eq!(first.get("/key-value/set?key=a&value=kept").0, 200);
    assert_eq!(
        first.post("/sqlite", "CREATE TABLE t AS SELECT 7 AS a").0,
        200
    );
    assert_eq!(first.terminate().code(), Some(0));
    let second = start();
    assert_eq!(second.get("/key-value/get?key=a"), Answer::ok("kept"));
    assert_eq!(
        second.post("/sqlite", "SELECT a FROM t"),
        Answer::ok("a\n7")
    );
}

#[test]
fn key_value_file_has_the_layout_of_spin() {
    let state = tempfile::tempdir().unwrap();
    let host = Running::start_on(&probe_manifest(), state.path(), &[]);
    assert_eq!(host.get("/key-value/set?key=a&value=1").0, 200);
    let file = rusqlite::Connection::open(state.path().join("sqlite_key_value.db")).unwrap();
    let value: Vec<u8> = file
        .query_row(
            "SELECT value FROM spin_key_value WHERE store = 'default' AND key = 'a'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(value, b"1");
}

#[test]
fn component_without_a_grant_is_denied() {
    let host = Running::start(&[]);
    let denied = Answer(500, "Error::AccessDenied".to_owned());
    assert_eq!(host.get("/bare/key-value/get?key=a"), denied);
    assert_eq!(host.post("/bare/sqlite", "SELECT 1"), denied);
    let Answer(status, text) = host.get("/bare/variable?name=greeting");
    assert_eq!(status, 500);
    assert!(text.contains("Undefined"), "{text}");
}

#[test]
fn variables_come_from_templates_and_stay_out_of_the_output() {
    let host = Running::start(&["--variable", "secret=p1anted"]);
    assert_eq!(
        host.get("/variable?name=greeting"),
        Answer::ok("hello, p1anted!")
    );
    let Answer(status, text) = host.get("/variable?name=secret");
    assert_eq!(status, 500, "{text}");
    assert!(!host.output().contains("p1anted"));
}

#[test]
fn environment_comes_from_the_manifest() {
    let host = Running::start(&[]);
    assert_eq!(
        host.get("/environment?name=PROBE_ROLE"),
        Answer::ok("everything")
    );
    assert_eq!(host.get("/environment?name=PATH").0, 500);
}
