//! Posts each event to its sink's URL: the body as received, signed so that the
//! other side can tell who it is from.
//!
//! Source: <https://www.standardwebhooks.com>

mod retry_after;
mod signature;

use bindings::exports::smartcar::edge::sink::{Event, Guest, Retry, SinkError};
use bytes::Bytes;
use edge::{
    Host, OnceCell,
    sinks::{self, Sink},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
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

static SINKS: OnceCell<Vec<Sink>> = OnceCell::new();

impl Guest for HttpSink {
    async fn deliver(event: Event) -> Result<(), SinkError> {
        let configured = async || sinks::configured(&Host).await;
        let configured = SINKS.get_or_try_init(&Host, configured).await;
        let mut sinks = configured.map_err(later)?.iter();
        let Some(sink) = sinks.find(|sink| sink.name == event.sink) else {
            return Err(later("the variable sinks does not have it".to_owned()));
        };
        let request = request(sink, event, Host.now())?;
        // The headers say it; the body is not read.
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

fn request(sink: &Sink, event: Event, now: Timestamp) -> Result<http::Request<Bytes>, SinkError> {
    let seconds = now.0 / 1000;
    let signature = signature::sign(&sink.secrets, &event.id, seconds, &event.body)
        .ok_or_else(|| later("no secret in the variable sinks is whsec_ and base64".into()))?;
    let id = header_of(&event.id).ok_or_else(|| {
        SinkError::Rejected("the event's id does not fit into the header webhook-id".into())
    })?;
    http::Request::post(&sink.url)
        .header(header::CONTENT_TYPE, "application/json")
        .header(
            header::USER_AGENT,
            concat!("smartcar-edge/", env!("CARGO_PKG_VERSION")),
        )
        .header("webhook-id", id)
        .header("webhook-timestamp", seconds)
        .header("webhook-signature", signature)
        .body(Bytes::from(event.body))
        .map_err(|_| later("the variable sinks has an invalid url for this sink".into()))
}

/// An id as a header's value. Space around it would be lost on the way, and the
/// signature with it.
fn header_of(id: &str) -> Option<HeaderValue> {
    HeaderValue::try_from(id).ok().filter(|_| id.trim() == id)
}

/// For how long a receiver is sent nothing that says it is too much and not when to
/// come back.
const REST: u32 = 5;

/// What an answer means. A time after which to ask again is the receiver's and not
/// the event's: until then it is sent nothing.
fn judge(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Result<(), SinkError> {
    if status.is_success() {
        return Ok(());
    }
    if status == StatusCode::GONE {
        return Err(SinkError::Gone("the receiver answered 410".to_owned()));
    }
    let is_too_much = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::SERVICE_UNAVAILABLE,
    ]
    .contains(&status);
    let retry_after = retry_after::seconds(headers, now);
    Err(SinkError::Unavailable(Retry {
        retry_after: retry_after.or(is_too_much.then_some(REST)),
        detail: format!("the receiver answered {}", status.as_u16()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bindings::exports::smartcar::edge::sink::Mode;

    #[test]
    fn sink_takes_an_event_by_2xx_and_ends_by_410() {
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

    #[test]
    fn receiver_that_has_too_much_is_left_alone_also_without_a_time() {
        let retry_after = |status: u16| {
            let status = StatusCode::from_u16(status).unwrap();
            match judge(status, &HeaderMap::new(), Timestamp(0)) {
                Err(SinkError::Unavailable(retry)) => retry.retry_after,
                other => panic!("{other:?}"),
            }
        };
        for status in [429, 503] {
            assert_eq!(retry_after(status), Some(REST), "{status}");
        }
        for status in [301, 400, 404, 500, 502, 504] {
            assert_eq!(retry_after(status), None, "{status}");
        }
    }

    #[test]
    fn id_that_fits_into_no_header_is_refused_for_good() {
        let sink = Sink {
            name: "mine".to_owned(),
            url: "https://a.example/hook".to_owned(),
            secrets: vec!["whsec_YQ==".into()],
            types: None,
            vehicles: None,
            modes: None,
            changed_only: false,
            lacks_a_secret: false,
        };
        let of = |id: &str| {
            let event = Event {
                id: id.to_owned(),
                sink: "mine".to_owned(),
                event_type: "VEHICLE_STATE".to_owned(),
                mode: Mode::Live,
                vehicle: None,
                user: None,
                received_at: 0,
                attempt: 1,
                body: Vec::new(),
            };
            request(&sink, event, Timestamp(0))
        };
        for good in ["e-1", "a b", "\u{e4}"] {
            assert_eq!(of(good).unwrap().headers()["webhook-id"], good);
        }
        for bad in ["a\nb", "a\0", "\u{7f}", " e-1", "e-1\t"] {
            assert!(matches!(of(bad), Err(SinkError::Rejected(_))), "{bad:?}");
        }
    }
}
