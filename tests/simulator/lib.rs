//! A double of Smartcar for tests and for a first try without an account.
//!
//! One origin stands for Smartcar's three hosts: the token endpoint
//! (`POST /oauth2/token`), the vehicle API (`/v3/…`) and the sender of signed
//! webhook deliveries. A fleet of three invented cars has state that commands
//! change, and each change is delivered to the callback URI as Smartcar does.
//! Under `/_simulator` a test reads what was served and asks for trouble:
//! slow answers, errors, cut connections, revoked tokens.
//!
//! It follows <https://smartcar.com/docs/api-reference/vehicles-api-intro> and
//! what real deliveries look like where they differ from that documentation.
//! It is a double, not a certificate: what passes here still has to be tried
//! against Smartcar's own simulated vehicles.

mod access;
mod car;
mod catalogue;
mod clock;
mod commands;
mod config;
mod connections;
mod control;
mod delivery;
mod event;
mod faults;
mod fleet;
mod observe;
mod refusal;
mod requests;
mod routes;
mod server;
mod signal;
mod signature;
mod state;
mod token;
mod vehicles;
mod webhook;

#[cfg(test)]
mod access_tests;
#[cfg(test)]
mod control_tests;
#[cfg(test)]
mod delivery_tests;
#[cfg(test)]
mod server_tests;
#[cfg(test)]
mod testing;

pub use config::{Config, InvalidSetting, Layout, callback_uri, retry_scale};
pub use fleet::{
    COMBUSTION_VEHICLE, FIRST_USER, FIRST_VEHICLE, SECOND_USER, UNPLUGGED_VEHICLE, WEBHOOK,
};
pub use server::{BindError, Server};

/// The client id that the token endpoint accepts unless told otherwise.
pub const CLIENT_ID: &str = "client_simulator";
/// The client secret that goes with [`CLIENT_ID`].
pub const CLIENT_SECRET: &str = "simulator-secret";
/// The application management token that signs deliveries unless told otherwise.
pub const MANAGEMENT_TOKEN: &str = "simulator-management-token";
