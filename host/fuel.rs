//! The instructions that requests take, as wasmtime counts them (its fuel).

use std::sync::{Mutex, PoisonError};
use wasmtime::StoreContextMut;

/// The fuel of a new instance: more than it can use up.
pub(crate) const FULL: u64 = u64::MAX;

/// Prints what each request of one instance consumed, when the next request starts
/// or the instance ends. Work after the answer is therefore counted, and concurrent
/// requests cannot be distinguished: send one after the other.
pub(crate) struct Meter {
    component: String,
    /// The number of the latest request, and the fuel that was left before it.
    latest: Mutex<Option<(u64, u64)>>,
}

impl Meter {
    pub(crate) fn new(component: &str) -> Self {
        Self {
            component: component.to_owned(),
            latest: Mutex::new(None),
        }
    }

    /// A request starts; they are numbered over all components, from 0.
    pub(crate) fn starts<T>(&self, request: u64, store: &StoreContextMut<'_, T>) {
        // It fails where no fuel is counted, and then there is no meter.
        let left = store.get_fuel().unwrap_or(0);
        self.report(left, Some((request, left)));
    }

    /// The instance ends with so much fuel left.
    pub(crate) fn ends(&self, left: u64) {
        self.report(left, None);
    }

    fn report(&self, left: u64, next: Option<(u64, u64)>) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((request, before)) = std::mem::replace(&mut *latest, next) {
            eprintln!(
                "edge-host: fuel component={} request={request} consumed={}",
                self.component,
                before.saturating_sub(left)
            );
        }
    }
}
