//! Work after the answer, chance, and the account of the token's use.

use crate::{
    Host,
    log::{self, Event, Level},
};
use smartcar::{Audit, Random, Spawn, TokenUse};

impl Spawn for Host {
    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        spin_sdk::wasip3::spawn(task);
    }
}

impl Random for Host {
    fn unit(&self) -> f64 {
        // 53 bits are what an f64 holds. Without randomness everyone is average.
        let bits = getrandom::u64().unwrap_or(1 << 63) >> 11;
        #[allow(clippy::cast_precision_loss, reason = "53 bits fit")]
        let unit = bits as f64 / (1_u64 << 53) as f64;
        unit
    }
}

impl Audit for Host {
    fn token_used(&self, used: &TokenUse<'_>) {
        let level = if used.status.is_some() {
            Level::Info
        } else {
            Level::Warn
        };
        log::line(self, level, Event::Smartcar)
            .with("method", used.endpoint.method.as_str())
            .with("path", used.endpoint.path)
            .with("vehicle_id", used.vehicle.map(|id| id.as_str()))
            .with("user_id", used.user.map(|id| id.as_str()))
            .with("status", used.status)
            .with("request_id", used.request_id)
            .with(
                "millis",
                u64::try_from(used.duration.as_millis()).unwrap_or(u64::MAX),
            )
            .write();
    }
}
