//! The webhook: where events go, and one attempt to bring one there.
//! <https://smartcar.com/docs/api-reference/webhooks/delivery-behavior>

use crate::{clock::Millis, event::Event, lock::lock, signature::sign};
use bytes::Bytes;
use http::{
    Method, Request, Response, StatusCode, Uri,
    header::{CONTENT_TYPE, USER_AGENT},
};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::Serialize;
use serde_json::Value;
use std::{error::Error, sync::Mutex, time::Duration};
use tokio::time::timeout;
use uuid::Uuid;

/// How long a receiver may take. It is Smartcar's, and no flag scales it.
const TIME_OUT: Duration = Duration::from_secs(15);
/// More than any answer to a challenge needs.
const MAX_ANSWER: usize = 64 * 1024;

/// The one webhook of the simulated application.
pub(crate) struct Webhook {
    callback: Mutex<Option<Uri>>,
    management_token: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// How one attempt to deliver an event went.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attempt {
    pub(crate) delivery_id: String,
    /// Epoch milliseconds, as the event says.
    pub(crate) delivered_at: Millis,
    /// Absent where no answer came.
    pub(crate) status: Option<u16>,
    pub(crate) error: Option<String>,
}

impl Attempt {
    /// Any 2xx. A redirect is not followed and counts as a failure.
    pub(crate) fn succeeded(&self) -> bool {
        self.status
            .is_some_and(|status| (200..300).contains(&status))
    }
}

/// How the receiver answered a VERIFY event.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Verification {
    pub(crate) status: Option<u16>,
    pub(crate) verified: bool,
    pub(crate) error: Option<String>,
}

impl Webhook {
    pub(crate) fn new(callback: Option<Uri>, management_token: String) -> Self {
        // No connection is kept: a receiver that was restarted in between must
        // not make the next delivery fail on a dead one.
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build_http();
        Self {
            callback: Mutex::new(callback),
            management_token,
            client,
        }
    }

    pub(crate) fn has_callback(&self) -> bool {
        lock(&self.callback).is_some()
    }

    pub(crate) fn callback(&self) -> Option<Uri> {
        lock(&self.callback).clone()
    }

    pub(crate) fn set_callback(&self, callback: Uri) {
        *lock(&self.callback) = Some(callback);
    }

    /// Delivers an event once. Every attempt has its own id and time in the body,
    /// and so its own signature.
    pub(crate) async fn deliver(&self, event: &Event) -> Attempt {
        let delivery_id = Uuid::new_v4().to_string();
        let delivered_at = Millis::now();
        let body = event.render(&delivery_id, delivered_at);
        let signature = sign(&self.management_token, &body);
        let answer = within_time_out(self.post(body, Some(signature))).await;
        let (status, error) = match answer {
            Ok(answer) => (Some(answer.status().as_u16()), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Attempt {
            delivery_id,
            delivered_at,
            status,
            error,
        }
    }

    /// Asks the receiver to prove that it knows the management token: 200, JSON,
    /// `{"challenge": <signature of the challenge>}`. The event itself is not
    /// signed, as that is what receivers report.
    /// <https://smartcar.com/docs/integrations/webhooks/callback-verification>
    pub(crate) async fn verify(&self) -> Verification {
        let challenge = Uuid::new_v4().to_string();
        let event = Event::verify(&challenge);
        let body = event.render(&Uuid::new_v4().to_string(), Millis::now());
        let answer = within_time_out(async {
            let (parts, body) = self.post(body, None).await?.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await;
            let body = body.map_err(|error| DeliveryError::Failed(causes(&*error)))?;
            Ok(Response::from_parts(parts, body.to_bytes()))
        });
        match answer.await {
            Ok(answer) => Verification {
                status: Some(answer.status().as_u16()),
                verified: proves(&answer, &sign(&self.management_token, challenge.as_bytes())),
                error: None,
            },
            Err(error) => Verification {
                status: None,
                verified: false,
                error: Some(error.to_string()),
            },
        }
    }

    async fn post(
        &self,
        body: Bytes,
        signature: Option<String>,
    ) -> Result<Response<Incoming>, DeliveryError> {
        let callback = self.callback().ok_or(DeliveryError::NoCallback)?;
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(callback)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, "Smartcar/simulator");
        if let Some(signature) = signature {
            request = request.header("SC-Signature", signature);
        }
        let request = request
            .body(Full::new(body))
            .map_err(|error| DeliveryError::Failed(causes(&error)))?;
        let answer = self.client.request(request).await;
        answer.map_err(|error| DeliveryError::Failed(causes(&error)))
    }
}

fn proves(answer: &Response<Bytes>, expected: &str) -> bool {
    let media_type = answer.headers().get(CONTENT_TYPE);
    let is_json = media_type
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.to_ascii_lowercase().starts_with("application/json"));
    let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    let proof = body.get("challenge").and_then(Value::as_str);
    answer.status() == StatusCode::OK && is_json && proof == Some(expected)
}

#[derive(Debug, thiserror::Error)]
enum DeliveryError {
    #[error("no callback URI is set")]
    NoCallback,
    #[error("no answer within {} s", TIME_OUT.as_secs())]
    TimedOut,
    #[error("{0}")]
    Failed(String),
}

async fn within_time_out<T>(
    answer: impl Future<Output = Result<T, DeliveryError>>,
) -> Result<T, DeliveryError> {
    timeout(TIME_OUT, answer)
        .await
        .unwrap_or(Err(DeliveryError::TimedOut))
}

/// An error with all its causes: hyper's own words alone say only "client error".
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn receiver_has_15_seconds() {
        let start = Instant::now();
        let never = within_time_out(std::future::pending::<Result<(), _>>()).await;
        assert_eq!(start.elapsed().as_secs(), 15);
        assert_eq!(never.unwrap_err().to_string(), "no answer within 15 s");
    }

    #[test]
    fn token_is_proved_only_by_200_with_json_and_the_right_hash() {
        let answer = |status: u16, media_type: &str, body: &'static str| {
            Response::builder()
                .status(status)
                .header(CONTENT_TYPE, media_type)
                .body(Bytes::from_static(body.as_bytes()))
                .unwrap()
        };
        let json = "application/json; charset=utf-8";
        assert!(proves(&answer(200, json, r#"{"challenge":"ab"}"#), "ab"));
        assert!(!proves(&answer(201, json, r#"{"challenge":"ab"}"#), "ab"));
        assert!(!proves(
            &answer(200, "text/plain", r#"{"challenge":"ab"}"#),
            "ab"
        ));
        assert!(!proves(&answer(200, json, r#"{"challenge":"cd"}"#), "ab"));
        assert!(!proves(&answer(200, json, "ab"), "ab"));
    }
}
