//! What every engine does: the traits of this crate, said by examples.
//!
//! A rule is a function over an [`Engine`]. It uses nothing but the traits, and several
//! stores on one database where it is about several instances. An engine runs all of them
//! by one line, `contract!(ItsName);`.

pub(crate) mod actions;
pub(crate) mod arrivals;
pub(crate) mod calls;
pub(crate) mod chores;
pub(crate) mod configurations;
pub(crate) mod dead_letters;
pub(crate) mod deliveries;
pub(crate) mod examinations;
pub(crate) mod lookups;
pub(crate) mod outbox;
pub(crate) mod quarantine;
pub(crate) mod signals;
pub(crate) mod tallies;
pub(crate) mod vehicles;

use crate::{
    Configurations, Deliveries, Outbox, Store, StoreError, delivery::Delivery,
    outbox::SinkConfiguration,
};
use smartcar::{
    Timestamp, UserId, VehicleId,
    delivery::Mode,
    report::{Content, ErrorReport, Rank, Report, SignalReport, VehicleReport},
    testing::Fake,
};
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
            vehicles:
                vehicle_has_the_owner_that_a_delivery_or_a_look_up_says,
                vehicle_is_what_the_newest_delivery_says,
                vehicle_is_not_changed_by_what_is_remembered_of_it,
                vehicle_is_not_changed_by_a_delivery_that_reports_nothing,
                vehicles_are_listed_to_those_who_may_see_them,
                vehicle_figures_are_those_of_its_owner,
                error_of_a_vehicle_is_open_since_it_was_first_reported,
                error_that_has_ended_opens_with_the_next_delivery,
                vehicles_of_an_owner_are_forgotten_together,
                accesses_are_those_of_owners_and_of_whoever_has_reported_something;
            signals:
                signal_keeps_its_newest_value_in_any_order,
                signal_keeps_an_error_beside_its_value,
                signals_are_read_with_their_vehicle,
                signal_says_whose_connection_reported_it,
                signals_of_a_read_replace_nothing_that_is_known_of_the_vehicle,
                listing_holds_while_what_was_listed_is_the_user_s,
                vehicle_that_is_forgotten_takes_its_signals_along,
                reports_of_a_user_are_forgotten_and_others_stay,
                reports_of_a_user_are_found_and_forgotten_of_the_vehicles_that_are_named,
                errors_of_a_vehicle_go_with_the_reports_of_their_user;
            actions:
                action_of_a_vehicle_runs_alone,
                action_of_a_vehicle_is_begun_by_one_of_the_instances_that_race,
                action_that_has_run_for_too_long_is_lost,
                action_of_a_clock_ahead_is_lost,
                action_whose_outcome_is_unknown_holds_its_vehicle,
                idempotency_key_stands_for_one_action_of_its_caller,
                idempotency_key_keeps_the_answer_for_a_day,
                idempotency_key_is_free_where_nothing_was_done,
                answers_are_forgotten_with_their_keys_in_steps,
                actions_are_forgotten_when_they_have_ended_in_steps,
                action_is_recorded_as_it_was_and_as_it_ended,
                actions_are_listed_the_newest_first_by_what_is_known_now,
                removal_says_whose_a_connection_was,
                subscription_that_was_made_is_known_until_something_is_removed,
                removal_that_may_not_have_happened_is_not_outlived,
                evidence_is_what_the_vehicle_reports_after_the_start,
                evidence_says_whose_connection_reported_it_and_goes_with_that_user,
                evidence_of_a_command_ends_where_another_one_asks_for_something_else;
            calls:
                calls_of_a_vehicle_are_counted_by_the_month,
                calls_of_instances_that_race_add_up,
                refusal_is_known_to_all_until_a_call_ends_it,
                refusal_holds_as_long_as_it_says_and_not_by_a_clock_ahead,
                refusal_is_questioned_by_one_of_the_instances_that_race,
                call_figures_are_those_of_a_month,
                calls_are_forgotten_with_their_vehicle,
                calls_of_former_months_are_forgotten_in_steps;
            arrivals:
                arrival_is_one_user_s_until_it_is_completed,
                arrivals_are_limited_in_all_and_of_strangers,
                arrivals_are_limited_of_one,
                arrivals_of_instances_that_race_are_limited,
                arrival_with_an_error_can_be_tried_again,
                arrival_of_a_vehicle_s_owner_is_that_vehicle_s,
                arrival_with_an_error_says_what_it_was_about,
                arrivals_that_were_not_completed_are_forgotten,
                arrivals_are_counted_and_forgotten_in_steps;
            lookups:
                lookup_is_known_to_all_and_counted_for_its_caller,
                lookup_is_believed_and_counted_for_a_while,
                lookup_of_a_clock_ahead_does_not_count,
                lookups_that_count_no_more_are_forgotten;
            examinations:
                examination_is_known_to_all_until_the_next_one;
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
                outbox_has_nothing_for_a_sink_that_is_off_until_it_is_configured_again,
                outbox_counts_the_failures_of_a_sink_in_a_row,
                outbox_event_is_a_dead_letter_after_a_day_of_waiting,
                outbox_of_a_sink_that_is_left_out_goes_in_steps_unless_it_comes_back,
                outbox_claim_of_a_clock_ahead_is_released,
                outbox_event_that_a_clock_ahead_has_put_off_is_brought_near,
                outbox_figures_say_how_each_sink_fares,
                outbox_loses_no_event_and_no_order_whatever_happens_to_the_others,
                outbox_of_an_instance_goes_on_in_another,
                outbox_of_instances_that_race_is_emptied_in_order,
                outbox_of_a_first_configuration_has_what_is_stored_meanwhile;
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
            quarantine:
                quarantine_keeps_a_delivery_byte_for_byte_until_it_is_released,
                quarantine_keeps_an_event_once_and_of_a_known_vehicle_alone,
                quarantine_gives_no_vehicle_the_place_of_another_one,
                quarantine_of_instances_that_race_is_not_overfilled,
                quarantine_is_read_in_pages_and_in_the_order_of_receipt,
                quarantine_forgets_what_has_waited_for_a_day,
                quarantine_of_a_vehicle_goes_with_it,
                quarantine_figures_say_how_many_wait_and_since_when;
            chores:
                chore_is_known_by_its_name_and_due_from_the_beginning,
                chore_is_taken_by_one_of_those_who_have_seen_the_same_time,
                chore_is_done_once_in_a_while_by_all_instances_together,
                chore_that_is_asked_for_is_done_before_it_is_due_and_after_a_pause,
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

    /// Whether its database is there; if not, its tests are left out.
    fn is_installed() -> bool {
        true
    }

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
    if !E::is_installed() {
        eprintln!("left out: its database is not installed");
        return;
    }
    let stage = Stage {
        engine: E::new(),
        clock: Fake::new(),
    };
    stage.clock.run(rule(&stage));
}

impl<E: Engine> Stage<E> {
    /// Another empty database, with this one's clock.
    pub(crate) fn like(other: &Self) -> Self {
        Self {
            engine: E::new(),
            clock: other.clock.clone(),
        }
    }

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

/// A vehicle's id.
pub(crate) fn vehicle(id: &str) -> VehicleId {
    VehicleId::parse(id).unwrap()
}

/// A user's id.
pub(crate) fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

/// A signal with a value that was observed and retrieved at this time.
pub(crate) fn value<'a>(code: &'a str, body: &'a str, at: Timestamp) -> SignalReport<'a> {
    SignalReport {
        code: code.into(),
        name: Some("Name".into()),
        group: Some("Group".into()),
        content: Content::Value(body),
        observed_at: Some(at),
        retrieved_at: Some(at),
        rank: Rank::new(Some(at), Some(at), at),
    }
}

/// A signal that was reported without a value at this time.
pub(crate) fn failure(code: &str, at: Timestamp) -> SignalReport<'_> {
    let error = r#"{"status":{"value":"ERROR"},"body":null}"#;
    SignalReport {
        content: Content::Error(error.to_owned()),
        observed_at: None,
        retrieved_at: None,
        rank: Rank::new(None, None, at),
        ..value(code, "null", at)
    }
}

/// An error of a vehicle that has begun or has ended.
pub(crate) fn error<'a>(kind: &'a str, code: &'a str, is_resolved: bool) -> ErrorReport<'a> {
    ErrorReport {
        kind: kind.into(),
        code: code.into(),
        is_resolved,
        json: "{}",
    }
}

/// What is reported of a vehicle of the make `MAKE` at this time.
pub(crate) fn report<'a>(at: Timestamp, signals: &[SignalReport<'a>]) -> Report<'a> {
    Report {
        signals: signals.to_vec(),
        vehicle: VehicleReport {
            make: Some("MAKE".into()),
            ..VehicleReport::default()
        },
        ..Report::new(Some(at), at)
    }
}

/// Stores a vehicle state of `v-1` through the connection of a user.
pub(crate) async fn deliver_report(
    store: &impl Deliveries,
    event_id: &str,
    user_id: &str,
    at: Timestamp,
    signals: &[SignalReport<'_>],
) {
    deliver_report_of(store, event_id, ("v-1", user_id), at, signals).await;
}

/// Stores a state of a vehicle through the connection of a user.
pub(crate) async fn deliver_report_of(
    store: &impl Deliveries,
    event_id: &str,
    vehicle_and_user: (&str, &str),
    at: Timestamp,
    signals: &[SignalReport<'_>],
) {
    let report = report(at, signals);
    deliver_all(store, "VEHICLE_STATE", event_id, vehicle_and_user, &report).await;
}

/// Stores errors of `v-1` through the connection of a user.
pub(crate) async fn deliver_errors(
    store: &impl Deliveries,
    event_id: &str,
    user_id: &str,
    at: Timestamp,
    errors: &[ErrorReport<'_>],
) {
    let report = Report {
        errors: errors.to_vec(),
        ..report(at, &[])
    };
    deliver_all(store, "VEHICLE_ERROR", event_id, ("v-1", user_id), &report).await;
}

async fn deliver_all(
    store: &impl Deliveries,
    event_type: &str,
    event_id: &str,
    (vehicle_id, user_id): (&str, &str),
    report: &Report<'_>,
) {
    let delivery = Delivery {
        event_type,
        vehicle_id: Some(vehicle_id),
        user_id: Some(user_id),
        delivered_at: Some(report.reported_at),
        received_at: report.received_at,
        report: Some(report),
        ..delivery(event_id)
    };
    insert(store, &[delivery]).await;
}
