//! A host for tests: time that passes only while every task waits, chance that is
//! the same each time, a key-value store in memory, and a Smartcar that answers as
//! the test says.
//!
//! The tests of other crates get it by the feature `testing`. A test sets up a
//! [`Fake`], runs the code under test by [`Fake::run`] and looks at what the fake
//! has seen.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may stop at the first surprise; clippy sees no test here where the \
              feature is on"
)]

#[cfg(test)]
use crate::Response;
use crate::{
    Audit, BodyStream, Client, ClientId, ClientSecret, Clock, Credentials, Http, KeyValue,
    KeyValueError, Origins, Random, Sent, Spawn, Timestamp, TokenCache, TokenUse, TransportError,
};
use bytes::Bytes;
use futures::channel::oneshot;
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

/// Credentials of a client `client_test`.
pub fn credentials(secret: &str) -> Credentials {
    Credentials {
        client_id: ClientId("client_test".into()),
        client_secret: ClientSecret::new(secret),
    }
}

/// A token cache with credentials, whose identity server is `iam.example.com`.
pub fn tokens() -> TokenCache {
    TokenCache::new(credentials("secret"), "https://iam.example.com/", None)
}

/// A client with credentials and origins, which calls the Smartcar of `fake`.
pub fn client(fake: &Fake) -> Client<Fake> {
    let origins = Origins {
        iam: "https://iam.example.com".into(),
        vehicle: "https://vehicle.example.com".into(),
        management: "https://management.example.com/".into(),
        compatibility: "https://compatibility.example.com".into(),
    };
    Client::new(fake.clone(), tokens(), origins)
}

#[cfg(test)]
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

/// What Smartcar does with a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// It answers with a status, headers and a body. With a header `x-breaks-off` the
    /// body breaks off at its end.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// No answer comes; whether the request was sent.
    Silence(Sent),
}

/// One use of the access token, as reported to [`Audit`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    /// The path, with `{vehicleId}` in place of ids.
    pub path: &'static str,
    /// The vehicle that the call was about.
    pub vehicle: Option<String>,
    /// The user that the call was about.
    pub user: Option<String>,
    /// The status of the answer; none where no answer came.
    pub status: Option<u16>,
    /// Smartcar's id of the request.
    pub request_id: Option<String>,
    /// How long it took, in milliseconds.
    pub millis: u128,
}

/// A host in memory. Its copies are the same host.
#[derive(Clone)]
pub struct Fake(Rc<World>);

struct World {
    now: Cell<i64>,
    monotonic: Cell<Duration>,
    timers: RefCell<Vec<(Duration, Waker)>>,
    chance: Cell<u64>,
    latency: Cell<Duration>,
    granted: Cell<u32>,
    identity_is_away: Cell<Option<Sent>>,
    refused: RefCell<Vec<String>>,
    replies: RefCell<BTreeMap<String, VecDeque<Reply>>>,
    requests: RefCell<Vec<http::Request<Bytes>>>,
    store: RefCell<BTreeMap<String, Vec<u8>>>,
    store_is_down: Cell<bool>,
    store_is_read_only: Cell<bool>,
    store_writes: Cell<usize>,
    tasks: RefCell<Vec<Pin<Box<dyn Future<Output = ()>>>>>,
    used: RefCell<Vec<Used>>,
    variables: RefCell<BTreeMap<String, String>>,
    log: RefCell<Vec<u8>>,
    others_preferred: Cell<u32>,
}

/// Wakes the task that waits for its [`FakeNotified`], by being dropped.
#[derive(Debug)]
pub struct FakeNotifier {
    _sender: oneshot::Sender<()>,
}

/// Waits for a [`FakeNotifier`].
#[derive(Debug)]
pub struct FakeNotified(oneshot::Receiver<()>);

impl FakeNotified {
    /// Waits until the notifier is dropped.
    pub async fn notified(self) {
        let _ = self.0.await;
    }
}

impl Default for Fake {
    fn default() -> Self {
        Self::new()
    }
}

impl Fake {
    /// A host whose key-value store is empty, that gives no variables, and whose
    /// Smartcar grants tokens and answers nothing else.
    pub fn new() -> Self {
        Self(Rc::new(World {
            now: Cell::new(1_700_000_000_000),
            monotonic: Cell::new(Duration::ZERO),
            timers: RefCell::default(),
            chance: Cell::new(0x9e37_79b9_7f4a_7c15),
            latency: Cell::new(Duration::from_millis(100)),
            granted: Cell::new(0),
            identity_is_away: Cell::new(None),
            refused: RefCell::default(),
            replies: RefCell::default(),
            requests: RefCell::default(),
            store: RefCell::default(),
            store_is_down: Cell::new(false),
            store_is_read_only: Cell::new(false),
            store_writes: Cell::new(0),
            tasks: RefCell::default(),
            used: RefCell::default(),
            variables: RefCell::default(),
            log: RefCell::default(),
            others_preferred: Cell::new(0),
        }))
    }

    /// Runs `future`, and whatever is spawned meanwhile, to the end. When no task
    /// can go on, time passes until someone can.
    pub fn run<F: Future>(&self, future: F) -> F::Output {
        let mut future = std::pin::pin!(future);
        let mut background: Vec<Pin<Box<dyn Future<Output = ()>>>> = Vec::new();
        let mut output = None;
        loop {
            let flag = Arc::new(Flag(AtomicBool::new(false)));
            let waker = Waker::from(Arc::clone(&flag));
            let mut context = Context::from_waker(&waker);
            if output.is_none()
                && let Poll::Ready(done) = future.as_mut().poll(&mut context)
            {
                output = Some(done);
            }
            background.append(&mut self.0.tasks.borrow_mut());
            background.retain_mut(|task| task.as_mut().poll(&mut context).is_pending());
            if background.is_empty()
                && self.0.tasks.borrow().is_empty()
                && let Some(output) = output.take()
            {
                return output;
            }
            if !flag.0.load(Ordering::SeqCst) && self.0.tasks.borrow().is_empty() {
                self.pass_time();
            }
        }
    }

    fn pass_time(&self) {
        let mut timers = self.0.timers.borrow_mut();
        let next = timers.iter().map(|(at, _)| *at).min();
        let next = next.expect("every task waits and none will be woken");
        self.let_pass(next.saturating_sub(self.passed()));
        timers.retain(|(at, waker)| {
            let is_due = *at <= next;
            if is_due {
                waker.wake_by_ref();
            }
            !is_due
        });
    }

    /// The wall clock shows whole milliseconds, but does not lose what is less.
    fn let_pass(&self, time: Duration) {
        let (from, to) = (self.passed(), self.passed() + time);
        let millis = to.as_millis() - from.as_millis();
        let millis = Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX));
        self.0.now.set(self.now().after(millis).0);
        self.0.monotonic.set(to);
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        self.let_pass(by);
    }

    /// Sets the wall clock back. The monotonic one goes on, and so does whoever sleeps.
    pub fn set_back(&self, by: Duration) {
        self.0.now.set(self.now().before(by).0);
    }

    /// How long a request to Smartcar takes.
    pub fn latency(&self, latency: Duration) {
        self.0.latency.set(latency);
    }

    /// What the next request to `path` gets; the last one stays.
    pub fn reply(&self, path: &str, reply: Reply) {
        let mut replies = self.0.replies.borrow_mut();
        replies.entry(path.into()).or_default().push_back(reply);
    }

    /// Answers the next request to `path` so, without headers; the last one stays.
    pub fn answer(&self, path: &str, status: u16, body: &str) {
        self.reply(path, Reply::Answer(status, Vec::new(), body.into()));
    }

    /// Leaves the next request to `path` without an answer; the last one stays.
    pub fn fail(&self, path: &str, sent: Sent) {
        self.reply(path, Reply::Silence(sent));
    }

    /// Has Smartcar refuse an access token, such as `token-1`, with 401.
    pub fn refuse_token(&self, token: &str) {
        self.0.refused.borrow_mut().push(format!("Bearer {token}"));
    }

    /// Forgets what requests to `path` were to get.
    pub fn clear_answers(&self, path: &str) {
        self.0.replies.borrow_mut().remove(path);
    }

    /// How often something was written to the key-value store or removed from it.
    pub fn store_writes(&self) -> usize {
        self.0.store_writes.get()
    }

    /// Whether the identity server cannot be reached.
    pub fn identity_is_away(&self, is_away: bool) {
        self.0.identity_is_away.set(is_away.then_some(Sent::No));
    }

    /// Has every access to the key-value store fail.
    pub fn break_store(&self) {
        self.0.store_is_down.set(true);
    }

    /// Whether the key-value store can be read and not written.
    pub fn protect_store(&self, is_read_only: bool) {
        self.0.store_is_read_only.set(is_read_only);
    }

    /// Makes the key-value store what it was, as [`Fake::stored`] gave it.
    pub fn restore(&self, store: BTreeMap<String, Vec<u8>>) {
        *self.0.store.borrow_mut() = store;
    }

    /// Overwrites every value in the key-value store.
    pub fn damage_store(&self, with: &[u8]) {
        for value in self.0.store.borrow_mut().values_mut() {
            *value = with.to_vec();
        }
    }

    /// What is in the key-value store.
    pub fn stored(&self) -> BTreeMap<String, Vec<u8>> {
        self.0.store.borrow().clone()
    }

    /// The requests that were sent to Smartcar.
    pub fn requests(&self) -> Vec<http::Request<Bytes>> {
        self.0.requests.borrow().clone()
    }

    /// How many requests were sent to `path`.
    pub fn requests_to(&self, path: &str) -> usize {
        let requests = self.0.requests.borrow();
        requests.iter().filter(|r| r.uri().path() == path).count()
    }

    /// How often a token was asked for.
    pub fn token_requests(&self) -> usize {
        self.requests_to("/oauth2/token")
    }

    /// The uses of the access token.
    pub fn used(&self) -> Vec<Used> {
        self.0.used.borrow().clone()
    }

    /// Gives the component a variable, as spin.toml does.
    pub fn set_variable(&self, name: &str, value: &str) {
        let mut variables = self.0.variables.borrow_mut();
        variables.insert(name.into(), value.into());
    }

    /// A variable, if the component is given it.
    pub fn given_variable(&self, name: &str) -> Option<String> {
        self.0.variables.borrow().get(name).cloned()
    }

    /// Takes what a component writes to its log.
    pub fn append_to_log(&self, bytes: &[u8]) {
        self.0.log.borrow_mut().extend_from_slice(bytes);
    }

    /// The lines of the log.
    pub fn lines(&self) -> Vec<String> {
        let log = String::from_utf8(self.0.log.borrow().clone()).unwrap();
        log.lines().map(str::to_owned).collect()
    }

    /// The lines of the log about `event`, read as JSON.
    pub fn lines_about(&self, event: &str) -> Vec<serde_json::Value> {
        let lines = self.lines();
        let lines = lines.iter().map(|line| serde_json::from_str(line).unwrap());
        lines
            .filter(|line: &serde_json::Value| line["event"] == event)
            .collect()
    }

    /// A notifier, and what is notified when it is dropped.
    pub fn new_notifier(&self) -> (FakeNotifier, FakeNotified) {
        let (sender, receiver) = oneshot::channel();
        (FakeNotifier { _sender: sender }, FakeNotified(receiver))
    }

    /// Notes that the instance asked the host to prefer others.
    pub fn note_preference(&self) {
        let times = &self.0.others_preferred;
        times.set(times.get() + 1);
    }

    /// How often the instance asked the host to prefer others.
    pub fn others_preferred(&self) -> u32 {
        self.0.others_preferred.get()
    }

    /// How much time has passed since the host was made.
    pub fn passed(&self) -> Duration {
        self.0.monotonic.get()
    }

    fn respond(&self, request: &http::Request<Bytes>) -> Reply {
        let path = request.uri().path();
        let bearer = request.headers().get("authorization");
        let bearer = bearer.map(|value| value.to_str().unwrap());
        if bearer.is_some_and(|bearer| self.0.refused.borrow().iter().any(|r| r == bearer)) {
            return Reply::Answer(401, Vec::new(), String::new());
        }
        if let Some(replies) = self.0.replies.borrow_mut().get_mut(path) {
            return match replies.len() {
                1 => replies[0].clone(),
                _ => replies.pop_front().unwrap(),
            };
        }
        assert_eq!(path, "/oauth2/token", "no answer was given for this path");
        if let Some(sent) = self.0.identity_is_away.get() {
            return Reply::Silence(sent);
        }
        self.0.granted.set(self.0.granted.get() + 1);
        let token = self.0.granted.get();
        let body = format!(
            r#"{{"access_token":"token-{token}","token_type":"Bearer","expires_in":3600}}"#
        );
        Reply::Answer(200, Vec::new(), body)
    }

    async fn up(&self) -> Result<(), KeyValueError> {
        self.sleep(Duration::from_millis(1)).await;
        if self.0.store_is_down.get() {
            Err(KeyValueError("down".into()))
        } else {
            Ok(())
        }
    }

    async fn writable(&self) -> Result<(), KeyValueError> {
        self.up().await?;
        self.0.store_writes.set(self.0.store_writes.get() + 1);
        if self.0.store_is_read_only.get() {
            Err(KeyValueError("read-only".into()))
        } else {
            Ok(())
        }
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Clock for Fake {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.now.get())
    }

    async fn sleep(&self, time: Duration) {
        let until = self.passed() + time;
        std::future::poll_fn(|context| {
            if self.passed() >= until {
                return Poll::Ready(());
            }
            let timer = (until, context.waker().clone());
            self.0.timers.borrow_mut().push(timer);
            Poll::Pending
        })
        .await;
    }
}

impl Random for Fake {
    fn unit(&self) -> f64 {
        // xorshift64*: G. Marsaglia, Xorshift RNGs, 2003.
        let mut x = self.0.chance.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.0.chance.set(x);
        (x.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

impl Spawn for Fake {
    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.0.tasks.borrow_mut().push(Box::pin(task));
    }
}

impl Audit for Fake {
    fn token_used(&self, used: &TokenUse<'_>) {
        self.0.used.borrow_mut().push(Used {
            path: used.endpoint.path,
            vehicle: used.vehicle.map(ToString::to_string),
            user: used.user.map(ToString::to_string),
            status: used.status,
            request_id: used.request_id.map(str::to_owned),
            millis: used.duration.as_millis(),
        });
    }
}

/// A body that arrives in pieces of 16 bytes, and may break off.
pub struct FakeBody {
    rest: Bytes,
    breaks_off: bool,
}

impl BodyStream for FakeBody {
    async fn next(&mut self) -> Option<Result<Bytes, TransportError>> {
        if self.rest.is_empty() {
            return self.breaks_off.then(|| {
                Err(TransportError {
                    sent: Sent::Maybe,
                    detail: "cut".into(),
                })
            });
        }
        let piece = self.rest.split_to(self.rest.len().min(16));
        Some(Ok(piece))
    }
}

impl Http for Fake {
    type Body = FakeBody;

    async fn open(
        &self,
        request: http::Request<Bytes>,
        deadline: Duration,
    ) -> Result<http::Response<FakeBody>, TransportError> {
        let reply = self.respond(&request);
        self.0.requests.borrow_mut().push(request);
        let latency = self.0.latency.get();
        self.sleep(latency.min(deadline)).await;
        let silence = |sent| TransportError {
            sent,
            detail: "as requested".into(),
        };
        match reply {
            _ if latency > deadline => Err(silence(Sent::Maybe)),
            Reply::Silence(sent) => Err(silence(sent)),
            Reply::Answer(status, headers, body) => {
                let mut response = http::Response::builder().status(status);
                let breaks_off = headers.iter().any(|(name, _)| *name == "x-breaks-off");
                for (name, value) in headers {
                    response = response.header(name, value);
                }
                let rest = body.into();
                Ok(response.body(FakeBody { rest, breaks_off }).unwrap())
            }
        }
    }
}

impl KeyValue for Fake {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        self.up().await?;
        Ok(self.0.store.borrow().get(key).cloned())
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), KeyValueError> {
        self.writable().await?;
        self.0.store.borrow_mut().insert(key.into(), value.into());
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), KeyValueError> {
        self.writable().await?;
        self.0.store.borrow_mut().remove(key);
        Ok(())
    }
}
