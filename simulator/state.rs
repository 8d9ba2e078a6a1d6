//! Everything one running simulator knows.

use crate::{
    clock::Millis,
    config::{Config, Layout},
    delivery::Outbox,
    faults::Faults,
    fleet::{Fleet, WEBHOOK},
    plan::Plan,
    requests::RequestLog,
    tokens::{Client, Tokens},
    webhook::Webhook,
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// The state that every handler shares.
pub(crate) type Shared = Arc<Simulator>;

pub(crate) struct Simulator {
    /// What links in answers start with: `http://` and the bound address.
    pub(crate) origin: String,
    pub(crate) client: Client,
    pub(crate) token_life: Duration,
    pub(crate) layout: Layout,
    pub(crate) tokens: Tokens,
    pub(crate) fleet: Mutex<Fleet>,
    pub(crate) requests: RequestLog,
    pub(crate) faults: Faults,
    pub(crate) plan: Plan,
    pub(crate) outbox: Arc<Outbox>,
}

impl Simulator {
    pub(crate) fn new(config: Config, origin: String) -> Shared {
        let webhook = Webhook::new(config.deliver_to, config.management_token);
        Arc::new(Self {
            origin,
            client: Client {
                id: config.client_id,
                secret: config.client_secret,
            },
            token_life: config.token_life,
            layout: config.layout,
            tokens: Tokens::default(),
            fleet: Mutex::new(Fleet::new(Millis::now())),
            requests: RequestLog::default(),
            faults: Faults::default(),
            plan: Plan::default(),
            outbox: Arc::new(Outbox::new(webhook, config.retry_scale)),
        })
    }

    pub(crate) fn vehicle_link(&self, vehicle_id: &str) -> String {
        format!("{}/v3/vehicles/{vehicle_id}", self.origin)
    }

    pub(crate) fn webhook_link(&self) -> String {
        format!("{}/v3/webhooks/{WEBHOOK}", self.origin)
    }
}
