//! The host's outbound HTTP.

use crate::Host;
use bytes::Bytes;
use futures::future::{Either, select};
use http_body_util::{BodyExt, Full};
use smartcar::{BodyStream, Http, Sent, TransportError};
use spin_sdk::wasip3::{
    http::{
        client,
        types::{self, ErrorCode, RequestOptions},
    },
    http_compat::{BodyResult, BodyWriter, IncomingResponseBody, http_from_wasi_response},
    spawn,
    wit_bindgen::{FutureReader, StreamReader},
    wit_future,
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

impl BodyStream for Body {
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
    let answer = send(request, time_outs(deadline)).await.map_err(failed)?;
    http_from_wasi_response(answer).map_err(failed)
}

/// Sends a request. Its body is written in the very turn in which it is sent: a
/// host that finds none yet sends the headers alone, and the body some 40 ms later,
/// when the other side has acknowledged them (Nagle's algorithm, RFC 896, and delayed
/// acknowledgements, RFC 1122, 4.2.3.2). What `spin_sdk` spawns begins a turn later.
async fn send(
    request: http::Request<Bytes>,
    options: RequestOptions,
) -> Result<types::Response, ErrorCode> {
    let (mut parts, body) = request.into_parts();
    // The host sets none by itself and would send the body in chunks.
    parts
        .headers
        .insert(http::header::CONTENT_LENGTH, body.len().into());
    if body.is_empty() {
        let (_, trailers) = wit_future::new(|| Ok(None));
        return client::send(outgoing(parts, None, trailers, options)?).await;
    }
    let (writer, contents, trailers) = BodyWriter::new();
    let request = outgoing(parts, Some(contents), trailers, options)?;
    let sent = pin!(client::send(request));
    let written = Box::pin(async move {
        let _ = writer.send_http_body(&mut Full::new(body)).await;
    });
    match select(sent, written).await {
        Either::Left((answer, written)) => {
            // Who answers early may still want the rest.
            spawn(written);
            answer
        }
        Either::Right(((), sent)) => sent.await,
    }
}

fn outgoing(
    parts: http::request::Parts,
    contents: Option<StreamReader<u8>>,
    trailers: FutureReader<BodyResult>,
    options: RequestOptions,
) -> Result<types::Request, ErrorCode> {
    let headers =
        types::Fields::try_from(parts.headers).map_err(|_| ErrorCode::HttpProtocolError)?;
    let (request, _) = types::Request::new(headers, contents, trailers, Some(options));
    let scheme = parts.uri.scheme().map(Into::into);
    let target = parts.uri.path_and_query().map(|target| target.as_str());
    request
        .set_method(&parts.method.into())
        .map_err(|()| ErrorCode::HttpRequestMethodInvalid)?;
    request
        .set_scheme(scheme.as_ref())
        .and_then(|()| request.set_authority(parts.uri.authority().map(|a| a.as_str())))
        .and_then(|()| request.set_path_with_query(target))
        .map_err(|()| ErrorCode::HttpRequestUriInvalid)?;
    Ok(request)
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
            "spin.toml does not allow this component to call anyone; where it is a dependency, \
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
