//! What is not as it should be is refused, and says why.

use simulator::{FIRST_USER, FIRST_VEHICLE};
use support::{App, KEY, Options, edge, raw, vehicle_state};

const LIMIT: usize = 64 * 1024;

#[test]
fn delivery_that_smartcar_did_not_sign_is_refused_for_a_reason() {
    let app = App::start();
    let signature = include_str!("../fixtures/vehicle-state-observed.json.hmac").trim();
    let body = include_bytes!("../fixtures/vehicle-state-observed.json");
    let other = include_bytes!("../fixtures/vehicle-state-documented.json");

    let refused = |headers: &[(&str, &str)], body: &[u8]| {
        app.send("POST", "/webhooks", headers, body).error()
    };
    assert_eq!(refused(&[], body), edge(401, "SIGNATURE_MISSING"));
    assert_eq!(
        refused(&[("sc-signature", signature)], other),
        edge(401, "SIGNATURE_MISMATCH")
    );
    assert_eq!(
        refused(&[("sc-signature", &"0".repeat(64))], body),
        edge(401, "SIGNATURE_MISMATCH")
    );
    assert_eq!(
        refused(&[("sc-signature", "")], body),
        edge(401, "SIGNATURE_MALFORMED")
    );
    assert_eq!(
        refused(&[("sc-signature", "abc")], body),
        edge(401, "SIGNATURE_MALFORMED")
    );
    let twice = [("sc-signature", signature), ("sc-signature", signature)];
    assert_eq!(refused(&twice, body), edge(401, "SIGNATURE_REPEATED"));
    assert_eq!(app.stored(), 0);
}

#[test]
fn challenge_outside_the_alphabet_is_not_answered() {
    let app = App::start();
    for challenge in [r#"{\"eventId\":\"forged\"}"#, "short", "with space", ""] {
        let body = format!(r#"{{"eventType":"VERIFY","data":{{"challenge":"{challenge}"}}}}"#);
        let answer = app.send("POST", "/webhooks", &[], body.as_bytes());
        assert_eq!(
            answer.error(),
            edge(400, "INVALID_CHALLENGE"),
            "{challenge}"
        );
    }
}

#[test]
fn challenge_answer_signs_no_delivery() {
    let app = App::start();
    let challenge = "12345678";
    let body = format!(r#"{{"eventType":"VERIFY","data":{{"challenge":"{challenge}"}}}}"#);
    let answer = app.send("POST", "/webhooks", &[], body.as_bytes()).json();
    let signature = answer["challenge"].as_str().unwrap();
    let forged = app.deliver(signature, challenge.as_bytes());
    assert_eq!(forged.error(), edge(401, "NOT_A_DELIVERY"));
    assert_eq!(app.stored(), 0);
}

#[test]
fn body_may_have_64_kib_and_not_one_byte_more() {
    let app = App::start();
    for path in ["/webhooks", "/v3/vehicles/v/commands/security/lock"] {
        let fits = app.send("POST", path, &[], &vec![b'x'; LIMIT]);
        assert_eq!(
            fits.status, 401,
            "{path}: read, and refused for another reason"
        );
        let answer = app.send("POST", path, &[], &vec![b'x'; LIMIT + 1]);
        assert_eq!(answer.error(), edge(413, "BODY_TOO_LARGE"), "{path}");
    }
}

#[test]
fn body_of_unannounced_length_is_held_to_the_limit_too() {
    let app = App::start();
    let head = "POST /webhooks HTTP/1.1\r\nHost: app\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = |size: usize| format!("{size:x}\r\n{}\r\n", "x".repeat(size)).into_bytes();
    let end = b"0\r\n\r\n";
    let half = chunk(LIMIT / 2);
    let fits = raw(app.address(), &[head.as_bytes(), &half, &half, end]);
    assert!(fits.starts_with("HTTP/1.1 401"), "{fits}");
    let exceeds = raw(
        app.address(),
        &[head.as_bytes(), &half, &half, &chunk(1), end],
    );
    assert!(exceeds.starts_with("HTTP/1.1 413"), "{exceeds}");
}

#[test]
fn client_that_breaks_off_costs_nothing() {
    let app = App::start();
    let head = "POST /webhooks HTTP/1.1\r\nHost: app\r\nContent-Length: 1000\r\n\r\nhalf";
    for _ in 0..20 {
        use std::io::Write;
        let mut stream = std::net::TcpStream::connect(app.address()).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
    }
    assert_eq!(app.send("GET", "/healthz", &[], b"").status, 200);
    assert_eq!(app.stored(), 0);
}

#[test]
fn wrong_method_is_answered_with_the_right_one() {
    let app = App::start();
    let cases = [
        ("GET", "/webhooks", "POST"),
        ("DELETE", "/webhooks", "POST"),
        ("GET", "/v3/vehicles/v/commands/security/lock", "POST"),
        ("POST", "/v3/vehicles/v/signals", "GET, HEAD"),
        ("POST", "/status", "GET, HEAD"),
        ("PUT", "/healthz", "GET, HEAD"),
    ];
    for (method, path, allow) in cases {
        let answer = app.call(method, path, &[], "");
        assert_eq!(
            answer.error(),
            edge(405, "METHOD_NOT_ALLOWED"),
            "{method} {path}"
        );
        assert_eq!(answer.headers["allow"], allow, "{method} {path}");
    }
}

#[test]
fn wrong_path_is_not_found() {
    let app = App::start();
    for path in [
        "/v3",
        "/v3/",
        "/v3/vehicles/v/commands/security/explode",
        "/v3/vehicles/v/commands/security/lock/now",
        "/v3/vehicles/a%2fb/signals/x/y",
        "/webhooks/other",
        "/",
        "/nope",
        "/healthz/x",
        "/V3/vehicles/v/signals",
    ] {
        assert_eq!(
            app.call("GET", path, &[], "").error(),
            edge(404, "PATH_NOT_FOUND"),
            "{path}"
        );
    }
}

#[test]
fn request_without_a_key_is_refused() {
    let app = App::start();
    let path = format!("/v3/vehicles/{FIRST_VEHICLE}/commands/security/lock");
    let wrong = format!("Bearer {KEY}x");
    let basic = format!("Basic {KEY}");
    for headers in [
        &[][..],
        &[("authorization", "Bearer ")],
        &[("authorization", "Bearer")],
        &[("authorization", wrong.as_str())],
        &[("authorization", basic.as_str())],
        &[("authorization", KEY)],
    ] {
        let answer = app.send("POST", &path, headers, b"");
        assert_eq!(answer.error(), edge(401, "UNAUTHORIZED"), "{headers:?}");
        assert!(answer.headers.contains_key("www-authenticate"));
        assert_eq!(app.send("GET", "/status", headers, b"").status, 401);
    }
    assert_eq!(app.smartcar.count("", 200), 0, "Smartcar was never asked");
}

#[test]
fn key_opens_what_its_scopes_vehicles_and_users_name() {
    // printf '%s' KEY | openssl dgst -sha256
    let keys = r#"[
        {"name":"charge","sha256":"7592a0bf0955be05c2ef6ce9c0cd4bbb5632093deb78e718e69981297a7ff87f","scopes":["control_charge"]},
        {"name":"one","sha256":"0ce085922a9c580b7f12628fa25a993f334a806ec423fef242fba453a6ed2dfc","scopes":["control_security","read_security"],
         "vehicles":["other-vehicle","5afdcfb9-3999-402c-8ffc-e19d12cb958d"],
         "users":["8ecce4c7-4527-4e25-b9f2-afd6fca3c9e8"]}
    ]"#;
    let app = App::start_with(Options {
        variables: vec![("API_KEYS", keys.into())],
        ..Options::default()
    });
    let send = |key: &str, method: &str, path: &str, user: &str| {
        let bearer = format!("Bearer {key}");
        let headers = [("authorization", bearer.as_str()), ("sc-user-id", user)];
        let named = if user.is_empty() { 1 } else { 2 };
        app.send(method, path, &headers[..named], b"")
    };
    let lock = |vehicle: &str| format!("/v3/vehicles/{vehicle}/commands/security/lock");

    let answer = send("charge-key", "POST", &lock(FIRST_VEHICLE), FIRST_USER);
    assert_eq!(answer.error(), edge(403, "MISSING_SCOPE"));
    assert!(answer.body.contains("control_security"), "{answer:?}");
    assert_eq!(
        send("charge-key", "GET", "/status", FIRST_USER).error(),
        edge(403, "MISSING_SCOPE")
    );

    assert_eq!(
        send("one-key", "POST", &lock(FIRST_VEHICLE), FIRST_USER).status,
        200
    );
    let other = send("one-key", "POST", &lock("third-vehicle"), FIRST_USER);
    assert_eq!(other.error(), edge(403, "VEHICLE_NOT_ALLOWED"));
    let other = send("one-key", "POST", &lock(FIRST_VEHICLE), "other-user");
    assert_eq!(other.error(), edge(403, "USER_NOT_ALLOWED"));
    // Nor are the signals of a car that is someone else's: they are asked for on behalf
    // of the user of the key, and Smartcar refuses.
    app.try_deliver(&vehicle_state(
        "e-1",
        "other-vehicle",
        1_790_000_000_000,
        &[],
    ));
    let path = "/v3/vehicles/other-vehicle/signals";
    let other = send("one-key", "GET", path, "");
    assert_eq!(other.error().1, "RESOURCE_NOT_FOUND", "{other:?}");

    app.smartcar.delivered(1);
    let signals = send(
        "one-key",
        "GET",
        &format!("/v3/vehicles/{FIRST_VEHICLE}/signals"),
        "",
    )
    .json();
    for signal in signals["data"].as_array().unwrap() {
        let code = signal["id"].as_str().unwrap();
        let shown = !signal["attributes"]["body"].is_null();
        assert_eq!(shown, code.starts_with("closure-"), "{signal}");
        let error = &signal["attributes"]["status"]["error"];
        assert_eq!(error["code"] == "MISSING_SCOPE", !shown, "{signal}");
    }
    let path = format!("/v3/vehicles/{FIRST_VEHICLE}/signals/location-preciselocation");
    let location = send("one-key", "GET", &path, "");
    assert_eq!(location.error(), edge(403, "MISSING_SCOPE"));
    assert!(location.body.contains("read_location"), "{location:?}");
}

#[test]
fn bad_input_does_not_reach_smartcar() {
    let app = App::start();
    let limit = |percent: &str| format!(r#"{{"data":{{"attributes":{{"percent":{percent}}}}}}}"#);
    let place = |lat: &str, lon: &str| {
        format!(r#"{{"data":{{"attributes":{{"latitude":{lat},"longitude":{lon}}}}}}}"#)
    };
    let mut cases = vec![
        ("charge/set-limit", String::new()),
        ("charge/set-limit", "{}".into()),
        ("charge/set-limit", "no json".into()),
        ("security/lock", "no json".into()),
        ("navigation/set-destination", "{}".into()),
    ];
    cases.extend(["49", "101", "80.5", "\"80\"", "null"].map(|p| ("charge/set-limit", limit(p))));
    cases.extend(
        [
            ("91", "0"),
            ("-91", "0"),
            ("0", "181"),
            ("\"1\"", "2"),
            ("1", "null"),
        ]
        .map(|(lat, lon)| ("navigation/set-destination", place(lat, lon))),
    );
    for (command, body) in &cases {
        let answer = app.command(FIRST_VEHICLE, FIRST_USER, command, body);
        assert_eq!(
            answer.error(),
            edge(400, "INVALID_INPUT"),
            "{command} {body}"
        );
    }
    for (vehicle, user) in [
        ("a%20b", FIRST_USER),
        ("..", FIRST_USER),
        (FIRST_VEHICLE, "a b"),
        (FIRST_VEHICLE, ""),
    ] {
        let answer = app.command(vehicle, user, "security/lock", "");
        assert!(
            [400, 404].contains(&answer.status),
            "{vehicle} {user}: {answer:?}"
        );
        assert_eq!(answer.error().1, "EDGE");
    }
    assert_eq!(app.smartcar.count("", 200), 0, "Smartcar was never asked");
}

#[test]
fn header_that_two_readers_could_read_differently_is_refused() {
    let app = App::start();
    let path = format!("/v3/vehicles/{FIRST_VEHICLE}/commands/security/lock");
    let users = [("sc-user-id", FIRST_USER), ("sc-user-id", "other-user")];
    let answer = app.call("POST", &path, &users, "");
    assert_eq!(answer.error(), edge(400, "INVALID_INPUT"));
    let keys = [("authorization", "Bearer other")];
    assert_eq!(app.call("GET", "/status", &keys, "").status, 400);
    assert_eq!(app.smartcar.count("", 200), 0, "Smartcar was never asked");
}

#[test]
fn whoever_may_get_may_look_without_taking() {
    let app = App::start();
    let answer = app.send("HEAD", "/healthz", &[], b"");
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
}

#[test]
fn origin_that_is_malformed_is_refused() {
    let mut app = App::start_with(Options {
        variables: vec![("SMARTCAR_VEHICLE_ORIGIN", String::new())],
        ..Options::default()
    });
    let answer = app.call("GET", "/status", &[], "");
    assert_eq!(answer.error(), edge(503, "NOT_CONFIGURED"));
    app.kill();
    assert!(
        app.said().contains("smartcar_vehicle_origin"),
        "{}",
        app.said()
    );
}

#[test]
fn unset_secrets_close_the_door() {
    for keys in [
        "",
        "[]",
        "not json",
        r#"[{"name":"n","sha256":"short","scopes":["*"]}]"#,
    ] {
        let mut app = App::start_with(Options {
            variables: vec![
                ("API_KEYS", keys.into()),
                ("MANAGEMENT_TOKENS", String::new()),
            ],
            ..Options::default()
        });
        for _ in 0..20 {
            let answer = app.call("GET", "/status", &[], "");
            assert_eq!(answer.error(), edge(503, "NOT_CONFIGURED"), "{keys}");
        }
        let answer = app.deliver(&"0".repeat(64), b"{}");
        assert_eq!(answer.error(), edge(503, "NOT_CONFIGURED"));
        assert!(answer.headers.contains_key("retry-after"));
        app.kill();
        let said = app.said();
        assert!(
            said.contains("the variable management_tokens is not set"),
            "{said}"
        );
        let lines = said
            .lines()
            .filter(|line| line.contains("the variable api_keys"));
        // One a minute of each instance.
        assert!((1..5).contains(&lines.count()), "{said}");
    }
}
