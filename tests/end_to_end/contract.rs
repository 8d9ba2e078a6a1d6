//! Every function of `smartcar:edge`, called by a component that imports it.

use serde_json::{Value, json};
use simulator::{
    FIRST_USER, FIRST_VEHICLE, MANAGEMENT_TOKEN, SECOND_USER, UNPLUGGED_VEHICLE, WEBHOOK,
};
use support::{Composed, eventually, raw, sign};

const LOCK: &str = "/v3/vehicles/{vehicleId}/commands/security/lock";

struct Probe(Composed);

impl Probe {
    fn start() -> Self {
        Self(Composed::start("tests/client-probe/spin.toml", &[]))
    }

    /// What a function returned, as the component's language writes it.
    fn call(&self, function: &str, arguments: &str) -> String {
        let path = format!("/{function}?{arguments}");
        let answer = self.0.send("GET", &path, &[], b"");
        assert_eq!(answer.status, 200, "{path}: {}", self.0.said());
        answer.body
    }

    fn first(&self, function: &str, more: &str) -> String {
        let arguments = format!("vehicle={FIRST_VEHICLE}&user={FIRST_USER}&{more}");
        self.call(function, &arguments)
    }
}

#[track_caller]
fn holds(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "no {part} in {said}");
    }
}

#[test]
fn vehicles_and_their_signals_are_typed() {
    let probe = Probe::start();
    let vehicle = probe.first("vehicles/get", "");
    holds(
        &vehicle,
        &[
            "Ok(Vehicle",
            FIRST_VEHICLE,
            "Some(\"VOLVO\")",
            "Some(\"BEV\")",
        ],
    );

    let one = |code: &str| probe.first("vehicles/get-signal", &format!("code={code}"));
    let charge = one("tractionbattery-stateofcharge");
    holds(
        &charge,
        &[
            "Number(Number",
            "unit: Some(\"percent\")",
            "status: Some(SignalStatus::Success)",
        ],
    );
    holds(
        &charge,
        &[
            "observed-at: Some(",
            "group: Some(\"TractionBattery\")",
            "raw: \"{",
        ],
    );
    holds(&one("closure-islocked"), &["Boolean(false)", "unit: None"]);
    holds(
        &one("location-preciselocation"),
        &["Location(Location", "latitude: "],
    );
    holds(
        &one("closure-doors"),
        &["Grid(Grid", "is-locked: Some(false)", "row-count: Some("],
    );
    holds(
        &one("charge-chargelimits"),
        &["ChargeLimits(ChargeLimits", "limit: Some(80.0)"],
    );
    holds(&one("vehicleidentification-vin"), &["Text(\""]);

    let all = probe.first("vehicles/list-signals", "");
    holds(&all, &["Ok(Signals", "charge-ischarging", "unreadable: []"]);
    let imperial = probe.first(
        "vehicles/get-signal",
        "code=odometer-traveleddistance&imperial=1",
    );
    holds(&imperial, &["Number(Number", "unit: Some("]);
}

#[test]
fn contract_runs_every_command() {
    let probe = Probe::start();
    for command in [
        "lock",
        "unlock",
        "start-charge",
        "stop-charge",
        "set-charge-limit&value=75",
        "set-destination&value=1.5,-2.25",
        "open-charge-port",
        "close-charge-port",
    ] {
        let said = probe.first("commands/run", &format!("command={command}"));
        holds(
            &said,
            &["Ok(Execution", "status: \"SUCCESS\"", "id: Some(\"exec_"],
        );
    }
    assert_eq!(probe.0.smartcar.count("/oauth2/token", 200), 1);
}

#[test]
fn charge_schedule_is_made_read_and_removed_by_its_id() {
    let probe = Probe::start();
    let attributes = "attributes=%7B%22startTime%22%3A%2223%3A00%22%7D";
    let made = probe.first(
        "charge-schedules/create",
        &format!("kind=weekly&{attributes}"),
    );
    let expected = [
        "Ok(Some(ScheduleExecution",
        "action: Some(\"create\")",
        "schedule: Some(\"sched_",
        "status: \"SUCCESS\"",
    ];
    holds(&made, &expected);
    let id = made
        .split("sched_")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let id = format!("id=sched_{id}");
    let read = probe.first("charge-schedules/get", &id);
    holds(&read, &["Ok(\"{", "23:00", "weekly"]);
    let removed = probe.first("charge-schedules/remove", &id);
    holds(&removed, &["action: Some(\"delete\")"]);
    let gone = probe.first("charge-schedules/get", &id);
    holds(&gone, &["Err(Error::Api(", "status: 404"]);
    let wrong = probe.first("charge-schedules/create", "attributes=%5B%5D");
    holds(&wrong, &["InvalidInput(\"attributes is no JSON object"]);
    let timers = json!({"data": {"id": "charge-chargetimers", "attributes": {
        "code": "charge-chargetimers", "body": {"values": [
            {"type": "LOCATION", "scheduleType": "DAILY", "scheduleId": "sched_1"}]}}}});
    let fault = json!({"status": 200, "body": timers.to_string()});
    let signal = "/v3/vehicles/{vehicleId}/signals/{signalCode}";
    probe.0.smartcar.fault(signal, fault);
    let timers = probe.first("charge-schedules/timers", "");
    holds(
        &timers,
        &[
            "schedule: Some(\"sched_1\")",
            "schedule-type: Some(\"DAILY\")",
        ],
    );
}

#[test]
fn calls_at_the_same_time_do_not_wait_for_each_other() {
    let mut probe = Probe::start();
    // Longer than any of this takes.
    let slow = json!({"latencyMs": 200_000, "times": 1});
    probe.0.smartcar.fault(LOCK, slow);
    let address = probe.0.url("").replace("http://", "");
    let slow = std::thread::spawn(move || {
        let request = format!(
            "GET /commands/run?vehicle={FIRST_VEHICLE}&user={FIRST_USER}&command=lock HTTP/1.1\r\n\
             host: {address}\r\nconnection: close\r\n\r\n"
        );
        raw(&address, &[request.as_bytes()])
    });
    eventually("the slow call is on its way", || {
        (probe.0.smartcar.count("/oauth2/token", 200) == 1).then_some(())
    });
    std::thread::scope(|scope| {
        let lists: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| probe.first("connections/list", "")))
            .collect();
        for list in lists {
            holds(&list.join().unwrap(), &["Ok(ConnectionPage"]);
        }
    });
    let body = probe.0.send("POST", "/deliveries/parse", &[], b"{}").body;
    holds(&body, &["event-type: None"]);
    assert!((1..=2).contains(&probe.0.smartcar.count("/oauth2/token", 200)));
    assert!(!slow.is_finished());
    probe.0.smartcar.end();
    holds(&slow.join().unwrap(), &["Err(Error::OutcomeUnknown"]);
}

#[test]
fn errors_have_names() {
    let probe = Probe::start();
    let lock = || probe.first("commands/run", "command=lock");
    let limit = probe.first("commands/run", "command=set-charge-limit&value=30");
    holds(&limit, &["Err(Error::InvalidInput"]);
    holds(
        &probe.call("vehicles/get", "vehicle=a/b"),
        &["Err(Error::InvalidInput(\"a vehicle id"],
    );
    let unplugged = format!("vehicle={UNPLUGGED_VEHICLE}&user={SECOND_USER}&command=start-charge");
    holds(
        &probe.call("commands/run", &unplugged),
        &["Err(Error::Api(ApiError", "status: 409"],
    );

    probe
        .0
        .smartcar
        .fault(LOCK, json!({"cut": true, "times": 1}));
    holds(&lock(), &["Err(Error::OutcomeUnknown"]);
    let failed = r#"{"data":{"id":"exec_1","attributes":{"status":{"value":"FAILURE"}}}}"#;
    probe
        .0
        .smartcar
        .fault(LOCK, json!({"status": 200, "body": failed, "times": 1}));
    holds(
        &lock(),
        &["Err(Error::CommandFailed(Execution", "status: \"FAILURE\""],
    );
    probe
        .0
        .smartcar
        .fault(LOCK, json!({"status": 200, "body": "{}", "times": 1}));
    holds(&lock(), &["Err(Error::Unreadable("]);
    let body = r#"{"errors":[{"status":"429","type":"RATE_LIMIT","code":"SMARTCAR_API"}]}"#;
    let limited =
        json!({"status": 429, "headers": {"retry-after": "600"}, "body": body, "times": 1});
    probe.0.smartcar.fault(LOCK, limited);
    holds(&lock(), &["Err(Error::Api(", "retry-after: Some(600)"]);
    holds(&lock(), &["Err(Error::Limited(Limit", "vehicle: None"]);
}

#[test]
fn connections_are_listed_and_ended() {
    let probe = Probe::start();
    let all = probe.call("connections/list-all", "");
    assert_eq!(all.matches("Connection {").count(), 3, "{all}");
    let mine = probe.call("connections/list-all", &format!("user={FIRST_USER}"));
    assert_eq!(mine.matches("Connection {").count(), 2, "{mine}");
    let page = probe.call("connections/list", "page=2&size=2");
    assert_eq!(page.matches("Connection {").count(), 1, "{page}");
    holds(
        &page,
        &[
            "number: Some(2)",
            "total: Some(3)",
            "is-last: true",
            "unreadable: []",
        ],
    );

    let id = all
        .split("id: \"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    holds(
        &probe.call("connections/get", &format!("id={id}")),
        &["Ok(Connection", id],
    );
    assert_eq!(
        probe.call("connections/remove", &format!("id={id}")),
        "Ok(())"
    );
    holds(
        &probe.call("connections/get", &format!("id={id}")),
        &["status: 404"],
    );
    let user = format!("user={SECOND_USER}");
    assert_eq!(probe.call("connections/remove-user", &user), "Ok(())");
    let rest = probe.call("connections/list-all", "");
    assert_eq!(rest.matches("Connection {").count(), 1, "{rest}");
}

#[test]
fn subscriptions_are_found_made_and_ended() {
    let probe = Probe::start();
    let webhooks = probe.call("subscriptions/list-webhooks", "");
    holds(
        &webhooks,
        &[
            "Ok([Webhook",
            WEBHOOK,
            "is-enabled: Some(false)",
            "closure-islocked",
        ],
    );
    let first = format!("webhook={WEBHOOK}");
    let found = || probe.first("subscriptions/find", &first);
    let create = || probe.first("subscriptions/create", &first);

    assert_eq!(found(), "Ok(None)");
    assert_eq!(create(), "Ok(Subscribed::Created)");
    assert_eq!(create(), "Ok(Subscribed::AlreadyThere)");
    let there = found();
    holds(&there, &["Ok(Some(Subscription", WEBHOOK, FIRST_VEHICLE]);
    let all = probe.call("subscriptions/list-all", "");
    assert_eq!(all.matches("Subscription {").count(), 1, "{all}");
    let page = probe.call("subscriptions/list", "page=1&size=2");
    assert_eq!(page.matches("Subscription {").count(), 1, "{page}");
    holds(&page, &["is-last: true", "total: Some(1)"]);

    let id = there.split("id: \"").nth(1).unwrap();
    let id = id.split('"').next().unwrap();
    let remove = || probe.call("subscriptions/remove", &format!("id={id}"));
    assert_eq!(remove(), "Ok(())");
    assert_eq!(found(), "Ok(None)");
    holds(&remove(), &["status: 404"]);
}

#[test]
fn deliveries_are_read_without_any_host() {
    let probe = Probe::start();
    let body = include_bytes!("../fixtures/vehicle-state-observed.json");
    let call = |function: &str, tokens: &str, headers: &[(&str, &str)], body: &[u8]| {
        let path = format!("/deliveries/{function}?tokens={tokens}");
        probe.0.send("POST", &path, headers, body).body
    };
    let signature = sign(MANAGEMENT_TOKEN, body);
    let signed = [("sc-signature", signature.as_str())];
    let verify = |tokens: &str, headers: &[(&str, &str)]| call("verify", tokens, headers, body);
    assert_eq!(
        verify(&format!("other,{MANAGEMENT_TOKEN}"), &signed),
        "Ok(1)"
    );
    holds(
        &verify("other", &signed),
        &["Err(Rejection", "name: \"mismatch\""],
    );
    holds(
        &verify(MANAGEMENT_TOKEN, &[]),
        &["Err(Rejection", "name: \"missing\""],
    );
    // Anyone could sign with an empty token.
    let empty = sign("", body);
    let empty = [("sc-signature", empty.as_str())];
    holds(
        &verify(",other", &empty),
        &["Err(Rejection", "name: \"mismatch\""],
    );
    assert_eq!(verify(&format!(",{MANAGEMENT_TOKEN}"), &signed), "Ok(1)");

    let event: Value = serde_json::from_slice(body).unwrap();
    let envelope = call("parse", "", &[], body);
    let id = event["eventId"].as_str().unwrap();
    holds(
        &envelope,
        &["Envelope {", id, "Some(\"VEHICLE_STATE\")", "mode: "],
    );
    holds(
        &call("parse", "", &[], b"nonsense"),
        &["event-id: None", "delivered-at: None"],
    );

    let challenge = br#"{"eventType":"VERIFY","data":{"challenge":"a-challenge"}}"#;
    let answer = call("challenge", MANAGEMENT_TOKEN, &[], challenge);
    holds(
        &answer,
        &["Ok(Some(", &sign(MANAGEMENT_TOKEN, b"a-challenge")],
    );
    assert_eq!(call("challenge", MANAGEMENT_TOKEN, &[], body), "Ok(None)");
    assert_eq!(call("challenge", "", &[], challenge), "Err(())");
}
