//! The shapes of bodies. Smartcar may add to its own, so nothing is closed.

use serde_json::{Value, json};
use store::action::Outcome;

/// What `smartcar::VehicleId` and its like take.
pub(super) const ID: &str = r"^\.*[A-Za-z0-9_-][A-Za-z0-9._-]*$";

/// The code of a signal: the same, without capitals.
pub(super) const CODE: &str = r"^\.*[a-z0-9_-][a-z0-9._-]*$";

/// A schema by its name.
pub(super) fn schema(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// An object with these members. Those that end in `?` can be left out.
fn object(members: &[(&str, Value)]) -> Value {
    let names = members.iter().map(|(name, _)| name);
    let required = names.filter(|name| !name.ends_with('?'));
    let required: Value = required.map(|name| json!(name)).collect();
    let members = members
        .iter()
        .map(|(name, schema)| (name.trim_end_matches('?').to_owned(), schema.clone()));
    let mut object = json!({"type": "object", "properties": members.collect::<Value>()});
    if required != json!([]) {
        object["required"] = required;
    }
    object
}

fn list(of: Value) -> Value {
    json!({"type": "array", "items": of})
}

fn text() -> Value {
    json!({"type": "string"})
}

fn text_or_null() -> Value {
    json!({"type": ["string", "null"]})
}

fn integer_or_null() -> Value {
    json!({"type": ["integer", "null"]})
}

fn time_or_null() -> Value {
    json!({"type": ["string", "null"], "format": "date-time"})
}

/// `{"data":{"attributes":…}}`, as Smartcar takes what it is sent.
fn sent(attributes: Value) -> Value {
    object(&[("data", object(&[("attributes", attributes)]))])
}

fn id() -> Value {
    json!({"type": "string", "maxLength": 128, "pattern": ID})
}

/// Every schema.
pub(super) fn all() -> Value {
    let mut all = json!({
        "Anything": {"type": "object"},
        "Errors": errors(),
    });
    for (name, schema) in smartcar_endpoints().into_iter().chain(ours()) {
        all[name] = schema;
    }
    all
}

fn errors() -> Value {
    let error = object(&[
        ("status", text()),
        ("type", text()),
        ("code", text_or_null()),
        ("title?", text()),
        ("detail?", text()),
    ]);
    object(&[("errors", list(error))])
}

fn smartcar_endpoints() -> [(&'static str, Value); 12] {
    let anything = || schema("Anything");
    let resource = object(&[
        ("id", text()),
        ("type", text()),
        ("attributes?", anything()),
        ("relationships?", anything()),
        ("meta?", anything()),
        ("links?", anything()),
    ]);
    let status = object(&[
        ("value", text()),
        (
            "error?",
            object(&[("type?", text()), ("code?", text_or_null())]),
        ),
    ]);
    let attributes = object(&[
        ("code", text()),
        ("name?", text()),
        ("group?", text()),
        ("status?", status.clone()),
        ("body?", json!({"type": ["object", "null"]})),
    ]);
    let signal = object(&[
        ("id", text()),
        ("type", text()),
        ("attributes", attributes),
        ("meta?", anything()),
        ("links?", anything()),
    ]);
    let execution = object(&[
        ("commandType?", text()),
        ("status", status),
        ("executionMode?", text()),
        ("parameters?", anything()),
    ]);
    let execution = object(&[
        ("id?", text()),
        ("type?", text()),
        ("attributes", execution),
        ("meta?", anything()),
    ]);
    let percent = json!({"type": "integer", "minimum": 50, "maximum": 100});
    let degrees =
        |most: u8| json!({"type": "number", "minimum": -i16::from(most), "maximum": most});
    [
        ("Resource", resource),
        ("One", object(&[("data", schema("Resource"))])),
        (
            "List",
            object(&[
                ("data", list(schema("Resource"))),
                ("meta?", anything()),
                ("links?", anything()),
            ]),
        ),
        ("Signal", signal),
        (
            "OneSignal",
            object(&[("data", schema("Signal")), ("included?", anything())]),
        ),
        (
            "Signals",
            object(&[
                ("data", list(schema("Signal"))),
                ("meta?", anything()),
                ("links?", anything()),
                ("included?", anything()),
            ]),
        ),
        (
            "Running",
            json!({"anyOf": [schema("Execution"), accepted()]}),
        ),
        ("Execution", object(&[("data", execution)])),
        ("ChargeLimit", sent(object(&[("percent", percent)]))),
        (
            "Destination",
            sent(object(&[
                ("latitude", degrees(90)),
                ("longitude", degrees(180)),
            ])),
        ),
        ("ChargeSchedule", sent(anything())),
        (
            "Subscription",
            sent(object(&[
                ("webhookId", text()),
                ("userId", id()),
                ("vehicleId", id()),
            ])),
        ),
    ]
}

fn ours() -> [(&'static str, Value); 13] {
    [
        ("Catalogue", object(&[("data", list(catalogued()))])),
        ("Self", object(&[("data", api_key())])),
        ("Vehicles", page(vehicle())),
        ("Command", command()),
        ("Commands", page(schema("Command"))),
        ("OneCommand", object(&[("data", schema("Command"))])),
        ("Outcome", outcome()),
        ("Status", status()),
        ("Doctor", doctor()),
        ("DeadLetters", page(dead_letter())),
        (
            "Replayed",
            object(&[("meta", object(&[("replayed", count())]))]),
        ),
        (
            "Run",
            object(&[
                ("sinks", count()),
                ("ready", count()),
                ("delivered", count()),
                ("kept", count()),
                ("dead", count()),
            ]),
        ),
        ("Health", object(&[("status", json!({"const": "ok"}))])),
    ]
}

fn page(of: Value) -> Value {
    object(&[
        ("data", list(of)),
        ("meta", object(&[("pageSize", json!({"type": "integer"}))])),
        ("links", object(&[("next", text_or_null())])),
    ])
}

fn catalogued() -> Value {
    object(&[
        ("code", text()),
        ("group", text()),
        ("name", text()),
        ("shape", text()),
        ("unit", text_or_null()),
        ("permission", text_or_null()),
    ])
}

fn api_key() -> Value {
    let ids = json!({"type": ["array", "null"], "items": text()});
    let attributes = object(&[
        ("scopes", list(text())),
        ("vehicles", ids.clone()),
        ("users", ids),
    ]);
    object(&[
        ("id", text()),
        ("type", json!({"const": "api-key"})),
        ("attributes", attributes),
    ])
}

fn vehicle() -> Value {
    let attributes = object(&[
        ("make", text_or_null()),
        ("model", text_or_null()),
        ("year", integer_or_null()),
        ("powertrainType", text_or_null()),
        ("mode", text_or_null()),
    ]);
    let error = object(&[
        ("type", text_or_null()),
        ("code", text_or_null()),
        ("description", text_or_null()),
        ("suggestedUserMessage", text_or_null()),
        ("docURL", text_or_null()),
        ("resolution", object(&[("type", text_or_null())])),
        ("signals", list(text())),
        ("since", time_or_null()),
    ]);
    let meta = object(&[
        ("lastDeliveredAt", time_or_null()),
        ("lastObservedAt", time_or_null()),
        ("signals", integer_or_null()),
        ("openErrors", list(error)),
        ("billedCalls", json!({"type": "integer"})),
        ("billing", json!({"type": ["object", "null"]})),
        ("needs", list(json!({"enum": ["reauthentication"]}))),
    ]);
    object(&[
        ("id", text()),
        ("type", json!({"const": "vehicle"})),
        ("attributes", attributes),
        ("relationships", schema("Anything")),
        ("meta", meta),
        (
            "links",
            object(&[("self", text()), ("reauthenticate", text_or_null())]),
        ),
    ])
}

fn count() -> Value {
    json!({"type": "integer", "minimum": 0})
}

fn dead_letter() -> Value {
    let attributes = object(&[
        ("sink", text()),
        ("eventId", text()),
        ("eventType", text()),
        ("vehicleId", text_or_null()),
        ("attempts", count()),
        ("error", text_or_null()),
    ]);
    let meta = object(&[("receivedAt", time_or_null()), ("deadAt", time_or_null())]);
    object(&[
        ("id", text()),
        ("type", json!({"const": "dead-letter"})),
        ("attributes", attributes),
        ("meta", meta),
    ])
}

fn outcome() -> Value {
    json!({
        "description": "unknown: it may have been done.",
        "enum": Outcome::ALL.map(Outcome::as_str),
    })
}

/// A command that goes on without its caller.
fn accepted() -> Value {
    let attributes = object(&[("kind", text()), ("outcome", json!({"const": "running"}))]);
    let data = object(&[
        ("id", text()),
        ("type", json!({"const": "action"})),
        ("attributes", attributes),
    ]);
    object(&[("data", data), ("links", object(&[("self", text())]))])
}

fn command() -> Value {
    let indicates = json!({"enum": ["carried_out", "not_carried_out"]});
    let signal = object(&[
        ("code", text()),
        ("reportedAt", time_or_null()),
        ("indicates", indicates),
    ]);
    let attributes = object(&[
        ("kind", text()),
        ("path", text()),
        ("caller", text()),
        ("vehicleId", text_or_null()),
        ("userId", text_or_null()),
        ("idempotencyKey", text_or_null()),
        ("outcome", schema("Outcome")),
        ("insisted", json!({"type": "boolean"})),
        ("status", integer_or_null()),
        ("error", text_or_null()),
        ("smartcarRequestId", text_or_null()),
        ("smartcarExecutionId", text_or_null()),
        ("signal?", signal),
    ]);
    let meta = object(&[
        ("startedAt", time_or_null()),
        ("completedAt", time_or_null()),
    ]);
    object(&[
        ("id", text()),
        ("type", json!({"const": "action"})),
        ("attributes", attributes),
        ("meta", meta),
    ])
}

fn doctor() -> Value {
    let details = object(&[
        ("vehicles?", count()),
        ("vehicleIds?", list(text())),
        ("permissions?", list(text())),
        ("path?", text()),
        ("error?", text()),
        ("secondsAhead?", json!({"type": "integer"})),
    ]);
    let finding = object(&[
        ("code", text()),
        ("sentence", text()),
        ("remedy", text()),
        ("details", details),
    ]);
    object(&[
        ("ranAt", time_or_null()),
        ("calls", count()),
        ("webhook", json!({"type": ["object", "null"]})),
        ("connections", integer_or_null()),
        ("subscriptions", integer_or_null()),
        ("forgotten", count()),
        ("findings", list(finding)),
    ])
}

fn status() -> Value {
    let token = object(&[
        ("present", json!({"type": "boolean"})),
        ("refreshedAt", time_or_null()),
        ("expiresAt", time_or_null()),
        ("expiresInSeconds", integer_or_null()),
        ("lastError", json!({"type": ["object", "null"]})),
    ]);
    let limit = object(&[
        ("scope", json!({"enum": ["application", "vehicle", "api"]})),
        ("vehicleId", text_or_null()),
        ("api", text_or_null()),
        ("endsInSeconds", json!({"type": "integer"})),
    ]);
    let reachable = || object(&[("reachable", json!({"type": "boolean"}))]);
    let figures = || json!({"type": ["object", "null"]});
    object(&[
        ("token", token),
        ("limits", list(limit)),
        ("store", reachable()),
        ("keyValue", reachable()),
        ("deliveries", figures()),
        ("actions", figures()),
        ("connect", figures()),
        ("doctor", figures()),
        ("billing", figures()),
        ("outbox", json!({"type": ["array", "null"]})),
        (
            "diagnosis",
            list(object(&[("code", text()), ("sentence", text())])),
        ),
    ])
}
