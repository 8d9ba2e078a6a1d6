//! Connect, in which [`FIRST_USER`] agrees to everything without a page being shown.
//!
//! `GET /oauth/authorize` renews the connections of their cars and keeps the `external_id`, so
//! that `GET /v3/connections` shows who came through and when.
//! `GET /oauth/reauthenticate` does so for one car.
//! <https://smartcar.com/docs/connect/redirect-to-connect>,
//! <https://smartcar.com/docs/connect/handle-the-response>,
//! <https://smartcar.com/docs/connect/re-auth/redirect-to-connect>

use crate::{
    applications::APPLICATION, car::Car, catalogue, clock::Millis, fleet::FIRST_USER, lock::lock,
    page::Query, refusal::Refusal, signal::Reading, state::Shared,
};
use axum::{
    extract::State,
    response::{Html, IntoResponse, Response},
};
use http::{StatusCode, Uri, header::LOCATION};

/// What the browser sees that is not sent back.
const COMPLETED: &str = "<!doctype html><title>Smartcar Connect</title><p>You can close this page.";

/// Sends the browser back with the user's id. There are no simulated vehicles: who asks for
/// those comes back with an error, as does who asks for a car of someone else's.
pub(crate) async fn authorize(
    State(simulator): State<Shared>,
    uri: Uri,
) -> Result<Response, Refusal> {
    let query = Query::of(&uri);
    let way_back = WayBack::of(&query, "code")?;
    let mut answer = form_urlencoded::Serializer::new(String::new());
    match query.text("mode").as_deref() {
        None | Some("live") => {}
        Some("simulated") => {
            answer.append_pair("error", "no_vehicles");
            let description = "No vehicles found for this user.";
            answer.append_pair("error_description", description);
            return Ok(way_back.send(answer));
        }
        Some(_) => return Err(Refusal::invalid_input("mode must be live or simulated")),
    }
    let chosen = chosen(&query)?;
    let mut fleet = lock(&simulator.fleet);
    let is_chosen = |car: &Car| chosen.as_deref().is_none_or(|vin| vin_of(car) == Some(vin));
    let cars = || fleet.cars().iter().filter(|car| is_chosen(car));
    if !cars().any(|car| car.owner == FIRST_USER) {
        answer.append_pair("error", "vehicle_incompatible");
        let description = "The user's vehicle is not compatible.";
        answer.append_pair("error_description", description);
        answer.append_pair("vin", chosen.as_deref().unwrap_or_default());
        if let Some(car) = cars().next() {
            answer.append_pair("make", car.make);
            answer.append_pair("model", car.model);
            answer.append_pair("year", &car.year.to_string());
        }
        return Ok(way_back.send(answer));
    }
    let external_id = query.text("external_id");
    fleet.connect(FIRST_USER, is_chosen, external_id.as_deref(), Millis::now());
    answer.append_pair("user_id", FIRST_USER);
    if let Some(id) = external_id {
        answer.append_pair("external_id", &id);
    }
    Ok(way_back.send(answer))
}

/// Sends the browser back with the vehicle's id.
pub(crate) async fn reauthenticate(
    State(simulator): State<Shared>,
    uri: Uri,
) -> Result<Response, Refusal> {
    let query = Query::of(&uri);
    let way_back = WayBack::of(&query, "vehicle_id")?;
    let id = required(&query, "vehicle_id")?;
    let mut fleet = lock(&simulator.fleet);
    let owner = fleet.connected(&id).map(|car| car.owner);
    let owner = owner.ok_or_else(|| Refusal::invalid_input("vehicle_id is unknown"))?;
    let external_id = query.text("external_id");
    fleet.connect(
        owner,
        |car| car.id == id,
        external_id.as_deref(),
        Millis::now(),
    );
    let mut answer = form_urlencoded::Serializer::new(String::new());
    answer.append_pair("vehicle_id", &id);
    if let Some(id) = external_id.filter(|id| id != "null") {
        answer.append_pair("external_id", &id);
    }
    Ok(way_back.send(answer))
}

/// Where the browser goes in the end.
struct WayBack {
    redirect_uri: Option<String>,
    state: Option<String>,
}

impl WayBack {
    /// Checks what both pages take. `usual` is the response type that needs a redirect URI.
    fn of(query: &Query, usual: &str) -> Result<Self, Refusal> {
        let response_type = required(query, "response_type")?;
        if required(query, "application_id")? != APPLICATION {
            return Err(Refusal::invalid_input("application_id is unknown"));
        }
        let redirect_uri = match response_type.as_str() {
            "none" => query.text("redirect_uri"),
            given if given == usual => Some(required(query, "redirect_uri")?),
            _ => {
                let detail = format!("response_type must be {usual} or none");
                return Err(Refusal::invalid_input(detail));
            }
        };
        Ok(Self {
            redirect_uri,
            state: query.text("state"),
        })
    }

    fn send(self, mut answer: form_urlencoded::Serializer<'_, String>) -> Response {
        let Some(uri) = self.redirect_uri else {
            return Html(COMPLETED).into_response();
        };
        if let Some(state) = self.state {
            answer.append_pair("state", &state);
        }
        let sign = if uri.contains('?') { '&' } else { '?' };
        let location = format!("{uri}{sign}{}", answer.finish());
        (StatusCode::FOUND, [(LOCATION, location)]).into_response()
    }
}

fn required(query: &Query, name: &str) -> Result<String, Refusal> {
    let missing = || Refusal::invalid_input(format!("{name} is missing"));
    query.text(name).ok_or_else(missing)
}

/// The VIN of the only car that the user may choose.
fn chosen(query: &Query) -> Result<Option<String>, Refusal> {
    let vin = query.text("single_select_vin");
    if vin.is_some() && query.text("single_select").as_deref() != Some("true") {
        return Err(Refusal::invalid_input("single_select must be true"));
    }
    Ok(vin)
}

fn vin_of(car: &Car) -> Option<&str> {
    let vin = car
        .signals
        .iter()
        .find(|signal| signal.kind == catalogue::VIN)?;
    match &vin.reading {
        Reading::Known { body, .. } => body.get("value")?.as_str(),
        Reading::NotCapable { .. } => None,
    }
}
