//! Posts each event to its sink's URL: the body as received, signed so that the
//! other side can tell who it is from.
//!
//! Source: <https://www.standardwebhooks.com>

mod retry_after;
mod signature;

use bindings::exports::smartcar::edge::sink::{Event, Guest, Retry, SinkError};
use bytes::Bytes;
use edge::{
    Host, Once,
    sinks::{self, Sink},
};
use http::{HeaderMap, StatusCode, header};
use smartcar::{Clock, Http, Timestamp};
use std::time::Duration;

#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    reason = "generated from wit"
)]
mod bindings {
    spin_sdk::wit_bindgen::generate!({
        path: "../../wit",
        world: "event-sink",
        runtime_path: "::spin_sdk::wit_bindgen::rt",
        generate_all,
    });
    #[cfg(target_family = "wasm")]
    export!(HttpSink with_types_in self);

    #[cfg(target_family = "wasm")]
    use super::HttpSink;
}

#[cfg_attr(not(target_family = "wasm"), allow(dead_code))]
struct HttpSink;

/// How long a receiver has for its answer.
const DEADLINE: Duration = Duration::from_secs(10);

static SINKS: Once<Vec<Sink>> = Once::new();

impl Guest for HttpSink {
    async fn deliver(event: Event) -> Result<(), SinkError> {
        let sinks = SINKS.get_or_try_init(sinks::configured).await;
        let sinks = sinks.map_err(later)?;
        let sink = sinks.iter().find(|sink| sink.name == event.sink);
        let sink = sink.ok_or_else(|| later("the variable sinks does not have it".to_owned()))?;
        let request = request(sink, event).map_err(later)?;
        // The headers say it; nobody reads the body.
        match Host.open(request, DEADLINE).await {
            Ok(answer) => judge(answer.status(), answer.headers(), Host.now()),
            Err(error) => Err(later(error.detail)),
        }
    }
}

fn later(detail: String) -> SinkError {
    SinkError::Unavailable(Retry {
        retry_after: None,
        detail,
    })
}

fn request(sink: &Sink, event: Event) -> Result<http::Request<Bytes>, String> {
    let seconds = Host.now().0 / 1000;
    let signature = signature::sign(&sink.secrets, &event.id, seconds, &event.body)
        .ok_or("a secret in the variable sinks is not whsec_ and base64")?;
    http::Request::post(&sink.url)
        .header(header::CONTENT_TYPE, "application/json")
        .header(
            header::USER_AGENT,
            concat!("smartcar-edge/", env!("CARGO_PKG_VERSION")),
        )
        .header("webhook-id", event.id)
        .header("webhook-timestamp", seconds)
        .header("webhook-signature", signature)
        .body(Bytes::from(event.body))
        .map_err(|_| "the event's id does not fit into a header".to_owned())
}

/// What an answer means.
fn judge(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Result<(), SinkError> {
    if status.is_success() {
        return Ok(());
    }
    if status == StatusCode::GONE {
        return Err(SinkError::Gone("the receiver answered 410".to_owned()));
    }
    Err(SinkError::Unavailable(Retry {
        retry_after: retry_after::seconds(headers, now),
        detail: format!("the receiver answered {}", status.as_u16()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn only_2xx_is_taken_and_410_ends_it() {
        let (none, now) = (HeaderMap::new(), Timestamp(0));
        for taken in [200, 202, 204] {
            assert!(judge(StatusCode::from_u16(taken).unwrap(), &none, now).is_ok());
        }
        assert!(matches!(
            judge(StatusCode::GONE, &none, now),
            Err(SinkError::Gone(_))
        ));
        let time = HeaderValue::from_static("7");
        let headers = HeaderMap::from_iter([(header::RETRY_AFTER, time)]);
        for refused in [301, 400, 404, 429, 500, 503] {
            let status = StatusCode::from_u16(refused).unwrap();
            let Err(SinkError::Unavailable(retry)) = judge(status, &headers, now) else {
                panic!("{refused}")
            };
            assert_eq!(retry.retry_after, Some(7));
            assert!(retry.detail.contains(&refused.to_string()));
        }
    }
}
