//! The components that serve HTTP, for requests from outside and from each other.

use crate::{
    headers::add_spin_headers, instances::ComponentState, routes::Match, runtime::one_line,
};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
};
use wasmtime::Trap;
use wasmtime_wasi_http::{
    WasiBody,
    handler::{ProxyHandler, TrapOrPanicError},
};

pub(crate) struct Neighbours {
    handlers: HashMap<String, ProxyHandler<ComponentState>>,
    requests: AtomicU64,
}

impl Neighbours {
    pub(crate) fn new(components: impl IntoIterator<Item = ComponentState>) -> Self {
        let handler = |state: ComponentState| (state.id().to_owned(), ProxyHandler::new(state));
        Self {
            handlers: components.into_iter().map(handler).collect(),
            requests: AtomicU64::new(0),
        }
    }

    /// Gives a request with an absolute URI to a component, or returns `None` if the
    /// component has no trigger. A component that fails answers an empty 500, as in
    /// Spin.
    pub(crate) async fn call(
        &self,
        matched: &Match<'_>,
        mut request: Request<WasiBody>,
        client: SocketAddr,
    ) -> Option<Response<WasiBody>> {
        let handler = self.handlers.get(matched.component)?;
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

/// A response without a body.
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
    let line = one_line(error);
    eprintln!("edge-host: component {component:?} failed: {line}");
}
