//! Rules of the configurations of sinks.

use super::{Engine, Stage, claimed, configure, deliver, delivery, insert, patiently, sink};
use crate::{
    Configurations, Outbox,
    delivery::Delivery,
    outbox::{KnownConfiguration, SinkConfiguration},
};
use smartcar::{Clock, Timestamp};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn of(sinks: &[SinkConfiguration]) -> String {
    serde_json::to_string(sinks).unwrap()
}

async fn known(store: &impl Configurations, configuration: &str) -> KnownConfiguration {
    store.known_configuration(configuration).await.unwrap()
}

pub(crate) async fn configuration_is_none_before_the_first_one(stage: &Stage<impl Engine>) {
    let store = stage.instance();
    let nothing = KnownConfiguration::default();
    assert_eq!(known(&store, "[]").await, nothing);
    // What is seen then is nothing that is known.
    store.in_force_seen("[]", stage.clock.now()).await.unwrap();
    store.replaced_seen("[]", stage.clock.now()).await.unwrap();
    assert_eq!(known(&store, "[]").await, nothing);
}

pub(crate) async fn configuration_in_force_makes_the_sinks(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    configure(&store, &[sink("b"), sink("a")], now).await;
    let mut sinks = store.sinks().await.unwrap();
    sinks.sort();
    assert_eq!(sinks, ["a", "b"]);
    configure(&store, &[sink("c"), sink("b")], now).await;
    let mut sinks = store.sinks().await.unwrap();
    sinks.sort();
    assert_eq!(sinks, ["b", "c"]);
    configure(&store, &[], now).await;
    assert!(store.sinks().await.unwrap().is_empty());
}

pub(crate) async fn configuration_replaces_the_one_that_its_instance_has_seen(
    stage: &Stage<impl Engine>,
) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let [first, second, third] = ["a", "b", "c"].map(|name| of(&[sink(name)]));
    store.put_in_force(&first, None, now).await.unwrap();
    let later = now.after(SECOND);
    store
        .put_in_force(&second, Some(&first), later)
        .await
        .unwrap();
    // These have seen what is no longer in force.
    for seen in [None, Some(first.as_str())] {
        store.put_in_force(&third, seen, later).await.unwrap();
    }
    assert_eq!(store.sinks().await.unwrap(), ["b"]);
    let expected = KnownConfiguration {
        in_force: Some(second.clone()),
        seen_at: Some(later),
        former_at: None,
    };
    assert_eq!(known(&store, &second).await, expected);
    assert_eq!(known(&store, &third).await, expected);
}

pub(crate) async fn configuration_of_one_of_the_instances_that_race_is_in_force(
    stage: &Stage<impl Engine>,
) {
    let store = stage.instance();
    assert_eq!(known(&store, "[]").await.in_force, None);
    let all = ["a", "b", "c", "d"].map(|name| of(&[sink(name)]));
    stage.at_once(4, async |number, store| {
        let now = Timestamp(1000 + i64::try_from(number).unwrap());
        patiently(async || store.put_in_force(&all[number], None, now).await).await;
    });
    let known = known(&store, "[]").await;
    let number = all
        .iter()
        .position(|one| known.in_force.as_ref() == Some(one));
    let now = Timestamp(1000 + i64::try_from(number.unwrap()).unwrap());
    assert_eq!(known.seen_at, Some(now));
    assert_eq!(store.sinks().await.unwrap().len(), 1);
}

pub(crate) async fn configuration_that_was_replaced_is_remembered_while_it_is_brought(
    stage: &Stage<impl Engine>,
) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let [old, new, newer] = ["a", "b", "c"].map(|name| of(&[sink(name)]));
    store.put_in_force(&old, None, now).await.unwrap();
    assert_eq!(known(&store, &old).await.former_at, None);
    let replaced = now.after(SECOND);
    store
        .put_in_force(&new, Some(&old), replaced)
        .await
        .unwrap();
    assert_eq!(known(&store, &old).await.former_at, Some(replaced));

    let seen = replaced.after(SECOND);
    store.in_force_seen(&new, seen).await.unwrap();
    store.in_force_seen(&old, seen.after(SECOND)).await.unwrap();
    let brought = seen.after(2 * SECOND);
    store.replaced_seen(&old, brought).await.unwrap();
    store
        .replaced_seen(&new, brought.after(SECOND))
        .await
        .unwrap();
    let expected = KnownConfiguration {
        in_force: Some(new.clone()),
        seen_at: Some(seen),
        former_at: Some(brought),
    };
    assert_eq!(known(&store, &old).await, expected);

    // It is forgotten a day after it was last brought, with the next change.
    let day = brought.after(DAY);
    store.put_in_force(&newer, Some(&new), day).await.unwrap();
    assert_eq!(known(&store, &old).await.former_at, Some(brought));
    let later = day.after(SECOND);
    store.put_in_force(&new, Some(&newer), later).await.unwrap();
    assert_eq!(known(&store, &old).await.former_at, None);
    // The one in force is none that was replaced, even if it was once.
    assert_eq!(known(&store, &new).await.former_at, None);
    assert_eq!(known(&store, &newer).await.former_at, Some(later));
}

pub(crate) async fn configuration_hands_each_sink_what_waited_for_all(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    deliver(&store, "e-1", Some("v-1"), now).await;
    let error = Delivery {
        event_type: "VEHICLE_ERROR",
        ..delivery("e-2")
    };
    insert(&store, &[error]).await;
    deliver(&store, "e-3", Some("v-1"), now).await;
    let figures = store.sink_figures().await.unwrap();
    let waiting: Vec<_> = figures
        .iter()
        .map(|of| (of.sink.clone(), of.waiting))
        .collect();
    assert_eq!(waiting, [(None, 3)], "no sink has a name yet");
    let errors = SinkConfiguration {
        types: Some(r#"["VEHICLE_ERROR"]"#.to_owned()),
        ..sink("errors")
    };
    configure(&store, &[sink("all"), errors.clone()], now).await;
    assert_eq!(claimed(&store, "errors", now, 9).await, ["e-2"]);
    // In the order of receipt, the second one of the vehicle after the first.
    let first = store.claim("all", now, 9).await.unwrap();
    let events: Vec<_> = first.iter().map(|due| due.event_id.as_str()).collect();
    assert_eq!(events, ["e-1", "e-2"]);
    store.delivered(&[first[0].seq]).await.unwrap();
    assert_eq!(claimed(&store, "all", now, 9).await, ["e-3"]);
    // A sink that comes later gets what comes later.
    configure(&store, &[sink("all"), errors, sink("late")], now).await;
    deliver(&store, "e-4", None, now).await;
    assert_eq!(claimed(&store, "late", now, 9).await, ["e-4"]);
    let figures = store.sink_figures().await.unwrap();
    let waiting = figures
        .iter()
        .map(|of| (of.sink.as_deref().unwrap(), of.waiting));
    assert_eq!(
        waiting.collect::<Vec<_>>(),
        [("all", 3), ("errors", 1), ("late", 1)]
    );
}
