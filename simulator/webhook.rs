//! The webhook: where events go, and one attempt to bring one there.
//! <https://smartcar.com/docs/api-reference/webhooks/delivery-behavior>

use crate::{
    catalogue::{self, Kind},
    clock::Millis,
    event::Event,
    lock::lock,
    signature::sign,
};
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

/// What Smartcar's dashboard sets.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Where events go.
    pub(crate) callback: Option<Uri>,
    /// Where `VEHICLE_ERROR` events go, if elsewhere.
    pub(crate) error_callback: Option<Uri>,
    pub(crate) is_enabled: bool,
    /// The signals whose changes cause an event.
    pub(crate) triggers: Vec<Kind>,
    /// The signals that an event carries.
    pub(crate) data: Vec<Kind>,
}

impl Settings {
    /// The signals that a command changes, and the one that events sent on demand name.
    pub(crate) const TRIGGERS: [Kind; 5] = [
        catalogue::CHARGE_LIMITS,
        catalogue::IS_CHARGING,
        catalogue::DOORS,
        catalogue::IS_LOCKED,
        catalogue::ODOMETER,
    ];

    /// A webhook that delivers all there is.
    pub(crate) fn new(callback: Option<Uri>) -> Self {
        Self {
            callback,
            error_callback: None,
            is_enabled: true,
            triggers: Self::TRIGGERS.to_vec(),
            data: catalogue::ALL.to_vec(),
        }
    }

    /// Whether events are sent: a webhook without a callback URI is not enabled.
    pub(crate) fn is_enabled(&self) -> bool {
        self.is_enabled && self.callback.is_some()
    }
}

/// The one webhook of the simulated application.
pub(crate) struct Webhook {
    settings: Mutex<Settings>,
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
            settings: Mutex::new(Settings::new(callback)),
            management_token,
            client,
        }
    }

    pub(crate) fn settings(&self) -> Settings {
        lock(&self.settings).clone()
    }

    pub(crate) fn set(&self, settings: Settings) {
        *lock(&self.settings) = settings;
    }

    /// Where an event goes now. While the webhook is disabled, nothing is sent or kept for
    /// later.
    fn target(&self, event: &Event) -> Result<Uri, DeliveryError> {
        let settings = self.settings();
        let of_errors = settings
            .error_callback
            .filter(|_| event.event_type == "VEHICLE_ERROR");
        let callback = settings.callback.ok_or(DeliveryError::NoCallback)?;
        if settings.is_enabled || event.event_type == "VERIFY" {
            Ok(of_errors.unwrap_or(callback))
        } else {
            Err(DeliveryError::Disabled)
        }
    }

    /// Delivers an event once. Every attempt has its own id and time in the body,
    /// and so its own signature.
    pub(crate) async fn deliver(&self, event: &Event) -> Attempt {
        let delivery_id = Uuid::new_v4().to_string();
        let delivered_at = Millis::now();
        let body = event.render(&delivery_id, delivered_at);
        let signature = sign(&self.management_token, &body);
        let answer = within_time_out(async {
            let target = self.target(event)?;
            self.post(target, body, Some(signature)).await
        })
        .await;
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
            let (parts, body) = self
                .post(self.target(&event)?, body, None)
                .await?
                .into_parts();
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
        callback: Uri,
        body: Bytes,
        signature: Option<String>,
    ) -> Result<Response<Incoming>, DeliveryError> {
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
    #[error("the webhook is disabled")]
    Disabled,
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
