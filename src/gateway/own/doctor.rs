//! The doctor: asks Smartcar what is configured there, and says what is wrong on either
//! side and what to do about it.
//!
//! It also notices which of the stored vehicles Smartcar lists no more, and has them
//! forgotten. It examines when someone asks, and once an hour by itself after an answer. All instances
//! together do so one at a time; what was found is kept, and any of them tells it.

mod checks;
pub(crate) mod finding;
mod questions;
mod reconciliation;
#[cfg(test)]
mod reconciliation_tests;
mod report;
pub(crate) mod setup;
#[cfg(test)]
mod tests;

use crate::{
    access::{callers::Caller, owners::MODES},
    app::App,
};
use edge::{
    Platform, Response,
    respond::{self, Problem},
};
use finding::{Finding, Found};
use http::StatusCode;
use questions::{Listing, Questions};
use reconciliation::{Missing, reconcile};
use report::{Examined, Report, WebhookSeen};
use serde_json::Value;
use smartcar::{Connection, Subscription, Webhook};
use std::time::Duration;
use store::{Store, StoreError};

/// How often the doctor comes by itself.
pub(crate) const EVERY: Duration = Duration::from_secs(60 * 60);

/// How long has to pass for each call: Smartcar gives one back in 30 seconds to an
/// application that has made many, and three of four are for others.
const REFILL: Duration = Duration::from_secs(120);

/// The least between two examinations, longer than one takes.
const SHORTEST_PAUSE: Duration = Duration::from_secs(60);

/// Examines, unless that was done a moment ago, and answers what was found.
pub(crate) async fn read<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
) -> Result<Response, Problem> {
    caller.require("read_status")?;
    let last = app.stored(last(app).await)?;
    let (doctor, now) = (app.doctor(), app.now());
    // Whoever goes on asking leaves most of what Smartcar gives back.
    let pause = (REFILL * last.calls()).max(SHORTEST_PAUSE);
    let is_asked =
        app.setup().can_ask && app.stored(doctor.take_early(app.store(), now, pause).await)?;
    let examination = if is_asked {
        examine(app, last).await
    } else {
        last
    };
    let body = examination.show(&app.setup().findings, caller);
    Ok(respond::json(StatusCode::OK, body.to_string()))
}

/// Examines after this answer, if it is time.
pub(crate) fn soon<P: Platform, S: Store>(app: &'static App<P, S>) {
    let now = app.now();
    if !app.setup().is_hourly || !app.doctor().is_worth_asking(now) {
        return;
    }
    app.platform().spawn(async move {
        if app.note(app.doctor().take(app.store(), now).await) == Some(true) {
            let last = app.note(last(app).await).unwrap_or_default();
            examine(app, last).await;
        }
    });
}

/// What `/status` tells of the last examination.
pub(crate) async fn status<P: Platform, S: Store>(app: &App<P, S>) -> Result<Value, StoreError> {
    Ok(last(app).await?.summary(&app.setup().findings))
}

/// The last examination; an empty one where there has been none.
async fn last<P: Platform, S: Store>(app: &App<P, S>) -> Result<Examined, StoreError> {
    let last = app.store().last_examination().await?;
    Ok(last
        .and_then(|last| Examined::read(&last))
        .unwrap_or_default())
}

/// Asks Smartcar, and keeps what was found.
async fn examine<P: Platform, S: Store>(app: &App<P, S>, last: Examined) -> Examined {
    let report = ask(app, last.into_missing()).await;
    let examined = Examined::new(app.now(), report);
    app.note(app.store().keep_examination(&examined.write()).await);
    examined
}

async fn ask<P: Platform, S: Store>(app: &App<P, S>, missing: Vec<Missing>) -> Report {
    let began = app.now();
    let mut questions = Questions::new(app.client());
    let host = app.connect().host();
    let configured = app.connect().webhook.as_ref();
    let webhooks = questions.webhooks(configured).await;
    let webhook = webhooks.as_deref().and_then(|all| match configured {
        Some(_) => all.first(),
        None => checks::meant(all, host),
    });
    let mut findings: Vec<Found> = Vec::new();
    if let Some(all) = &webhooks {
        let found = checks::of_webhooks(all, webhook, host);
        findings.extend(found.into_iter().map(Found::from));
    }
    let vehicles = Vehicles::ask(&mut questions, webhook).await;
    findings.extend(vehicles.findings(app));
    let listed = &vehicles.connections;
    let reconciled = reconcile(app, &mut questions, listed, missing, began).await;
    findings.extend(reconciled.findings);
    findings.extend(questions.ahead.and_then(checks::of_clock));
    let unanswered = std::mem::take(&mut questions.findings);
    Report {
        calls: questions.calls,
        webhook: webhook.map(|webhook| WebhookSeen {
            id: webhook.id.to_string(),
            origin: webhook.callback_uri.as_deref().and_then(checks::origin),
        }),
        connections: vehicles.connections.count(),
        subscriptions: vehicles.subscriptions.and_then(|all| all.count()),
        missing: reconciled.missing,
        forgotten: reconciled.forgotten,
        findings: unanswered.into_iter().chain(findings).collect(),
    }
}

/// What Smartcar lists of the application's vehicles.
struct Vehicles {
    connections: Listing<Connection>,
    /// To the webhook that is meant, where there is one.
    subscriptions: Option<Listing<Subscription>>,
}

impl Vehicles {
    async fn ask<P: Platform>(questions: &mut Questions<'_, P>, webhook: Option<&Webhook>) -> Self {
        let mut connections = Listing::none();
        let mut subscriptions = webhook.map(|_| Listing::none());
        let mut modes = Vec::new();
        // The connections first: by them it is noticed whose access has ended.
        for mode in MODES {
            let listing = questions.connections(mode.clone()).await;
            if !listing.items.is_empty() {
                modes.push(mode);
            }
            connections.add(listing);
        }
        for mode in modes {
            if let (Some(all), Some(webhook)) = (&mut subscriptions, webhook) {
                all.add(questions.subscriptions(&webhook.id, mode).await);
            }
        }
        Self {
            connections,
            subscriptions,
        }
    }

    fn findings<P: Platform, S: Store>(&self, app: &App<P, S>) -> Vec<Found> {
        let connections = &self.connections.items;
        let is_none = self.connections.is_complete && connections.is_empty();
        let complete = self.subscriptions.as_ref().filter(|all| all.is_complete);
        let of_subscriptions = |all: &Listing<Subscription>| {
            checks::of_subscriptions(connections, &all.items, app.now())
        };
        let callers = app.callers().ok();
        [
            is_none.then(|| Finding::NoConnections.into()),
            complete.and_then(of_subscriptions),
            callers.and_then(|callers| checks::of_permissions(connections, callers)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
