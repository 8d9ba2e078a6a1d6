//! One signal of one car, and its resource in the REST API.

use crate::{catalogue::Kind, clock::Millis, refusal::title};
use serde_json::{Value, json};

/// What the simulated manufacturer last said about one signal.
#[derive(Clone, Debug)]
pub(crate) struct Signal {
    pub(crate) kind: Kind,
    pub(crate) reading: Reading,
    ingested_at: Millis,
}

#[derive(Clone, Debug)]
pub(crate) enum Reading {
    /// A value, and when it was true in the car and read by Smartcar.
    Known {
        body: Value,
        /// Absent where the manufacturer gives no time, as for a VIN.
        oem_updated_at: Option<Millis>,
        retrieved_at: Millis,
    },
    /// The car lacks it: COMPATIBILITY/VEHICLE_NOT_CAPABLE. Such a signal may
    /// still carry a body, which must not be taken for a value.
    NotCapable { body: Option<Value> },
}

impl Signal {
    pub(crate) fn known(
        kind: Kind,
        body: Value,
        oem_updated_at: Option<Millis>,
        retrieved_at: Millis,
    ) -> Self {
        let reading = Reading::Known {
            body,
            oem_updated_at,
            retrieved_at,
        };
        Self {
            kind,
            reading,
            ingested_at: retrieved_at,
        }
    }

    pub(crate) fn not_capable(kind: Kind, body: Option<Value>, ingested_at: Millis) -> Self {
        Self {
            kind,
            reading: Reading::NotCapable { body },
            ingested_at,
        }
    }

    /// The signal took a new value in the car at `now`, and Smartcar saw it at once.
    pub(crate) fn change(&mut self, body: Value, now: Millis) {
        *self = Self::known(self.kind, body, Some(now), now);
    }

    /// The resource as `GET /v3/vehicles/{id}/signals` lists it.
    /// <https://smartcar.com/docs/api-reference/get-signal>
    pub(crate) fn resource(&self, vehicle_link: &str) -> Value {
        let Kind { code, group, name } = self.kind;
        let mut attributes = json!({ "code": code, "name": name, "group": group });
        let mut meta = json!({ "ingestedAt": self.ingested_at.iso() });
        match &self.reading {
            Reading::Known {
                body,
                oem_updated_at,
                retrieved_at,
            } => {
                put(&mut attributes, "status", json!({ "value": "SUCCESS" }));
                put(&mut attributes, "body", body.clone());
                put(&mut meta, "retrievedAt", json!(retrieved_at.iso()));
                if let Some(at) = oem_updated_at {
                    put(&mut meta, "oemUpdatedAt", json!(at.iso()));
                }
            }
            Reading::NotCapable { body } => {
                put(&mut attributes, "status", not_capable_status());
                if let Some(body) = body {
                    put(&mut attributes, "body", body.clone());
                }
            }
        }
        json!({
            "id": code,
            "type": "signal",
            "attributes": attributes,
            "meta": meta,
            "links": { "self": format!("{vehicle_link}/signals/{code}") },
        })
    }
}

fn not_capable_status() -> Value {
    json!({
        "value": "ERROR",
        "error": {
            "type": "COMPATIBILITY",
            "code": "VEHICLE_NOT_CAPABLE",
            "title": title("VEHICLE_NOT_CAPABLE"),
            "detail": "This vehicle does not have the signal.",
            "description": "Deprecated. Use detail",
            "resolution": { "type": "UNKNOWN_RESOLUTION_TYPE" },
        },
    })
}

/// Sets one member of a JSON object that was just built.
pub(crate) fn put(object: &mut Value, key: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(key.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    #[test]
    fn value_without_a_time_of_the_car_has_no_oem_updated_at() {
        let vin = Signal::known(catalogue::VIN, json!({ "value": "X" }), None, Millis(1));
        let resource = vin.resource("http://s/v3/vehicles/1");
        assert!(resource.pointer("/meta/retrievedAt").is_some());
        assert!(resource.pointer("/meta/oemUpdatedAt").is_none());
        assert_eq!(
            resource.pointer("/links/self"),
            Some(&json!(
                "http://s/v3/vehicles/1/signals/vehicleidentification-vin"
            ))
        );
    }

    #[test]
    fn error_may_carry_a_body_that_is_no_value() {
        let body = json!({ "isOpen": null });
        let sunroof = Signal::not_capable(catalogue::SUNROOF, Some(body.clone()), Millis(1));
        let resource = sunroof.resource("");
        assert_eq!(
            resource.pointer("/attributes/status/error/code"),
            Some(&json!("VEHICLE_NOT_CAPABLE"))
        );
        assert_eq!(resource.pointer("/attributes/body"), Some(&body));
    }
}
