//! A handler of one's own behind the middleware `verify`.

use simulator::MANAGEMENT_TOKEN;
use support::{Composed, edge, eventually, raw, sign};

const OWN_RECEIVER: &str = "examples/own-receiver/spin.toml";
const BODY: &[u8] = br#"{"eventId":"e-1","eventType":"VEHICLE_STATE"}"#;
const VERIFY: &[u8] = br#"{"eventType":"VERIFY","data":{"challenge":"a-challenge"}}"#;

#[test]
fn middleware_passes_on_only_what_smartcar_signed() {
    let tokens = format!("the-next-token,{MANAGEMENT_TOKEN}");
    let app = Composed::start(OWN_RECEIVER, &[("MANAGEMENT_TOKENS", &tokens)]);
    let post = |headers: &[(&str, &str)], body: &[u8]| app.send("POST", "/webhooks", headers, body);

    let signature = sign(MANAGEMENT_TOKEN, BODY);
    let signed = ("sc-signature", signature.as_str());
    let answer = post(&[signed], BODY);
    let expected = format!("{} bytes, verified with token 1\n", BODY.len());
    assert_eq!((answer.status, answer.body), (200, expected.clone()));
    // What the outside says of tokens does not arrive.
    let claimed = ("edge-verified-token", "0");
    assert_eq!(post(&[signed, claimed], BODY).body, expected);

    let forged = [("sc-signature", "0".repeat(64))];
    let forged = [(forged[0].0, forged[0].1.as_str()), claimed];
    assert_eq!(post(&forged, BODY).error(), edge(401, "SIGNATURE_MISMATCH"));
    assert_eq!(
        post(&[claimed], BODY).error(),
        edge(401, "SIGNATURE_MISSING")
    );
    assert_eq!(
        post(&[signed, signed], BODY).error(),
        edge(401, "SIGNATURE_REPEATED")
    );
    let long = vec![b'x'; 64 * 1024 + 1];
    assert_eq!(post(&[signed], &long).error(), edge(413, "BODY_TOO_LARGE"));
    let get = app.send("GET", "/webhooks", &[signed], b"");
    assert_eq!(get.error(), edge(405, "METHOD_NOT_ALLOWED"));
    assert_eq!(get.headers["allow"], "POST");
}

#[test]
fn body_of_unknown_length_arrives_whole() {
    let app = Composed::start(OWN_RECEIVER, &[]);
    let address = app.url("").replace("http://", "");
    let signature = sign(MANAGEMENT_TOKEN, BODY);
    let head = format!(
        "POST /webhooks HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         transfer-encoding: chunked\r\nsc-signature: {signature}\r\n\r\n"
    );
    let (first, second) = BODY.split_at(10);
    let chunk = |bytes: &[u8]| {
        let size = format!("{:x}\r\n", bytes.len()).into_bytes();
        [&size, bytes, b"\r\n"].concat()
    };
    let parts = [
        head.into_bytes(),
        chunk(first),
        chunk(second),
        b"0\r\n\r\n".to_vec(),
    ];
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    let answer = raw(&address, &parts);
    let expected = format!("{} bytes, verified with token 0", BODY.len());
    assert!(answer.contains(&expected), "{answer}");
}

#[test]
fn verify_is_answered_in_front_of_the_handler() {
    let app = Composed::start(OWN_RECEIVER, &[]);
    let answer = app.send("POST", "/webhooks", &[], VERIFY);
    let hmac = sign(MANAGEMENT_TOKEN, b"a-challenge");
    let expected = format!("{{\"challenge\":\"{hmac}\"}}");
    assert_eq!((answer.status, answer.body), (200, expected));
    let unsafe_one = br#"{"eventType":"VERIFY","data":{"challenge":"{}"}}"#;
    let answer = app.send("POST", "/webhooks", &[], unsafe_one);
    assert_eq!(answer.error(), edge(400, "INVALID_CHALLENGE"));

    let strict = Composed::start(OWN_RECEIVER, &[("REQUIRE_SIGNED_VERIFY", "true")]);
    let answer = strict.send("POST", "/webhooks", &[], VERIFY);
    assert_eq!(answer.error(), edge(401, "SIGNATURE_MISSING"));
}

#[test]
fn verify_by_strangers_fills_no_log() {
    let app = Composed::start(OWN_RECEIVER, &[]);
    for _ in 0..64 {
        assert_eq!(app.send("POST", "/webhooks", &[], VERIFY).status, 200);
    }
    // The last answer may be there before its line.
    let last = b"the last one is refused";
    assert_eq!(app.send("POST", "/webhooks", &[], last).status, 401);
    let lines = app.said().matches(r#""event":"verify""#).count();
    // A new instance writes one too.
    assert!((1..32).contains(&lines), "{lines} lines");
}

#[test]
fn middleware_passes_on_nothing_without_a_token() {
    let inherited = ", inherit_configuration = [\"variables\"]";
    let app = Composed::start_altered(OWN_RECEIVER, &[(inherited, "")], &[]);
    let signature = sign(MANAGEMENT_TOKEN, BODY);
    let headers = [("sc-signature", signature.as_str())];
    let answer = app.send("POST", "/webhooks", &headers, BODY);
    assert_eq!(answer.error(), edge(503, "NOT_CONFIGURED"));
    eventually("the log says why", || {
        app.said()
            .contains("has to inherit variables")
            .then_some(())
    });
}
