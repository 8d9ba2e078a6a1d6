//! What can be asked for, one operation each.

use super::{parameters, responses, schemas::schema};
use http::Method;
use routes::{Open, Own, Route};
use serde_json::{Value, json};
use smartcar::{
    CommandKind, ConnectOptions,
    endpoints::{self, Endpoint, Family},
};

pub(super) const TAGS: [(&str, &str); 13] = [
    ("Vehicles", "What is known of vehicles."),
    (
        "Signals",
        "What vehicles tell, from the store where that is fresh enough, else from Smartcar.",
    ),
    (
        "Commands",
        "What vehicles are asked to do. Each is sent to Smartcar once and recorded.",
    ),
    ("Charge schedules", "When vehicles charge by themselves."),
    ("Connections", "Which user granted access to which vehicle."),
    ("Users", "The owners of vehicles."),
    ("Webhooks", "Where Smartcar delivers."),
    ("Subscriptions", "Of which vehicles Smartcar delivers."),
    ("Applications", "The applications of the Smartcar account."),
    ("Compatibility", "Which vehicles Smartcar supports."),
    ("Connect", "How owners connect their vehicles."),
    ("Sinks", "Where events are sent."),
    ("Operation", "How this application is doing."),
];

/// An operation of Smartcar's, as the table of its endpoints has it.
pub(super) fn smartcar(endpoint: &Endpoint) -> Value {
    let is_change = endpoint.method != Method::GET;
    let scope = match *endpoint {
        endpoints::GET_SIGNAL => "the permission of the signal",
        _ => endpoint.scope,
    };
    let mut operation = keyed(
        &camel(endpoint.name),
        tag(endpoint),
        endpoint.summary,
        scope,
    );
    operation["externalDocs"] = json!({"url": endpoint.docs});
    operation["parameters"] = parameters::of(endpoint);
    operation["responses"] = if is_change {
        responses::of_change(endpoint)
    } else {
        responses::of_read(endpoint)
    };
    if let Some(body) = body(endpoint) {
        operation["requestBody"] = body;
    }
    operation
}

/// `charge-set-limit` as `chargeSetLimit`.
fn camel(name: &str) -> String {
    let mut words = name.split('-');
    let first = words.next().unwrap().to_owned();
    words.fold(first, |text, word| {
        let (letter, rest) = word.split_at(1);
        text + &letter.to_uppercase() + rest
    })
}

fn tag(endpoint: &Endpoint) -> &'static str {
    match endpoint.family {
        Family::Vehicles => "Vehicles",
        Family::Signals => "Signals",
        Family::Commands => "Commands",
        Family::ChargeSchedules => "Charge schedules",
        Family::Connections => "Connections",
        Family::Users => "Users",
        Family::Webhooks => "Webhooks",
        Family::Subscriptions => "Subscriptions",
        Family::Applications => "Applications",
        Family::Compatibility => "Compatibility",
        Family::Authorization => panic!("the access token is not served"),
        Family::Unlisted(_) => panic!("what is not known is not described"),
    }
}

/// The body of a change, where one is sent.
fn body(endpoint: &Endpoint) -> Option<Value> {
    if endpoint.method != Method::POST {
        return None;
    }
    let (name, is_required) = match CommandKind::of(endpoint) {
        Some(CommandKind::SetChargeLimit) => ("ChargeLimit", true),
        Some(CommandKind::SetDestination) => ("Destination", true),
        Some(_) => ("Anything", false),
        None if *endpoint == endpoints::CREATE_SUBSCRIPTION => ("Subscription", true),
        None => ("ChargeSchedule", true),
    };
    Some(json!({
        "required": is_required,
        "content": {"application/json": {"schema": schema(name)}},
    }))
}

/// An operation that takes a key with a scope.
fn keyed(id: &str, tag: &str, summary: &str, scope: &str) -> Value {
    let is_name = !scope.contains([' ', '*']);
    let named = if scope.contains(' ') {
        scope.to_owned()
    } else {
        format!("`{scope}`")
    };
    let mut operation = json!({
        "operationId": id,
        "tags": [tag],
        "summary": summary,
        "description": format!("Scope: {named}."),
        "x-scope": scope,
    });
    if is_name {
        operation["security"] = json!([{"key": [scope]}]);
    }
    operation
}

/// An operation that takes no key.
fn open(id: &str, tag: &str, summary: &str, responses: Value) -> Value {
    json!({
        "operationId": id,
        "tags": [tag],
        "summary": summary,
        "security": [],
        "responses": responses,
    })
}

/// An operation of ours.
pub(super) fn own(path: &str, route: Route) -> Value {
    let mut operation = match route {
        Route::Smartcar(endpoint) | Route::Unlisted(endpoint) => return smartcar(endpoint),
        Route::Own(Own::Catalogue) => {
            let summary = "Every signal that Smartcar knows, with its shape, unit and permission.";
            let mut operation = keyed("listSignalCatalogue", "Signals", summary, "read_*");
            operation["responses"] = responses::ours("Catalogue", &[403]);
            operation
        }
        Route::Own(Own::Myself) => json!({
            "operationId": "getSelf",
            "tags": ["Operation"],
            "summary": "What the key is for that asks.",
            "description": "Scope: none.",
            "responses": responses::ours("Self", &[]),
        }),
        Route::Own(Own::Vehicles) => {
            let summary = "What deliveries, reads and connections have reported of each vehicle.";
            let mut operation = keyed("listVehicles", "Vehicles", summary, "read_vehicle_info");
            operation["parameters"] = parameters::of_list(&["filter[needs]"]);
            operation["responses"] = responses::ours("Vehicles", &[403]);
            operation
        }
        Route::Own(Own::Action) => json!({
            "operationId": "getCommand",
            "tags": ["Commands"],
            "summary": "What became of a command or another change.",
            "description": "Scope: none for what the same key had done, `read_audit` for the rest. \
                What the vehicle has reported takes the scope of the signal too.",
            "responses": responses::ours("OneCommand", &[404]),
        }),
        Route::Own(Own::Audit) => {
            let summary = "Everything that callers had done, the newest first.";
            let mut operation = keyed("listAudit", "Commands", summary, "read_audit");
            operation["parameters"] =
                parameters::of_list(&["filter[vehicleId]", "filter[outcome]", "filter[caller]"]);
            operation["responses"] = responses::ours("Commands", &[403]);
            operation
        }
        Route::Own(Own::DeadLetters) => {
            let summary = "The events that no sink has taken, the newest first.";
            let mut operation = keyed("listDeadLetters", "Sinks", summary, "run_relay");
            operation["parameters"] = parameters::of_list(&["filter[sink]"]);
            operation["responses"] = responses::ours("DeadLetters", &[403]);
            operation
        }
        Route::Own(Own::ReplayDeadLetter) => {
            let summary = "Sends an event again that no sink has taken.";
            let mut operation = keyed("replayDeadLetter", "Sinks", summary, "run_relay");
            operation["responses"] = responses::replay(&[403, 404]);
            operation
        }
        Route::Own(Own::ReplayDeadLetters) => {
            let summary = "Sends those events again that no sink has taken and that were received \
                           in a while.";
            let mut operation = keyed("replayDeadLetters", "Sinks", summary, "run_relay");
            operation["parameters"] =
                parameters::by_name(&["filter[from]", "filter[to]", "filter[sink]"]);
            operation["responses"] = responses::replay(&[403]);
            operation
        }
        Route::Own(Own::Run) => {
            let summary = "Passes on the events that are due.";
            let mut operation = keyed("runRelay", "Sinks", summary, "run_relay");
            operation["responses"] = responses::run();
            operation
        }
        Route::Open(Open::ConnectStart) => {
            let summary = "Sends a vehicle's owner on to Smartcar Connect.";
            let responses = responses::connect_start();
            let mut operation = open("startConnect", "Connect", summary, responses);
            // As `connect_requires_key` says.
            operation["security"] = json!([{}, {"key": ["manage_connections"]}]);
            operation["parameters"] = parameters::by_name(ConnectOptions::NAMES);
            operation["externalDocs"] =
                json!({"url": "https://smartcar.com/docs/connect/redirect-to-connect"});
            operation
        }
        Route::Open(Open::ConnectReauthenticate) => {
            let summary = "Sends a vehicle's owner on to Smartcar Connect to authenticate again.";
            let responses = responses::connect_start();
            let mut operation = open("startReauthentication", "Connect", summary, responses);
            operation["security"] = json!([{}, {"key": ["manage_connections"]}]);
            operation["parameters"] = parameters::of_reauthentication();
            operation["externalDocs"] =
                json!({"url": "https://smartcar.com/docs/connect/re-auth/redirect-to-connect"});
            operation
        }
        Route::Open(Open::ConnectCallback) => {
            let summary = "Takes a vehicle's owner back from Smartcar Connect.";
            let responses = responses::connect_callback();
            let mut operation = open("finishConnect", "Connect", summary, responses);
            operation["parameters"] = parameters::by_name(&[
                "state",
                "user_id",
                "vehicle_id",
                "error",
                "error_description",
            ]);
            operation["externalDocs"] =
                json!({"url": "https://smartcar.com/docs/connect/handle-the-response"});
            operation
        }
        Route::Open(Open::OpenApi) => open(
            "getOpenApi",
            "Operation",
            "This document.",
            responses::opened("Anything"),
        ),
        Route::Own(Own::Status) => {
            let summary = "Token, limits, stores, deliveries, commands, and what is wrong.";
            let mut operation = keyed("getStatus", "Operation", summary, "read_status");
            operation["responses"] = responses::ours("Status", &[403]);
            operation
        }
        Route::Own(Own::Doctor) => {
            let summary = "Asks Smartcar what is configured there, and says what is wrong.";
            let mut operation = keyed("askDoctor", "Operation", summary, "read_status");
            operation["responses"] = responses::ours("Doctor", &[403]);
            operation
        }
        Route::Open(Open::Cron) => open(
            "runBySchedule",
            "Sinks",
            "Passes on the events that are due, where run_without_key says so.",
            responses::scheduled(),
        ),
        Route::Open(Open::Health) => open(
            "getHealth",
            "Operation",
            "Whether the gateway answers.",
            responses::opened("Health"),
        ),
    };
    let in_path = parameters::of_path(path);
    if !in_path.is_empty() {
        operation["parameters"] = in_path.into();
    }
    operation
}

/// What Smartcar posts to the receiver.
pub(super) fn delivery() -> Value {
    let mut operation = open(
        "receiveDelivery",
        "Webhooks",
        "Takes a delivery of Smartcar's webhook.",
        responses::delivery(),
    );
    operation["description"] = json!(
        "200 says that it is stored, now or before; VERIFY is answered with its challenge. \
         Whoever knows the management token may post: the body is signed with it."
    );
    operation["externalDocs"] =
        json!({"url": "https://smartcar.com/docs/api-reference/webhooks/delivery-behavior"});
    operation["parameters"] = json!([parameters::parameter("SC-Signature")]);
    operation["requestBody"] = json!({
        "required": true,
        "content": {"application/json": {"schema": schema("Anything")}},
    });
    operation
}
