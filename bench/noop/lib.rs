//! Answers every request with the same few bytes: the most that the host can do,
//! which benchmarks are compared with. A POST is read to its end first.

#![cfg(target_family = "wasm")]

use bytes::Bytes;
use http::{Method, header};
use spin_sdk::http::body::IncomingBodyExt as _;
use spin_sdk::http::{FullBody, Request};
use spin_sdk::http_service;

const BODY: &str = r#"{"outcome":"nothing"}"#;

#[http_service]
async fn handle(request: Request) -> http::Response<FullBody<Bytes>> {
    if request.method() == Method::POST {
        let _ = request.into_body().bytes().await;
    }
    let mut answer = http::Response::new(FullBody::new(Bytes::from_static(BODY.as_bytes())));
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_LENGTH, BODY.len().into());
    answer
}
