//! The HTTP server: listens, routes, and hands requests to components.

use crate::components;
use crate::guest::SharedState;
use crate::headers::strip_forbidden;
use crate::instances::{ComponentState, Neighbours, Reuse, empty};
use crate::key_value::Stores;
use crate::manifest::Manifest;
use crate::options::Options;
use crate::routes::Router;
use crate::runtime;
use crate::variables::Variables;
use anyhow::{Context as _, Result};
use http::header::HOST;
use http::uri::{Authority, Scheme};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use std::collections::{BTreeSet, HashMap};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use wasmtime_wasi_http::handler::ProxyHandler;
use wasmtime_wasi_http::{Error, WasiBody};

/// Serves the manifest until the process is told to end.
pub async fn run(options: Options) -> Result<()> {
    let file = if options.from.is_dir() {
        options.from.join("spin.toml")
    } else {
        options.from.clone()
    };
    let manifest = Manifest::read(&file)?;
    let variables = Variables::resolve(&manifest.variables, &options.variables, |name| {
        std::env::var(name).ok()
    })?;
    let router = Router::new(manifest.triggers.iter().filter_map(|trigger| {
        let route = trigger.route.clone()?;
        Some((route, trigger.component.clone()))
    }))?;
    // Listening comes first: a busy port should not cost a compilation.
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("failed to listen on {}", options.listen))?;
    let address = listener.local_addr()?;

    let state_directory = match &options.state_dir {
        Some(directory) => directory.clone(),
        None => file.parent().unwrap_or(Path::new("")).join(".spin"),
    };
    let neighbours = Arc::new(Neighbours::default());
    let handlers = handlers(
        &options,
        &state_directory,
        &manifest,
        &variables,
        &neighbours,
    )?;
    neighbours.introduce(handlers, address);
    // From the moment that its address is known it can be told to end.
    let terminate = signal(SignalKind::terminate())?;
    announce(address, &router, &manifest)?;
    let server = Arc::new(Server { router, neighbours });
    tokio::select! {
        result = server.serve(listener) => result,
        result = told_to_end(terminate) => {
            result?;
            // At once, as Spin: guests that are still at work are not waited for.
            std::process::exit(0)
        }
    }
}

type Handlers = HashMap<String, ProxyHandler<ComponentState>>;

/// Every component that has a trigger, ready to be called.
fn handlers(
    options: &Options,
    state_directory: &Path,
    manifest: &Manifest,
    variables: &Variables,
    neighbours: &Arc<Neighbours>,
) -> Result<Handlers> {
    let ids: BTreeSet<&str> = manifest
        .triggers
        .iter()
        .map(|trigger| trigger.component.as_str())
        .collect();
    let grants = ids
        .iter()
        .map(|id| Ok((*id, Arc::new(components::grants(manifest, id, variables)?))))
        .collect::<Result<HashMap<_, _>>>()?;

    std::fs::create_dir_all(state_directory)
        .with_context(|| format!("failed to create {}", state_directory.display()))?;
    let cache = match &options.cache_dir {
        Some(directory) => std::path::absolute(directory)?,
        None => std::path::absolute(state_directory)?.join("edge-host-cache"),
    };
    let engine = runtime::engine(&cache, options.count_fuel)?;
    let linker = runtime::linker(&engine).map_err(runtime::error)?;
    let mut prepared = components::prepare(manifest, &ids, &engine, &linker)?;

    let shared = Arc::new(SharedState {
        key_value: Stores::new(state_directory.join("sqlite_key_value.db")),
        sqlite_file: state_directory.join("sqlite_db.db"),
    });
    let reuse = Reuse {
        requests: options.max_instance_reuse_count,
        concurrent_requests: options.max_instance_concurrent_reuse_count,
        idle: options.idle_instance_timeout,
    };
    Ok(grants
        .into_iter()
        .filter_map(|(id, grants)| {
            let state = ComponentState {
                engine: engine.clone(),
                pre: prepared.remove(id)?,
                grants,
                shared: shared.clone(),
                neighbours: neighbours.clone(),
                reuse,
                count_fuel: options.count_fuel,
            };
            Some((id.to_owned(), ProxyHandler::new(state)))
        })
        .collect())
}

/// Tells where the application is, in Spin's words.
fn announce(address: SocketAddr, router: &Router, manifest: &Manifest) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "Serving http://{address}")?;
    writeln!(out, "Available Routes:")?;
    for route in router.routes() {
        let (path, wildcard) = match route.raw.strip_suffix("/...") {
            Some("") => ("/", " (wildcard)"),
            Some(prefix) => (prefix, " (wildcard)"),
            None => (route.raw.as_str(), ""),
        };
        writeln!(
            out,
            "  {}: http://{address}{path}{wildcard}",
            route.component
        )?;
        if let Some(component) = manifest.components.get(&route.component)
            && !component.description.is_empty()
        {
            writeln!(out, "    {}", component.description)?;
        }
    }
    out.flush()?;
    Ok(())
}

async fn told_to_end(mut terminate: Signal) -> Result<()> {
    tokio::select! {
        result = tokio::signal::ctrl_c() => result?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

struct Server {
    router: Router,
    neighbours: Arc<Neighbours>,
}

impl Server {
    async fn serve(self: Arc<Self>, listener: TcpListener) -> Result<()> {
        loop {
            match listener.accept().await {
                Ok((stream, client)) => {
                    tokio::spawn(self.clone().serve_connection(stream, client));
                }
                // Out of file handles, or a client that is gone already: the
                // next one may fare better.
                Err(error) => {
                    eprintln!("edge-host: failed to accept a connection: {error}");
                    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                }
            }
        }
    }

    async fn serve_connection(self: Arc<Self>, stream: TcpStream, client: SocketAddr) {
        // As in Spin without TCP_NODELAY: what goes out in two segments is late.
        let service = hyper::service::service_fn(move |request| {
            let server = self.clone();
            async move { Ok::<_, std::convert::Infallible>(server.respond(request, client).await) }
        });
        // A connection that breaks concerns its client only.
        let _ = hyper::server::conn::http1::Builder::new()
            // Spin waits for a client's headers for as long as it takes.
            .header_read_timeout(None)
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }

    async fn respond(&self, request: Request<Incoming>, client: SocketAddr) -> Response<WasiBody> {
        let mut request = request.map(|body| body.map_err(Error::from).boxed_unsync());
        strip_forbidden(request.headers_mut());
        let path = request.uri().path().to_owned();
        if path == "/.well-known/spin/health" {
            let body = Full::new(bytes::Bytes::from_static(b"OK"));
            return Response::new(body.map_err(|never| match never {}).boxed_unsync());
        }
        let Some(matched) = self.router.route(&path) else {
            return empty(StatusCode::NOT_FOUND);
        };
        if make_absolute(&mut request).is_none() {
            return empty(StatusCode::BAD_REQUEST);
        }
        self.neighbours
            .call(&matched, request, client)
            .await
            .unwrap_or_else(|| empty(StatusCode::NOT_FOUND))
    }
}

/// A guest expects scheme and authority; a client sends the latter as `Host`.
/// `None` if there is no host, or if there are two different ones.
fn make_absolute(request: &mut Request<WasiBody>) -> Option<()> {
    let header: Option<Authority> = match request.headers().get(HOST) {
        Some(host) => Some(host.to_str().ok()?.parse().ok()?),
        None => None,
    };
    let mut parts = request.uri().clone().into_parts();
    let authority = match (header, parts.authority.take()) {
        (Some(header), Some(own)) if header != own => return None,
        (Some(authority), _) | (None, Some(authority)) => authority,
        (None, None) => return None,
    };
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(authority);
    if parts.path_and_query.is_none() {
        parts.path_and_query = Some(http::uri::PathAndQuery::from_static("/"));
    }
    *request.uri_mut() = Uri::from_parts(parts).ok()?;
    Some(())
}
