//! What a client and a component see of each other.

use crate::{
    running::{Answer, Running},
    wire::Wire,
};

#[test]
fn content_length_passes_through_and_the_connection_stays_open() {
    let host = Running::start(&[]);
    let mut wire = Wire::connect(&host.address);
    for _ in 0..2 {
        wire.send("GET /bare/instance HTTP/1.1\r\nHost: probe\r\n\r\n");
        let response = wire.receive();
        assert_eq!(response.status, 200);
        let length = format!("content-length: {}", response.body.len());
        assert!(response.headers.contains(&length), "{:?}", response.headers);
        assert!(!response.body.is_empty());
        let chunked = response
            .headers
            .iter()
            .any(|h| h.starts_with("transfer-encoding"));
        assert!(!chunked, "{:?}", response.headers);
    }
}

#[test]
fn request_arrives_with_method_headers_and_body() {
    let host = Running::start(&[]);
    let mut wire = Wire::connect(&host.address);
    wire.send(
        "PATCH /echo?a=%20b HTTP/1.1\r\nHost: example.com\r\nX-Two: 1\r\nX-Two: 2\r\n\
         Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    );
    let body = wire.receive().body;
    assert!(
        body.starts_with("PATCH http://example.com/echo?a=%20b\n"),
        "{body}"
    );
    assert!(body.contains("\nx-two: 1\nx-two: 2\n"), "{body}");
    assert!(body.ends_with("\n\nabcde"), "{body}");
}

#[test]
fn body_of_any_size_goes_both_ways() {
    let host = Running::start(&[]);
    let body = "0123456789abcdef".repeat(100_000);
    let Answer(status, text) = host.post("/echo", &body);
    assert_eq!(status, 200);
    assert!(text.ends_with(&body));
}

#[test]
fn headers_of_spin_are_added_after_a_clients() {
    let host = Running::start(&[]);
    let mut wire = Wire::connect(&host.address);
    wire.send(
        "GET /bare/echo?q=1 HTTP/1.1\r\nHost: example.com\r\nspin-client-addr: 1.2.3.4:5\r\n\
         Connection: keep-alive\r\n\r\n",
    );
    let body = wire.receive().body;
    for expected in [
        "spin-full-url: http://example.com/bare/echo?q=1",
        "spin-path-info: /echo",
        "spin-matched-route: /bare/...",
        "spin-raw-component-route: /bare/...",
        "spin-component-route: /bare",
        "spin-base-path: /",
    ] {
        assert!(
            body.lines().any(|line| line == expected),
            "{expected}: {body}"
        );
    }
    let client = |line: &&str| line.starts_with("spin-client-addr: ");
    let last = body.lines().rfind(client).unwrap();
    assert!(last.starts_with("spin-client-addr: 127.0.0.1:"), "{body}");
    assert!(!body.contains("\nconnection:"), "{body}");
}

#[test]
fn route_that_is_exact_wins() {
    let host = Running::start(&[]);
    // The component "bare" serves it, which has no such path.
    let Answer(status, text) = host.get("/exact");
    assert_eq!((status, text.as_str()), (500, "the probe has no path \"\""));
}

#[test]
fn output_of_a_component_is_printed() {
    let host = Running::start(&[]);
    assert_eq!(host.get("/print?text=printed").0, 200);
    host.says("printed\n");
}
