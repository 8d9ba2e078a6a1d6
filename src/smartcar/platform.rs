//! What this crate needs from the place where it runs: a trait a capability.

pub(crate) mod async_mutex;
pub(crate) mod audit;
pub(crate) mod clock;
pub(crate) mod http;
pub(crate) mod key_value;
pub(crate) mod leases;
pub(crate) mod random;
pub(crate) mod spawn;

use self::{
    audit::Audit, clock::Clock, http::Http, key_value::KeyValue, random::Random, spawn::Spawn,
};

/// Everything that [`Client`](crate::Client) needs from the place where it runs.
pub trait Platform: Http + KeyValue + Clock + Random + Spawn + Audit + Clone + 'static {}
impl<T: Http + KeyValue + Clock + Random + Spawn + Audit + Clone + 'static> Platform for T {}
