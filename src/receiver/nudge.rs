//! Nudging the relay, after an answer, when there is something to pass on.

use bytes::Bytes;
use edge::Host;
use smartcar::{Clock, Http, Spawn};
use std::{
    sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    time::Duration,
};

const RELAY: &str = "http://relay.spin.internal/run";

/// A run takes events for 30 seconds, and a sink has 45 for the last of them.
const DEADLINE: Duration = Duration::from_secs(80);

/// From one nudge to the next: what comes meanwhile is passed on together.
const BETWEEN: Duration = Duration::from_millis(20);

/// Where there are no sinks, or the relay is not there, it is asked again after
/// this. A nudge that never came is made up for by the relay's schedule.
const REST: Duration = Duration::from_secs(10);

/// Where all sinks are off or paused. No event waits for long when a pause ends.
const PAUSE: Duration = Duration::from_secs(1);

/// Whether this instance is nudging, and whether more has come since.
static IS_NUDGING: AtomicBool = AtomicBool::new(false);
static IS_MORE: AtomicBool = AtomicBool::new(false);
static NOT_BEFORE: AtomicI64 = AtomicI64::new(0);

/// How many runs of this instance's nudges go on. A run that waits for a slow sink
/// is no reason to keep the others waiting.
static RUNS: AtomicUsize = AtomicUsize::new(0);
const MOST_RUNS: usize = 4;

/// Nudges the relay after this answer.
pub(crate) fn soon() {
    if Host.now().0 < NOT_BEFORE.load(Ordering::Relaxed) {
        return;
    }
    IS_MORE.store(true, Ordering::Relaxed);
    if IS_NUDGING.swap(true, Ordering::Relaxed) {
        return;
    }
    Host.spawn(async {
        while IS_MORE.load(Ordering::Relaxed) {
            if RUNS.load(Ordering::Relaxed) < MOST_RUNS {
                IS_MORE.store(false, Ordering::Relaxed);
                RUNS.fetch_add(1, Ordering::Relaxed);
                Host.spawn(async {
                    if let Some(rest) = nudge().await {
                        NOT_BEFORE.store(Host.now().after(rest).0, Ordering::Relaxed);
                    }
                    RUNS.fetch_sub(1, Ordering::Relaxed);
                });
            }
            Host.sleep(BETWEEN).await;
        }
        IS_NUDGING.store(false, Ordering::Relaxed);
    });
}

/// Has the relay pass on what is due. For how long it need not be asked again.
async fn nudge() -> Option<Duration> {
    let request = http::Request::post(RELAY).body(Bytes::new()).ok()?;
    match Host.send(request, DEADLINE).await {
        Ok(answer) if answer.status().is_success() => rest(answer.body()),
        _ => Some(REST),
    }
}

/// `{"sinks":1,"ready":0,…}`: whatever else the relay says.
fn rest(said: &[u8]) -> Option<Duration> {
    let has = |field: &[u8]| memchr::memmem::find(said, field).is_some();
    if has(b"\"sinks\":0") {
        Some(REST)
    } else if has(b"\"ready\":0") {
        Some(PAUSE)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relay_is_left_alone_while_no_sink_can_be_sent_anything() {
        assert_eq!(rest(br#"{"dead":0,"ready":0,"sinks":0}"#), Some(REST));
        assert_eq!(rest(br#"{"dead":0,"ready":0,"sinks":2}"#), Some(PAUSE));
        assert_eq!(rest(br#"{"dead":0,"ready":1,"sinks":2}"#), None);
    }
}
