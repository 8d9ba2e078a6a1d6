//! One attempt to pass an event on, and when there is to be another.

use crate::{
    relay::Relay,
    sink::{Event, SinkError, Sinks},
};
use edge::{
    Platform,
    log::{self, Level},
};
use futures::future::{Either, select};
use smartcar::{Timestamp, full_jitter};
use std::{pin::pin, time::Duration};
use store::outbox::{Due, Kept, LEASE, LIFE};

/// How often an event is sent at most.
const ATTEMPTS: u32 = 20;

/// How long a sink has for its answer. What came of the attempt has to be written
/// down before the lease ends, or another run sends the event beside this one.
const DEADLINE: Duration = Duration::from_secs(45);

const _: () = assert!(DEADLINE.as_secs() + 10 < LEASE.as_secs());

/// The longest wait before the second attempt; it doubles with each.
const FIRST: Duration = Duration::from_secs(5);

/// The longest wait of all.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// What came of an attempt.
pub(crate) enum Attempted {
    /// The sink has it.
    Done(i64),
    /// It is kept for later, or as a dead letter.
    Kept(Kept),
    /// It is kept, and the sink wants nothing for so long.
    Paused(Kept, Duration),
    /// The sink wants nothing any more.
    Gone(Kept, String),
}

impl<P: Platform, S, K: Sinks> Relay<P, S, K> {
    /// Sends an event to a sink.
    pub(crate) async fn attempt(&self, sink: &str, due: Due) -> Attempted {
        let Due {
            seq,
            attempt,
            since,
            received_at,
            ..
        } = due;
        let event_id = due.event_id.clone();
        let result = if attempt > ATTEMPTS {
            Err(SinkError::Rejected(GIVEN_UP.to_owned()))
        } else {
            let time = self.platform.sleep(DEADLINE);
            within(time, self.destination.deliver(event(sink, due))).await
        };
        let now = self.platform.now();
        let line = |level, outcome: &str, error: Option<&str>| {
            log::line(&self.platform, level, log::Event::Relay)
                .with("sink", sink)
                .with("event_id", event_id.as_str())
                .with("attempt", attempt)
                .with("outcome", outcome)
                .with("error", error)
                .with("millis", now.0.saturating_sub(received_at.0))
                .write();
        };
        let kept = |error: String, retry_after: Option<u32>, is_rejected: bool| {
            let is_dead = is_rejected || is_last(attempt, since, now);
            let outcome = if is_dead { "dead" } else { "kept" };
            line(Level::Warn, outcome, Some(&error));
            Kept {
                seq,
                attempt,
                due_at: now.after(wait(attempt, retry_after, self.platform.unit())),
                error,
                is_dead,
            }
        };
        match result {
            Ok(()) => {
                line(Level::Info, "delivered", None);
                Attempted::Done(seq)
            }
            Err(SinkError::Unavailable {
                retry_after,
                detail,
            }) => {
                let kept = kept(detail, retry_after, false);
                match retry_after.filter(|seconds| *seconds > 0) {
                    Some(seconds) => Attempted::Paused(kept, Duration::from_secs(seconds.into())),
                    None => Attempted::Kept(kept),
                }
            }
            Err(SinkError::Rejected(why)) => Attempted::Kept(kept(why, None, true)),
            Err(SinkError::Gone(why)) => Attempted::Gone(kept(why.clone(), None, false), why),
        }
    }
}

fn event(sink: &str, due: Due) -> Event {
    Event {
        id: due.event_id,
        sink: sink.to_owned(),
        event_type: due.event_type,
        is_test: due.is_test,
        vehicle_id: due.vehicle_id,
        user_id: due.user_id,
        received_at: due.received_at,
        attempt: due.attempt,
        body: due.body,
    }
}

/// Of an event whose attempts all ended without a word.
const GIVEN_UP: &str = "it was sent 20 times, and no attempt came to an end";

/// The sink's answer, if it comes in time.
async fn within(
    time: impl Future<Output = ()>,
    answer: impl Future<Output = Result<(), SinkError>>,
) -> Result<(), SinkError> {
    match select(pin!(answer), pin!(time)).await {
        Either::Left((answer, _)) => answer,
        Either::Right(((), _)) => Err(SinkError::Unavailable {
            retry_after: None,
            detail: format!("the sink did not answer in {} s", DEADLINE.as_secs()),
        }),
    }
}

/// Whether an event that was to be sent from `since` on is not sent again.
fn is_last(attempt: u32, since: Timestamp, now: Timestamp) -> bool {
    attempt >= ATTEMPTS || since.after(LIFE) <= now
}

/// The wait after attempt number `attempt`, no shorter than the sink asks for. `chance` is
/// from 0 to 1.
fn wait(attempt: u32, retry_after: Option<u32>, chance: f64) -> Duration {
    let asked_for = Duration::from_secs(retry_after.unwrap_or(0).into()).min(LIFE);
    full_jitter(FIRST, LONGEST, attempt.saturating_sub(1), chance).max(asked_for)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_grows_from_five_seconds_to_an_hour_and_is_any_part_of_that() {
        let most = |attempt| wait(attempt, None, 1.0).as_secs();
        let waits: Vec<u64> = [1, 2, 3, 10, 11, 20].map(most).to_vec();
        assert_eq!(waits, [5, 10, 20, 2560, 3600, 3600]);
        assert_eq!(wait(20, None, 0.0), Duration::ZERO);
        assert_eq!(wait(2, None, 0.5), Duration::from_secs(5));
    }

    #[test]
    fn sink_without_an_answer_in_time_is_unavailable() {
        use futures::future::{FutureExt, pending, ready};
        let late = within(ready(()), pending()).now_or_never();
        let unavailable = SinkError::Unavailable {
            retry_after: None,
            detail: "the sink did not answer in 45 s".to_owned(),
        };
        assert_eq!(late, Some(Err(unavailable)));
        let in_time = within(pending(), ready(Ok(()))).now_or_never();
        assert!(matches!(in_time, Some(Ok(()))));
    }

    #[test]
    fn event_is_given_up_after_twenty_attempts_or_its_time() {
        let since = Timestamp(1_700_000_000_000);
        let end = since.after(LIFE);
        assert!(!is_last(19, since, since) && is_last(20, since, since));
        assert!(!is_last(1, since, Timestamp(end.0 - 1)) && is_last(1, since, end));
    }

    #[test]
    fn wait_is_no_shorter_than_the_sink_asks_for() {
        let asked = wait(1, Some(120), 1.0);
        assert_eq!(asked, Duration::from_secs(120));
        // But no sink puts it off for ever.
        let for_ever = wait(1, Some(u32::MAX), 1.0);
        assert_eq!(for_ever, LIFE);
    }
}
