//! What every engine does: the traits of this crate, said by examples.
//!
//! A rule is a function over an [`Engine`]. It uses nothing but the traits, and several
//! stores on one database where it is about several instances. An engine runs all of them
//! by one line, `contract!(ItsName);`.

pub(crate) mod chores;
pub(crate) mod configurations;
pub(crate) mod dead_letters;
pub(crate) mod deliveries;
pub(crate) mod outbox;
pub(crate) mod tallies;

use crate::{
    Chores, Configurations, DeadLetters, Deliveries, Outbox, Schema, Tallies, delivery::Delivery,
};
use smartcar::{Timestamp, delivery::Mode, testing::Fake};
use std::{sync::Barrier, thread};

/// Makes a test of each rule for an engine. A rule that is missing here is dead code,
/// which the compiler reports.
macro_rules! contract {
    ($engine:ty) => {
        $crate::contract::tests! { $engine;
            deliveries:
                delivery_is_stored_once,
                delivery_is_stored_once_by_instances_that_race;
        }
    };
}
pub(crate) use contract;

macro_rules! tests {
    ($engine:ty; $($noun:ident: $($rule:ident),+;)+) => {$(
        mod $noun {
            use super::*;

            $(
                #[test]
                fn $rule() {
                    $crate::contract::check::<$engine>($crate::contract::$noun::$rule);
                }
            )+
        }
    )+};
}
pub(crate) use tests;

/// An engine as its tests have it: an empty database for each.
pub(crate) trait Engine: Sized {
    /// What instances have of it.
    type Store: Schema + Deliveries + Tallies + Outbox + DeadLetters + Configurations + Chores;

    /// By which other threads find the database.
    type Address: Clone + Send + Sync;

    /// An empty database, which goes with this value.
    fn new() -> Self;

    fn address(&self) -> Self::Address;

    /// The database that another value has made.
    fn at(address: Self::Address) -> Self;

    /// A store on it, as one instance has it.
    fn store(&self, clock: &Fake) -> Self::Store;
}

/// A database and a clock that the rule sets.
pub(crate) struct Stage<E> {
    engine: E,
    pub(crate) clock: Fake,
}

/// Checks a rule on an empty database.
pub(crate) fn check<E: Engine>(rule: impl AsyncFnOnce(&Stage<E>)) {
    let stage = Stage {
        engine: E::new(),
        clock: Fake::new(),
    };
    stage.clock.run(rule(&stage));
}

impl<E: Engine> Stage<E> {
    /// A store, as one instance has it.
    pub(crate) fn instance(&self) -> E::Store {
        self.engine.store(&self.clock)
    }

    /// Does this in so many instances at the same time, each in a thread with a clock of
    /// its own. Returns what each returned.
    pub(crate) fn at_once<T: Send>(
        &self,
        instances: usize,
        task: impl AsyncFn(usize, &E::Store) -> T + Sync,
    ) -> Vec<T> {
        let (barrier, address) = (Barrier::new(instances), self.engine.address());
        let run = |number: usize| {
            let (address, barrier, task) = (address.clone(), &barrier, &task);
            move || {
                let (engine, clock) = (E::at(address), Fake::new());
                let store = engine.store(&clock);
                barrier.wait();
                clock.run(task(number, &store))
            }
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..instances).map(|n| scope.spawn(run(n))).collect();
            let results = threads.into_iter().map(|thread| thread.join().unwrap());
            results.collect()
        })
    }
}

/// A delivery about no vehicle, which reports nothing.
pub(crate) fn delivery(event_id: &str) -> Delivery<'_> {
    Delivery {
        event_id,
        event_type: "VEHICLE_STATE",
        mode: Mode::Live,
        vehicle_id: None,
        user_id: None,
        delivered_at: None,
        received_at: Timestamp(1_700_000_000_000),
        body: b"{}",
        report: None,
    }
}

/// Stores deliveries, so many at a time as the engine takes.
pub(crate) async fn insert<S: Deliveries>(store: &S, deliveries: &[Delivery<'_>]) {
    for batch in deliveries.chunks(S::BATCH) {
        let prepared: Vec<_> = batch.iter().map(|each| store.prepare(each)).collect();
        store
            .insert(&prepared.iter().collect::<Vec<_>>())
            .await
            .unwrap();
    }
}
