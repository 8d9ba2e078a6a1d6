//! The host's outbound HTTP.

use crate::Host;
use bytes::Bytes;
use futures::future::{Either, select};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use smartcar::{Http, Sent, TransportError};
use spin_sdk::wasip3::{
    http::types::{ErrorCode, RequestOptions},
    http_compat::RequestOptionsExtension,
};
use std::{pin::pin, time::Duration};

/// A host that cannot be connected to in this time is not there.
const CONNECT: Duration = Duration::from_secs(5);

/// The most that an answer may weigh, so that no answer fills the memory. A
/// vehicle with every signal is some 60 KB.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

impl Http for Host {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        deadline: Duration,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let answer = pin!(exchange(request, deadline));
        let time = pin!(spin_sdk::time::sleep(deadline));
        match select(answer, time).await {
            Either::Left((answer, _)) => answer,
            Either::Right(((), _)) => Err(maybe("the time for an answer ran out")),
        }
    }
}

async fn exchange(
    request: http::Request<Bytes>,
    deadline: Duration,
) -> Result<http::Response<Bytes>, TransportError> {
    let (mut parts, body) = request.into_parts();
    // The host sets none by itself and would send the body in chunks.
    parts
        .headers
        .insert(http::header::CONTENT_LENGTH, body.len().into());
    parts
        .extensions
        .insert(RequestOptionsExtension(time_outs(deadline)));
    let request = http::Request::from_parts(parts, Full::new(body));
    let response = spin_sdk::http::send(request).await.map_err(failed)?;
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, MAX_ANSWER)
        .collect()
        .await
        .map_err(|error| {
            maybe(if error.is::<LengthLimitError>() {
                "the answer is too long"
            } else {
                "the answer broke off"
            })
        })?;
    Ok(http::Response::from_parts(parts, body.to_bytes()))
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
        | ErrorCode::ConnectionWriteTimeout => (Sent::Maybe, "the time for an answer ran out"),
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
