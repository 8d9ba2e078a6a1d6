//! What a request's body says: `{"data":{"attributes":{…}}}`.

use serde_json::{Map, Value};

pub(crate) fn attributes(body: &[u8]) -> Option<Map<String, Value>> {
    let mut body: Value = serde_json::from_slice(body).ok()?;
    match body.pointer_mut("/data/attributes")?.take() {
        Value::Object(attributes) => Some(attributes),
        _ => None,
    }
}

pub(crate) fn attribute(body: &[u8], name: &str) -> Option<Value> {
    attributes(body)?.remove(name)
}
