//! What this gateway adds to Smartcar's API.

pub(crate) mod audit;
#[cfg(test)]
mod audit_tests;
pub(crate) mod dead_letters;
mod diagnosis;
pub(crate) mod doctor;
mod list;
pub(crate) mod relay;
pub(crate) mod status;
mod tally;
pub(crate) mod vehicles;

use crate::{access::callers::Caller, app::App, request::Inbound, signals};
use edge::{Platform, Response, respond::Problem};
use routes::Own;
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
