//! The document as a whole.

use super::{operations, parameters, responses, schemas};
use routes::{OWN, smartcar_endpoints};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// The document that the routes give.
pub(super) fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "smartcar-edge",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Smartcar's API v3, with API keys, a record of changes and stored signals",
            "description": "The paths and bodies under /v3 are Smartcar's own, and so are the \
                answers, which are passed on with every header SC-* and Retry-After. Errors of \
                this application have the type EDGE.",
            "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        },
        "externalDocs": {"url": "https://smartcar.com/docs/api-reference/vehicles-api-intro"},
        "servers": [{"url": "/"}],
        "tags": operations::TAGS.map(|(name, text)| json!({"name": name, "description": text})),
        "security": [{"key": []}],
        "paths": paths(),
        "components": {
            "schemas": schemas::all(),
            "parameters": parameters::all(),
            "headers": responses::headers(),
            "responses": responses::all(),
            "securitySchemes": {"key": {
                "type": "http",
                "scheme": "bearer",
                "description": "An API key of this application. Its scopes carry the names of \
                    Smartcar's permissions, where there is one.",
            }},
        },
    })
}

fn paths() -> Map<String, Value> {
    let mut paths = Map::new();
    let mut add = |path: &str, method: &str, operation: Value| {
        let item = paths.entry(path).or_insert_with(|| json!({}));
        item[method.to_lowercase()] = operation;
    };
    for endpoint in smartcar_endpoints() {
        let operation = operations::smartcar(endpoint);
        add(endpoint.path, endpoint.method.as_str(), operation);
    }
    for (method, path, route) in OWN {
        add(path, method.as_str(), operations::own(path, route));
    }
    add("/webhooks", "post", operations::delivery());
    paths
}

/// The document as it is served: small, and with a line for each path and each
/// component, so that a change of one shows as one.
pub(super) fn written(document: &Value) -> String {
    let mut text = String::new();
    lines(document, &["paths", "components"], &mut text);
    text.push('\n');
    text
}

/// Writes an object, a line for each member, and in the same way those of its
/// members that are named.
fn lines(object: &Value, split: &[&str], text: &mut String) {
    text.push('{');
    for (number, (name, value)) in object.as_object().unwrap().iter().enumerate() {
        let comma = if number == 0 { "" } else { "," };
        write!(text, "{comma}\n{}:", json!(name)).unwrap();
        if split.contains(&name.as_str()) {
            let below: &[&str] = match name.as_str() {
                "components" => &["schemas", "parameters", "headers", "responses"],
                _ => &[],
            };
            lines(value, below, text);
        } else {
            write!(text, "{value}").unwrap();
        }
    }
    text.push_str("\n}");
}
