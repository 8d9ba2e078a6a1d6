//! Connections to the network, kept open from one call to the next as Spin keeps
//! them: a component can meet a connection that its peer is about to close.

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{self, Client},
    rt::{TokioExecutor, TokioIo},
};
use std::{
    error, fmt, io,
    pin::Pin,
    sync::LazyLock,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    net::TcpStream,
    time::{Sleep, sleep, timeout},
};
use tower_service::Service;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

/// Spin's default for each of the three time-outs.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

static CLIENT: LazyLock<Client<Connect, WasiBody>> =
    LazyLock::new(|| Client::builder(TokioExecutor::new()).build(Connect));

tokio::task_local! {
    /// The time-out of a connection that this call has to make: the client takes no
    /// options.
    static CONNECT_TIMEOUT: Duration;
}

/// Sends a request without TLS, over a connection that is already open if possible.
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

/// The error as Spin reports it: a failed connection with its reason, every later
/// failure without one.
fn failure(error: &legacy::Error) -> Error {
    match error::Error::source(error).and_then(|cause| cause.downcast_ref()) {
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
            Self::InTime => f.write_str("the connection timed out"),
            Self::Because(cause) => cause.fmt(f),
        }
    }
}

impl error::Error for NotConnected {}

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
            // An IPv6 address without its brackets.
            let host = uri.host().unwrap_or_default();
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let to = (host, uri.port_u16().unwrap_or(80));
            let stream = timeout(time, TcpStream::connect(to))
                .await
                .map_err(|_| NotConnected::InTime)?
                .map_err(NotConnected::Because)?;
            // Without TCP_NODELAY, as in Spin: the second of two segments is late.
            Ok(TokioIo::new(stream))
        })
    }
}

/// A body each frame of which has to arrive in time.
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
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep(time)));
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
