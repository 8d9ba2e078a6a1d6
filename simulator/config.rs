//! The options of the simulator.

use crate::{CLIENT_ID, CLIENT_SECRET, MANAGEMENT_TOKEN};
use http::Uri;
use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

/// The settings of one simulator. It has no `Debug`, because it holds secrets.
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The webhook's callback URI; without one nothing is delivered.
    pub deliver_to: Option<Uri>,
    /// The client id that may ask for tokens.
    pub client_id: String,
    /// The secret of that client.
    pub client_secret: String,
    /// The application management token: the key of every delivery's signature.
    pub management_token: String,
    /// How long an access token lives.
    pub token_life: Duration,
    /// Factor on the waits between the attempts of a delivery (25 s, 50 s, 100 s).
    pub retry_scale: f64,
    /// Which of the two layouts a delivery has.
    pub layout: Layout,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 4010)),
            deliver_to: None,
            client_id: CLIENT_ID.to_owned(),
            client_secret: CLIENT_SECRET.to_owned(),
            management_token: MANAGEMENT_TOKEN.to_owned(),
            token_life: Duration::from_secs(3600),
            retry_scale: 1.0,
            layout: Layout::Observed,
        }
    }
}

/// Smartcar's documentation and its real deliveries disagree about the layout
/// of an event, and a receiver has to accept both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Layout {
    /// As captured from real deliveries: `triggers` beside `data`, `retrievedAt`,
    /// a `status` on every signal.
    Observed,
    /// As on <https://smartcar.com/docs/api-reference/webhooks/events/vehicle-state>:
    /// `triggers` inside `data`, a top-level `vehicleId`, `fetchedAt`.
    Documented,
}

/// A setting that cannot be used, in words for the person who typed it.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSetting {
    /// The callback URI is not one that this simulator can post to.
    #[error("the callback URI must be an absolute http:// address")]
    CallbackUri,
    /// The factor is not a number that a wait can be multiplied by.
    #[error("the retry scale must be a number from 0 to 1000")]
    RetryScale,
}

/// Reads a callback URI. Only plain HTTP is spoken: the receiver under test
/// runs on the same machine, and a test certificate would prove nothing.
pub fn callback_uri(text: &str) -> Result<Uri, InvalidSetting> {
    let uri: Uri = text.parse().map_err(|_| InvalidSetting::CallbackUri)?;
    let usable = uri.scheme_str() == Some("http") && uri.host().is_some_and(|h| !h.is_empty());
    usable.then_some(uri).ok_or(InvalidSetting::CallbackUri)
}

/// Reads the factor on the waits between attempts.
pub fn retry_scale(text: &str) -> Result<f64, InvalidSetting> {
    let scale: f64 = text.parse().map_err(|_| InvalidSetting::RetryScale)?;
    (0.0..=1000.0)
        .contains(&scale)
        .then_some(scale)
        .ok_or(InvalidSetting::RetryScale)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn callback_uri_is_absolute_and_http() {
        assert!(callback_uri("http://127.0.0.1:3000/webhooks").is_ok());
        for text in ["", "/webhooks", "https://example.com/", "http://", "a b"] {
            assert!(callback_uri(text).is_err(), "{text}");
        }
    }

    #[test]
    fn retry_scale_is_a_finite_number_that_is_not_negative() {
        assert!((retry_scale("0.01").unwrap() - 0.01).abs() < f64::EPSILON);
        for text in ["-1", "NaN", "inf", "1e300", "fast"] {
            assert!(retry_scale(text).is_err(), "{text}");
        }
    }
}
