//! The receiver: Smartcar posts its webhook deliveries here.
//!
//! This is the only component that the internet may post to without a key. It
//! has no Smartcar credentials, and its only outbound call is to the relay: the worst
//! that a flaw here could give away is what is in the database.

mod batch;
mod incoming;
mod nudge;
mod receiver;
mod settings;
mod tally;

use edge::{Host, request, respond::Outgoing};
use receiver::Receiver;
use smartcar::delivery::MAX_BODY;
use spin_sdk::{http::Request, http_service};
use store::HostStore;

static STORE: HostStore = store::host_store();
static RECEIVER: Receiver<Host, HostStore> = Receiver::new(&Host, &STORE);

#[http_service]
async fn handle(request: Request) -> Outgoing {
    let (parts, body) = request.into_parts();
    let body = request::body(body, MAX_BODY);
    Outgoing(RECEIVER.answer(&parts, body).await)
}
