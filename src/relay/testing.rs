//! A relay on the fake host, with sinks that answer as the test says.

use crate::{
    relay::Relay,
    sink::{Event, SinkError, Sinks},
};
use edge::Response;
use http::Method;
use smartcar::{Clock, Timestamp, delivery::Mode, testing::Fake};
use std::{cell::RefCell, rc::Rc, time::Duration};
use store::{
    DeadLetters, Deliveries, Outbox,
    delivery::Delivery,
    outbox::{DeadLetter, RunReport, SinkFigures},
    sqlite::native::{Native, NativeStore},
};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) type TestRelay = Relay<Fake, NativeStore, TestSinks>;

/// The host, the database and the sinks that all instances of a test share.
pub(crate) struct World {
    pub(crate) fake: Fake,
    pub(crate) database: Native,
    pub(crate) sinks: TestSinks,
    pub(crate) store: NativeStore,
}

impl World {
    /// A world whose variable `sinks` has sinks of these names, which take everything.
    pub(crate) fn new(sinks: &[&str]) -> Self {
        let (fake, database) = (Fake::new(), Native::new());
        fake.set_variable("retention_days", "7");
        fake.set_variable("run_time", "30");
        let world = Self {
            sinks: TestSinks::new(&fake),
            store: database.store(&fake),
            fake,
            database,
        };
        world.configure(sinks);
        world
    }

    /// Sets the variable `sinks`, for instances that begin after this.
    pub(crate) fn configure(&self, sinks: &[&str]) {
        let sinks = sinks.iter().map(|name| {
            format!(r#"{{"name":"{name}","url":"https://{name}.example","secret":"whsec_YQ=="}}"#)
        });
        let sinks: Vec<_> = sinks.collect();
        let sinks = format!("[{}]", sinks.join(","));
        self.fake.set_variable("sinks", &sinks);
    }

    /// A new instance of the relay.
    pub(crate) fn relay(&self) -> &'static TestRelay {
        let store = self.database.store(&self.fake);
        Box::leak(Box::new(Relay::new(
            self.fake.clone(),
            store,
            self.sinks.clone(),
        )))
    }

    /// Stores an event that is received now.
    pub(crate) async fn deliver(&self, event: &str, vehicle: Option<&str>) {
        self.deliver_at(event, vehicle, self.fake.now()).await;
    }

    /// Stores an event that was received then.
    pub(crate) async fn deliver_at(&self, event: &str, vehicle: Option<&str>, at: Timestamp) {
        let delivery = self.store.prepare(&Delivery {
            event_id: event,
            event_type: "VEHICLE_STATE",
            mode: Mode::Live,
            vehicle_id: vehicle,
            user_id: Some("u-1"),
            delivered_at: None,
            received_at: at,
            body: format!("the body of {event}").as_bytes(),
            report: None,
        });
        self.store.insert(&[&delivery]).await.unwrap();
    }

    /// How a sink fares.
    pub(crate) async fn figures(&self, sink: &str) -> SinkFigures {
        let all = self.store.sink_figures().await.unwrap();
        let mut all = all.into_iter();
        let of = all.find(|figures| figures.sink.as_deref() == Some(sink));
        of.unwrap()
    }

    /// The dead letters, the newest first.
    pub(crate) async fn dead_letters(&self) -> Vec<DeadLetter> {
        self.store.dead_letters(None, None, 100).await.unwrap()
    }
}

/// `POST /run`, answered with a report.
pub(crate) async fn run(relay: &'static TestRelay) -> RunReport {
    let response = relay.answer(&Method::POST, "/run").await.unwrap();
    assert_eq!(response.status(), 200);
    serde_json::from_slice(response.body()).unwrap()
}

/// `POST /nudge`, answered with 204: for how many seconds another one is of no use.
pub(crate) async fn nudge(relay: &'static TestRelay) -> Option<u64> {
    let response = relay.answer(&Method::POST, "/nudge").await.unwrap();
    assert_eq!(
        (response.status().as_u16(), response.body().len()),
        (204, 0)
    );
    rest(&response)
}

fn rest(response: &Response) -> Option<u64> {
    let seconds = response.headers().get("retry-after")?;
    Some(seconds.to_str().unwrap().parse().unwrap())
}

/// What a sink says to an event, and how long it takes for that.
type Answer = Rc<dyn Fn(&Event) -> (Duration, Result<(), SinkError>)>;

/// Sinks that answer as the test says, and take everything unless it does.
#[derive(Clone)]
pub(crate) struct TestSinks(Rc<State>);

struct State {
    fake: Fake,
    answers: RefCell<Vec<(String, Answer)>>,
    seen: RefCell<Vec<Seen>>,
}

/// An event that a sink was sent.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) event: Event,
    pub(crate) at: Timestamp,
    /// When the sink took it.
    pub(crate) taken_at: Option<Timestamp>,
}

impl TestSinks {
    fn new(fake: &Fake) -> Self {
        Self(Rc::new(State {
            fake: fake.clone(),
            answers: RefCell::default(),
            seen: RefCell::default(),
        }))
    }

    /// What a sink says from now on.
    pub(crate) fn answer(
        &self,
        sink: &str,
        answer: impl Fn(&Event) -> (Duration, Result<(), SinkError>) + 'static,
    ) {
        let mut answers = self.0.answers.borrow_mut();
        answers.retain(|(name, _)| name != sink);
        answers.push((sink.to_owned(), Rc::new(answer)));
    }

    /// All that a sink was sent.
    pub(crate) fn seen(&self, sink: &str) -> Vec<Seen> {
        let seen = self.0.seen.borrow();
        let of = seen.iter().filter(|seen| seen.event.sink == sink);
        of.cloned().collect()
    }

    /// The events that a sink was sent, and the numbers of the attempts.
    pub(crate) fn attempts(&self, sink: &str) -> Vec<(String, u32)> {
        let seen = self.seen(sink).into_iter();
        seen.map(|seen| (seen.event.id, seen.event.attempt))
            .collect()
    }

    /// The events that a sink has taken, in the order in which it was sent them.
    pub(crate) fn taken(&self, sink: &str) -> Vec<String> {
        let seen = self.seen(sink).into_iter();
        seen.filter(|seen| seen.taken_at.is_some())
            .map(|seen| seen.event.id)
            .collect()
    }
}

impl Sinks for TestSinks {
    async fn deliver(&self, event: Event) -> Result<(), SinkError> {
        let Self(state) = self;
        let answer = {
            let answers = state.answers.borrow();
            let found = answers.iter().find(|(name, _)| *name == event.sink);
            found.map(|(_, answer)| Rc::clone(answer))
        };
        let (time, answer) = answer.map_or((Duration::ZERO, Ok(())), |answer| answer(&event));
        let index = {
            let mut seen = state.seen.borrow_mut();
            seen.push(Seen {
                event,
                at: state.fake.now(),
                taken_at: None,
            });
            seen.len() - 1
        };
        if time > Duration::ZERO {
            state.fake.sleep(time).await;
        }
        if answer.is_ok() {
            state.seen.borrow_mut()[index].taken_at = Some(state.fake.now());
        }
        answer
    }
}

/// An answer that comes at once.
pub(crate) fn at_once(answer: Result<(), SinkError>) -> (Duration, Result<(), SinkError>) {
    (Duration::ZERO, answer)
}

/// A sink that takes nothing now.
pub(crate) fn unavailable(retry_after: Option<u32>) -> Result<(), SinkError> {
    let detail = "it answered 503".to_owned();
    Err(SinkError::Unavailable {
        retry_after,
        detail,
    })
}
