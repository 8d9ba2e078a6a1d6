//! Fewer requests for this instance, more for its neighbours.

use crate::Host;
use smartcar::{Clock, Spawn};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// How long this instance asks for no requests at a time. One that the host has
/// handed over already, and that has not begun, waits until then.
const STEP: Duration = Duration::from_millis(100);

/// While one is there, this instance gets no new requests.
///
/// This is the component model's backpressure: Spin's dispatcher gives nothing
/// new to an instance that raises it. See
/// <https://github.com/WebAssembly/component-model/blob/main/design/mvp/Concurrency.md#backpressure>.
pub(crate) struct Pause(());

impl Pause {
    pub(crate) fn begin() -> Self {
        spin_sdk::wit_bindgen::backpressure_inc();
        Self(())
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        spin_sdk::wit_bindgen::backpressure_dec();
    }
}

/// Requests that other instances should have.
pub trait Backpressure {
    /// Has the host prefer other instances for about three seconds.
    fn prefer_others(&self);
}

impl Backpressure for Host {
    fn prefer_others(&self) {
        static IS_HOLDING: AtomicBool = AtomicBool::new(false);
        if IS_HOLDING.swap(true, Ordering::Relaxed) {
            return;
        }
        Host.spawn(async {
            for _ in 0..30 {
                let pause = Pause::begin();
                Host.sleep(STEP).await;
                drop(pause);
                // The requests that wait to begin do so now.
                Host.sleep(Duration::from_millis(1)).await;
            }
            IS_HOLDING.store(false, Ordering::Relaxed);
        });
    }
}
