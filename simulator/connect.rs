//! `GET /oauth/authorize`: Connect, in which [`FIRST_USER`] agrees to everything
//! without a page being shown. It renews the connections of their cars and keeps
//! the `external_id`, so that `GET /v3/connections` shows who came through and when.
//! <https://smartcar.com/docs/connect/redirect-to-connect>,
//! <https://smartcar.com/docs/connect/handle-the-response>

use crate::{
    applications::APPLICATION, clock::Millis, fleet::FIRST_USER, lock::lock, page::Query,
    refusal::Refusal, state::Shared,
};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, Uri, header::LOCATION};

/// Sends the browser back with the user's id. There are no simulated vehicles:
/// who asks for those comes back with an error.
pub(crate) async fn authorize(
    State(simulator): State<Shared>,
    uri: Uri,
) -> Result<Response, Refusal> {
    let query = Query::of(&uri);
    let required = |name: &str| {
        let missing = || Refusal::invalid_input(format!("{name} is missing"));
        query.text(name).ok_or_else(missing)
    };
    if required("response_type")? != "code" {
        return Err(Refusal::invalid_input("response_type must be code"));
    }
    if required("application_id")? != APPLICATION {
        return Err(Refusal::invalid_input("application_id is unknown"));
    }
    let redirect_uri = required("redirect_uri")?;
    let mut answer = form_urlencoded::Serializer::new(String::new());
    match query.text("mode").as_deref() {
        None | Some("live") => {
            answer.append_pair("user_id", FIRST_USER);
            let external_id = query.text("external_id");
            let mut fleet = lock(&simulator.fleet);
            fleet.connect(FIRST_USER, external_id.as_deref(), Millis::now());
            if let Some(id) = external_id {
                answer.append_pair("external_id", &id);
            }
        }
        Some("simulated") => {
            answer.append_pair("error", "no_vehicles");
            let description = "No vehicles found for this user.";
            answer.append_pair("error_description", description);
        }
        Some(_) => return Err(Refusal::invalid_input("mode must be live or simulated")),
    }
    if let Some(state) = query.text("state") {
        answer.append_pair("state", &state);
    }
    let sign = if redirect_uri.contains('?') { '&' } else { '?' };
    let location = format!("{redirect_uri}{sign}{}", answer.finish());
    Ok((StatusCode::FOUND, [(LOCATION, location)]).into_response())
}
