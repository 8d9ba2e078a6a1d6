//! Deliveries of a test's own making, signed as Smartcar signs them.

use crate::client::{Answer, try_send};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// The signature of a body under a management token.
pub fn sign(token: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(token.as_bytes()).unwrap();
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

/// A `VEHICLE_STATE` in the observed layout.
pub fn vehicle_state(event: &str, vehicle: &str, delivered_at: i64, signals: &[Value]) -> String {
    json!({
        "eventId": event,
        "eventType": "VEHICLE_STATE",
        "data": {
            "user": {"id": "user-of-tests"},
            "vehicle": {"id": vehicle, "make": "TEST", "model": "Car", "year": 2026, "mode": "live"},
            "signals": signals,
        },
        "triggers": [],
        "meta": {"version": "4.0", "deliveredAt": delivered_at, "mode": "LIVE"},
    })
    .to_string()
}

/// A signal with a number for its value. A time of 0 is unknown.
pub fn signal(code: &str, value: i64, observed_at: i64, retrieved_at: i64) -> Value {
    json!({
        "code": code,
        "name": "Name",
        "group": "Group",
        "status": {"value": "SUCCESS"},
        "body": {"value": value, "unit": "percent"},
        "meta": {"oemUpdatedAt": observed_at, "retrievedAt": retrieved_at},
    })
}

/// Posts a delivery under the simulator's management token. None where no answer
/// came.
pub(crate) fn post_delivery(url: &str, body: &str) -> Option<Answer> {
    let signature = sign(simulator::MANAGEMENT_TOKEN, body.as_bytes());
    let headers = [("sc-signature", signature.as_str())];
    try_send("POST", url, &headers, body.as_bytes()).ok()
}

/// Whether a delivery was acknowledged.
pub fn deliver_to(url: &str, body: &str) -> bool {
    post_delivery(url, body).is_some_and(|answer| answer.status == 200)
}
