//! Smartcar's connected-car API, version 3, and its webhook deliveries.
//!
//! This crate knows Smartcar and nothing else: no host, no I/O of its own. What
//! it needs from outside are small traits ([`Platform`]); a Spin component implements them with the host's interfaces, a
//! test with fakes and a clock that stands still.
//!
//! | to | use |
//! |---|---|
//! | tell a genuine delivery from a forged one | [`delivery::verify`] |
//! | tell what was posted to a webhook | [`delivery::judge`] |
//! | answer Smartcar's VERIFY event | [`delivery::Challenge`] |
//! | read who and what a delivery is about | [`delivery::Envelope`] |
//! | take apart what a delivery or an answer reports | [`delivery::Event`], [`report`] |
//! | read a body that holds what no text can | [`readable`] |
//! | call the API with a token that is fetched once | [`Client`] |
//! | say what a vehicle shall do | [`Command`] |
//! | read Smartcar's error answers | [`ApiError`] |
//! | read a vehicle's signals | [`Signals`], [`Signal::value`] |
//! | know which signals there are | [`CATALOGUE`] |
//! | list, read and remove connections, vehicles, webhooks, subscriptions | the methods of [`Client`] |
//! | send someone to Smartcar Connect and take them back | [`ConnectRequest`], [`ReauthenticationRequest`], [`ConnectState`], [`ConnectReturn`] |
//! | know which endpoints there are | [`endpoints::ALL`] |

mod api;
mod client;
mod connect;
mod cursor;
pub mod delivery;
pub mod endpoints;
mod error;
mod fields;
mod ids;
mod month;
mod open_set;
mod platform;
mod readable;
pub mod report;
mod seal;
mod secrets;
mod signal;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod timestamp;
mod token;

pub use api::{
    answer::{ApiResponse, RawJson},
    command::{Command, CommandError, CommandKind, Destination, Evidence, Percent},
    compatibility::{CompatibilityFilter, CompatibleVehicle, Region},
    connections::{Connection, ConnectionFilter},
    execution::{CommandExecution, ExecutionStatus},
    page::{Items, Page, PageRequest, UnreadableItem},
    schedules::{ChargeScheduleExecution, ChargeTimer, ScheduleKind},
    subscriptions::{Subscribed, Subscription, SubscriptionFilter},
    vehicles::{PowertrainType, SignalOptions, Vehicle, VehicleAttributes, VehicleMode},
    webhooks::{Webhook, WebhookFilter, WebhookSignal},
};
pub use client::{
    Client, Origins,
    back_off::full_jitter,
    call::{Call, UnitSystem},
    limit::{Limit, LimitScope},
    policy::Policy,
    response::Response,
    streaming::{ResponseBody, StreamingResponse},
};
pub use connect::{
    ApprovalPrompt, ConnectFailure, ConnectMode, ConnectOptions, ConnectOutcome, ConnectRequest,
    ConnectReturn, InvalidConnect, WayBack,
    reauthentication::{ReauthenticationOptions, ReauthenticationRequest},
    state::{ConnectState, InvalidState},
};
pub use error::{ApiError, Error, Resolution};
pub use ids::{
    ApplicationId, ConnectionId, Id, InvalidId, ScheduleId, SignalCode, SubscriptionId, UserId,
    VehicleId, WebhookId,
};
pub use month::Month;
pub use platform::{
    Platform,
    async_mutex::{AsyncMutex, AsyncMutexGuard},
    audit::{Audit, TokenUse},
    clock::Clock,
    http::{BodyStream, Http, Sent, TransportError},
    key_value::{KeyValue, KeyValueError},
    leases::{LeaseError, Leases, SharedLeases, Taken},
    random::Random,
    spawn::Spawn,
};
pub use readable::readable;
pub use secrets::{AccessToken, ClientId, ClientSecret, Credentials, ManagementToken};
pub use signal::{
    CATALOGUE, NoSignals, Shape, Signal, SignalError, SignalInfo, SignalStatus, SignalValue,
    Signals, UnreadableSignal, signal_info, signal_permission, values,
};
pub use timestamp::{Timestamp, parse_time, write_time};
pub use token::{TokenCache, TokenFailure, TokenStatus, grant::TokenError};
