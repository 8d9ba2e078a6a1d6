//! Nudging the relay, after an answer, when there is something to pass on.

use bytes::Bytes;
use edge::Host;
use smartcar::{Clock, Http, Spawn, Timestamp};
use std::{
    sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    time::Duration,
};
use store::old::chore::is_ahead;

const RELAY: &str = "http://relay.spin.internal/run";

/// A run takes events for 30 seconds, and a sink has 45 for the last of them.
const DEADLINE: Duration = Duration::from_secs(80);

/// From one nudge to the next: what comes meanwhile is passed on together.
const BETWEEN: Duration = Duration::from_millis(20);

/// Where there are no sinks, or the relay is not there, it is asked again after
/// this. A nudge that never came is made up for by the relay's schedule.
const REST: Duration = Duration::from_secs(10);

/// Where all sinks are off or paused.
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
    IS_MORE.store(true, Ordering::Relaxed);
    if is_resting() || IS_NUDGING.swap(true, Ordering::Relaxed) {
        return;
    }
    Host.spawn(async {
        while IS_MORE.load(Ordering::Relaxed) && !is_resting() {
            if RUNS.load(Ordering::Relaxed) < MOST_RUNS {
                IS_MORE.store(false, Ordering::Relaxed);
                RUNS.fetch_add(1, Ordering::Relaxed);
                Host.spawn(run());
            }
            Host.sleep(BETWEEN).await;
        }
        IS_NUDGING.store(false, Ordering::Relaxed);
    });
}

async fn run() {
    let rest = nudge().await;
    RUNS.fetch_sub(1, Ordering::Relaxed);
    let Some(rest) = rest else { return };
    NOT_BEFORE.store(Host.now().after(rest).0, Ordering::Relaxed);
    if rest == PAUSE {
        // What came meanwhile is passed on as soon as a sink can be sent something.
        Host.sleep(PAUSE).await;
        if IS_MORE.load(Ordering::Relaxed) {
            soon();
        }
    }
}

fn is_resting() -> bool {
    let until = Timestamp(NOT_BEFORE.load(Ordering::Relaxed));
    is_ahead(until, Host.now(), REST)
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
