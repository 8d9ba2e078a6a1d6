//! A double of Smartcar for tests and for a first try without an account.
//!
//! One origin stands for all of Smartcar's hosts: Connect
//! (`GET /oauth/authorize`), the token endpoint (`POST /oauth2/token`), the
//! vehicle, management and compatibility APIs (`/v3/…`) and the sender of signed
//! webhook deliveries. A fleet of three invented cars has state that commands
//! change, and each change is delivered to the callback URI as Smartcar does.
//! Under `/_simulator` a test reads what was served and asks for trouble:
//! slow answers, errors, cut connections and bodies, revoked tokens, a small plan.
//!
//! It follows <https://smartcar.com/docs/api-reference/vehicles-api-intro> and
//! what real deliveries look like where they differ from that documentation.
//! It is a double, not a certificate: what passes here still has to be tried
//! against Smartcar's own simulated vehicles.

mod access;
mod applications;
mod attributes;
mod car;
mod catalogue;
mod clock;
mod commands;
mod compatibility;
mod config;
mod connect;
mod connections;
mod control;
mod delivery;
mod event;
mod execution;
mod faults;
mod fleet;
mod framing;
mod lock;
mod observe;
mod page;
mod paths;
mod plan;
mod refusal;
mod requests;
mod routes;
mod schedules;
mod server;
mod signal;
mod signature;
mod state;
mod subscriptions;
mod token;
mod tokens;
mod users;
mod vehicles;
mod webhook;
mod webhooks;

#[cfg(test)]
mod access_tests;
#[cfg(test)]
mod car_tests;
#[cfg(test)]
mod connect_tests;
#[cfg(test)]
mod connections_tests;
#[cfg(test)]
mod control_tests;
#[cfg(test)]
mod delivery_tests;
#[cfg(test)]
mod faults_tests;
#[cfg(test)]
mod management_tests;
#[cfg(test)]
mod schedules_tests;
#[cfg(test)]
mod server_tests;
#[cfg(test)]
mod subscriptions_tests;
#[cfg(test)]
mod testing;

pub use applications::APPLICATION;
pub use config::{Config, InvalidSetting, Layout, callback_uri, retry_scale};
pub use fleet::{
    COMBUSTION_VEHICLE, FIRST_USER, FIRST_VEHICLE, SECOND_USER, UNPLUGGED_VEHICLE, WEBHOOK,
};
pub use server::{BindError, Server};

/// The client id that the token endpoint accepts by default.
pub const CLIENT_ID: &str = "client_simulator";
/// The client secret that goes with [`CLIENT_ID`].
pub const CLIENT_SECRET: &str = "simulator-secret";
/// The application management token that signs deliveries by default.
pub const MANAGEMENT_TOKEN: &str = "simulator-management-token";
