//! Group commit on a store of the test's own.

use super::*;
use smartcar::{Clock, Timestamp, delivery::Mode, testing::Fake};
use std::{
    collections::BTreeSet,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, Waker},
};
use store::delivery::{Delivery, DeliveryFigures};

/// A store that does nothing, and says nothing, before it has been polled twice. So a
/// task can be dropped before and after what it asked for is done.
struct FakeStore {
    clock: Fake,
    state: Mutex<State>,
}

struct State {
    /// Someone else writes until then.
    locked_until: Timestamp,
    stored: BTreeSet<String>,
    /// The inserts that were committed, each with how many rows it had.
    commits: Vec<usize>,
    /// How many inserts were tried.
    inserts: usize,
    /// No insert of this event succeeds.
    bad: Option<&'static str>,
}

impl FakeStore {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Stores the events, all of them or none.
    fn commit(&self, rows: &[&String]) -> Result<(), StoreError> {
        let mut state = self.state();
        if self.clock.now() < state.locked_until {
            return Err(StoreError::Busy);
        }
        let events: BTreeSet<String> = rows.iter().map(|event| (*event).clone()).collect();
        if events.iter().any(|event| state.bad == Some(event)) {
            return Err(StoreError::Unavailable("it is bad".to_owned()));
        }
        if events.len() < rows.len() || !events.is_disjoint(&state.stored) {
            return Err(StoreError::Taken("event_id".to_owned()));
        }
        state.commits.push(rows.len());
        state.stored.extend(events);
        Ok(())
    }

    async fn be_polled_twice(&self) {
        let mut times = 0;
        poll_fn(|_| {
            times += 1;
            if times < 2 {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
    }
}

impl Deliveries for FakeStore {
    type Prepared = String;

    const BATCH: usize = 16;

    fn prepare(&self, delivery: &Delivery<'_>) -> String {
        delivery.event_id.to_owned()
    }

    async fn insert(&self, rows: &[&String]) -> Result<(), StoreError> {
        assert!((1..=Self::BATCH).contains(&rows.len()));
        self.be_polled_twice().await;
        self.state().inserts += 1;
        self.commit(rows)?;
        self.be_polled_twice().await;
        Ok(())
    }

    async fn known(&self, rows: &[&String]) -> Result<Vec<bool>, StoreError> {
        self.be_polled_twice().await;
        let state = self.state();
        let known = rows.iter().map(|event| state.stored.contains(*event));
        Ok(known.collect())
    }

    async fn forget_deliveries(&self, _: Timestamp, _: i64) -> Result<bool, StoreError> {
        unreachable!("a batch forgets nothing")
    }

    async fn delivery_figures(&self) -> Result<DeliveryFigures, StoreError> {
        unreachable!("a batch counts nothing")
    }
}

/// The requests of an instance: each a task that stores a row.
struct Instance {
    clock: Fake,
    batches: &'static Batches<Fake, FakeStore>,
    tasks: Vec<Task>,
}

enum Task {
    Running(Pin<Box<dyn Future<Output = Outcome>>>),
    Ended(Outcome),
    Dropped,
}

impl Instance {
    fn new() -> Self {
        let clock = Fake::new();
        let state = State {
            locked_until: clock.now(),
            stored: BTreeSet::new(),
            commits: Vec::new(),
            inserts: 0,
            bad: None,
        };
        let store = FakeStore {
            clock: clock.clone(),
            state: Mutex::new(state),
        };
        let platform = Box::leak(Box::new(clock.clone()));
        let batches = Batches::new(platform, Box::leak(Box::new(store)));
        Self {
            clock,
            batches: Box::leak(Box::new(batches)),
            tasks: Vec::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.batches.store.state()
    }

    /// Someone else writes for so long.
    fn lock(&self, time: Duration) {
        self.state().locked_until = self.clock.now().after(time);
    }

    /// A delivery arrives.
    fn deliver(&mut self, event: &str) {
        let prepared = self.batches.store.prepare(&Delivery {
            event_id: event,
            event_type: "VEHICLE_STATE",
            mode: Mode::Live,
            vehicle_id: None,
            user_id: None,
            delivered_at: None,
            received_at: self.clock.now(),
            body: b"{}",
            report: None,
        });
        let task = Box::pin(self.batches.store(prepared));
        self.tasks.push(Task::Running(task));
    }

    /// Lets a task go on to its next wait.
    fn poll(&mut self, task: usize) {
        let mut context = Context::from_waker(Waker::noop());
        if let Task::Running(running) = &mut self.tasks[task]
            && let Poll::Ready(outcome) = running.as_mut().poll(&mut context)
        {
            self.tasks[task] = Task::Ended(outcome);
        }
    }

    /// A millisecond, in which each task goes on once.
    fn tick(&mut self) {
        for task in 0..self.tasks.len() {
            self.poll(task);
        }
        self.clock.advance(Duration::from_millis(1));
    }

    fn run(&mut self, time: Duration) {
        for _ in 0..time.as_millis() {
            self.tick();
        }
    }

    fn drop_task(&mut self, task: usize) {
        self.tasks[task] = Task::Dropped;
    }

    /// What became of a delivery; none where it still waits.
    fn outcome(&self, task: usize) -> Option<&Outcome> {
        match &self.tasks[task] {
            Task::Ended(outcome) => Some(outcome),
            Task::Running(_) | Task::Dropped => None,
        }
    }
}

const PATIENCE: Duration = StoreError::PATIENCE;
const MOMENT: Duration = Duration::from_millis(50);

fn locked() -> Outcome {
    Outcome::Failed(StoreError::Busy.to_string())
}

#[test]
fn batch_takes_all_that_came_meanwhile() {
    let mut instance = Instance::new();
    for event in 0..20 {
        instance.deliver(&format!("event {event}"));
    }
    instance.run(MOMENT);
    for task in 0..20 {
        assert_eq!(instance.outcome(task), Some(&Outcome::Stored), "{task}");
    }
    assert_eq!(instance.state().commits, [1, FakeStore::BATCH, 3]);
}

#[test]
fn batch_with_a_bad_row_or_duplicates_stores_the_others() {
    let mut instance = Instance::new();
    instance.state().bad = Some("bad");
    instance.state().stored.insert("old".to_owned());
    for event in ["first", "a", "old", "bad", "b", "b", "c"] {
        instance.deliver(event);
    }
    instance.run(MOMENT);
    let outcomes: Vec<_> = (0..7).map(|task| instance.outcome(task).unwrap()).collect();
    let (stored, duplicate) = (&Outcome::Stored, &Outcome::Duplicate);
    let failed = &Outcome::Failed("database: it is bad".to_owned());
    assert_eq!(
        outcomes,
        [stored, stored, duplicate, failed, stored, duplicate, stored]
    );
}

#[test]
fn batch_with_a_bad_row_is_tried_together_once() {
    let mut instance = Instance::new();
    instance.state().bad = Some("bad");
    for event in ["first", "a", "b", "c", "d", "bad"] {
        instance.deliver(event);
    }
    instance.run(MOMENT);
    assert_eq!(instance.state().commits, [1; 5]);
    // The first, the other five together, and each of them alone.
    assert_eq!(instance.state().inserts, 1 + 1 + 5);
}

#[test]
fn late_row_waits_for_a_lock_as_long_as_any() {
    let mut instance = Instance::new();
    instance.lock(PATIENCE + 2 * MOMENT);
    instance.deliver("early");
    instance.run(PATIENCE - MOMENT);
    instance.deliver("late");
    instance.run(2 * MOMENT);
    assert_eq!(instance.outcome(0), Some(&locked()));
    assert_eq!(instance.outcome(1), None, "it has waited for a moment");
    instance.run(2 * MOMENT);
    assert_eq!(instance.outcome(1), Some(&Outcome::Stored));
}

#[test]
fn row_fails_when_it_has_waited_for_a_lock_long_enough() {
    let mut instance = Instance::new();
    instance.lock(4 * PATIENCE);
    // More than a batch takes: the last ones wait in the queue first.
    for event in 0..20 {
        instance.deliver(&format!("event {event}"));
        instance.run(10 * MOMENT / 20);
    }
    instance.run(PATIENCE - 11 * MOMENT);
    assert!((0..20).all(|task| instance.outcome(task).is_none()));
    for task in 0..20 {
        instance.run(10 * MOMENT / 20);
        let ended = (0..20).filter(|task| instance.outcome(*task).is_some());
        assert!(ended.count().abs_diff(task) <= 3, "{task}");
    }
    instance.run(2 * MOMENT);
    assert!((0..20).all(|task| instance.outcome(task) == Some(&locked())));
}

#[test]
fn duplicate_is_answered_while_its_neighbours_wait_for_a_lock() {
    let mut instance = Instance::new();
    instance.state().stored.insert("old".to_owned());
    instance.lock(2 * MOMENT);
    for event in ["old", "old", "new"] {
        instance.deliver(event);
    }
    instance.run(MOMENT);
    assert_eq!(instance.outcome(0), Some(&Outcome::Duplicate));
    assert_eq!(instance.outcome(1), Some(&Outcome::Duplicate));
    assert_eq!(instance.outcome(2), None);
    instance.run(2 * MOMENT);
    assert_eq!(instance.outcome(2), Some(&Outcome::Stored));
}

/// What goes on in the database while a task is dropped.
#[derive(Clone, Copy, Debug)]
enum Scene {
    Free,
    Locked,
    LockedForLong,
    Bad,
    Repeated,
}

const SCENES: [Scene; 5] = [
    Scene::Free,
    Scene::Locked,
    Scene::LockedForLong,
    Scene::Bad,
    Scene::Repeated,
];

const EVENTS: [&str; 5] = ["a", "b", "c", "d", "e"];

impl Scene {
    fn begin(self) -> Instance {
        let instance = Instance::new();
        match self {
            Self::Free => {}
            Self::Locked => instance.lock(Duration::from_millis(20)),
            Self::LockedForLong => instance.lock(PATIENCE + 2 * MOMENT),
            Self::Bad => instance.state().bad = Some("c"),
            Self::Repeated => {
                let mut state = instance.state();
                state.stored.extend(["a".to_owned(), "d".to_owned()]);
            }
        }
        instance
    }

    /// Whether a row can end so beside a task that was dropped. What the dropped task
    /// wrote can be found as a duplicate by the next.
    fn allows(self, event: &str, outcome: &Outcome) -> bool {
        match self {
            Self::LockedForLong => *outcome == locked(),
            Self::Bad if event == "c" => matches!(outcome, Outcome::Failed(_)),
            Self::Repeated if event == "a" || event == "d" => *outcome == Outcome::Duplicate,
            _ => matches!(outcome, Outcome::Stored | Outcome::Duplicate),
        }
    }
}

/// Delivers the events one after the other, and drops one of the tasks after so many
/// steps of any; false if all had ended by then.
fn drop_after(scene: Scene, victim: usize, steps: usize) -> bool {
    let mut instance = scene.begin();
    let mut left = steps;
    let mut is_dropped = false;
    while !is_dropped && left > 0 {
        if let Some(event) = EVENTS.get(instance.tasks.len()) {
            instance.deliver(event);
        }
        for task in 0..instance.tasks.len() {
            instance.poll(task);
            left = left.saturating_sub(1);
            if left == 0 && instance.tasks.len() > victim && instance.outcome(victim).is_none() {
                instance.drop_task(victim);
                is_dropped = true;
                break;
            }
        }
        instance.clock.advance(Duration::from_millis(1));
    }
    while let Some(event) = EVENTS.get(instance.tasks.len()) {
        instance.deliver(event);
    }
    instance.run(match scene {
        Scene::LockedForLong => PATIENCE + 4 * MOMENT,
        _ => 4 * MOMENT,
    });
    for (task, event) in EVENTS.iter().enumerate() {
        if is_dropped && task == victim {
            continue;
        }
        let outcome = instance.outcome(task);
        let what =
            format!("{scene:?}: {victim} was dropped after {steps}, and {event} {outcome:?}");
        assert!(
            outcome.is_some_and(|outcome| scene.allows(event, outcome)),
            "{what}"
        );
    }
    instance.deliver("next");
    instance.run(MOMENT);
    assert_eq!(
        instance.outcome(5),
        Some(&Outcome::Stored),
        "{scene:?}: {victim} at {steps}"
    );
    is_dropped
}

#[test]
fn task_that_is_dropped_at_any_wait_strands_no_other() {
    for scene in SCENES {
        for victim in 0..EVENTS.len() {
            let dropped = (1..80).filter(|steps| drop_after(scene, victim, *steps));
            assert!(dropped.count() > 0, "{scene:?} {victim}");
        }
    }
}

#[test]
fn batch_whose_tasks_were_all_dropped_strands_no_later_one() {
    for steps in 0..60 {
        let mut instance = Instance::new();
        for event in EVENTS {
            instance.deliver(event);
        }
        for step in 0..steps {
            instance.poll(step % EVENTS.len());
        }
        // Each leads the batch that the one before it left.
        for task in 0..EVENTS.len() {
            instance.drop_task(task);
        }
        instance.deliver("next");
        instance.run(MOMENT);
        assert_eq!(instance.outcome(5), Some(&Outcome::Stored), "{steps}");
    }
}
