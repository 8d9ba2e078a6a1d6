//! Instances of one component: made when needed, reused as Spin reuses them,
//! dropped when idle or after a trap.

use crate::fuel::{self, Meter};
use crate::guest::{Grants, Guest, SharedState};
use crate::headers::add_spin_headers;
use crate::outbound::Outbound;
use crate::routes::Match;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::time::Sleep;
use wasmtime::component::GuestTaskId;
use wasmtime::{Engine, Store, StoreContextMut, Trap};
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, ProxyHandler, ProxyPre, ShouldAccept, TrapOrPanicError,
    WorkerExpiration, WorkerState, WorkerStatus,
};
use wasmtime_wasi_http::{WasiBody, WasiHttpView as _};

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
    pub(crate) neighbours: Arc<Neighbours>,
    pub(crate) reuse: Reuse,
    pub(crate) count_fuel: bool,
}

/// The components that answer HTTP, known to each other for service chaining.
#[derive(Default)]
pub(crate) struct Neighbours {
    handlers: OnceLock<HashMap<String, ProxyHandler<ComponentState>>>,
    address: OnceLock<SocketAddr>,
    requests: AtomicU64,
}

impl Neighbours {
    /// Called once, before the first request.
    pub(crate) fn introduce(
        &self,
        components: HashMap<String, ProxyHandler<ComponentState>>,
        address: SocketAddr,
    ) {
        // Setting twice would be a no-op, and nobody does.
        let _ = self.handlers.set(components);
        let _ = self.address.set(address);
    }

    pub(crate) fn own_address(&self) -> Option<SocketAddr> {
        self.address.get().copied()
    }

    /// Gives a request with an absolute URI to a component, or `None` if no
    /// such component has a trigger. A component that fails answers an empty
    /// 500, as in Spin.
    pub(crate) async fn call(
        &self,
        matched: &Match<'_>,
        mut request: Request<WasiBody>,
        client: SocketAddr,
    ) -> Option<Response<WasiBody>> {
        let handler = self.handlers.get()?.get(matched.component)?;
        let uri = request.uri().clone();
        add_spin_headers(request.headers_mut(), &uri, matched, client);
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        Some(match handler.handle(number, request).await {
            Ok(response) => response,
            Err(error) => {
                report(matched.component, &error);
                empty(StatusCode::INTERNAL_SERVER_ERROR)
            }
        })
    }
}

pub(crate) fn empty(status: StatusCode) -> Response<WasiBody> {
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

/// One line for a request that failed. Traps are reported where they end their
/// instance, once, however many requests they take along.
fn report(component: &str, error: &wasmtime::Error) {
    if error.is::<TrapOrPanicError>() || error.is::<Trap>() {
        return;
    }
    eprintln!(
        "edge-host: component {component:?} failed: {}",
        one_line(error)
    );
}

/// The first line of each cause; backtraces stay out.
fn one_line(error: &wasmtime::Error) -> String {
    error
        .chain()
        .filter_map(|cause| {
            let text = cause.to_string();
            let line = text.lines().next()?.trim_end_matches(':').to_owned();
            (!line.starts_with("error while executing")).then_some(line)
        })
        .collect::<Vec<_>>()
        .join(": ")
}

impl HandlerState for ComponentState {
    type StoreData = Guest;
    type WorkerExpiration = Expiration;
    type WorkerState = Lifetime;

    async fn instantiate(&self) -> wasmtime::Result<Instance<Guest, Expiration, Lifetime>> {
        let outbound = Outbound::new(self.grants.clone(), self.neighbours.clone());
        let guest = Guest::new(self.grants.clone(), self.shared.clone(), outbound);
        let mut store = Store::new(&self.engine, guest);
        if self.count_fuel {
            store.set_fuel(fuel::FULL)?;
        }
        let proxy = self.pre.instantiate_async(&mut store).await?;
        let reuse = match self.pre {
            // A component of WASI 0.2 serves one request an instance, as in Spin.
            ProxyPre::P2(_) => Reuse {
                requests: 1,
                concurrent_requests: 1,
                ..self.reuse
            },
            ProxyPre::P3(_) => self.reuse,
        };
        Ok(Instance {
            store,
            proxy,
            view: |guest| guest.http(),
            expiration: Expiration {
                idle: self.reuse.idle,
                sleep: Box::pin(tokio::time::sleep(self.reuse.idle)),
            },
            state: Lifetime {
                component: self.grants.id.clone(),
                reuse,
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
            eprintln!(
                "edge-host: component {:?} trapped: {}",
                self.component,
                one_line(&error)
            );
        }
    }
}
