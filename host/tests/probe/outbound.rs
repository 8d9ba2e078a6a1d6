//! What components may call.

use crate::{
    running::{Answer, Running, altered_manifest},
    upstream,
    wire::Wire,
};

fn with_upstream(answers: bool) -> (Running, String) {
    let port = upstream::start(answers).to_string();
    let set = format!("upstream_port={port}");
    (Running::start(&["--variable", &set]), port)
}

#[test]
fn allowed_host_is_called() {
    let (host, port) = with_upstream(true);
    let answer = host.get(&format!("/fetch?url=http://127.0.0.1:{port}/"));
    assert_eq!(answer, Answer::ok("200 upstream"));
}

#[test]
fn host_that_is_not_allowed_is_denied_and_the_line_names_both() {
    let (host, port) = with_upstream(true);
    for url in [
        // The name is not the address, and userinfo is not the host.
        format!("http://localhost:{port}/"),
        format!("http://127.0.0.1:{port}@localhost:{port}/"),
    ] {
        let answer = host.get(&format!("/fetch?url={url}"));
        let denied = Answer(500, "ErrorCode::HttpRequestDenied".to_owned());
        assert_eq!(answer, denied, "{url}");
    }
    host.says(&format!(
        "component \"probe\" may not call http://localhost:{port}:"
    ));
}

#[test]
fn component_without_allowed_hosts_calls_none() {
    let (host, port) = with_upstream(true);
    let answer = host.get(&format!("/bare/fetch?url=http://127.0.0.1:{port}/"));
    assert_eq!(answer.1, "ErrorCode::HttpRequestDenied");
    let chained = host.get("/bare/fetch?url=http://private.spin.internal/instance");
    assert_eq!(chained.1, "ErrorCode::HttpRequestDenied");
}

#[test]
fn connection_that_is_refused_is_reported_as_refused() {
    let host = Running::start(&[]);
    let answer = host.get("/fetch?url=http://localhost:1/");
    assert_eq!(answer.1, "ErrorCode::ConnectionRefused");
}

#[test]
fn https_call_uses_tls() {
    // The upstream speaks plain HTTP, which no TLS client takes for an answer.
    let (host, port) = with_upstream(true);
    let answer = host.get(&format!("/fetch?url=https://127.0.0.1:{port}/"));
    assert_eq!(answer.1, "ErrorCode::TlsProtocolError");
}

#[test]
fn first_byte_timeout_of_the_request_is_honoured() {
    let (host, port) = with_upstream(false);
    let answer = host.get(&format!(
        "/fetch?first_byte_ms=50&url=http://127.0.0.1:{port}/"
    ));
    assert_eq!(answer.1, "ErrorCode::ConnectionReadTimeout");
}

#[test]
fn components_call_each_other_and_themselves() {
    let host = Running::start(&[]);
    let Answer(status, text) = host.get("/fetch?url=http://private.spin.internal/echo%3Fa=b");
    assert_eq!(status, 200);
    assert!(text.contains("spin-matched-route: /..."), "{text}");
    assert!(text.contains("spin-path-info: /echo"), "{text}");
    assert!(text.contains("spin-client-addr: 0.0.0.0:0"), "{text}");
    let bare = host.get("/fetch?url=http://bare.spin.internal/instance");
    assert!(bare.1.starts_with("200 "), "{bare:?}");
    let own = host.get("/fetch?url=http://self.alt/instance");
    assert!(own.1.starts_with("200 "), "{own:?}");
}

#[test]
fn panic_in_a_called_component_leaves_the_caller_alone() {
    let host = Running::start(&[]);
    let answer = host.get("/fetch?url=http://private.spin.internal/panic");
    assert_eq!(answer, Answer::ok("500 "));
    host.says("component \"private\" trapped");
    assert!(!host.output().contains("component \"probe\" trapped"));
}

#[test]
fn private_component_cannot_be_reached_from_outside() {
    let catch_all = (
        "route = \"/...\"\ncomponent = \"probe\"",
        "route = \"/p/...\"\ncomponent = \"probe\"",
    );
    let (_directory, manifest) = altered_manifest(&[catch_all]);
    let state = tempfile::tempdir().unwrap();
    let host = Running::start_on(&manifest, state.path(), &[]);
    assert_eq!(host.get("/private/instance"), Answer(404, String::new()));
    let mut wire = Wire::connect(&host.address);
    wire.send("GET /instance HTTP/1.1\r\nHost: private.spin.internal\r\n\r\n");
    assert_eq!(wire.receive().status, 404);
    let chained = host.get("/p/fetch?url=http://private.spin.internal/instance");
    assert!(chained.1.starts_with("200 "), "{chained:?}");
}
