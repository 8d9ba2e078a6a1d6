//! Outbound HTTP: `allowed_outbound_hosts`, calls from one component to another
//! inside the host, and everything else to the network.

use crate::{
    allowed_hosts::chaining_target, connections, grants::Grants, neighbours::Neighbours,
    routes::Match,
};
use http::{
    HeaderMap, HeaderValue, Request, Response, Uri,
    header::HOST,
    uri::{Authority, PathAndQuery, Scheme},
};
use http_body_util::BodyExt as _;
use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Weak},
};
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttpHooks, default_send_request,
    p3::bindings::http::types::{DnsErrorPayload, ErrorCode},
};

/// The client address that a component sees when another component calls it.
const CHAINED_CLIENT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;

/// One instance's way out.
#[derive(Clone)]
pub(crate) struct Outbound {
    grants: Arc<Grants>,
    /// Weak, since each of them has a way out that leads back here.
    neighbours: Weak<Neighbours>,
    own_address: SocketAddr,
}

impl Outbound {
    pub(crate) fn new(
        grants: Arc<Grants>,
        neighbours: Weak<Neighbours>,
        own_address: SocketAddr,
    ) -> Self {
        Self {
            grants,
            neighbours,
            own_address,
        }
    }
}

impl WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        // How the guest fares with the response, which changes nothing here.
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Io), Error>> + Send> {
        Box::new(self.clone().send(request, options))
    }

    fn p3_error_from_connect(&mut self, error: &io::Error) -> ErrorCode {
        if is_lookup_failure(error) {
            return ErrorCode::DnsError(DnsErrorPayload {
                rcode: Some("address not available".to_owned()),
                info_code: Some(0),
            });
        }
        ErrorCode::ConnectionRefused
    }
}

/// The standard library gives a failed name lookup no kind of its own.
fn is_lookup_failure(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.to_string().starts_with("failed to lookup address")
}

impl Outbound {
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

    /// Refuses a call that is not allowed, and gives a call to `self` its address.
    fn prepare(&self, request: &mut Request<WasiBody>) -> Result<(), Error> {
        let uri = request.uri();
        let scheme = uri.scheme_str().unwrap_or("https");
        let host = uri.host().unwrap_or_default();
        let to_self = host.is_empty() || host == "self.alt";
        let allowed = if to_self {
            self.grants.allowed_hosts.allows_self()
        } else {
            let port = uri.port_u16();
            self.grants.allowed_hosts.allows(scheme, host, port)
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
        Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(self.own_address.to_string())
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
        if let Some(neighbours) = self.neighbours.upgrade()
            && let Some(response) = neighbours.call(&matched, request, CHAINED_CLIENT).await
        {
            return Ok(response);
        }
        eprintln!(
            "edge-host: component {:?} called the component {component:?}, which has no trigger",
            self.grants.id
        );
        Err(Error::DestinationNotFound)
    }
}

/// Userinfo in a URL may be a password.
fn without_userinfo(authority: &Authority) -> &str {
    let text = authority.as_str();
    text.rsplit_once('@').map_or(text, |(_, host)| host)
}

/// Sets the `Host` that HTTP/1.1 requires, without userinfo.
fn set_host(authority: Option<Authority>, headers: &mut HeaderMap) -> Result<(), Error> {
    let authority = authority.ok_or(Error::HttpRequestUriInvalid)?;
    let value = HeaderValue::from_str(without_userinfo(&authority))
        .map_err(|_| Error::HttpRequestUriInvalid)?;
    headers.insert(HOST, value);
    Ok(())
}
