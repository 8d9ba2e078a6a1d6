//! The path of a request.

mod quarantine;

use self::quarantine::{Sample, TRY_EVERY};
use crate::{
    batch::{Batches, Outcome},
    incoming::{Incoming, claimed_mode, mode, short},
    nudge::Nudges,
    settings::Settings,
    tally::Counter,
};
use bytes::Bytes;
use edge::{
    OnceCell, Platform, Response,
    log::{self, Level, Seldom},
    respond::{self, Code, Problem},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};
use smartcar::{
    ManagementToken, Timestamp,
    delivery::{
        self, Challenge, Envelope, Event, InvalidChallenge, Mode, Posted, Rejection, Verified,
    },
    readable,
    report::{Report, SKEW},
};
use std::{ops::ControlFlow, time::Duration};
use store::{
    Chores, Deliveries, Quarantine, Tallies,
    chore::Chore,
    retention::Retention,
    tally::{self, Reason, Tally},
};

/// Smartcar tries again 25 s after a failure.
const RETRY_AFTER: u32 = 25;

/// What became of a delivery that is acknowledged.
const OUTCOME: HeaderName = HeaderName::from_static("edge-outcome");

/// What an instance knows between requests.
pub(crate) struct Receiver<P: Platform, S: Deliveries + 'static> {
    platform: &'static P,
    store: &'static S,
    settings: OnceCell<Settings>,
    batches: Batches<P, S>,
    counter: Counter<P, S>,
    nudges: Nudges<P>,
    retention: Retention,
    sample: Sample,
    release: Chore,
    not_configured: Seldom,
    verify: Seldom,
}

/// When a request arrived.
#[derive(Clone, Copy)]
struct Arrival {
    at: Timestamp,
    /// The same by the clock that no one sets.
    began: Duration,
}

impl<P: Platform, S: Deliveries + Quarantine + Tallies + Chores + 'static> Receiver<P, S> {
    pub(crate) const fn new(platform: &'static P, store: &'static S) -> Self {
        Self {
            platform,
            store,
            settings: OnceCell::new(),
            batches: Batches::new(platform, store),
            counter: Counter::new(platform, store),
            nudges: Nudges::new(platform),
            retention: Retention::new(),
            sample: Sample::new(),
            release: Chore::new("quarantine", TRY_EVERY),
            not_configured: Seldom::a_minute(),
            verify: Seldom::a_minute(),
        }
    }

    /// Answers a request whose body is read by `body`.
    pub(crate) async fn answer(
        &'static self,
        parts: &Parts,
        body: impl Future<Output = Result<Bytes, Problem>>,
    ) -> Response {
        let answer = self.receive(parts, body).await;
        answer.unwrap_or_else(Response::from)
    }

    /// From the request to the answer. What is acknowledged has been stored.
    async fn receive(
        &'static self,
        parts: &Parts,
        body: impl Future<Output = Result<Bytes, Problem>>,
    ) -> Result<Response, Problem> {
        let arrival = Arrival {
            at: self.platform.now(),
            began: self.platform.monotonic(),
        };
        // A refused request's body is read all the same: a client that is still
        // sending would not see the answer.
        let body = body.await;
        is_for_webhooks(parts)?;
        let body = body?;
        let settings = self.settings().await?;
        let verified = match self.judge(settings, &parts.headers, &body, arrival)? {
            ControlFlow::Continue(verified) => verified,
            ControlFlow::Break(proof) => return Ok(proof),
        };
        let outcome = self.accept(settings, verified, arrival.at, arrival).await?;
        self.after(settings, &outcome);
        acknowledge(&outcome)
    }

    /// Stores a delivery that was received then for the first time, and accounts for it.
    ///
    /// Whether it came in time is decided as of then. All else is as of this arrival: to the
    /// store, what is newer than a receipt is of a clock that was ahead, and gives way to what
    /// was received.
    async fn accept(
        &'static self,
        settings: &Settings,
        verified: Verified<'_>,
        received_at: Timestamp,
        arrival: Arrival,
    ) -> Result<Outcome, Problem> {
        let text = readable(verified.body());
        let mut event = Event::read(&text);
        self.fresh(settings, &event.envelope, received_at)?;
        let report = event.report(arrival.at);
        let incoming = Incoming::new(event, verified, arrival.at);
        let outcome = self.store(&incoming, report).await;
        self.report(&incoming, &outcome, arrival);
        Ok(outcome)
    }

    /// The configuration, read by the first request.
    async fn settings(&'static self) -> Result<&'static Settings, Problem> {
        let read = || Settings::read(self.platform);
        let settings = self.settings.get_or_try_init(self.platform, read).await;
        settings.map_err(|reason| {
            if self.not_configured.is_due(self.platform.now()) {
                log::line(self.platform, Level::Error, log::Event::NotConfigured)
                    .with("reason", reason)
                    .write();
            }
            let detail = "this receiver is not configured yet; its log says what is missing";
            Problem::new(Code::NotConfigured, detail).retry_after(RETRY_AFTER)
        })
    }

    /// Goes on with what Smartcar signed, and ends with the answer to a VERIFY.
    fn judge<'a>(
        &'static self,
        settings: &'static Settings,
        headers: &HeaderMap,
        body: &'a Bytes,
        arrival: Arrival,
    ) -> Result<ControlFlow<Response, Verified<'a>>, Problem> {
        let fields = headers.get_all("sc-signature").iter();
        let signatures = fields.map(HeaderValue::as_bytes);
        let (tokens, signed) = (&settings.tokens, settings.require_signed_verify);
        match delivery::judge(body, signatures, tokens, signed) {
            Posted::Delivery(verified) => Ok(ControlFlow::Continue(verified)),
            Posted::Verify(challenge, token) => {
                let proof = self.prove(Some(challenge), tokens.get(token), arrival);
                proof.map(ControlFlow::Break)
            }
            Posted::InvalidChallenge => {
                let proof = self.prove(None, None, arrival);
                proof.map(ControlFlow::Break)
            }
            Posted::Refused(rejection) => {
                self.refused(Reason::Signature(rejection), claimed_mode(body), arrival.at);
                if rejection == Rejection::Mismatch {
                    self.keep_aside(settings, headers, body, arrival);
                }
                Err(Problem::unsigned(rejection.into(), rejection.to_string()))
            }
        }
    }

    /// Answers VERIFY with the proof that we know the management token.
    fn prove(
        &'static self,
        challenge: Option<Challenge>,
        token: Option<&ManagementToken>,
        arrival: Arrival,
    ) -> Result<Response, Problem> {
        let (Some(challenge), Some(token)) = (challenge, token) else {
            self.refused(Reason::Challenge, Mode::Live, arrival.at);
            let detail = InvalidChallenge.to_string();
            return Err(Problem::new(Code::InvalidChallenge, detail));
        };
        let tally = Tally {
            outcome: tally::Outcome::Verify,
            reason: Reason::None,
            event_type: "VERIFY".to_owned(),
            mode: Mode::Live,
        };
        self.counter.count(arrival.at, tally);
        // Anyone may post one, signed or not.
        if self.verify.is_due(arrival.at) {
            log::line(self.platform, Level::Info, log::Event::Verify)
                .with("outcome", "answered")
                .write();
        }
        Ok(respond::json(StatusCode::OK, challenge.answer(token)))
    }

    /// Refuses what was sent too long ago, and notes a time that cannot be.
    fn fresh(
        &'static self,
        settings: &Settings,
        envelope: &Envelope<'_>,
        received_at: Timestamp,
    ) -> Result<(), Problem> {
        let sent_at = envelope.delivered_at;
        if sent_at.is_some_and(|at| settings.is_stale(at, received_at)) {
            self.refused(Reason::Stale, mode(envelope), received_at);
            let detail = "the delivery was sent too long ago";
            return Err(Problem::unsigned(Code::StaleDelivery, detail));
        }
        let is_ahead = sent_at.is_some_and(|at| received_at.after(SKEW) < at);
        let reason = match envelope.has_impossible_time {
            true => Reason::ImpossibleTime,
            false if is_ahead => Reason::ClockAhead,
            false => return Ok(()),
        };
        let tally = Tally {
            outcome: tally::Outcome::Noted,
            reason,
            event_type: String::new(),
            mode: mode(envelope),
        };
        self.counter.count(received_at, tally);
        Ok(())
    }

    /// Stores a delivery once, with what it reports.
    async fn store(&'static self, incoming: &Incoming<'_>, report: Option<Report<'_>>) -> Outcome {
        let prepared = self.store.prepare(&incoming.delivery(report.as_ref()));
        drop(report);
        self.batches.store(prepared).await
    }

    /// Counts a delivery and writes a line about it.
    fn report(&'static self, incoming: &Incoming<'_>, outcome: &Outcome, arrival: Arrival) {
        let (level, counted, error) = match outcome {
            Outcome::Stored => (Level::Info, tally::Outcome::Stored, None),
            Outcome::Duplicate => (Level::Info, tally::Outcome::Duplicate, None),
            Outcome::Failed(error) => (Level::Error, tally::Outcome::Failed, Some(error)),
        };
        let event_type = short(incoming.event_type());
        let time = self.platform.monotonic().saturating_sub(arrival.began);
        log::line(self.platform, level, log::Event::Delivery)
            .with("outcome", counted.as_str())
            .with("event_id", short(&incoming.event_id))
            .with("event_type", event_type)
            .with("vehicle_id", incoming.vehicle_id().map(short))
            .with("application_id", incoming.application_id().map(short))
            .with("token", incoming.token())
            .with(
                "micros",
                u64::try_from(time.as_micros()).unwrap_or(u64::MAX),
            )
            .with("error", error)
            .write();
        let tally = Tally {
            outcome: counted,
            reason: Reason::Token(incoming.token()),
            event_type: event_type.to_owned(),
            mode: incoming.mode(),
        };
        self.counter.count(arrival.at, tally);
    }

    /// What follows after the answer.
    fn after(&'static self, settings: &'static Settings, outcome: &Outcome) {
        self.retention
            .soon(self.platform, self.store, settings.retention);
        if *outcome == Outcome::Stored {
            self.nudges.soon();
        }
        if !matches!(outcome, Outcome::Failed(_)) {
            self.try_quarantined(settings);
        }
    }

    fn refused(&'static self, reason: Reason, mode: Mode, at: Timestamp) {
        let tally = Tally {
            outcome: tally::Outcome::Refused,
            reason,
            event_type: String::new(),
            mode,
        };
        self.counter.count(at, tally);
    }
}

fn is_for_webhooks(parts: &Parts) -> Result<(), Problem> {
    if parts.uri.path().trim_end_matches('/') != "/webhooks" {
        let detail = "deliveries are posted to /webhooks";
        return Err(Problem::new(Code::PathNotFound, detail));
    }
    if parts.method != Method::POST {
        let detail = "deliveries are sent with POST";
        let problem = Problem::new(Code::MethodNotAllowed, detail);
        return Err(problem.with(header::ALLOW, HeaderValue::from_static("POST")));
    }
    Ok(())
}

/// Smartcar looks at the status alone. No body is the least that a host can answer,
/// and whoever tries it out by hand looks at the header.
fn acknowledge(outcome: &Outcome) -> Result<Response, Problem> {
    let outcome = match outcome {
        Outcome::Stored => "stored",
        Outcome::Duplicate => "duplicate",
        Outcome::Failed(_) => {
            let detail = "the delivery could not be stored: send it again";
            return Err(Problem::new(Code::StoreUnavailable, detail).retry_after(RETRY_AFTER));
        }
    };
    let mut answer = Response::default();
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    headers.insert(OUTCOME, HeaderValue::from_static(outcome));
    Ok(answer)
}

#[cfg(test)]
mod tests;
