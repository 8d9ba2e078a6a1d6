//! What holds for all resources: each endpoint is called by a typed method, as
//! the table of endpoints has it, and any JSON is read.

use crate::api::answer::{Resource, read};
use crate::endpoints::{self, OnBehalf};
use crate::testing::{Fake, client};
use crate::{
    ApplicationId, Command, CommandKind, CompatibilityFilter, CompatibleVehicle, Connection,
    ConnectionFilter, ConnectionId, Destination, PageRequest, Percent, PowertrainType, Region,
    ScheduleId, ScheduleKind, SignalCode, SignalOptions, Subscription, SubscriptionFilter,
    SubscriptionId, UserId, Vehicle, VehicleId, VehicleMode, Webhook, WebhookFilter, WebhookId,
};
use proptest::prelude::*;
use serde_json::{Map, Value, value::RawValue};
use std::collections::{BTreeMap, BTreeSet};

/// An identifier of each kind, and where it stands in a path.
const IDS: [(&str, &str); 8] = [
    ("vehicle-1", "{vehicleId}"),
    ("user-1", "{userId}"),
    ("connection-1", "{connectionId}"),
    ("webhook-1", "{webhookId}"),
    ("subscription-1", "{subscriptionId}"),
    ("schedule-1", "{scheduleId}"),
    ("application-1", "{applicationId}"),
    ("charge-voltage", "{signalCode}"),
];

/// Calls every typed method that makes a call, each filter filled in. What the
/// fake answers is nothing that all of them take, and does not matter here.
async fn call_everything(client: &crate::Client<Fake>) {
    let vehicle = VehicleId::parse("vehicle-1").unwrap();
    let user = UserId::parse("user-1").unwrap();
    let connection = ConnectionId::parse("connection-1").unwrap();
    let webhook = WebhookId::parse("webhook-1").unwrap();
    let subscription = SubscriptionId::parse("subscription-1").unwrap();
    let schedule = ScheduleId::parse("schedule-1").unwrap();
    let application = ApplicationId::parse("application-1").unwrap();
    let signal = SignalCode::parse("charge-voltage").unwrap();
    let page = PageRequest::of_size(2);
    let options = SignalOptions::new(user.clone());

    let filter = ConnectionFilter {
        user: Some(user.clone()),
        vehicle: Some(vehicle.clone()),
        mode: Some(VehicleMode::Live),
        external_user: Some("jo".into()),
        on_behalf_of: Some(user.clone()),
    };
    let _ = client.list_connections(&filter, page).await;
    let _ = client.get_connection(&connection).await;
    let _ = client.delete_connection(&connection).await;
    let _ = client.delete_user(&user).await;
    let _ = client.get_vehicle(&vehicle).await;
    let _ = client.list_signals(&vehicle, &options).await;
    let _ = client.get_signal(&vehicle, &signal, &options).await;
    for kind in CommandKind::ALL {
        let command = match kind {
            CommandKind::StartCharge => Command::StartCharge,
            CommandKind::StopCharge => Command::StopCharge,
            CommandKind::SetChargeLimit => Command::SetChargeLimit(Percent::new(60).unwrap()),
            CommandKind::Lock => Command::Lock,
            CommandKind::Unlock => Command::Unlock,
            CommandKind::SetDestination => {
                Command::SetDestination(Destination::new(0.0, 0.0).unwrap())
            }
            CommandKind::OpenChargePort => Command::OpenChargePort,
            CommandKind::CloseChargePort => Command::CloseChargePort,
        };
        let _ = client.command(&vehicle, &user, &command).await;
    }
    let attributes: Box<RawValue> = serde_json::from_str("{}").unwrap();
    for kind in [
        ScheduleKind::Daily,
        ScheduleKind::Weekly,
        ScheduleKind::Workweek,
    ] {
        let _ = client
            .create_charge_schedule(&vehicle, &user, kind, &attributes)
            .await;
    }
    let _ = client
        .delete_charge_schedule(&vehicle, &user, &schedule)
        .await;
    let filter = WebhookFilter {
        name: Some("n".into()),
        callback_uri: Some("c".into()),
        is_enabled: Some(true),
        auto_subscribe: Some(true),
    };
    let _ = client.list_webhooks(&filter, page).await;
    let _ = client.get_webhook(&webhook).await;
    let filter = SubscriptionFilter {
        webhook: Some(webhook.clone()),
        vehicle: Some(vehicle.clone()),
        user: Some(user.clone()),
        mode: Some(VehicleMode::Simulated),
    };
    let _ = client.list_subscriptions(&filter, page).await;
    let _ = client.create_subscription(&webhook, &user, &vehicle).await;
    let _ = client.get_subscription(&subscription).await;
    let _ = client.delete_subscription(&subscription).await;
    let _ = client.get_charge_schedule(&vehicle, &user, &schedule).await;
    let filter = CompatibilityFilter {
        region: Some(Region::Canada),
        make: Some("m".into()),
        powertrain_type: Some(PowertrainType::Phev),
    };
    let _ = client.list_compatible_vehicles(&filter).await;
    let _ = client.list_applications().await;
    let _ = client.get_application(&application).await;
    let _ = client.list_application_secrets(&application).await;
}

#[test]
fn endpoint_is_called_by_a_typed_method_as_the_table_has_it() {
    let fake = Fake::new();
    let table = endpoints::ALL
        .iter()
        .filter(|endpoint| **endpoint != &endpoints::TOKEN);
    for endpoint in table.clone() {
        let path = IDS
            .iter()
            .fold(endpoint.path.to_owned(), |path, (id, name)| {
                path.replace(name, id)
            });
        fake.answer(&path, 200, "{}");
    }
    fake.run(call_everything(&client(&fake)));

    let requests = fake.requests();
    let mut called = BTreeMap::new();
    for request in requests
        .iter()
        .filter(|r| r.uri().path() != endpoints::TOKEN.path)
    {
        let segments = request.uri().path().split('/').map(|segment| {
            let id = IDS.iter().find(|(id, _)| *id == segment);
            id.map_or(segment, |(_, name)| name)
        });
        let path = segments.collect::<Vec<_>>().join("/");
        let query = request.uri().query().unwrap_or_default();
        let query: BTreeSet<_> = form_urlencoded::parse(query.as_bytes())
            .map(|(name, _)| name.into_owned())
            .collect();
        let for_user = request.headers().contains_key("sc-user-id");
        let before = called.insert((request.method().to_string(), path), (query, for_user));
        assert!(before.is_none(), "called twice: {request:?}");
    }
    let expected: BTreeMap<_, _> = table
        .map(|endpoint| {
            let query = endpoint
                .query
                .iter()
                .map(|name| (*name).to_owned())
                .collect();
            let for_user = endpoint.on_behalf() != OnBehalf::None;
            let call = (endpoint.method.to_string(), endpoint.path.to_owned());
            (call, (query, for_user))
        })
        .collect();
    assert_eq!(called, expected);
}

/// Names that the resources look at, so that odd values land where they can hurt.
const NAMES: &[&str] = &[
    "id",
    "attributes",
    "relationships",
    "meta",
    "data",
    "vehicle",
    "user",
    "webhook",
    "permissions",
    "make",
    "model",
    "year",
    "years",
    "start",
    "end",
    "powertrainType",
    "mode",
    "region",
    "name",
    "callbackUri",
    "isEnabled",
    "triggers",
    "code",
    "createdAt",
    "updatedAt",
];

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(Value::from("2026-07-04T09:30:15Z")),
        Just(Value::from("an-id")),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        let name = prop::sample::select(NAMES).prop_map(str::to_owned);
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            3 => prop::collection::vec((name, inner), 0..8)
                .prop_map(|fields| Value::from(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Reads `json` as each resource; those that can be read are as they were written.
fn as_each(json: &str) -> Vec<Result<String, String>> {
    fn as_one<T: Resource + std::fmt::Debug>(
        json: &RawValue,
        raw: impl Fn(&T) -> &str,
    ) -> Result<String, String> {
        let resource: T = read(json)?;
        let _ = format!("{resource:?}");
        Ok(raw(&resource).to_owned())
    }
    let json: &RawValue = serde_json::from_str(json).unwrap();
    vec![
        as_one::<CompatibleVehicle>(json, |read| read.raw.as_str()),
        as_one::<Connection>(json, |read| read.raw.as_str()),
        as_one::<Subscription>(json, |read| read.raw.as_str()),
        as_one::<Vehicle>(json, |read| read.raw.as_str()),
        as_one::<Webhook>(json, |read| read.raw.as_str()),
    ]
}

proptest! {
    #[test]
    fn any_json_is_read_without_a_panic(json in json()) {
        let text = json.to_string();
        for read in as_each(&text) {
            prop_assert!(read.is_err() || read.unwrap() == text);
        }
    }

    #[test]
    fn unknown_fields_survive_byte_for_byte_and_change_nothing(
        unknown in prop::collection::vec(("x[a-z]{1,8}", json()), 0..5),
        pretty in any::<bool>(),
    ) {
        let mut fields: Map<String, Value> = unknown.into_iter().collect();
        fields.insert("id".into(), "an-id".into());
        let fields = Value::from(fields);
        let text = if pretty { format!("{fields:#}") } else { fields.to_string() };
        for read in as_each(&text) {
            prop_assert_eq!(read.as_deref(), Ok(text.as_str()));
        }
    }

    #[test]
    fn any_body_is_answered_without_a_panic(body in json(), bytes in any::<String>()) {
        let fake = Fake::new();
        let client = client(&fake);
        let vehicle = VehicleId::parse("vehicle-1").unwrap();
        for body in [body.to_string(), format!(r#"{{"data":{body}}}"#), bytes] {
            fake.answer("/v3/connections", 200, &body);
            fake.answer("/v3/vehicles/vehicle-1", 200, &body);
        }
        for _ in 0..3 {
            let all = ConnectionFilter::default();
            let _ = fake.run(client.list_connections(&all, PageRequest::default()));
            let _ = fake.run(client.get_vehicle(&vehicle));
        }
    }
}
