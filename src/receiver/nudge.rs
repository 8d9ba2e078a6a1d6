//! Telling the relay, after an answer, that there is something to pass on.

use bytes::Bytes;
use edge::Host;
use smartcar::{Clock, Http, Spawn};
use std::{
    sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    time::Duration,
};

const RELAY: &str = "http://relay.spin.internal/run";

/// A run goes on for 30 seconds at the most.
const DEADLINE: Duration = Duration::from_secs(60);

/// From one nudge to the next: what comes meanwhile is passed on together.
const BETWEEN: Duration = Duration::from_millis(20);

/// Where nobody wants events, or the relay is not there, it is asked again after
/// this. A nudge that never came is made up for by the relay's schedule.
const REST: Duration = Duration::from_secs(10);

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
                    if !nudge().await {
                        NOT_BEFORE.store(Host.now().after(REST).0, Ordering::Relaxed);
                    }
                    RUNS.fetch_sub(1, Ordering::Relaxed);
                });
            }
            Host.sleep(BETWEEN).await;
        }
        IS_NUDGING.store(false, Ordering::Relaxed);
    });
}

/// Whether the relay has anybody to pass events on to.
async fn nudge() -> bool {
    let Ok(request) = http::Request::post(RELAY).body(Bytes::new()) else {
        return false;
    };
    let answer = Host.send(request, DEADLINE).await;
    // `{"sinks":0,…}`: whatever else it says.
    answer.is_ok_and(|answer| {
        let said = answer.body();
        answer.status().is_success() && memchr::memmem::find(said, b"\"sinks\":0").is_none()
    })
}
