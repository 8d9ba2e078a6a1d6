//! Does, on request, what a component can do, and answers with the result, which
//! the tests of the embedded host read.

#![cfg(target_family = "wasm")]

use bytes::Bytes;
use spin_sdk::{
    http::{FullBody, Request, Response, body::IncomingBodyExt as _},
    http_service,
    wasip3::{http::types::RequestOptions, http_compat::RequestOptionsExtension},
};
use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

mod sql;

#[allow(missing_docs, unsafe_code, unreachable_pub)]
mod bindings {
    spin_sdk::wit_bindgen::generate!({
        path: "../probe-dependency/wit",
        world: "importer",
        runtime_path: "::spin_sdk::wit_bindgen::rt",
        generate_all,
    });
}

use bindings::probe::dependency::tally;

type Answer = http::Response<FullBody<Bytes>>;

#[http_service]
async fn handle(request: Request) -> Answer {
    let path = header(&request, "spin-path-info");
    let query: HashMap<String, String> =
        form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let get = |name: &str| query.get(name).cloned().unwrap_or_default();
    let result = match path.as_str() {
        "/key-value/set" => key_value_set(&get("key"), &get("value")).await,
        "/key-value/get" => key_value_get(&get("key")).await,
        "/key-value/keys" => key_value_keys().await,
        "/sqlite" => sql::execute(body(request).await).await,
        "/variable" => spin_sdk::variables::get(get("name")).await.map_err(text),
        "/environment" => std::env::var(get("name")).map_err(text),
        "/fetch" => fetch(&get("url"), get("first_byte_ms").parse().ok()).await,
        "/panic" => fail(),
        "/instance" => Ok(instance()),
        "/sleep" => Ok(sleep(get("ms").parse().unwrap_or(0)).await),
        "/hold" => {
            body(request).await;
            Ok(instance())
        }
        "/tally/count" => tally::count(get("name")).await.map(|n| n.to_string()),
        "/tally/fetch" => tally::fetch(get("url")).await.map(|n| n.to_string()),
        "/tally/cost" => Ok(cost(get("calls").parse().unwrap_or(1)).await),
        "/tally/last" => Ok(tally::last().await.to_string()),
        "/echo" => return echo(request).await,
        "/print" => {
            println!("{}", get("text"));
            eprintln!("{}", get("text"));
            Ok(String::new())
        }
        _ => Err(format!("the probe has no path {path:?}")),
    };
    match result {
        Ok(text) => answer(200, text),
        Err(text) => answer(500, text),
    }
}

/// How many nanoseconds a call into the dependency takes more than a call within
/// this component, as the mean of so many calls.
async fn cost(calls: u32) -> String {
    let started = Instant::now();
    for _ in 0..calls {
        std::hint::black_box(tally::last().await);
    }
    let composed = started.elapsed();
    let started = Instant::now();
    for _ in 0..calls {
        std::hint::black_box(here().await);
    }
    let here = started.elapsed();
    (composed.saturating_sub(here) / calls.max(1))
        .as_nanos()
        .to_string()
}

async fn here() -> u64 {
    std::hint::black_box(0)
}

fn answer(status: u16, text: impl Into<Bytes>) -> Answer {
    let text = text.into();
    let length = text.len();
    let mut answer = http::Response::new(FullBody::new(text));
    *answer.status_mut() =
        http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    answer
        .headers_mut()
        .insert(http::header::CONTENT_LENGTH, length.into());
    answer
}

fn text(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}

/// The last value: the host's, where a client sent the same header.
fn header(request: &Request, name: &str) -> String {
    request
        .headers()
        .get_all(name)
        .iter()
        .next_back()
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}

async fn body(request: Request) -> String {
    let bytes = request.into_body().bytes().await.unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn key_value_set(key: &str, value: &str) -> Result<String, String> {
    let store = spin_sdk::key_value::Store::open_default()
        .await
        .map_err(text)?;
    store.set(key, value).await.map_err(text)?;
    Ok(String::new())
}

async fn key_value_get(key: &str) -> Result<String, String> {
    let store = spin_sdk::key_value::Store::open_default()
        .await
        .map_err(text)?;
    let value = store.get(key).await.map_err(text)?;
    Ok(value.map_or("none".to_owned(), |bytes| {
        String::from_utf8_lossy(&bytes).into_owned()
    }))
}

async fn key_value_keys() -> Result<String, String> {
    let store = spin_sdk::key_value::Store::open_default()
        .await
        .map_err(text)?;
    let mut keys = store.get_keys().await.collect().await.map_err(text)?;
    keys.sort();
    Ok(keys.join(","))
}

/// The status and body of the answer to a GET, or the error code.
async fn fetch(url: &str, first_byte_ms: Option<u64>) -> Result<String, String> {
    let mut request = http::Request::get(url);
    if let Some(milliseconds) = first_byte_ms {
        let options = RequestOptions::new();
        options
            .set_first_byte_timeout(Some(milliseconds * 1_000_000))
            .map_err(text)?;
        request = request.extension(RequestOptionsExtension(options));
    }
    let request = request
        .body(spin_sdk::http::EmptyBody::new())
        .map_err(text)?;
    let response: Response = spin_sdk::http::send(request).await.map_err(text)?;
    let status = response.status().as_u16();
    let body = response.into_body().bytes().await.map_err(text)?;
    Ok(format!("{status} {}", String::from_utf8_lossy(&body)))
}

#[allow(clippy::panic, reason = "the tests look at the effects of a trap")]
fn fail() -> Result<String, String> {
    panic!("the probe was asked to panic")
}

/// A name that no other instance has, and the number of requests for it.
fn instance() -> String {
    static NAME: OnceLock<u64> = OnceLock::new();
    static REQUESTS: AtomicU64 = AtomicU64::new(0);
    let name = NAME.get_or_init(|| RandomState::new().hash_one(0));
    let requests = REQUESTS.fetch_add(1, Ordering::Relaxed) + 1;
    format!("{name:016x} {requests}")
}

/// Answers later; meanwhile the instance may serve other requests.
async fn sleep(milliseconds: u64) -> String {
    spin_sdk::time::sleep(Duration::from_millis(milliseconds)).await;
    instance()
}

/// The request line and headers, one a line, an empty line, and the body.
async fn echo(request: Request) -> Answer {
    let mut lines = vec![format!("{} {}", request.method(), request.uri())];
    for (name, value) in request.headers() {
        lines.push(format!(
            "{name}: {}",
            String::from_utf8_lossy(value.as_bytes())
        ));
    }
    lines.push(String::new());
    lines.push(body(request).await);
    answer(200, lines.join("\n"))
}
