//! Instances of one component: made when needed, reused as Spin reuses them,
//! dropped when idle or after a trap.

use crate::{
    fuel::{self, Meter},
    grants::Grants,
    guest::{Guest, SharedState},
    runtime::one_line,
};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};
use tokio::time::{Sleep, sleep};
use wasmtime::{Engine, Store, StoreContextMut, component::GuestTaskId};
use wasmtime_wasi_http::{
    WasiHttpHooks, WasiHttpView as _,
    handler::{
        HandlerState, Instance, ProxyPre, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus,
    },
};

/// How long an instance lives, and how much it does at once.
#[derive(Clone, Copy)]
pub(crate) struct Reuse {
    pub(crate) requests: usize,
    pub(crate) concurrent_requests: usize,
    pub(crate) idle: Duration,
}

/// Everything that is needed to make an instance of a component.
pub(crate) struct ComponentState {
    pub(crate) engine: Engine,
    pub(crate) pre: ProxyPre<Guest>,
    pub(crate) grants: Arc<Grants>,
    pub(crate) shared: Arc<SharedState>,
    /// Makes the way out of one instance.
    pub(crate) outbound: Box<dyn Fn() -> Box<dyn WasiHttpHooks> + Send + Sync>,
    pub(crate) reuse: Reuse,
    pub(crate) count_fuel: bool,
}

impl ComponentState {
    pub(crate) fn id(&self) -> &str {
        &self.grants.id
    }
}

impl HandlerState for ComponentState {
    type StoreData = Guest;
    type WorkerExpiration = Expiration;
    type WorkerState = Lifetime;

    async fn instantiate(&self) -> wasmtime::Result<Instance<Guest, Expiration, Lifetime>> {
        let guest = Guest::new(self.grants.clone(), self.shared.clone(), (self.outbound)());
        let mut store = Store::new(&self.engine, guest);
        if self.count_fuel {
            store.set_fuel(fuel::FULL)?;
        }
        let proxy = self.pre.instantiate_async(&mut store).await?;
        Ok(Instance {
            store,
            proxy,
            view: |guest| guest.http(),
            expiration: Expiration {
                idle: self.reuse.idle,
                sleep: Box::pin(sleep(self.reuse.idle)),
            },
            state: Lifetime {
                component: self.grants.id.clone(),
                reuse: self.reuse,
                meter: self.count_fuel.then(|| Meter::new(&self.grants.id)),
            },
        })
    }
}

/// Ends an instance that has been idle for long enough; nothing else does, as
/// Spin has no request time-out by default.
pub(crate) struct Expiration {
    idle: Duration,
    sleep: Pin<Box<Sleep>>,
}

impl WorkerExpiration for Expiration {
    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        state: WorkerStatus,
        start: Instant,
    ) -> Poll<()> {
        if state != WorkerStatus::Idle {
            return Poll::Pending;
        }
        let Some(deadline) = start.checked_add(self.idle) else {
            return Poll::Pending;
        };
        let deadline = deadline.into();
        if self.sleep.deadline() != deadline {
            self.sleep.as_mut().reset(deadline);
        }
        self.sleep.as_mut().poll(cx)
    }
}

pub(crate) struct Lifetime {
    component: String,
    reuse: Reuse,
    meter: Option<Meter>,
}

impl WorkerState for Lifetime {
    type StoreData = Guest;
    /// Its number, over all components.
    type RequestData = u64;

    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        if total >= self.reuse.requests {
            ShouldAccept::Never
        } else if concurrent >= self.reuse.concurrent_requests {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        store: StoreContextMut<'_, Guest>,
        number: u64,
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + 'static + Send + Sync>> {
        if let Some(meter) = &self.meter {
            meter.starts(number, &store);
        }
        Box::pin(std::future::pending())
    }

    fn drop(&self, store: Store<Guest>, result: Result<(), wasmtime::Error>) {
        if let Some(meter) = &self.meter {
            meter.ends(store.get_fuel().unwrap_or(0));
        }
        if let Err(error) = result {
            let line = one_line(&error);
            eprintln!("edge-host: component {:?} trapped: {line}", self.component);
        }
    }
}
