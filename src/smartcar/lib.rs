//! Smartcar's connected-car API, version 3, and its webhook deliveries.
//!
//! This crate knows Smartcar and nothing else: no host, no I/O of its own. What
//! it needs from outside are three small traits, [`Http`], [`KeyValue`] and
//! [`Clock`]; a Spin component implements them with the host's interfaces, a
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
//! | send somebody to Smartcar Connect and take them back | [`ConnectRequest`], [`ConnectState`], [`ConnectReturn`] |
//! | know which endpoints there are | [`endpoints::ALL`] |

mod answer;
mod applications;
mod audit;
mod call;
mod client;
mod clock;
mod command;
mod commands;
mod compatibility;
mod connect;
mod connect_state;
mod connections;
mod cursor;
pub mod delivery;
pub mod endpoints;
mod error;
mod execution;
mod fields;
mod grant;
mod http;
mod ids;
mod key_value;
mod lease;
mod limits;
mod opened;
mod page;
mod policy;
mod random;
mod readable;
pub mod report;
#[cfg(test)]
mod resources_tests;
mod schedules;
mod seal;
mod secrets;
mod signal;
mod spawn;
mod subscriptions;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod timestamp;
mod token;
mod turn;
mod vault;
mod vehicles;
mod webhooks;

pub use answer::{Answer, RawJson};
pub use audit::{Audit, TokenUse};
pub use call::{Call, Response, UnitSystem};
pub use client::{Client, Origins};
pub use clock::Clock;
pub use command::{Command, CommandError, CommandKind, Destination, Evidence, Percent};
pub use compatibility::{CompatibilityFilter, CompatibleVehicle, Region};
pub use connect::{
    ConnectMode, ConnectOptions, ConnectOutcome, ConnectRequest, ConnectReturn, InvalidConnect,
};
pub use connect_state::{ConnectState, InvalidState};
pub use connections::{Connection, ConnectionFilter};
pub use error::{ApiError, Error, Resolution};
pub use execution::{CommandExecution, ExecutionStatus};
pub use grant::TokenError;
pub use http::{Http, Pieces, Sent, TransportError};
pub use ids::{
    ApplicationId, ConnectionId, Id, InvalidId, ScheduleId, SignalCode, SubscriptionId, UserId,
    VehicleId, WebhookId,
};
pub use key_value::{KeyValue, KeyValueError};
pub use limits::{Limit, LimitScope};
pub use opened::{OpenBody, Opened};
pub use page::{Items, Page, PageRequest, UnreadableItem};
pub use policy::Policy;
pub use random::Random;
pub use readable::readable;
pub use schedules::ScheduleKind;
pub use secrets::{AccessToken, ClientId, ClientSecret, Credentials, ManagementToken};
pub use signal::{
    CATALOGUE, NoSignals, Shape, Signal, SignalError, SignalInfo, SignalStatus, SignalValue,
    Signals, UnreadableSignal, signal_info, signal_permission, values,
};
pub use spawn::Spawn;
pub use subscriptions::{Subscribed, Subscription, SubscriptionFilter};
pub use timestamp::{Timestamp, parse_time, write_time};
pub use token::{TokenCache, TokenFailure, TokenStatus};
pub use turn::{Turn, TurnGuard};
pub use vehicles::{PowertrainType, SignalOptions, Vehicle, VehicleAttributes, VehicleMode};
pub use webhooks::{Webhook, WebhookFilter, WebhookSignal};

/// Everything that [`Client`] needs from the place where it runs.
pub trait Platform: Http + KeyValue + Clock + Random + Spawn + Audit + Clone + 'static {}
impl<T: Http + KeyValue + Clock + Random + Spawn + Audit + Clone + 'static> Platform for T {}
