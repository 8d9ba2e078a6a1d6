//! A platform that tests hold in their hands: a clock that stands still, a store
//! in memory, and a Smartcar that answers as it was told.

use crate::{
    Client, ClientId, ClientSecret, Clock, Credentials, Http, KeyValue, KeyValueError, Origins,
    Response, Sent, Timestamp, TokenCache, TransportError,
};
use bytes::Bytes;
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    time::Duration,
};

pub(crate) fn credentials(secret: &str) -> Credentials {
    Credentials {
        client_id: ClientId("client_test".into()),
        client_secret: ClientSecret::new(secret),
    }
}

pub(crate) fn client(fake: Fake) -> Client<Fake> {
    let origins = Origins {
        iam: "https://iam.example.com".into(),
        vehicle: "https://vehicle.example.com".into(),
    };
    Client::new(
        fake,
        TokenCache::new(credentials("secret"), &origins.iam),
        &origins,
    )
}

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    futures::executor::block_on(future)
}

impl Response {
    pub(crate) fn for_tests(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let mut response = http::Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let (parts, body) = response
            .body(Bytes::from(body.to_owned()))
            .unwrap()
            .into_parts();
        Self {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }
}

/// Status and body, or how the request failed.
type Reply = Result<(u16, String), Sent>;

#[derive(Default)]
pub(crate) struct Fake {
    now: Cell<i64>,
    token_life: Cell<u64>,
    granted: Cell<u32>,
    refused: RefCell<Vec<String>>,
    answers: RefCell<BTreeMap<String, Reply>>,
    requests: RefCell<Vec<http::Request<Bytes>>>,
    store: RefCell<BTreeMap<String, Vec<u8>>>,
    store_is_down: Cell<bool>,
}

impl Fake {
    pub(crate) fn new() -> Self {
        let fake = Self::default();
        fake.now.set(1_700_000_000_000);
        fake.token_life.set(3600);
        fake
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.now.set(self.now().after(by).0);
    }

    pub(crate) fn token_life(&self, seconds: u64) {
        self.token_life.set(seconds);
    }

    pub(crate) fn answer(&self, path: &str, status: u16, body: &str) {
        self.answers
            .borrow_mut()
            .insert(path.into(), Ok((status, body.into())));
    }

    pub(crate) fn fail(&self, path: &str, sent: Sent) {
        self.answers.borrow_mut().insert(path.into(), Err(sent));
    }

    pub(crate) fn refuse_token(&self, token: &str) {
        self.refused.borrow_mut().push(format!("Bearer {token}"));
    }

    pub(crate) fn break_store(&self) {
        self.store_is_down.set(true);
    }

    pub(crate) fn stored(&self) -> BTreeMap<String, Vec<u8>> {
        self.store.borrow().clone()
    }

    pub(crate) fn requests(&self) -> Vec<http::Request<Bytes>> {
        self.requests.borrow().clone()
    }

    pub(crate) fn requests_to(&self, path: &str) -> usize {
        self.requests
            .borrow()
            .iter()
            .filter(|r| r.uri().path() == path)
            .count()
    }

    pub(crate) fn token_requests(&self) -> usize {
        self.requests_to("/oauth2/token")
    }

    fn reply(&self, request: &http::Request<Bytes>) -> Reply {
        let bearer = request
            .headers()
            .get("authorization")
            .map(|v| v.to_str().unwrap());
        if bearer.is_some_and(|bearer| self.refused.borrow().iter().any(|r| r == bearer)) {
            return Ok((401, String::new()));
        }
        if let Some(answer) = self.answers.borrow().get(request.uri().path()) {
            return answer.clone();
        }
        assert_eq!(
            request.uri().path(),
            "/oauth2/token",
            "no answer was given for this path"
        );
        self.granted.set(self.granted.get() + 1);
        let (token, life) = (self.granted.get(), self.token_life.get());
        Ok((
            200,
            format!(
                r#"{{"access_token":"token-{token}","token_type":"Bearer","expires_in":{life}}}"#
            ),
        ))
    }

    fn up(&self) -> Result<(), KeyValueError> {
        if self.store_is_down.get() {
            Err(KeyValueError("down".into()))
        } else {
            Ok(())
        }
    }
}

/// Lets the other tasks run, as whatever takes time does.
async fn yield_now() {
    let mut waited = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut waited, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

impl Clock for Fake {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.get())
    }

    /// Time stands still: only [`Fake::advance`] moves it.
    async fn sleep(&self, _time: Duration) {
        yield_now().await;
    }
}

impl Http for Fake {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        _deadline: Duration,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let reply = self.reply(&request);
        self.requests.borrow_mut().push(request);
        yield_now().await;
        let (status, body) = reply.map_err(|sent| TransportError {
            sent,
            detail: "as told".into(),
        })?;
        Ok(http::Response::builder()
            .status(status)
            .body(body.into())
            .unwrap())
    }
}

impl KeyValue for Fake {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        self.up()?;
        Ok(self.store.borrow().get(key).cloned())
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), KeyValueError> {
        self.up()?;
        self.store.borrow_mut().insert(key.into(), value.into());
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), KeyValueError> {
        self.up()?;
        self.store.borrow_mut().remove(key);
        Ok(())
    }
}
