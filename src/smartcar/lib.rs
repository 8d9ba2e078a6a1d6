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
//! | answer Smartcar's VERIFY event | [`delivery::Challenge`] |
//! | read who and what a delivery is about | [`delivery::Envelope`] |
//! | call the API with a token that is fetched once | [`Client`] |
//! | say what a vehicle shall do | [`Command`] |
//! | read Smartcar's error answers | [`ApiError`] |
//! | read a vehicle's signals | [`Signals`], [`Signal::value`] |
//! | know which signals there are | [`CATALOGUE`] |

mod client;
mod clock;
mod command;
pub mod delivery;
mod error;
mod fields;
mod http;
mod ids;
mod key_value;
mod seal;
mod secrets;
mod signal;
#[cfg(test)]
mod testing;
mod timestamp;
mod token;
mod turn;

pub use client::{Call, Client, Origins, Response};
pub use clock::Clock;
pub use command::{Command, CommandError, CommandKind, Destination, Percent};
pub use error::{ApiError, Error, Resolution};
pub use http::{Http, Sent, TransportError};
pub use ids::{EventId, InvalidId, UserId, VehicleId};
pub use key_value::{KeyValue, KeyValueError};
pub use secrets::{AccessToken, ClientId, ClientSecret, Credentials, ManagementToken};
pub use signal::{
    CATALOGUE, NoSignals, Shape, Signal, SignalError, SignalInfo, SignalStatus, SignalValue,
    Signals, UnreadableSignal, signal_info, signal_permission, values,
};
pub use timestamp::{Timestamp, parse_time, write_time};
pub use token::{TokenCache, TokenError};
pub use turn::{Turn, TurnGuard};

/// Everything that [`Client`] needs from the place where it runs.
pub trait Platform: Http + KeyValue + Clock {}
impl<T: Http + KeyValue + Clock> Platform for T {}
