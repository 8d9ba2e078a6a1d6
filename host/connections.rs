//! Connections to the network, kept open from one call to the next as Spin keeps
//! them: a component can meet one that the other side is about to close.

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::error::Error as _;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Sleep, timeout};
use tower_service::Service;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

/// Spin's, for each of the three time-outs.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

static CLIENT: LazyLock<Client<Connect, WasiBody>> =
    LazyLock::new(|| Client::builder(TokioExecutor::new()).build(Connect));

tokio::task_local! {
    /// For a connection that this call has to make: the client takes no options.
    static CONNECT_TIMEOUT: Duration;
}

/// Sends a request without TLS, over a connection that is open already if there
/// is one.
pub(crate) async fn send(
    request: Request<WasiBody>,
    options: Option<RequestOptions>,
) -> Result<Response<WasiBody>, Error> {
    let or_default = |time: fn(RequestOptions) -> Option<Duration>| {
        options.and_then(time).unwrap_or(DEFAULT_TIMEOUT)
    };
    let connect = or_default(|options| options.connect_timeout);
    let answer = CONNECT_TIMEOUT.scope(connect, CLIENT.request(request));
    let first_byte = or_default(|options| options.first_byte_timeout);
    let answer = timeout(first_byte, answer)
        .await
        .map_err(|_| Error::ConnectionReadTimeout)?
        .map_err(|error| failure(&error))?;
    let between_bytes = or_default(|options| options.between_bytes_timeout);
    Ok(answer.map(|body| Timed::new(body, between_bytes).boxed_unsync()))
}

/// Spin tells of a connection that did not come about, and nothing of what
/// happened later.
fn failure(error: &hyper_util::client::legacy::Error) -> Error {
    match error.source().and_then(|cause| cause.downcast_ref()) {
        Some(NotConnected::InTime) => Error::ConnectionTimeout,
        Some(NotConnected::Because(cause)) => {
            Error::Connect(io::Error::new(cause.kind(), cause.to_string()))
        }
        None => Error::HttpProtocolError,
    }
}

/// Why there is no connection.
#[derive(Debug)]
enum NotConnected {
    InTime,
    Because(io::Error),
}

impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InTime => f.write_str("no connection came about in time"),
            Self::Because(cause) => cause.fmt(f),
        }
    }
}

impl std::error::Error for NotConnected {}

#[derive(Clone)]
struct Connect;

impl Service<Uri> for Connect {
    type Response = TokioIo<TcpStream>;
    type Error = NotConnected;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<TcpStream>, NotConnected>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NotConnected>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let time = CONNECT_TIMEOUT.try_get().unwrap_or(DEFAULT_TIMEOUT);
        Box::pin(async move {
            // Of IPv6 the address alone, without its brackets.
            let host = uri.host().unwrap_or_default();
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let to = (host, uri.port_u16().unwrap_or(80));
            let stream = timeout(time, TcpStream::connect(to))
                .await
                .map_err(|_| NotConnected::InTime)?
                .map_err(NotConnected::Because)?;
            // As in Spin without TCP_NODELAY: what goes out in two segments is late.
            Ok(TokioIo::new(stream))
        })
    }
}

/// A body of which each piece has to come in time.
struct Timed {
    body: Incoming,
    time: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timed {
    fn new(body: Incoming, time: Duration) -> Self {
        let sleep = None;
        Self { body, time, sleep }
    }
}

impl Body for Timed {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.sleep = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(|_| Error::HttpProtocolError)));
        }
        let time = self.time;
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(time)));
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
