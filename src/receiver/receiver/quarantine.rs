//! What fails only by its signature, kept aside until a management token fits.
//!
//! Smartcar has been seen to sign with another token than the one that its dashboard shows,
//! and drops an event after three more attempts. Who sent such a delivery is not known, so
//! nothing is done with it: it is answered as any forgery, waits for a day, and goes the way
//! of a delivery once its signature fits.

use super::{Arrival, Receiver};
use crate::{batch::Outcome, settings::Settings};
use bytes::Bytes;
use edge::{
    Platform,
    log::{self, Level},
};
use http::HeaderMap;
use smartcar::{
    Timestamp,
    delivery::{self, Event},
    readable,
};
use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use store::{
    Chores, Deliveries, Quarantine, StoreError, Tallies,
    quarantine::{Quarantined, WAITS_FOR},
};

/// How often the tokens are tried on what is in quarantine, by one instance of all.
pub(super) const TRY_EVERY: Duration = Duration::from_secs(60);

/// From the first delivery of a sample to the look at it: after the answers, so that how long
/// one takes says nothing about what the store knows, and once a second at most.
const LOOK_AFTER: Duration = Duration::from_secs(1);

/// How many of the deliveries of a second an instance looks at. In a flood it is chance which
/// they are: whoever sends many keeps no other from being among them.
const SAMPLE: u32 = 32;

/// How many deliveries are tried in a row, and for how long others go first then.
const PAGE: i64 = 16;
const BETWEEN: Duration = Duration::from_millis(100);

/// The longest id, of an event or a vehicle, of what is kept. Smartcar's have 36 characters.
const LONGEST_ID: usize = 128;

/// The deliveries that an instance is about to look at.
#[derive(Default)]
struct Sampled {
    /// How many there were to choose from.
    seen: u32,
    suspects: Vec<Quarantined>,
}

/// A sample of the deliveries that failed only by their signature.
pub(super) struct Sample(Mutex<Sampled>);

impl Sample {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Sampled {
            seen: 0,
            suspects: Vec::new(),
        }))
    }

    fn sampled(&self) -> MutexGuard<'_, Sampled> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a delivery in by `chance` (0 to 1), so that each has the same one; one that is
    /// left out is not even read. Whether it is the first of its second.
    fn add(&self, chance: f64, read: impl FnOnce() -> Option<Quarantined>) -> bool {
        let mut sampled = self.sampled();
        let place = sampled.seen % SAMPLE;
        sampled.seen = sampled.seen.saturating_add(1);
        let is_first = sampled.seen == 1;
        if chance * f64::from(sampled.seen) >= f64::from(SAMPLE) {
            return is_first;
        }
        let Some(suspect) = read() else {
            return is_first;
        };
        let suspects = &mut sampled.suspects;
        if suspects.len() < SAMPLE as usize {
            suspects.push(suspect);
        } else if let Some(other) = suspects.get_mut(place as usize) {
            *other = suspect;
        }
        is_first
    }

    /// Takes the sample, and begins another one.
    fn take(&self) -> Vec<Quarantined> {
        mem::take(&mut *self.sampled()).suspects
    }
}

impl<P: Platform, S: Deliveries + Quarantine + Tallies + Chores + 'static> Receiver<P, S> {
    /// Keeps a delivery whose signature fits no token, after this answer, if it could be
    /// Smartcar's and there is room for it.
    pub(super) fn keep_aside(
        &'static self,
        settings: &'static Settings,
        headers: &HeaderMap,
        body: &Bytes,
        arrival: Arrival,
    ) {
        if settings.quarantine == 0 {
            return;
        }
        let read = || suspect(settings, headers, body, arrival.at);
        if self.sample.add(self.platform.unit(), read) {
            self.platform.spawn(async {
                self.platform.sleep(LOOK_AFTER).await;
                if let Err(error) = self.look(settings.quarantine).await {
                    self.quarantine_line(0, Some(&error));
                }
            });
        }
    }

    /// Keeps what the sample has of vehicles that are known: one statement for a flood of
    /// forgeries about others.
    async fn look(&self, most: i64) -> Result<(), StoreError> {
        let suspects = self.sample.take();
        if suspects.is_empty() {
            return Ok(());
        }
        let vehicles = suspects.iter().map(|suspect| suspect.vehicle_id.clone());
        let vehicles: Vec<String> = vehicles.collect();
        let known = self.store.known_vehicles(&vehicles).await?;
        for suspect in suspects {
            if known.contains(&suspect.vehicle_id) {
                self.store.quarantine(&suspect, most).await?;
            }
        }
        Ok(())
    }

    /// Tries the tokens on what is in quarantine, after this answer, if it is time.
    ///
    /// This follows a delivery that a token fitted: the first one after a token was added
    /// brings in those that came before it, and a forgery has nothing tried.
    pub(super) fn try_quarantined(&'static self, settings: &'static Settings) {
        if settings.quarantine == 0 || !self.release.is_worth_asking(self.platform.now()) {
            return;
        }
        self.platform.spawn(async move {
            let mut accepted = 0;
            let tried = self.try_all(settings, &mut accepted).await;
            if accepted > 0 {
                self.nudges.soon();
            }
            if accepted > 0 || tried.is_err() {
                self.quarantine_line(accepted, tried.err().as_ref());
            }
        });
    }

    /// Goes through the quarantine once, if no other instance does. What fits is stored
    /// before it is released: what happens in between makes it a duplicate the next time.
    async fn try_all(
        &'static self,
        settings: &Settings,
        accepted: &mut usize,
    ) -> Result<(), StoreError> {
        let now = self.platform.now();
        if !self.release.take(self.store, now).await? {
            return Ok(());
        }
        let mut after = (now.before(WAITS_FOR), String::new());
        loop {
            let page = self.store.quarantined((after.0, &after.1), PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = (last.received_at, last.event_id.clone());
            let mut released = Vec::new();
            for suspect in page {
                if self.is_accepted(settings, &suspect).await {
                    released.push(suspect.event_id);
                }
            }
            *accepted += released.len();
            self.store.release_quarantined(&released).await?;
            self.platform.sleep(BETWEEN).await;
        }
    }

    /// Whether a token fits a delivery, and it is stored.
    async fn is_accepted(&'static self, settings: &Settings, suspect: &Quarantined) -> bool {
        let signature = [suspect.signature.as_bytes()];
        let Ok(verified) = delivery::verify(&suspect.body, signature, &settings.tokens) else {
            return false;
        };
        let arrival = Arrival {
            at: self.platform.now(),
            began: self.platform.monotonic(),
        };
        let accepted = self.accept(settings, verified, suspect.received_at, arrival);
        matches!(accepted.await, Ok(Outcome::Stored | Outcome::Duplicate))
    }

    /// Says how many deliveries were accepted, and what went wrong.
    fn quarantine_line(&self, accepted: usize, error: Option<&StoreError>) {
        let level = error.map_or(Level::Info, |_| Level::Warn);
        log::line(self.platform, level, log::Event::Quarantine)
            .with("accepted", accepted)
            .with("error", error.map(StoreError::to_string))
            .write();
    }
}

/// What could be a delivery of Smartcar's, but for its signature: about an event and a
/// vehicle, and sent not too long ago. Its time is the one thing that tells a recording from
/// what is new, so it has to have one.
fn suspect(
    settings: &Settings,
    headers: &HeaderMap,
    body: &[u8],
    received_at: Timestamp,
) -> Option<Quarantined> {
    let text = readable(body);
    let envelope = Event::read(&text).envelope;
    let event_id = envelope.event_id.filter(|id| is_id(id))?;
    let vehicle_id = envelope.vehicle_id.filter(|id| is_id(id))?;
    let is_delivery = envelope.event_type? != "VERIFY";
    let is_stale = settings.is_stale(envelope.delivered_at?, received_at);
    if !is_delivery || is_stale {
        return None;
    }
    Some(Quarantined {
        event_id: event_id.into_owned(),
        vehicle_id: vehicle_id.into_owned(),
        received_at,
        signature: headers.get("sc-signature")?.to_str().ok()?.to_owned(),
        body: body.to_vec(),
    })
}

fn is_id(text: &str) -> bool {
    text.len() <= LONGEST_ID && text.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests;
