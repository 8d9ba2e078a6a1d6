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
    Configurations, Deliveries, Outbox, Store, StoreError, delivery::Delivery,
    outbox::SinkConfiguration,
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
                delivery_is_stored_once_by_instances_that_race,
                delivery_batch_is_as_large_as_the_engine_says,
                delivery_that_is_twice_in_a_batch_is_not_stored_with_it,
                delivery_body_comes_back_byte_for_byte,
                delivery_figures_say_how_many_there_are_and_when_the_last_came,
                delivery_is_forgotten_when_it_is_old_the_oldest_first_and_in_steps;
            tallies:
                tallies_of_instances_and_minutes_add_up,
                tallies_of_instances_that_race_add_up,
                tallies_are_in_the_order_in_which_they_are_shown,
                tallies_before_a_minute_are_forgotten;
            outbox:
                outbox_has_an_event_for_each_sink_that_wants_it,
                outbox_has_what_changes_a_signal_for_a_sink_that_wants_changes,
                outbox_claim_has_the_whole_event,
                outbox_keeps_the_order_of_a_vehicle,
                outbox_claim_finds_what_waits_behind_many_others,
                outbox_claim_finds_what_waits_behind_many_that_were_replayed,
                outbox_claim_takes_no_more_than_asked_for,
                outbox_claim_holds_for_its_lease_and_knows_that_it_was_taken,
                outbox_event_is_claimed_by_one_of_the_instances_that_race,
                outbox_event_whose_attempt_ended_without_a_word_is_claimed_alone,
                outbox_event_that_was_kept_is_due_at_its_time,
                outbox_sends_nothing_to_a_sink_that_is_paused,
                outbox_pause_of_a_clock_ahead_is_over,
                outbox_has_nothing_for_a_sink_that_is_off_until_it_is_configured_anew,
                outbox_counts_the_failures_of_a_sink_in_a_row,
                outbox_event_is_a_dead_letter_after_a_day_of_waiting,
                outbox_of_a_sink_that_is_left_out_goes_in_steps_unless_it_comes_back,
                outbox_claim_of_a_clock_ahead_is_released,
                outbox_event_that_a_clock_ahead_has_put_off_is_brought_near,
                outbox_figures_say_how_each_sink_fares,
                outbox_loses_no_event_and_no_order_whatever_happens_to_the_others,
                outbox_of_an_instance_goes_on_in_another;
            dead_letters:
                dead_letters_are_listed_the_newest_first,
                dead_letter_that_is_replayed_is_as_new,
                dead_letters_of_a_while_are_replayed_the_oldest_first,
                dead_letter_goes_with_its_delivery;
            configurations:
                configuration_is_none_before_the_first_one,
                configuration_in_force_makes_the_sinks,
                configuration_replaces_the_one_that_its_instance_has_seen,
                configuration_of_one_of_the_instances_that_race_is_in_force,
                configuration_that_was_replaced_is_remembered_while_it_is_brought,
                configuration_hands_each_sink_what_waited_for_all;
            chores:
                chore_is_known_by_its_name_and_due_from_the_beginning,
                chore_is_taken_by_one_of_those_who_have_seen_the_same_time,
                chore_is_done_once_in_a_while_by_all_instances_together,
                chore_that_a_clock_ahead_has_put_off_is_due;
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
    type Store: Store;

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

/// Goes on while another instance of [`Stage::at_once`] writes: for instances that wait,
/// five seconds pass in no time.
pub(crate) async fn patiently<T>(work: impl AsyncFn() -> Result<T, StoreError>) -> T {
    loop {
        match work().await {
            Err(StoreError::Busy) => thread::yield_now(),
            result => return result.unwrap(),
        }
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

/// Stores a delivery of a type that reports nothing of its vehicle.
pub(crate) async fn deliver(
    store: &impl Deliveries,
    event_id: &str,
    vehicle_id: Option<&str>,
    received_at: Timestamp,
) {
    let delivery = Delivery {
        event_type: "TOMORROW",
        vehicle_id,
        received_at,
        ..delivery(event_id)
    };
    insert(store, &[delivery]).await;
}

/// A sink that wants every event.
pub(crate) fn sink(name: &str) -> SinkConfiguration {
    SinkConfiguration {
        name: name.to_owned(),
        types: None,
        vehicles: None,
        modes: None,
        changed_only: 0,
        digest: String::new(),
    }
}

/// Puts sinks in force in place of whatever is.
pub(crate) async fn configure(
    store: &impl Configurations,
    sinks: &[SinkConfiguration],
    now: Timestamp,
) {
    let configuration = serde_json::to_string(sinks).unwrap();
    let known = store.known_configuration(&configuration).await.unwrap();
    let in_force = known.in_force.as_deref();
    store
        .put_in_force(&configuration, in_force, now)
        .await
        .unwrap();
}

/// The events that a claim gets, in its order.
pub(crate) async fn claimed(
    store: &impl Outbox,
    sink: &str,
    now: Timestamp,
    most: usize,
) -> Vec<String> {
    let due = store.claim(sink, now, most).await.unwrap();
    due.into_iter().map(|due| due.event_id).collect()
}
