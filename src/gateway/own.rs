//! What this gateway adds to Smartcar's API.

pub(crate) mod audit;
#[cfg(test)]
mod audit_tests;
mod billing;
pub(crate) mod dead_letters;
mod diagnosis;
pub(crate) mod doctor;
mod list;
pub(crate) mod relay;
pub(crate) mod status;
mod tally;
pub(crate) mod vehicles;

use crate::{access::callers::Caller, app::App, request::Inbound, signals};
use edge::{
    Platform, Response,
    respond::{self, Problem},
};
use http::StatusCode;
use routes::Own;
use serde_json::json;
use store::Store;

/// Answers what is this gateway's own.
pub(crate) async fn answer<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    own: Own,
    inbound: &Inbound,
) -> Result<Response, Problem> {
    match own {
        Own::Catalogue => {
            caller.require_any("read_")?;
            Ok(signals::catalogue())
        }
        Own::Myself => Ok(myself(caller)),
        Own::Vehicles => vehicles::read(app, caller, inbound).await,
        Own::Action => audit::one(app, caller, inbound).await,
        Own::Audit => audit::many(app, caller, inbound).await,
        Own::DeadLetters => dead_letters::read(app, caller, inbound).await,
        Own::ReplayDeadLetter => dead_letters::replay_one(app, caller, inbound).await,
        Own::ReplayDeadLetters => dead_letters::replay_many(app, caller, inbound).await,
        Own::Run => relay::run(app, caller).await,
        Own::Doctor => doctor::read(app, caller).await,
        Own::Status => {
            caller.require("read_status")?;
            status::read(app, caller).await
        }
    }
}

/// What the caller's key is for: any key may know that of itself.
fn myself(caller: &Caller) -> Response {
    let body = json!({
        "data": {
            "id": caller.name(),
            "type": "api-key",
            "attributes": {
                "scopes": caller.scopes(),
                "vehicles": caller.vehicles(),
                "users": caller.users(),
            },
        },
    });
    respond::json(StatusCode::OK, body.to_string())
}

#[cfg(test)]
mod tests {
    use crate::testing::{Instance, body, key, request, restricted_key};
    use serde_json::json;

    #[test]
    fn key_is_told_what_it_is_for() {
        let instance = Instance::with_keys(&[
            key("battery", &["read_battery", "control_*"]),
            restricted_key("one", "users", &["u-1"]),
        ]);
        for (name, scopes, users) in [
            ("battery", json!(["read_battery", "control_*"]), json!(null)),
            ("one", json!(["*"]), json!(["u-1"])),
        ] {
            let answer = body(&instance.send(request(name, "GET", "/v3/self")));
            let attributes = json!({"scopes": scopes, "vehicles": null, "users": users});
            let expected = json!({"id": name, "type": "api-key", "attributes": attributes});
            assert_eq!(answer["data"], expected);
        }
    }
}
