//! What is answered.

use super::schemas::schema;
use http::Method;
use serde_json::{Map, Value, json};
use smartcar::{
    CommandKind,
    endpoints::{self, Endpoint, Family},
};

/// Every error, by its status: what it means, and its headers of its own.
const ERRORS: [(u16, &str, &[&str]); 13] = [
    (400, "The request is not what is described here.", &[]),
    (
        401,
        "The key, or the signature of a delivery, is missing or wrong.",
        &["WWW-Authenticate"],
    ),
    (
        403,
        "The key lacks the scope or is not for this vehicle or user, or the owner has not granted \
         the permission.",
        &[],
    ),
    (404, "There is no such thing.", &[]),
    (
        409,
        "Another command of this vehicle or the same request is running, the outcome of the \
         vehicle's last command is unknown, or the vehicle is in no state for it.",
        &["Retry-After"],
    ),
    (413, "The body is too long.", &[]),
    (422, "The Idempotency-Key stands for another request.", &[]),
    (
        429,
        "A rate limit of Smartcar's, or a limit of look-ups of a vehicle's owner or of calls about a \
         vehicle.",
        &["Retry-After"],
    ),
    (430, "A limit of the plan at Smartcar.", &["Retry-After"]),
    (500, "Smartcar failed.", &["Retry-After"]),
    (501, "The vehicle cannot do this.", &[]),
    (
        502,
        "Smartcar did not get through to the vehicle, or no answer of Smartcar's came.",
        &["Retry-After"],
    ),
    (
        503,
        "This application is not configured, has no token, or cannot reach its store.",
        &["Retry-After"],
    ),
];

/// As [`ERRORS`], for an outcome that is unknown.
const UNSURE: (u16, &str) = (
    504,
    "No answer in time: the change may have been made, which GET /v3/commands/{actionId} tells. \
     Of a read with only-if-cached: nothing is stored.",
);

/// Every header.
pub(super) fn headers() -> Value {
    let mut all = Map::new();
    for (name, text, kind) in [
        ("SC-Request-Id", "Smartcar's name of the request.", "string"),
        ("Retry-After", "Seconds to wait.", "string"),
        ("WWW-Authenticate", "How to send a key.", "string"),
        ("Location", "Where to go on.", "string"),
        (
            "Preference-Applied",
            "respond-async where the request preferred that (RFC 7240).",
            "string",
        ),
        (
            "Age",
            "For how many seconds the answer has been stored (RFC 9111).",
            "integer",
        ),
        (
            "Cache-Status",
            "Whether the answer is from the store, and if not, why (RFC 9211).",
            "string",
        ),
        (
            "Idempotent-Replayed",
            "true where this was answered before, under the same Idempotency-Key.",
            "string",
        ),
        (
            "Edge-Action-Id",
            "The id of the change at /v3/commands/{actionId}.",
            "string",
        ),
        (
            "Edge-Outcome",
            "stored where the delivery is new, duplicate where it was stored before.",
            "string",
        ),
    ] {
        let header = json!({"description": text, "schema": {"type": kind}});
        all.insert(name.to_owned(), header);
    }
    all.into()
}

fn with_headers<'a>(names: impl IntoIterator<Item = &'a &'a str>) -> Map<String, Value> {
    let reference = |name| json!({"$ref": format!("#/components/headers/{name}")});
    let names = names.into_iter();
    names
        .map(|name| ((*name).to_owned(), reference(name)))
        .collect()
}

/// Every error.
fn errors() -> Value {
    let unsure = [(UNSURE.0, UNSURE.1, &["Retry-After"] as &[&str])];
    let all = ERRORS.into_iter().chain(unsure);
    let all = all.map(|(status, text, own)| {
        let common = ["SC-Request-Id", "Edge-Action-Id", "Idempotent-Replayed"];
        let response = json!({
            "description": text,
            "headers": with_headers(common.iter().chain(own)),
            "content": {"application/json": {"schema": schema("Errors")}},
        });
        (status.to_string(), response)
    });
    all.collect::<Map<_, _>>().into()
}

/// A response by its name.
fn response(name: &str) -> Value {
    json!({"$ref": format!("#/components/responses/{name}")})
}

/// Adds errors to what goes well.
fn or(mut responses: Value, errors: &[u16]) -> Value {
    for status in errors {
        let status = status.to_string();
        responses[&status] = response(&status);
    }
    responses
}

fn json_of(text: &str, name: &str, headers: &[&str]) -> Value {
    let mut response = json!({
        "description": text,
        "content": {"application/json": {"schema": schema(name)}},
    });
    if !headers.is_empty() {
        response["headers"] = with_headers(headers).into();
    }
    response
}

/// What goes well, where more than one operation answers so.
fn successes() -> [(&'static str, Value); 7] {
    let as_is = "As Smartcar answers it.";
    let read = ["SC-Request-Id"];
    let signals = ["SC-Request-Id", "Age", "Cache-Status"];
    let change = ["SC-Request-Id", "Edge-Action-Id", "Idempotent-Replayed"];
    let later = "It goes on. Either the answer ends with what came of it, which can be a failure, or \
                 it names the command that runs.";
    let running = ["Location", "Preference-Applied"];
    let runs = [&change[..], &running].concat();
    [
        ("One", json_of(as_is, "One", &read)),
        ("List", json_of(as_is, "List", &read)),
        ("OneSignal", json_of(as_is, "OneSignal", &signals)),
        ("Signals", json_of(as_is, "Signals", &signals)),
        ("Ran", json_of("It ran.", "Execution", &change)),
        ("Runs", json_of(later, "Running", &runs)),
        (
            "Done",
            json!({"description": "It is done.", "headers": with_headers(&change)}),
        ),
    ]
}

/// Every response that more than one operation gives.
pub(super) fn all() -> Value {
    let mut all = errors();
    for (name, response) in successes() {
        all[name] = response;
    }
    all
}

/// Statuses that every request with a key can get.
const KEYED: [u16; 4] = [400, 401, 413, 503];

/// What Smartcar can answer, whatever is asked for.
const SMARTCAR_S: [u16; 6] = [403, 404, 429, 430, 500, 502];

/// Those of reading something of Smartcar's.
pub(super) fn of_read(endpoint: &Endpoint) -> Value {
    let is_list = !endpoint.path.ends_with('}');
    let is_signals = endpoint.family == Family::Signals;
    let name = match (is_list, is_signals) {
        (true, true) => "Signals",
        (false, true) => "OneSignal",
        (true, false) => "List",
        (false, false) => "One",
    };
    let responses = json!({"200": response(name)});
    let responses = or(or(responses, &KEYED), &SMARTCAR_S);
    match endpoint.family {
        Family::Signals => or(responses, &[501, 504]),
        Family::ChargeSchedules => or(responses, &[501]),
        _ => responses,
    }
}

/// Those of a change.
pub(super) fn of_change(endpoint: &Endpoint) -> Value {
    let is_schedule = endpoint.family == Family::ChargeSchedules;
    let responses = match endpoint.method {
        _ if *endpoint == endpoints::CREATE_SUBSCRIPTION => {
            let headers = ["SC-Request-Id", "Edge-Action-Id", "Idempotent-Replayed"];
            json!({"202": json_of("It is being made.", "Anything", &headers)})
        }
        Method::DELETE if !is_schedule => json!({"204": response("Done")}),
        Method::DELETE => {
            json!({"200": response("Ran"), "202": response("Runs"), "204": response("Done")})
        }
        _ => json!({"200": response("Ran"), "202": response("Runs")}),
    };
    let responses = or(or(responses, &KEYED), &SMARTCAR_S);
    let responses = or(responses, &[409, 422, 504]);
    if is_schedule || CommandKind::of(endpoint).is_some() {
        or(responses, &[501])
    } else {
        responses
    }
}

/// Those of something of ours.
pub(super) fn ours(name: &str, errors: &[u16]) -> Value {
    let responses = json!({"200": json_of("What is known.", name, &[])});
    or(or(responses, &KEYED), errors)
}

/// Those of sending events again.
pub(super) fn replay(errors: &[u16]) -> Value {
    let headers = ["Edge-Action-Id"];
    let responses = json!({"202": json_of("They are sent.", "Replayed", &headers)});
    or(or(responses, &KEYED), errors)
}

/// Those of passing on what is due. A run that finds nothing is not recorded.
pub(super) fn run() -> Value {
    let headers = ["Edge-Action-Id"];
    let responses = json!({"200": json_of("What is known.", "Run", &headers)});
    or(or(responses, &KEYED), &[403, 502])
}

/// Those of a run that no key asks for.
pub(super) fn scheduled() -> Value {
    or(
        json!({"204": {"description": "What was due was passed on, now or a moment ago."}}),
        &[400, 404, 413, 503],
    )
}

/// Those of what everyone may read.
pub(super) fn opened(name: &str) -> Value {
    or(
        json!({"200": json_of("What is asked for.", name, &[])}),
        &[400, 413],
    )
}

fn elsewhere(text: &str) -> Value {
    json!({"description": text, "headers": with_headers(&["Location"])})
}

/// Adds errors that a browser is shown as a page, and everyone else as JSON.
fn or_pages(mut responses: Value, errors: &[u16]) -> Value {
    for status in errors {
        let (_, text, headers) = ERRORS.iter().find(|(known, ..)| known == status).unwrap();
        responses[status.to_string()] = json!({
            "description": text,
            "headers": with_headers(*headers),
            "content": {
                "application/json": {"schema": schema("Errors")},
                "text/html": {"schema": {"type": "string"}},
            },
        });
    }
    responses
}

pub(super) fn connect_start() -> Value {
    let responses = json!({"302": elsewhere("To Smartcar Connect.")});
    or(or_pages(responses, &[400, 401, 403, 503]), &[413])
}

pub(super) fn connect_callback() -> Value {
    let responses = json!({
        "200": {
            "description": "A page for the owner, who is connected or is not.",
            "content": {"text/html": {"schema": {"type": "string"}}},
        },
        "302": elsewhere("To the page of the product."),
    });
    or(or_pages(responses, &[400, 502, 503]), &[413])
}

/// Those of a delivery.
pub(super) fn delivery() -> Value {
    let responses = json!({"200": {
        "description": "A delivery is stored, which has no body. VERIFY is answered with JSON: \
            the HMAC of its challenge as `challenge`.",
        "headers": with_headers(&["Edge-Outcome"]),
    }});
    or(responses, &[400, 401, 413, 503])
}
