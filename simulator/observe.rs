//! The outermost layer of Smartcar's side: names each request, lets faults
//! happen, counts what was served and finishes the answer.

use crate::{framing::Cut, refusal::Refusal, requests::Served, state::Shared};
use axum::{
    Json,
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::HeaderValue;
use uuid::Uuid;

/// The route under which requests for a path that does not exist are counted.
const UNMATCHED: &str = "unmatched";

/// The request is counted before its answer leaves, so that whoever has the
/// answer can rely on the count.
pub(crate) async fn observe(
    State(simulator): State<Shared>,
    matched: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let route = matched.map_or_else(|| UNMATCHED.to_owned(), |path| path.as_str().to_owned());
    let method = request.method().clone();
    let response = match simulator.faults.take(&method, &route) {
        Some(fault) => {
            let response = fault.apply(&simulator.tokens, request, next).await;
            // A refusal gets its body when it is finished, and a body its framing after that.
            fault.framing().apply(finish(response)).await
        }
        None => finish(next.run(request).await),
    };
    let is_cut = response.extensions().get::<Cut>().is_some();
    simulator.requests.count(Served {
        route,
        method: method.to_string(),
        status: if is_cut {
            0
        } else {
            response.status().as_u16()
        },
    });
    response
}

/// Gives the answer its request id and a refusal its body, which quotes that id.
pub(crate) fn finish(mut response: Response) -> Response {
    let request_id = Uuid::new_v4().to_string();
    if let Some(refusal) = response.extensions().get::<Refusal>() {
        response = (refusal.status(), Json(refusal.body(&request_id))).into_response();
    }
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response
            .headers_mut()
            .entry("sc-request-id")
            .or_insert(value);
    }
    response
}
