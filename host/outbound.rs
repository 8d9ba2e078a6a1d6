//! Outbound HTTP: `allowed_outbound_hosts`, calls from one component to another
//! inside the host, and everything else to the network.

use crate::allowed_hosts::chaining_target;
use crate::connections;
use crate::guest::Grants;
use crate::instances::Neighbours;
use crate::routes::Match;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Request, Response, Uri, header::HOST};
use http_body_util::BodyExt as _;
use std::net::SocketAddr;
use std::sync::Arc;
use wasmtime_wasi_http::p2::bindings::http::types as p2;
use wasmtime_wasi_http::p3::bindings::http::types as p3;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks, default_send_request};

/// What Spin tells a component about a client that is another component.
const CHAINED_CLIENT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;

/// One instance's way out.
pub(crate) struct Outbound {
    grants: Arc<Grants>,
    neighbours: Arc<Neighbours>,
}

impl Outbound {
    pub(crate) fn new(grants: Arc<Grants>, neighbours: Arc<Neighbours>) -> Self {
        Self { grants, neighbours }
    }
}

impl WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        // The guest's trouble with the response, which changes nothing here.
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Io), Error>> + Send> {
        let sender = Sender {
            grants: self.grants.clone(),
            neighbours: self.neighbours.clone(),
        };
        Box::new(sender.send(request, options))
    }

    fn p2_error_from_connect(&mut self, error: &std::io::Error) -> p2::ErrorCode {
        if is_lookup_failure(error) {
            return p2::ErrorCode::DnsError(p2::DnsErrorPayload {
                rcode: Some("address not available".to_owned()),
                info_code: Some(0),
            });
        }
        p2::ErrorCode::ConnectionRefused
    }

    fn p3_error_from_connect(&mut self, error: &std::io::Error) -> p3::ErrorCode {
        if is_lookup_failure(error) {
            return p3::ErrorCode::DnsError(p3::DnsErrorPayload {
                rcode: Some("address not available".to_owned()),
                info_code: Some(0),
            });
        }
        p3::ErrorCode::ConnectionRefused
    }
}

/// The standard library gives a failed name lookup no kind of its own.
fn is_lookup_failure(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::AddrNotAvailable
        || error.to_string().starts_with("failed to lookup address")
}

struct Sender {
    grants: Arc<Grants>,
    neighbours: Arc<Neighbours>,
}

impl Sender {
    async fn send(
        self,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> Result<(Response<WasiBody>, Io), Error> {
        self.prepare(&mut request)?;
        let host = request.uri().host().unwrap_or_default().to_owned();
        if let Some(component) = chaining_target(&host) {
            let response = self.chain(component, request).await?;
            return Ok((response, Box::new(async { Ok(()) })));
        }
        set_host(request.uri().authority().cloned(), request.headers_mut())?;
        if request.uri().scheme() == Some(&Scheme::HTTP) {
            let response = connections::send(request, options).await?;
            return Ok((response, Box::new(async { Ok(()) })));
        }
        let (response, io) = default_send_request(request, options).await?;
        Ok((response.map(|body| body.boxed_unsync()), Box::new(io)))
    }

    /// Refuses what is not allowed and gives a request to `self` its address.
    fn prepare(&self, request: &mut Request<WasiBody>) -> Result<(), Error> {
        let uri = request.uri();
        let scheme = uri.scheme_str().unwrap_or("https");
        let host = uri.host().unwrap_or_default();
        let to_self = host.is_empty() || host == "self.alt";
        let allowed = if to_self {
            self.grants.allowed_hosts.allow_self()
        } else {
            let port = uri.port_u16();
            self.grants.allowed_hosts.allow(scheme, host, port)
        };
        if !allowed {
            let target = match (to_self, uri.authority()) {
                (false, Some(authority)) => without_userinfo(authority),
                _ => "self",
            };
            eprintln!(
                "edge-host: component {:?} may not call {scheme}://{target}: \
                 its allowed_outbound_hosts do not list it",
                self.grants.id
            );
            return Err(Error::HttpRequestDenied);
        }
        if to_self {
            let path = uri.path_and_query().cloned();
            *request.uri_mut() = self.own_uri(path).ok_or(Error::HttpRequestUriInvalid)?;
        }
        request.headers_mut().remove(HOST);
        Ok(())
    }

    fn own_uri(&self, path: Option<PathAndQuery>) -> Option<Uri> {
        let address = self.neighbours.own_address()?;
        Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(address.to_string())
            .path_and_query(path.unwrap_or(PathAndQuery::from_static("/")))
            .build()
            .ok()
    }

    async fn chain(
        &self,
        component: &str,
        request: Request<WasiBody>,
    ) -> Result<Response<WasiBody>, Error> {
        let path = request.uri().path().to_owned();
        let matched = Match::chained(component, &path);
        match self
            .neighbours
            .call(&matched, request, CHAINED_CLIENT)
            .await
        {
            Some(response) => Ok(response),
            None => {
                eprintln!(
                    "edge-host: component {:?} called the component {component:?}, \
                     which has no trigger",
                    self.grants.id
                );
                Err(Error::DestinationNotFound)
            }
        }
    }
}

/// Userinfo in a URL may be a password.
fn without_userinfo(authority: &Authority) -> &str {
    let text = authority.as_str();
    text.rsplit_once('@').map_or(text, |(_, host)| host)
}

/// HTTP/1.1 wants a `Host`; userinfo does not belong into it.
fn set_host(authority: Option<Authority>, headers: &mut HeaderMap) -> Result<(), Error> {
    let authority = authority.ok_or(Error::HttpRequestUriInvalid)?;
    let value = http::HeaderValue::from_str(without_userinfo(&authority))
        .map_err(|_| Error::HttpRequestUriInvalid)?;
    headers.insert(HOST, value);
    Ok(())
}
