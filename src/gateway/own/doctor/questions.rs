//! What the doctor asks Smartcar. None of it counts against a vehicle's allowance, but all
//! of it against the application's: 120 requests, refilled at 2 a minute
//! (<https://smartcar.com/docs/help/api-limits>). So an examination is bounded.

use crate::{
    access::owners::MODES,
    actions::outcome::error_name,
    own::doctor::finding::{Details, Finding, Found},
};
use edge::Platform;
use http::header;
use smartcar::{
    ApiResponse, Client, Connection, ConnectionFilter, Error, Page, PageRequest, Subscription,
    SubscriptionFilter, Timestamp, VehicleId, VehicleMode, Webhook, WebhookFilter, WebhookId,
};
use std::time::{Duration, UNIX_EPOCH};

/// How many calls an examination makes at most.
const MOST_CALLS: u32 = 20;

/// When an examination begins no call any more. The last one takes ten seconds, and a host
/// may end a request after thirty.
const TIME: Duration = Duration::from_secs(18);

/// The most that a page has.
const PAGE: u32 = 100;

/// How many calls more it makes to look at vehicles one by one that seem to be gone.
const MORE_CALLS: u32 = 10;

const WEBHOOKS: &str = "/v3/webhooks";
const CONNECTIONS: &str = "/v3/connections";
const SUBSCRIPTIONS: &str = "/v3/subscriptions";

/// A list of Smartcar's, as far as it could be read.
pub(crate) struct Listing<T> {
    pub(crate) items: Vec<T>,
    /// Whether these are all: every page came, nothing in them was unreadable, and they are
    /// as many as Smartcar says that there are.
    pub(crate) is_complete: bool,
}

impl<T> Listing<T> {
    /// An empty list.
    pub(crate) const fn none() -> Self {
        Self {
            items: Vec::new(),
            is_complete: true,
        }
    }

    /// Adds what another list has.
    pub(crate) fn add(&mut self, other: Self) {
        self.items.extend(other.items);
        self.is_complete &= other.is_complete;
    }

    /// How many there are; none where not all are known.
    pub(crate) fn count(&self) -> Option<usize> {
        self.is_complete.then_some(self.items.len())
    }
}

/// The questions of one examination.
pub(crate) struct Questions<'a, P: Platform> {
    client: &'a Client<P>,
    until: Timestamp,
    most: u32,
    is_over: bool,
    /// How many calls were made.
    pub(crate) calls: u32,
    /// By how many milliseconds this host's clock is ahead of Smartcar's, as the last answer
    /// shows it.
    pub(crate) ahead: Option<i64>,
    /// What could not be asked.
    pub(crate) findings: Vec<Found>,
}

/// Why there is no answer.
enum Unanswered {
    /// Too much was asked already.
    Bound,
    Failed(Error),
}

impl<'a, P: Platform> Questions<'a, P> {
    /// Questions of which none has been asked yet.
    pub(crate) fn new(client: &'a Client<P>) -> Self {
        Self {
            client,
            until: client.platform().now().after(TIME),
            most: MOST_CALLS,
            is_over: false,
            calls: 0,
            ahead: None,
            findings: Vec::new(),
        }
    }

    /// The webhook of that id, or all of them; none where Smartcar did not say.
    pub(crate) async fn webhooks(&mut self, id: Option<&WebhookId>) -> Option<Vec<Webhook>> {
        let client = self.client;
        let Some(id) = id else {
            let filter = WebhookFilter::default();
            let page = async |page| client.list_webhooks(&filter, page).await;
            let listing = self.list(WEBHOOKS, page).await;
            return listing.is_complete.then_some(listing.items);
        };
        match self.ask(client.get_webhook(id)).await {
            Ok(webhook) => Some(vec![webhook]),
            Err(Unanswered::Failed(Error::Api(error))) if error.status == 404 => Some(Vec::new()),
            Err(why) => {
                self.note("/v3/webhooks/{webhookId}", &why);
                None
            }
        }
    }

    /// Every connection to vehicles of a mode.
    pub(crate) async fn connections(&mut self, mode: VehicleMode) -> Listing<Connection> {
        let client = self.client;
        let filter = ConnectionFilter {
            mode: Some(mode),
            ..ConnectionFilter::default()
        };
        let page = async |page| client.list_connections(&filter, page).await;
        self.list(CONNECTIONS, page).await
    }

    /// Notes that the list of connections cannot be right, unless that was said before.
    pub(crate) fn doubt_connections(&mut self) {
        let is_said = |found: &Found| found.details.path.as_deref() == Some(CONNECTIONS);
        if !self.findings.iter().any(is_said) {
            self.note(CONNECTIONS, &Unanswered::Bound);
        }
    }

    /// Every connection to a vehicle, of whichever mode. Some calls more may be made for that;
    /// none where too few are left.
    pub(crate) async fn connections_of(
        &mut self,
        vehicle: &VehicleId,
    ) -> Option<Listing<Connection>> {
        self.most = MOST_CALLS + MORE_CALLS;
        let modes = u32::try_from(MODES.len()).unwrap_or(u32::MAX);
        if self.calls.saturating_add(modes) > self.most {
            return None;
        }
        let client = self.client;
        let mut all = Listing::none();
        for mode in MODES {
            let filter = ConnectionFilter {
                vehicle: Some(vehicle.clone()),
                mode: Some(mode),
                ..ConnectionFilter::default()
            };
            let page = async |page| client.list_connections(&filter, page).await;
            all.add(self.list(CONNECTIONS, page).await);
        }
        Some(all)
    }

    /// Every subscription of vehicles of a mode to a webhook.
    pub(crate) async fn subscriptions(
        &mut self,
        webhook: &WebhookId,
        mode: VehicleMode,
    ) -> Listing<Subscription> {
        let client = self.client;
        let filter = SubscriptionFilter {
            webhook: Some(webhook.clone()),
            mode: Some(mode),
            ..SubscriptionFilter::default()
        };
        let page = async |page| client.list_subscriptions(&filter, page).await;
        self.list(SUBSCRIPTIONS, page).await
    }

    async fn list<T>(
        &mut self,
        path: &str,
        page: impl AsyncFn(PageRequest) -> Result<ApiResponse<Page<T>>, Error>,
    ) -> Listing<T> {
        let mut listing = Listing::none();
        let mut asked = PageRequest::of_size(PAGE);
        loop {
            let answered = match self.ask(page(asked)).await {
                Ok(answered) => answered,
                Err(why) => {
                    self.note(path, &why);
                    listing.is_complete = false;
                    return listing;
                }
            };
            let is_the_page = answered.number.is_none_or(|number| number == asked.number);
            listing.is_complete &= is_the_page && answered.unreadable.is_empty();
            listing.items.extend(answered.items);
            if answered.is_last {
                let has = u32::try_from(listing.items.len()).unwrap_or(u32::MAX);
                listing.is_complete &= answered.total.is_none_or(|total| total == has);
                if !listing.is_complete {
                    self.note(path, &Unanswered::Bound);
                }
                return listing;
            }
            asked.number += 1;
        }
    }

    /// Makes a call, unless too many were made.
    async fn ask<T>(
        &mut self,
        call: impl Future<Output = Result<ApiResponse<T>, Error>>,
    ) -> Result<T, Unanswered> {
        let now = self.client.platform().now();
        if self.is_over || self.calls >= self.most || now >= self.until {
            return Err(Unanswered::Bound);
        }
        self.calls += 1;
        match call.await {
            Ok(answer) => {
                let received_at = self.client.platform().now();
                if let Some(at) = date(&answer.response) {
                    self.ahead = Some(received_at.0 - at.0);
                }
                Ok(answer.value)
            }
            Err(error) => {
                // The next call would fail for the same reason.
                self.is_over = matches!(error, Error::Token(_) | Error::Limited(_));
                Err(Unanswered::Failed(error))
            }
        }
    }

    /// Notes that a part could not be looked at: once for each path, and once for all where
    /// nothing can be asked.
    fn note(&mut self, path: &str, why: &Unanswered) {
        let (finding, error) = match why {
            Unanswered::Bound => (Finding::ListingIncomplete, None),
            Unanswered::Failed(error) => (Finding::NotAnswered, Some(said(error))),
        };
        let is_known =
            |found: &Found| found.finding == finding && found.details.path.as_deref() == Some(path);
        let is_told = self.is_over && error.is_none();
        if is_told || self.findings.iter().any(is_known) {
            return;
        }
        self.findings.push(Found {
            finding,
            details: Details {
                path: Some(path.to_owned()),
                error,
                ..Details::default()
            },
        });
    }
}

/// Why a call failed, without Smartcar's own words, which can name anything.
fn said(error: &Error) -> String {
    match error {
        Error::Api(error) => format!("Smartcar answered {}: {}", error.status, error_name(error)),
        error => error.to_string(),
    }
}

/// When Smartcar sent an answer, by its own clock.
fn date(answer: &smartcar::Response) -> Option<Timestamp> {
    let date = answer.header(header::DATE.as_str())?;
    let since = httpdate::parse_http_date(date)
        .ok()?
        .duration_since(UNIX_EPOCH)
        .ok()?;
    Some(Timestamp(0).after(since))
}
