//! The outbox: every event on its way to the receiver, retried on Smartcar's
//! schedule, then dropped for good.
//! <https://smartcar.com/docs/api-reference/webhooks/delivery-behavior>

use crate::{
    event::Event,
    lock::lock,
    webhook::{Attempt, Webhook},
};
use serde::Serialize;
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::sleep;

/// The waits in seconds after the first, second and third failed attempt.
const WAITS: [u64; 3] = [25, 50, 100];
/// How many events are remembered, so that a long run stays small.
const REMEMBERED: usize = 10_000;

pub(crate) struct Outbox {
    pub(crate) webhook: Webhook,
    waits: [Duration; 3],
    records: Mutex<VecDeque<Record>>,
}

struct Record {
    event: Event,
    state: Progress,
    attempts: Vec<Attempt>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Progress {
    Pending,
    Delivered,
    Dropped,
}

impl Outbox {
    pub(crate) fn new(webhook: Webhook, retry_scale: f64) -> Self {
        Self {
            webhook,
            waits: scaled(retry_scale),
            records: Mutex::default(),
        }
    }

    /// Starts the delivery of an event and returns at once. Events do not wait
    /// for each other: Smartcar promises no order.
    pub(crate) fn send(self: &Arc<Self>, event: Event) {
        self.remember(event.clone());
        let outbox = Arc::clone(self);
        tokio::spawn(async move {
            let delivered = until_delivered(&outbox.waits, || outbox.attempt(&event)).await;
            if !delivered {
                outbox.update(&event.id, |record| {
                    // A redelivery may have succeeded in the meantime.
                    if record.state == Progress::Pending {
                        record.state = Progress::Dropped;
                    }
                });
            }
        });
    }

    /// Delivers a remembered event, or the `last` one, once more, without retries.
    pub(crate) async fn redeliver(&self, event_id: &str) -> Option<Attempt> {
        let event = lock(&self.records)
            .iter()
            .rev()
            .find(|record| event_id == "last" || record.event.id == event_id)
            .map(|record| record.event.clone())?;
        let attempt = self.webhook.deliver(&event).await;
        self.note(&event.id, attempt.clone());
        Some(attempt)
    }

    /// Every remembered event, oldest first.
    pub(crate) fn list(&self) -> Vec<Value> {
        let describe = |record: &Record| {
            json!({
                "eventId": record.event.id,
                "eventType": record.event.event_type,
                "vehicleId": record.event.vehicle_id,
                "state": record.state,
                "attempts": record.attempts,
            })
        };
        lock(&self.records).iter().map(describe).collect()
    }

    async fn attempt(&self, event: &Event) -> bool {
        let attempt = self.webhook.deliver(event).await;
        let succeeded = attempt.succeeded();
        self.note(&event.id, attempt);
        succeeded
    }

    fn remember(&self, event: Event) {
        let mut records = lock(&self.records);
        if records.len() == REMEMBERED {
            records.pop_front();
        }
        records.push_back(Record {
            event,
            state: Progress::Pending,
            attempts: Vec::new(),
        });
    }

    fn note(&self, event_id: &str, attempt: Attempt) {
        self.update(event_id, |record| {
            if attempt.succeeded() {
                record.state = Progress::Delivered;
            }
            record.attempts.push(attempt);
        });
    }

    fn update(&self, event_id: &str, change: impl FnOnce(&mut Record)) {
        let mut records = lock(&self.records);
        // The newest event is the likeliest, so the search starts there.
        if let Some(record) = records.iter_mut().rev().find(|r| r.event.id == event_id) {
            change(record);
        }
    }
}

fn scaled(factor: f64) -> [Duration; 3] {
    WAITS.map(|seconds| Duration::from_secs(seconds).mul_f64(factor))
}

/// Tries until one attempt succeeds or the waits are used up.
async fn until_delivered<F>(waits: &[Duration], mut attempt: impl FnMut() -> F) -> bool
where
    F: Future<Output = bool>,
{
    if attempt().await {
        return true;
    }
    for wait in waits {
        sleep(*wait).await;
        if attempt().await {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    /// The milliseconds after the start at which attempts are made, of which
    /// the one with number `success` succeeds.
    async fn attempts(scale: f64, success: usize) -> (bool, Vec<u128>) {
        let start = Instant::now();
        let mut times = Vec::new();
        let delivered = until_delivered(&scaled(scale), || {
            times.push(start.elapsed().as_millis());
            let succeeded = times.len() == success;
            async move { succeeded }
        })
        .await;
        (delivered, times)
    }

    #[tokio::test(start_paused = true)]
    async fn failing_event_is_tried_four_times_and_dropped() {
        assert_eq!(
            attempts(1.0, usize::MAX).await,
            (false, vec![0, 25_000, 75_000, 175_000])
        );
    }

    #[tokio::test(start_paused = true)]
    async fn waits_scale_together() {
        assert_eq!(
            attempts(0.01, usize::MAX).await,
            (false, vec![0, 250, 750, 1_750])
        );
        assert_eq!(attempts(0.0, usize::MAX).await, (false, vec![0; 4]));
    }

    #[tokio::test(start_paused = true)]
    async fn success_ends_the_attempts() {
        assert_eq!(attempts(1.0, 1).await, (true, vec![0]));
        assert_eq!(attempts(1.0, 3).await, (true, vec![0, 25_000, 75_000]));
    }
}
