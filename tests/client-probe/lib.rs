//! Calls a function of `smartcar:edge` for each request and tells what it
//! returned, as Rust's `Debug` writes it: the end-to-end tests read that.

#![cfg(target_family = "wasm")]

#[allow(missing_docs, unsafe_code, unreachable_pub, clippy::all)]
mod bindings {
    spin_sdk::wit_bindgen::generate!({
        path: "../../wit",
        world: "application",
        runtime_path: "::spin_sdk::wit_bindgen::rt",
        generate_all,
    });
}

use bindings::smartcar::edge::{
    charge_schedules::{self, Kind},
    commands::{self, Command, Destination},
    connections::{self, ConnectionFilter},
    deliveries,
    subscriptions::{self, SubscriptionFilter},
    types::PageRequest,
    vehicles::{self, UnitSystem},
};
use http::header;
use spin_sdk::http::{Request, body::IncomingBodyExt as _};
use spin_sdk::http_service;
use std::{collections::HashMap, fmt::Debug};

#[http_service]
async fn handle(request: Request) -> http::Response<String> {
    let query = request.uri().query().unwrap_or_default().as_bytes();
    let query: HashMap<String, String> = form_urlencoded::parse(query).into_owned().collect();
    let path = request.uri().path().to_owned();
    let signatures = request.headers().get_all("sc-signature").iter();
    let signatures: Vec<Vec<u8>> = signatures.map(|value| value.as_bytes().to_vec()).collect();
    let body = request.into_body().bytes().await.unwrap_or_default();
    let said = match path.strip_prefix("/deliveries/") {
        Some(function) => delivery(function, body.to_vec(), signatures, &query),
        None => call(&path, &query).await,
    };
    let mut response = http::Response::new(String::new());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, said.len().into());
    *response.body_mut() = said;
    response
}

fn debug(result: impl Debug) -> String {
    format!("{result:?}")
}

fn delivery(
    function: &str,
    body: Vec<u8>,
    signatures: Vec<Vec<u8>>,
    query: &HashMap<String, String>,
) -> String {
    let tokens = query.get("tokens").cloned().unwrap_or_default();
    let tokens: Vec<String> = tokens.split(',').map(str::to_owned).collect();
    match function {
        "verify" => debug(deliveries::verify(&body, &signatures, &tokens)),
        "challenge" => {
            let token = tokens.first().cloned().unwrap_or_default();
            debug(deliveries::challenge(&body, &token))
        }
        "parse" => debug(deliveries::parse(&body)),
        _ => "no such function".to_owned(),
    }
}

async fn call(path: &str, query: &HashMap<String, String>) -> String {
    let given = |name: &str| query.get(name).cloned();
    let get = |name: &str| given(name).unwrap_or_default();
    let (id, vehicle, user, webhook) = (get("id"), get("vehicle"), get("user"), get("webhook"));
    let units = given("imperial").map(|_| UnitSystem::Imperial);
    let number = given("page").and_then(|page| page.parse().ok());
    let size = given("size").and_then(|size| size.parse().ok());
    let page = number.map(|number| PageRequest { number, size });
    let connections_filter = ConnectionFilter {
        user: given("user"),
        vehicle: given("vehicle"),
        mode: given("mode"),
        external_user: given("external"),
    };
    let subscriptions_filter = SubscriptionFilter {
        webhook: given("webhook"),
        vehicle: given("vehicle"),
        user: given("user"),
        mode: given("mode"),
    };
    match path {
        "/vehicles/get" => debug(vehicles::get(vehicle).await),
        "/vehicles/list-signals" => debug(vehicles::list_signals(vehicle, user, units).await),
        "/vehicles/get-signal" => {
            debug(vehicles::get_signal(vehicle, user, get("code"), units).await)
        }
        "/commands/run" => match command(&get("command"), &get("value")) {
            Some(command) => debug(commands::run(vehicle, user, command).await),
            None => "no such command".to_owned(),
        },
        "/charge-schedules/create" => {
            let kind = match get("kind").as_str() {
                "weekly" => Kind::Weekly,
                "workweek" => Kind::Workweek,
                _ => Kind::Daily,
            };
            debug(charge_schedules::create(vehicle, user, kind, get("attributes")).await)
        }
        "/charge-schedules/get" => debug(charge_schedules::get(vehicle, user, id).await),
        "/charge-schedules/remove" => debug(charge_schedules::remove(vehicle, user, id).await),
        "/charge-schedules/timers" => debug(charge_schedules::timers(vehicle, user).await),
        "/connections/list" => debug(connections::list(connections_filter, page).await),
        "/connections/list-all" => debug(connections::list_all(connections_filter).await),
        "/connections/get" => debug(connections::get(id).await),
        "/connections/remove" => debug(connections::remove(id).await),
        "/connections/remove-user" => debug(connections::remove_user(user).await),
        "/subscriptions/list-webhooks" => debug(subscriptions::list_webhooks().await),
        "/subscriptions/list" => debug(subscriptions::list(subscriptions_filter, page).await),
        "/subscriptions/list-all" => debug(subscriptions::list_all(subscriptions_filter).await),
        "/subscriptions/find" => debug(subscriptions::find(webhook, vehicle).await),
        "/subscriptions/create" => debug(subscriptions::create(webhook, user, vehicle).await),
        "/subscriptions/remove" => debug(subscriptions::remove(id).await),
        _ => "no such function".to_owned(),
    }
}

fn command(name: &str, value: &str) -> Option<Command> {
    Some(match name {
        "start-charge" => Command::StartCharge,
        "stop-charge" => Command::StopCharge,
        "set-charge-limit" => Command::SetChargeLimit(value.parse().ok()?),
        "lock" => Command::Lock,
        "unlock" => Command::Unlock,
        "set-destination" => {
            let (latitude, longitude) = value.split_once(',')?;
            Command::SetDestination(Destination {
                latitude: latitude.parse().ok()?,
                longitude: longitude.parse().ok()?,
            })
        }
        "open-charge-port" => Command::OpenChargePort,
        "close-charge-port" => Command::CloseChargePort,
        _ => return None,
    })
}
