//! A handler for Smartcar's deliveries that knows nothing of signatures: what
//! arrives here has passed the middleware `verify`. It stores nothing; a real one
//! stores the delivery before it answers, since an answer of 200 is the last that
//! Smartcar hears of it.

use http::header;
use spin_sdk::{
    http::{Request, body::IncomingBodyExt},
    http_service,
};

#[http_service]
async fn handle(request: Request) -> http::Response<String> {
    let (parts, body) = request.into_parts();
    let token = parts.headers.get("edge-verified-token");
    let token = token.and_then(|token| token.to_str().ok());
    let length = body.bytes().await.map_or(0, |body| body.len());
    let said = format!(
        "{length} bytes, verified with token {}\n",
        token.unwrap_or("none")
    );
    let mut response = http::Response::new(String::new());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, said.len().into());
    *response.body_mut() = said;
    response
}
