//! What stands in paths, queries and headers of requests.

use super::schemas::{CODE, ID};
use http::Method;
use serde_json::{Map, Value, json};
use smartcar::{
    ReauthenticationOptions,
    endpoints::{About, Endpoint, Family, OnBehalf},
};
use store::action::Outcome;

/// A parameter by its name.
pub(super) fn parameter(name: &str) -> Value {
    // A reference has to be a URL (RFC 3986), which takes no brackets.
    let key = key(name);
    json!({"$ref": format!("#/components/parameters/{key}")})
}

fn key(name: &str) -> String {
    name.replace('[', ".").replace(']', "")
}

/// Those of an endpoint of Smartcar's.
pub(super) fn of(endpoint: &Endpoint) -> Value {
    let mut all = of_path(endpoint.path);
    all.extend(endpoint.query.iter().map(|name| parameter(name)));
    if endpoint.on_behalf() != OnBehalf::None {
        all.push(parameter("sc-user-id"));
    }
    all.push(parameter("sc-unit-system"));
    if endpoint.method != Method::GET {
        all.push(parameter("Idempotency-Key"));
        if endpoint.about == About::Vehicle {
            all.push(parameter("Edge-Insist"));
            all.push(parameter("Prefer"));
        }
    }
    if endpoint.family == Family::Signals {
        all.push(parameter("Cache-Control"));
    }
    all.into()
}

/// Those of a list of ours.
pub(super) fn of_list(filters: &[&str]) -> Value {
    by_name(&[filters, &["page[after]", "page[size]"]].concat())
}

pub(super) fn by_name(names: &[&str]) -> Value {
    names.iter().map(|name| parameter(name)).collect()
}

/// Those of a way to authenticate again: it needs the vehicle, and can have Smartcar forget
/// the external id.
pub(super) fn of_reauthentication() -> Value {
    let all = all();
    let mut parameters = by_name(ReauthenticationOptions::NAMES);
    for (place, name) in ReauthenticationOptions::NAMES.iter().enumerate() {
        let mut parameter = all[key(name)].clone();
        match *name {
            "vehicle_id" => parameter["required"] = json!(true),
            "external_id" => {
                let schema = parameter["schema"].as_object_mut();
                schema.map(|schema| schema.remove("not"));
                parameter["description"] = json!(
                    "Your own id of the user from here on; null: none. It needs a key: without one \
                     it is answered 400."
                );
            }
            _ => continue,
        }
        parameters[place] = parameter;
    }
    parameters
}

/// The names in braces in a path.
pub(super) fn of_path(path: &str) -> Vec<Value> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{'));
    names
        .map(|name| parameter(name.trim_end_matches('}')))
        .collect()
}

/// Every parameter that there is.
pub(super) fn all() -> Value {
    let mut all = Map::new();
    let mut add = |name: &str, place: &str, text: &str, schema: Value| {
        let mut parameter = json!({"name": name, "in": place, "schema": schema});
        let is_range = name == "filter[from]" || name == "filter[to]";
        if place == "path" || is_range {
            parameter["required"] = json!(true);
        }
        if !text.is_empty() {
            parameter["description"] = json!(text);
        }
        all.insert(key(name), parameter);
    };
    let id = || json!({"type": "string", "maxLength": 128, "pattern": ID});
    let text = || json!({"type": "string"});
    for (name, text) in [
        ("vehicleId", ""),
        ("userId", ""),
        ("connectionId", ""),
        ("webhookId", ""),
        ("subscriptionId", ""),
        ("applicationId", ""),
        ("scheduleId", ""),
        (
            "actionId",
            "What the header Edge-Action-Id said, or Smartcar's id of the command's execution.",
        ),
    ] {
        add(name, "path", text, id());
    }
    let code = json!({"type": "string", "maxLength": 128, "pattern": CODE});
    add("signalCode", "path", "One of those at /v3/signals.", code);
    let number_as_text = json!({"type": "string", "pattern": "^[1-9][0-9]{0,17}$"});
    add("deadLetterId", "path", "", number_as_text);
    // Part of RFC 3339, and enough of it.
    let time = json!({
        "type": "string",
        "pattern": "^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$",
        "examples": ["2026-01-31T12:00:00Z"],
    });
    add("filter[from]", "query", "", time.clone());
    add("filter[to]", "query", "", time);
    add("filter[sink]", "query", "The name of a sink.", text());
    let words = |most: u32, letters: &str| {
        json!({
            "type": "string",
            "minLength": 1,
            "maxLength": most,
            "pattern": format!("^[{letters}]*$"),
        })
    };
    let number = json!({"type": "integer", "minimum": 1});
    let size = json!({"type": "integer", "minimum": 1, "maximum": 100});
    for (name, text, schema) in [
        ("filter[userId]", "", text()),
        ("filter[vehicleId]", "", text()),
        ("filter[webhookId]", "", text()),
        ("filter[vehicle.mode]", "live, or simulated.", text()),
        ("filter[user.externalId]", "", text()),
        ("filter[name]", "", text()),
        ("filter[callbackUri]", "", text()),
        ("filter[isEnabled]", "", json!({"type": "boolean"})),
        ("filter[autoSubscribe]", "", json!({"type": "boolean"})),
        (
            "filter[region]",
            "",
            json!({"enum": ["US", "CA", "EUROPE"]}),
        ),
        ("filter[make]", "", text()),
        (
            "filter[powertrainType]",
            "",
            json!({"enum": ["BEV", "PHEV", "HEV", "ICE"]}),
        ),
        (
            "filter[outcome]",
            "",
            json!({"enum": Outcome::ALL.map(Outcome::as_str)}),
        ),
        ("filter[caller]", "The name of an API key.", text()),
        (
            "filter[needs]",
            "Only vehicles whose owner has to do this.",
            json!({"enum": ["reauthentication"]}),
        ),
        ("page[number]", "", number),
        ("page[size]", "", size),
        (
            "mode",
            "Which vehicles are offered. Without a key, connect_mode holds and this is ignored.",
            json!({"enum": ["live", "simulated"]}),
        ),
        ("scope", "", words(2000, "a-z_: ")),
        (
            "external_id",
            "Your own id of the user, which comes back. Vehicles are taken in only where Smartcar \
             lists them under it. It needs a key: without one it is answered 400.",
            json!({
                "type": "string", "minLength": 1, "maxLength": 128,
                "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$", "not": {"const": "null"},
            }),
        ),
        ("make", "", words(64, "A-Za-z0-9_ -")),
        ("single_select", "", json!({"type": "boolean"})),
        (
            "single_select_vin",
            "The vehicle that can be chosen, and no other one.",
            json!({"type": "string", "pattern": "^[A-Za-z0-9]{17}$"}),
        ),
        (
            "approval_prompt",
            "Whether an owner who has consented before is asked once more.",
            json!({"enum": ["auto", "force"]}),
        ),
        (
            "flags",
            "For example country:DE.",
            words(500, "A-Za-z0-9_: -"),
        ),
        (
            "response_type",
            "none: the browser ends at a page of Smartcar's. Left out, it comes back.",
            json!({"enum": ["none"]}),
        ),
        (
            "vehicle_id",
            "The vehicle whose owner has to authenticate again.",
            id(),
        ),
        ("state", "As Connect was given it.", text()),
        ("user_id", "Who came back.", text()),
        ("error", "", text()),
        ("error_description", "", text()),
        (
            "page[after]",
            "The id of the last item of the page before.",
            text(),
        ),
    ] {
        add(name, "query", text, schema);
    }
    for (name, text, schema) in [
        (
            "sc-user-id",
            "On whose behalf. Left out, it is the user whom the key is restricted to, if that is one, \
             else the owner of the vehicle, as far as there is one alone; for connections it is \
             a filter.",
            id(),
        ),
        (
            "sc-unit-system",
            "What is stored is metric, so imperial values come from Smartcar.",
            json!({"enum": ["metric", "imperial"], "default": "metric"}),
        ),
        (
            "Idempotency-Key",
            "The same request under the same key is done once and answered twice. Quoted, or bare.",
            json!({
                "type": "string",
                "pattern": r#"^("[!#-\[\]-~]{1,255}"|[!#-\[\]-~]{1,255})$"#,
            }),
        ),
        (
            "Edge-Insist",
            "true: send the command although the outcome of the vehicle's last one is unknown and \
             Smartcar may still be working on it. Never while one is running.",
            json!({"enum": ["true", "false"], "default": "false"}),
        ),
        (
            "Prefer",
            "respond-async: answer 202 at once, while the command goes on; with wait=10 after up \
             to so many seconds (RFC 7240).",
            json!({"type": "string", "examples": ["respond-async", "respond-async, wait=10"]}),
        ),
        (
            "Cache-Control",
            "How old a stored answer may be: max-age, no-cache, only-if-cached (RFC 9111; 504 \
             where nothing is stored) and stale-if-error (RFC 5861).",
            json!({"type": "string", "examples": ["max-age=60", "no-cache"]}),
        ),
        (
            "SC-Signature",
            "The HMAC-SHA256 of the body under the management token, in hexadecimal. VERIFY may \
             come without.",
            text(),
        ),
    ] {
        add(name, "header", text, schema);
    }
    all.into()
}
