//! Nudging the relay, after an answer, when there is something to pass on.

use bytes::Bytes;
use edge::Platform;
use http::{Request, StatusCode, header};
use smartcar::Timestamp;
use std::{
    sync::atomic::{AtomicBool, AtomicI64, Ordering},
    time::Duration,
};
use store::chore::is_ahead;

const RELAY: &str = "http://relay.spin.internal/nudge";

/// The relay answers at once: before it sends anything. But it may have to start first,
/// and to wait for the database.
const DEADLINE: Duration = Duration::from_secs(10);

/// From one nudge to the next: what comes meanwhile is passed on together.
const BETWEEN: Duration = Duration::from_millis(20);

/// Where the relay is not there, it is nudged again after this, and where it asks for
/// a longer rest too. A nudge that never came is made up for by the relay's schedule.
const REST: Duration = Duration::from_secs(10);

/// The nudges of an instance.
pub(crate) struct Nudges<P: 'static> {
    platform: &'static P,
    /// Whether a nudge is under way, or another one follows soon.
    is_nudging: AtomicBool,
    /// Whether something was stored since the last nudge.
    is_more: AtomicBool,
    not_before: AtomicI64,
}

impl<P: Platform> Nudges<P> {
    pub(crate) const fn new(platform: &'static P) -> Self {
        Self {
            platform,
            is_nudging: AtomicBool::new(false),
            is_more: AtomicBool::new(false),
            not_before: AtomicI64::new(0),
        }
    }

    /// Nudges the relay after this answer.
    pub(crate) fn soon(&'static self) {
        self.is_more.store(true, Ordering::Relaxed);
        if self.is_resting() || self.is_nudging.swap(true, Ordering::Relaxed) {
            return;
        }
        self.platform.spawn(async {
            while self.is_more.swap(false, Ordering::Relaxed) {
                let rest = self.nudge().await;
                if rest >= REST {
                    let until = self.platform.now().after(REST);
                    self.not_before.store(until.0, Ordering::Relaxed);
                    break;
                }
                // After a short rest, what came meanwhile is passed on as soon as a
                // sink can be sent something.
                self.platform.sleep(rest).await;
            }
            self.is_nudging.store(false, Ordering::Relaxed);
        });
    }

    fn is_resting(&self) -> bool {
        let until = Timestamp(self.not_before.load(Ordering::Relaxed));
        is_ahead(until, self.platform.now(), REST)
    }

    /// Has the relay pass on what is due. For how long it need not be nudged again.
    async fn nudge(&self) -> Duration {
        let Ok(request) = Request::post(RELAY).body(Bytes::new()) else {
            return REST;
        };
        match self.platform.open(request, DEADLINE).await {
            Ok(answer) if answer.status() == StatusCode::NO_CONTENT => {
                let rest = answer.headers().get(header::RETRY_AFTER);
                rest.map_or(BETWEEN, |rest| seconds(rest.as_bytes()).unwrap_or(REST))
            }
            _ => REST,
        }
    }
}

/// The value of `Retry-After`, where it is a number of seconds.
fn seconds(value: &[u8]) -> Option<Duration> {
    let seconds = std::str::from_utf8(value).ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).max(BETWEEN))
}

#[cfg(test)]
mod tests;
