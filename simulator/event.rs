//! The events that a webhook carries, in both layouts.
//! <https://smartcar.com/docs/api-reference/webhooks/events/overview>

use crate::{
    car::Car,
    catalogue::Kind,
    clock::Millis,
    config::Layout,
    fleet::WEBHOOK,
    signal::{Reading, Signal, put},
};
use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

/// `meta.mode` of an event: the dashboard's test events say `TEST`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Mode {
    #[default]
    Live,
    Test,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Live => "LIVE",
            Self::Test => "TEST",
        }
    }
}

/// Why a VEHICLE_STATE event is sent.
#[derive(Clone, Debug)]
pub(crate) enum Trigger {
    /// These signals changed.
    Signals(Vec<Kind>),
    /// The vehicle was just subscribed.
    FirstDelivery,
}

/// An event as it was when it happened. Its id stays over all attempts to
/// deliver it; the id and the time of an attempt are added by [`Event::render`].
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) event_type: &'static str,
    pub(crate) vehicle_id: Option<&'static str>,
    body: Value,
}

impl Event {
    /// The car's state: all its signals, whichever of them triggered.
    pub(crate) fn vehicle_state(
        car: &Car,
        trigger: &Trigger,
        data: &[Kind],
        layout: Layout,
        mode: Mode,
    ) -> Self {
        let carried = car.signals.iter().filter(|s| data.contains(&s.kind));
        let signals: Vec<Value> = carried.map(|s| signal_item(s, layout)).collect();
        let mut meta = meta(mode);
        put(&mut meta, "signalCount", json!(signals.len()));
        let mut data = subject(car, layout);
        put(&mut data, "signals", Value::Array(signals));
        let triggers = triggers(trigger, layout);
        let mut body = json!({ "meta": meta });
        match layout {
            Layout::Observed => put(&mut body, "triggers", triggers),
            Layout::Documented => put(&mut data, "triggers", triggers),
        }
        put(&mut body, "data", data);
        Self::about(car, "VEHICLE_STATE", body, layout)
    }

    /// The car's errors: what its signals answer instead of a value.
    pub(crate) fn vehicle_error(car: &Car, layout: Layout, mode: Mode) -> Self {
        let failing = car
            .signals
            .iter()
            .filter(|signal| matches!(signal.reading, Reading::NotCapable { .. }));
        let signals: Vec<Value> = failing
            .map(|signal| match layout {
                Layout::Observed => json!(format!("{}.{}", signal.kind.group, signal.kind.name)),
                Layout::Documented => names(signal.kind),
            })
            .collect();
        let resolution = match layout {
            Layout::Observed => Value::Null,
            Layout::Documented => json!("CONTACT_SUPPORT"),
        };
        let mut data = subject(car, layout);
        let errors = json!([{
            "type": "COMPATIBILITY",
            "code": "VEHICLE_NOT_CAPABLE",
            "state": "ERROR",
            "description": "This vehicle does not have the signal.",
            "suggestedUserMessage": "Your car does not offer this.",
            "docURL": "https://smartcar.com/docs/errors/api-errors/compatibility-errors",
            "resolution": { "type": resolution },
            "signals": signals,
        }]);
        put(&mut data, "errors", errors);
        let body = json!({ "data": data, "meta": meta(mode) });
        Self::about(car, "VEHICLE_ERROR", body, layout)
    }

    /// The question whether the receiver knows the management token.
    pub(crate) fn verify(challenge: &str) -> Self {
        let meta = json!({ "version": "4.0", "webhookId": WEBHOOK, "webhookName": WEBHOOK_NAME });
        let body = json!({ "data": { "challenge": challenge }, "meta": meta });
        Self::new("VERIFY", None, body)
    }

    fn about(car: &Car, event_type: &'static str, mut body: Value, layout: Layout) -> Self {
        if layout == Layout::Documented {
            put(&mut body, "vehicleId", json!(car.id));
        }
        Self::new(event_type, Some(car.id), body)
    }

    fn new(event_type: &'static str, vehicle_id: Option<&'static str>, mut body: Value) -> Self {
        let id = Uuid::new_v4().to_string();
        put(&mut body, "eventId", json!(id));
        put(&mut body, "eventType", json!(event_type));
        Self {
            id,
            event_type,
            vehicle_id,
            body,
        }
    }

    /// The bytes of one attempt to deliver the event.
    pub(crate) fn render(&self, delivery_id: &str, delivered_at: Millis) -> Bytes {
        let mut body = self.body.clone();
        if let Some(meta) = body.get_mut("meta") {
            put(meta, "deliveryId", json!(delivery_id));
            put(meta, "deliveredAt", json!(delivered_at));
        }
        Bytes::from(body.to_string())
    }
}

pub(crate) const WEBHOOK_NAME: &str = "Simulated fleet";

fn meta(mode: Mode) -> Value {
    json!({
        "version": "4.0",
        "webhookId": WEBHOOK,
        "webhookName": WEBHOOK_NAME,
        "mode": mode.name(),
    })
}

/// The start of `data`: whose car, and which.
fn subject(car: &Car, layout: Layout) -> Value {
    let mut vehicle =
        json!({ "id": car.id, "make": car.make, "model": car.model, "year": car.year });
    if layout == Layout::Observed {
        put(&mut vehicle, "mode", json!("live"));
        put(&mut vehicle, "powertrainType", json!(car.powertrain.name()));
    }
    json!({ "user": { "id": car.owner }, "vehicle": vehicle })
}

fn triggers(trigger: &Trigger, layout: Layout) -> Value {
    match (trigger, layout) {
        (Trigger::FirstDelivery, Layout::Observed) => json!([{ "type": "FIRST_DELIVERY" }]),
        (Trigger::FirstDelivery, Layout::Documented) => json!([{ "code": "FIRST_DELIVERY" }]),
        (Trigger::Signals(kinds), Layout::Observed) => kinds
            .iter()
            .map(|kind| json!({ "type": "SIGNAL_UPDATED", "signal": names(*kind) }))
            .collect(),
        (Trigger::Signals(kinds), Layout::Documented) => {
            kinds.iter().map(|kind| names(*kind)).collect()
        }
    }
}

fn signal_item(signal: &Signal, layout: Layout) -> Value {
    let mut item = names(signal.kind);
    match &signal.reading {
        Reading::Known {
            body,
            oem_updated_at,
            retrieved_at,
        } => {
            put(&mut item, "body", body.clone());
            // Real deliveries write 0 where the car gives no time.
            let mut meta = json!({ "oemUpdatedAt": oem_updated_at.unwrap_or(Millis(0)) });
            match layout {
                Layout::Observed => {
                    put(&mut item, "status", json!({ "value": "SUCCESS" }));
                    put(&mut meta, "retrievedAt", json!(retrieved_at));
                }
                Layout::Documented => put(&mut meta, "fetchedAt", json!(retrieved_at)),
            }
            put(&mut item, "meta", meta);
        }
        Reading::NotCapable { body } => {
            let error = json!({ "type": "COMPATIBILITY", "code": "VEHICLE_NOT_CAPABLE" });
            put(
                &mut item,
                "status",
                json!({ "value": "ERROR", "error": error }),
            );
            if let Some(body) = body {
                put(&mut item, "body", body.clone());
            }
        }
    }
    item
}

fn names(kind: Kind) -> Value {
    json!({ "code": kind.code, "name": kind.name, "group": kind.group })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::catalogue;
    use crate::fleet::{FIRST_USER, FIRST_VEHICLE, Fleet};

    const START: Millis = Millis(1_700_000_000_000);

    fn lock_event(layout: Layout) -> Value {
        let fleet = Fleet::new(START);
        let car = fleet.car(FIRST_VEHICLE).unwrap();
        let trigger = Trigger::Signals(vec![catalogue::IS_LOCKED]);
        let event = Event::vehicle_state(car, &trigger, catalogue::ALL, layout, Mode::Live);
        serde_json::from_slice(&event.render("d1", Millis(7))).unwrap()
    }

    fn item(event: &Value, kind: Kind) -> &Value {
        let signals = event.pointer("/data/signals").unwrap().as_array().unwrap();
        signals.iter().find(|s| s["code"] == kind.code).unwrap()
    }

    #[test]
    fn observed_layout_has_triggers_beside_data() {
        let event = lock_event(Layout::Observed);
        assert_eq!(
            event["triggers"],
            json!([{
                "type": "SIGNAL_UPDATED",
                "signal": { "code": "closure-islocked", "name": "IsLocked", "group": "Closure" },
            }])
        );
        assert!(event["data"].get("triggers").is_none());
        assert!(event.get("vehicleId").is_none());
        assert_eq!(event["data"]["vehicle"]["id"], FIRST_VEHICLE);
        assert_eq!(event["data"]["vehicle"]["powertrainType"], "BEV");
        assert_eq!(event["data"]["vehicle"]["mode"], "live");
        assert_eq!(event["data"]["user"]["id"], FIRST_USER);
        assert_eq!(
            item(&event, catalogue::IS_LOCKED),
            &json!({
                "code": "closure-islocked", "name": "IsLocked", "group": "Closure",
                "body": { "value": false },
                "status": { "value": "SUCCESS" },
                "meta": { "oemUpdatedAt": START.0 - 92_000, "retrievedAt": START.0 - 45_000 },
            })
        );
        assert_eq!(item(&event, catalogue::VIN)["meta"]["oemUpdatedAt"], 0);
    }

    #[test]
    fn documented_layout_has_triggers_inside_data() {
        let event = lock_event(Layout::Documented);
        assert_eq!(
            event["data"]["triggers"],
            json!([{ "code": "closure-islocked", "name": "IsLocked", "group": "Closure" }])
        );
        assert!(event.get("triggers").is_none());
        assert_eq!(event["vehicleId"], FIRST_VEHICLE);
        assert!(event["data"]["vehicle"].get("mode").is_none());
        assert_eq!(
            item(&event, catalogue::IS_LOCKED),
            &json!({
                "code": "closure-islocked", "name": "IsLocked", "group": "Closure",
                "body": { "value": false },
                "meta": { "oemUpdatedAt": START.0 - 92_000, "fetchedAt": START.0 - 45_000 },
            })
        );
    }

    #[test]
    fn layouts_both_carry_every_signal_and_say_so() {
        for layout in [Layout::Observed, Layout::Documented] {
            let event = lock_event(layout);
            let count = event["data"]["signals"].as_array().unwrap().len();
            assert_eq!(count, 14);
            assert_eq!(event["meta"]["signalCount"], 14);
            assert_eq!(event["meta"]["mode"], "LIVE");
            assert_eq!(event["meta"]["version"], "4.0");
            assert_eq!(event["meta"]["deliveryId"], "d1");
            assert_eq!(event["meta"]["deliveredAt"], 7);
            assert_eq!(
                item(&event, catalogue::SUNROOF)["status"],
                json!({
                    "value": "ERROR",
                    "error": { "type": "COMPATIBILITY", "code": "VEHICLE_NOT_CAPABLE" },
                })
            );
        }
    }

    #[test]
    fn error_event_names_its_signals_as_its_layout_does() {
        let fleet = Fleet::new(START);
        let car = fleet.car(FIRST_VEHICLE).unwrap();
        let errors = |layout| {
            let event = Event::vehicle_error(car, layout, Mode::Test);
            let body: Value = serde_json::from_slice(&event.render("", START)).unwrap();
            assert_eq!(body["meta"]["mode"], "TEST");
            body["data"]["errors"][0]["signals"].clone()
        };
        assert_eq!(errors(Layout::Observed), json!(["Closure.Sunroof"]));
        assert_eq!(
            errors(Layout::Documented),
            json!([{ "code": "closure-sunroof", "name": "Sunroof", "group": "Closure" }])
        );
    }

    #[test]
    fn event_fits_smartcars_limit_of_50_kb() {
        assert!(lock_event(Layout::Observed).to_string().len() < 50_000);
    }
}
