//! The host's outbound HTTP.

use crate::Host;
use bytes::Bytes;
use futures::future::{Either, select};
use http_body_util::{BodyExt, Full};
use smartcar::{Http, Pieces, Sent, TransportError};
use spin_sdk::wasip3::{
    http::types::{ErrorCode, RequestOptions},
    http_compat::{IncomingResponseBody, RequestOptionsExtension},
};
use std::{
    pin::{Pin, pin},
    time::Duration,
};

/// A host that cannot be connected to in this time is not there.
const CONNECT: Duration = Duration::from_secs(5);

/// The body of an answer, which has to arrive before the time is up.
pub struct Body {
    body: IncomingResponseBody,
    time: Pin<Box<dyn Future<Output = ()>>>,
}

impl Pieces for Body {
    async fn next(&mut self) -> Option<Result<Bytes, TransportError>> {
        loop {
            let frame = match select(self.body.frame(), self.time.as_mut()).await {
                Either::Left((frame, _)) => frame?,
                Either::Right(((), _)) => return Some(Err(maybe(TIME_RAN_OUT))),
            };
            let Ok(frame) = frame else {
                return Some(Err(maybe("the answer broke off")));
            };
            // What is no data are trailers, which mean nothing here.
            if let Ok(data) = frame.into_data() {
                return Some(Ok(data));
            }
        }
    }
}

impl Http for Host {
    type Body = Body;

    async fn open(
        &self,
        request: http::Request<Bytes>,
        deadline: Duration,
    ) -> Result<http::Response<Body>, TransportError> {
        let mut time: Pin<Box<dyn Future<Output = ()>>> = Box::pin(spin_sdk::time::sleep(deadline));
        let answer = pin!(headers(request, deadline));
        let answer = match select(answer, time.as_mut()).await {
            Either::Left((answer, _)) => answer?,
            Either::Right(((), _)) => return Err(maybe(TIME_RAN_OUT)),
        };
        Ok(answer.map(|body| Body { body, time }))
    }
}

const TIME_RAN_OUT: &str = "the time for an answer ran out";

async fn headers(
    request: http::Request<Bytes>,
    deadline: Duration,
) -> Result<http::Response<IncomingResponseBody>, TransportError> {
    let (mut parts, body) = request.into_parts();
    // The host sets none by itself and would send the body in chunks.
    parts
        .headers
        .insert(http::header::CONTENT_LENGTH, body.len().into());
    parts
        .extensions
        .insert(RequestOptionsExtension(time_outs(deadline)));
    let request = http::Request::from_parts(parts, Full::new(body));
    spin_sdk::http::send(request).await.map_err(failed)
}

/// The host's own time-outs are 600 s each. A time-out that the host cannot set
/// is covered by the deadline.
fn time_outs(deadline: Duration) -> RequestOptions {
    let nanos = |time: Duration| Some(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    let options = RequestOptions::new();
    let _ = options.set_connect_timeout(nanos(CONNECT.min(deadline)));
    let _ = options.set_first_byte_timeout(nanos(deadline));
    let _ = options.set_between_bytes_timeout(nanos(deadline));
    options
}

fn maybe(detail: &str) -> TransportError {
    TransportError {
        sent: Sent::Maybe,
        detail: detail.to_owned(),
    }
}

/// Only what says that no connection came about says that nothing was sent.
fn failed(code: ErrorCode) -> TransportError {
    let (sent, detail) = match code {
        ErrorCode::HttpRequestDenied => (
            Sent::No,
            "spin.toml does not allow this component to call that host",
        ),
        // What Spin says to a dependency in whose way it stands.
        ErrorCode::InternalError(Some(what)) if what.ends_with("is not permitted") => (
            Sent::No,
            "spin.toml does not allow this component to call anybody; where it is a dependency, \
             it has to inherit allowed_outbound_hosts",
        ),
        ErrorCode::DnsTimeout | ErrorCode::DnsError(_) => (Sent::No, "the host name is unknown"),
        ErrorCode::DestinationNotFound
        | ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpProhibited
        | ErrorCode::DestinationIpUnroutable => (Sent::No, "the host cannot be reached"),
        ErrorCode::ConnectionRefused => (Sent::No, "the connection was refused"),
        ErrorCode::ConnectionTimeout => (Sent::No, "no connection came about in time"),
        ErrorCode::ConnectionLimitReached => (Sent::No, "too many connections are open"),
        ErrorCode::TlsProtocolError
        | ErrorCode::TlsCertificateError
        | ErrorCode::TlsAlertReceived(_) => (Sent::No, "no TLS connection came about"),
        ErrorCode::HttpRequestMethodInvalid | ErrorCode::HttpRequestUriInvalid => {
            (Sent::No, "the request is invalid")
        }
        ErrorCode::HttpResponseTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout => (Sent::Maybe, TIME_RAN_OUT),
        ErrorCode::ConnectionTerminated | ErrorCode::HttpResponseIncomplete => {
            (Sent::Maybe, "the connection was cut")
        }
        _ => (Sent::Maybe, "the connection failed"),
    };
    TransportError {
        sent,
        detail: detail.to_owned(),
    }
}
