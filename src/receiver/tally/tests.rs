//! The counter by the clock of the test, and tallies that remember each write.

use super::*;
use smartcar::{
    Clock,
    delivery::{Mode, Rejection},
    testing::Fake,
};
use std::cell::RefCell;
use store::{StoreError, tally::Reason};

const SECOND: Duration = Duration::from_secs(1);

/// What was written, each time.
#[derive(Default)]
struct Writes {
    writes: RefCell<Vec<Vec<Count>>>,
    fails: bool,
}

impl Tallies for Writes {
    async fn add_tallies(&self, counts: &[Count]) -> Result<(), StoreError> {
        self.writes.borrow_mut().push(counts.to_vec());
        if self.fails {
            return Err(StoreError::Full);
        }
        Ok(())
    }

    async fn tallies_since(&self, _: i64) -> Result<Vec<(Tally, i64)>, StoreError> {
        unreachable!("a counter reads nothing")
    }

    async fn forget_tallies(&self, _: i64) -> Result<bool, StoreError> {
        unreachable!("a counter forgets nothing")
    }
}

struct Instance {
    fake: Fake,
    counter: &'static Counter<Fake, Writes>,
}

impl Instance {
    fn of(writes: Writes) -> Self {
        let fake = Fake::new();
        let platform = Box::leak(Box::new(fake.clone()));
        let counter = Counter::new(platform, Box::leak(Box::new(writes)));
        let counter = Box::leak(Box::new(counter));
        Self { fake, counter }
    }

    fn new() -> Self {
        Self::of(Writes::default())
    }

    fn count(&self, tally: Tally) {
        self.counter.count(self.fake.now(), tally);
    }

    fn writes(&self) -> Vec<Vec<Count>> {
        self.counter.store.writes.borrow().clone()
    }
}

fn tally(outcome: Outcome) -> Tally {
    Tally {
        outcome,
        reason: Reason::None,
        event_type: String::new(),
        mode: Mode::Live,
    }
}

fn forgery() -> Tally {
    Tally {
        reason: Reason::Signature(Rejection::Mismatch),
        ..tally(Outcome::Refused)
    }
}

#[test]
fn counter_writes_once_a_second_what_was_counted_meanwhile() {
    let instance = Instance::new();
    let fake = &instance.fake;
    fake.run(async {
        for _ in 0..30 {
            instance.count(tally(Outcome::Stored));
            instance.count(forgery());
            fake.sleep(Duration::from_millis(51)).await;
        }
    });
    let writes = instance.writes();
    let counts = |write: &[Count]| -> Vec<i64> { write.iter().map(|count| count.count).collect() };
    assert_eq!(writes.len(), 2);
    assert_eq!(counts(&writes[0]), [20, 20]);
    assert_eq!(counts(&writes[1]), [10, 10]);
}

#[test]
fn counter_writes_nothing_while_nothing_is_counted() {
    let instance = Instance::new();
    instance.count(forgery());
    instance.fake.run(instance.fake.sleep(10 * SECOND));
    assert_eq!(instance.writes().len(), 1);
}

#[test]
fn counter_keeps_minutes_apart() {
    let instance = Instance::new();
    let minute = instance.fake.now().0 / 60_000;
    let next = Timestamp((minute + 1) * 60_000);
    instance.counter.count(Timestamp(next.0 - 1), forgery());
    instance.counter.count(next, forgery());
    instance.counter.count(next, forgery());
    instance.fake.run(async {});
    let count = |minute, count| Count {
        minute,
        tally: forgery(),
        count,
    };
    assert_eq!(
        instance.writes(),
        [[count(minute, 1), count(minute + 1, 2)]]
    );
}

#[test]
fn counts_that_cannot_be_written_are_lost_with_a_line() {
    let writes = Writes {
        fails: true,
        ..Writes::default()
    };
    let instance = Instance::of(writes);
    instance.count(forgery());
    instance.fake.run(async {});
    let lines = instance.fake.lines_about("tally");
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["level"], "warn");
    assert_eq!(lines[0]["error"], "database: the database is full");
    instance.count(tally(Outcome::Stored));
    instance.fake.run(async {});
    let writes = instance.writes();
    assert_eq!(writes[1].len(), 1, "{writes:?}");
    assert_eq!(writes[1][0].tally, tally(Outcome::Stored));
}

#[test]
fn counters_of_a_flood_write_seldom_and_count_for_all() {
    let (mut writes, mut counted) = (0, 0);
    // Each has a chance of its own.
    let instance = Instance::new();
    for _ in 0..400 {
        for _ in 0..FLOOD {
            instance.count(forgery());
        }
        instance.fake.run(async {});
    }
    for write in instance.writes() {
        writes += 1;
        counted += write.iter().map(|count| count.count).sum::<i64>();
    }
    assert!((10..50).contains(&writes), "{writes}");
    assert_eq!(counted, writes * FLOOD * i64::from(SHARE));
}

fn counted(counts: &[(Outcome, i64)]) -> Counted {
    let counts = counts.iter().cloned();
    counts
        .map(|(outcome, count)| ((1, tally(outcome)), count))
        .collect()
}

/// What is written by a chance: how often in all.
fn written(counts: &[(Outcome, i64)], chance: f64) -> i64 {
    let written = to_write(counted(counts), chance);
    written.iter().map(|count| count.count).sum()
}

#[test]
fn flood_is_written_by_one_of_sixteen() {
    let flood = [(Outcome::Refused, FLOOD)];
    assert_eq!(written(&flood, 0.06), FLOOD * i64::from(SHARE));
    assert_eq!(to_write(counted(&flood), 0.07), []);
    assert_eq!(to_write(counted(&flood), 1.0), []);
}

#[test]
fn flood_is_not_ended_by_verify() {
    // Anyone may post a VERIFY: it needs no signature.
    let verify = [(Outcome::Verify, FLOOD)];
    let both = [(Outcome::Refused, FLOOD - 1), (Outcome::Verify, 1)];
    for flood in [&verify[..], &both] {
        assert_eq!(written(flood, 0.07), 0);
        assert_eq!(written(flood, 0.06), FLOOD * i64::from(SHARE));
    }
}

#[test]
fn counts_are_exact_where_there_is_no_flood_of_strangers() {
    let few = [(Outcome::Refused, FLOOD - 1)];
    let signed = [(Outcome::Stored, 1000)];
    let mixed = [(Outcome::Refused, 1000), (Outcome::Duplicate, 1)];
    for exact in [&few[..], &signed, &mixed] {
        let all: i64 = exact.iter().map(|(_, count)| count).sum();
        assert_eq!(written(exact, 0.99), all);
    }
}
