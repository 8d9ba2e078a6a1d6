//! The listener. It serves each connection with hyper itself and not with
//! `axum::serve`, because a cut must end the connection without an answer.

use crate::{
    config::Config, framing::Cut, observe::finish, refusal::Refusal, routes, state::Simulator,
};
use axum::{
    Router,
    body::Body,
    response::{IntoResponse, Response},
};
use http::Request;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{convert::Infallible, io, net::SocketAddr, time::Duration};
use tokio::net::{TcpListener, TcpStream};
use tower_service::Service;

/// Far more than any request of Smartcar's API needs.
const MAX_BODY: usize = 1024 * 1024;

/// A simulator that listens and is ready to serve.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
}

/// The address cannot be listened on, for example because it is in use.
#[derive(Debug, thiserror::Error)]
#[error("failed to listen on {address}: {cause}")]
pub struct BindError {
    address: SocketAddr,
    cause: io::Error,
}

impl Server {
    /// Takes the address. Requests wait until [`Server::run`] serves them.
    pub async fn bind(config: Config) -> Result<Self, BindError> {
        let wanted = config.listen;
        let failed = |cause| BindError {
            address: wanted,
            cause,
        };
        let listener = TcpListener::bind(wanted).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let simulator = Simulator::new(config, format!("http://{address}"));
        Ok(Self {
            listener,
            address,
            router: routes::router(simulator),
        })
    }

    /// The address that was taken: the free port where port 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the future is dropped.
    pub async fn run(self) -> Infallible {
        serve_all(self.listener, self.router).await
    }
}

pub(crate) async fn serve_all(listener: TcpListener, router: Router) -> Infallible {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve(stream, router.clone()));
            }
            // Mostly too many open files: some close while nothing is accepted.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn serve(stream: TcpStream, router: Router) {
    // A failure only means that answers wait for full packets.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(router.clone(), request));
    // An error ends this connection; its client sees that, and no one else can
    // do anything about it.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// The connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection was closed without an answer")]
struct Closed;

/// Takes the whole request, then handles it in a task of its own: a command that
/// Smartcar has accepted runs even if the client has stopped waiting for it.
async fn answer(mut router: Router, request: Request<Incoming>) -> Result<Response, Closed> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Ok(finish(Refusal::too_large().into_response()));
        }
        Err(_) => return Err(Closed),
    };
    let request = Request::from_parts(parts, Body::from(body));
    let handling = tokio::spawn(async move { router.call(request).await });
    match handling.await {
        Ok(Ok(response)) if response.extensions().get::<Cut>().is_none() => Ok(response),
        _ => Err(Closed),
    }
}
