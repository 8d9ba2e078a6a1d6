//! The HTTP server: listens, routes, and hands requests to components.

use crate::{
    components,
    grants::Grants,
    guest::SharedState,
    headers::strip_forbidden,
    instances::{ComponentState, Reuse},
    key_value::Stores,
    manifest::Manifest,
    neighbours::{Neighbours, empty},
    options::Options,
    outbound::Outbound,
    postgres::Pools,
    routes::Router,
    runtime,
    variables::Variables,
};
use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{
    Request, Response, StatusCode, Uri,
    header::HOST,
    uri::{Authority, PathAndQuery, Scheme},
};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{
    collections::BTreeMap,
    convert::Infallible,
    env, fs,
    io::{self, Write as _},
    net::SocketAddr,
    path::{self, Path},
    process,
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    signal::{
        ctrl_c,
        unix::{Signal, SignalKind, signal},
    },
    time::sleep,
};
use wasmtime_wasi_http::{Error, WasiBody};

/// Serves the manifest until the process receives SIGINT or SIGTERM.
pub async fn run(options: Options) -> Result<()> {
    let file = if options.from.is_dir() {
        options.from.join("spin.toml")
    } else {
        options.from.clone()
    };
    let manifest = Manifest::read(&file)?;
    let variables = Variables::resolve(&manifest.variables, &options.variables, |name| {
        env::var(name).ok()
    })?;
    let router = Router::new(manifest.triggers().iter().filter_map(|trigger| {
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
    let neighbours = neighbours(&options, &state_directory, &manifest, &variables, address)?;
    // The process can be ended from the moment that its address is known.
    let terminate = signal(SignalKind::terminate())?;
    announce(address, &router, &manifest)?;
    let server = Arc::new(Server { router, neighbours });
    tokio::select! {
        result = server.serve(listener) => result,
        result = end(terminate) => {
            result?;
            // At once, as Spin: guests that are still at work are not waited for.
            process::exit(0)
        }
    }
}

/// Every component that has a trigger, ready to be called.
fn neighbours(
    options: &Options,
    state_directory: &Path,
    manifest: &Manifest,
    variables: &Variables,
    own_address: SocketAddr,
) -> Result<Arc<Neighbours>> {
    let grants = manifest
        .triggers()
        .iter()
        .map(|trigger| {
            let id = trigger.component.as_str();
            Ok((id, Arc::new(Grants::resolve(manifest, id, variables)?)))
        })
        .collect::<Result<BTreeMap<_, _>>>()?;

    fs::create_dir_all(state_directory)
        .with_context(|| format!("failed to create {}", state_directory.display()))?;
    let cache = match &options.cache_dir {
        Some(directory) => path::absolute(directory)?,
        None => path::absolute(state_directory)?.join("edge-host-cache"),
    };
    let engine = runtime::engine(&cache, options.count_fuel)?;
    let linker = runtime::linker(&engine).map_err(runtime::error)?;
    let mut prepared = components::prepare(manifest, grants.keys().copied(), &engine, &linker)?;

    let shared = Arc::new(SharedState {
        key_value: Stores::new(state_directory.join("sqlite_key_value.db")),
        sqlite_file: state_directory.join("sqlite_db.db"),
        postgres: Pools::default(),
    });
    let reuse = Reuse {
        requests: options.max_instance_reuse_count,
        concurrent_requests: options.max_instance_concurrent_reuse_count,
        idle: options.idle_instance_timeout,
    };
    Ok(Arc::new_cyclic(|neighbours| {
        Neighbours::new(grants.into_iter().filter_map(|(id, grants)| {
            let outbound = Outbound::new(grants.clone(), neighbours.clone(), own_address);
            Some(ComponentState {
                engine: engine.clone(),
                pre: prepared.remove(id)?,
                grants,
                shared: shared.clone(),
                outbound: Box::new(move || Box::new(outbound.clone())),
                reuse,
                count_fuel: options.count_fuel,
            })
        }))
    }))
}

/// Prints where the application is, in Spin's words.
fn announce(address: SocketAddr, router: &Router, manifest: &Manifest) -> Result<()> {
    let mut out = io::stdout().lock();
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

/// Returns when SIGINT or SIGTERM arrives.
async fn end(mut terminate: Signal) -> Result<()> {
    tokio::select! {
        result = ctrl_c() => result?,
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
                // File handles are used up, or the client is gone already: the
                // next connection may succeed.
                Err(error) => {
                    eprintln!("edge-host: failed to accept a connection: {error}");
                    sleep(Duration::from_millis(10)).await;
                }
            }
        }
    }

    async fn serve_connection(self: Arc<Self>, stream: TcpStream, client: SocketAddr) {
        // Without TCP_NODELAY, as in Spin: the second of two segments is late.
        let service = service_fn(move |request| {
            let server = self.clone();
            async move { Ok::<_, Infallible>(server.respond(request, client).await) }
        });
        // A connection that breaks concerns its client only.
        let _ = http1::Builder::new()
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
            let body = Full::new(Bytes::from_static(b"OK"));
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

/// Gives a request the scheme and the authority that a guest expects; a client sends
/// the latter as `Host`. Returns `None` without a host, or with two different ones.
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
        parts.path_and_query = Some(PathAndQuery::from_static("/"));
    }
    *request.uri_mut() = Uri::from_parts(parts).ok()?;
    Some(())
}
