//! Rules of the quarantine.

use super::{Engine, Stage, deliver, deliver_report_of, patiently, user, vehicle};
use crate::{
    Quarantine, Store, Vehicles,
    quarantine::{QuarantineFigures, Quarantined, WAITS_FOR},
};
use smartcar::{Clock, Timestamp};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn suspect(event_id: &str, vehicle_id: &str, received_at: Timestamp) -> Quarantined {
    Quarantined {
        event_id: event_id.to_owned(),
        vehicle_id: vehicle_id.to_owned(),
        received_at,
        signature: "a signature".to_owned(),
        body: b"\xff\0\x01 a body".to_vec(),
    }
}

/// Lets the store know of vehicles.
async fn know(store: &impl Store, vehicles: &[&str], at: Timestamp) {
    for vehicle in vehicles {
        let event = format!("the first of {vehicle}");
        deliver_report_of(store, &event, (vehicle, "u-1"), at, &[]).await;
    }
}

/// The events in quarantine, in the order of receipt.
async fn waiting(store: &impl Store) -> Vec<String> {
    let all = store.quarantined((Timestamp(0), ""), 1000).await.unwrap();
    all.into_iter().map(|each| each.event_id).collect()
}

pub(crate) async fn quarantine_keeps_a_delivery_byte_for_byte_until_it_is_released(
    stage: &Stage<impl Engine>,
) {
    let (one, other, now) = (stage.instance(), stage.instance(), stage.clock.now());
    know(&one, &["v-1"], now).await;
    let kept = suspect("e-1", "v-1", now);
    assert!(one.quarantine(&kept, 9).await.unwrap());
    let later = suspect("e-2", "v-1", now.after(SECOND));
    assert!(one.quarantine(&later, 9).await.unwrap());
    let all = other.quarantined((Timestamp(0), ""), 9).await.unwrap();
    assert_eq!(all, [kept, later]);
    other.release_quarantined(&[]).await.unwrap();
    other
        .release_quarantined(&["e-1".to_owned()])
        .await
        .unwrap();
    assert_eq!(waiting(&one).await, ["e-2"]);
    one.release_quarantined(&["e-1".to_owned(), "e-2".to_owned()])
        .await
        .unwrap();
    assert_eq!(waiting(&one).await, [""; 0]);
}

pub(crate) async fn quarantine_keeps_an_event_once_and_of_a_known_vehicle_alone(
    stage: &Stage<impl Engine>,
) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let keeps = async |event, vehicle| {
        store
            .quarantine(&suspect(event, vehicle, now), 9)
            .await
            .unwrap()
    };
    assert!(!keeps("e-1", "v-1").await, "of an unknown vehicle");
    know(&store, &["v-1", "v-2"], now).await;
    let vehicles = ["v-3", "v-2", "v-2", "\0"].map(str::to_owned);
    assert_eq!(store.known_vehicles(&vehicles).await.unwrap(), ["v-2"]);
    assert_eq!(store.known_vehicles(&[]).await.unwrap(), [""; 0]);
    assert!(keeps("e-1", "v-1").await);
    // A retry has another body, and the same event.
    let retry = Quarantined {
        signature: "another signature".to_owned(),
        ..suspect("e-1", "v-1", now.after(SECOND))
    };
    assert!(!store.quarantine(&retry, 9).await.unwrap());
    assert!(!keeps("e-1", "v-2").await, "of another vehicle");
    let all = store.quarantined((Timestamp(0), ""), 9).await.unwrap();
    assert_eq!(all, [suspect("e-1", "v-1", now)]);
    deliver(&store, "stored", Some("v-1"), now).await;
    assert!(!keeps("stored", "v-1").await, "that is stored");
}

pub(crate) async fn quarantine_gives_no_vehicle_the_place_of_another_one(
    stage: &Stage<impl Engine>,
) {
    let (store, now) = (stage.instance(), stage.clock.now());
    know(&store, &["flooded", "quiet", "late"], now).await;
    let mut at = now;
    let mut keeps = async |event: &str, vehicle| {
        at = at.after(SECOND);
        let kept = suspect(event, vehicle, at);
        store.quarantine(&kept, 4).await.unwrap()
    };
    assert!(keeps("q-1", "quiet").await);
    for event in ["f-1", "f-2", "f-3"] {
        assert!(keeps(event, "flooded").await);
    }
    for event in 4..20 {
        let event = format!("f-{event}");
        assert!(!keeps(&event, "flooded").await, "{event} has its share");
    }
    // What has fewer takes the oldest of what has most, until they have as many.
    assert!(keeps("q-2", "quiet").await);
    assert_eq!(waiting(&store).await, ["q-1", "f-2", "f-3", "q-2"]);
    assert!(!keeps("q-3", "quiet").await);
    assert!(!keeps("f-20", "flooded").await);
    assert!(keeps("l-1", "late").await);
    assert_eq!(waiting(&store).await, ["f-2", "f-3", "q-2", "l-1"]);
    assert!(!keeps("l-2", "late").await);
    assert!(!keeps("q-4", "quiet").await);
}

pub(crate) async fn quarantine_of_instances_that_race_is_not_overfilled(
    stage: &Stage<impl Engine>,
) {
    let (store, now) = (stage.instance(), stage.clock.now());
    know(&store, &["v-0", "v-1", "v-2", "v-3"], now).await;
    stage.at_once(4, async |number, store| {
        for event in 0..10 {
            let event = format!("e-{number}-{event}");
            let kept = suspect(&event, &format!("v-{number}"), now);
            patiently(async || store.quarantine(&kept, 8).await).await;
        }
    });
    let left = waiting(&store).await;
    assert_eq!(left.len(), 8, "{left:?}");
    for vehicle in 0..4 {
        let begins = format!("e-{vehicle}-");
        let of = left.iter().filter(|event| event.starts_with(&begins));
        assert_eq!(of.count(), 2, "{left:?}");
    }
}

pub(crate) async fn quarantine_is_read_in_pages_and_in_the_order_of_receipt(
    stage: &Stage<impl Engine>,
) {
    let (store, now) = (stage.instance(), stage.clock.now());
    know(&store, &["v-1", "v-2"], now).await;
    for (event, vehicle, seconds) in [("c", "v-1", 2), ("b", "v-2", 1), ("a", "v-1", 1)] {
        let kept = suspect(event, vehicle, now.after(SECOND * seconds));
        assert!(store.quarantine(&kept, 9).await.unwrap());
    }
    let page = async |after: (Timestamp, &str), most| -> Vec<String> {
        let page = store.quarantined(after, most).await.unwrap();
        page.into_iter().map(|each| each.event_id).collect()
    };
    assert_eq!(page((now, ""), 2).await, ["a", "b"]);
    assert_eq!(page((now.after(SECOND), "a"), 2).await, ["b", "c"]);
    assert_eq!(page((now.after(SECOND), "b"), 2).await, ["c"]);
    assert_eq!(page((now.after(SECOND * 2), ""), 2).await, ["c"]);
    assert_eq!(page((now.after(SECOND * 2), "c"), 2).await, [""; 0]);
}

pub(crate) async fn quarantine_forgets_what_has_waited_for_a_day(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    know(&store, &["v-1"], now).await;
    let keeps = async |event, at| {
        store
            .quarantine(&suspect(event, "v-1", at), 2)
            .await
            .unwrap()
    };
    // Of a clock that was ahead, which takes no place.
    assert!(keeps("ahead", now.after(WAITS_FOR * 9)).await);
    assert!(keeps("e-1", now).await);
    assert!(keeps("e-2", now.after(SECOND)).await);
    assert_eq!(waiting(&store).await, ["e-1", "e-2"]);
    assert!(!keeps("e-3", now.after(WAITS_FOR)).await);
    // What is too old takes no place either, and goes with the next one.
    let later = now.after(WAITS_FOR + SECOND / 2);
    assert!(keeps("e-3", later).await);
    assert_eq!(waiting(&store).await, ["e-2", "e-3"]);

    assert!(!store.forget_quarantined(now, 1).await.unwrap());
    for _ in 0..2 {
        assert!(store.forget_quarantined(later, 1).await.unwrap());
    }
    assert!(!store.forget_quarantined(later, 1).await.unwrap());
    assert_eq!(waiting(&store).await, [""; 0]);
}

pub(crate) async fn quarantine_of_a_vehicle_goes_with_it(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    know(&store, &["v-1", "v-2"], now).await;
    for (event, vehicle) in [("e-1", "v-1"), ("e-2", "v-2")] {
        assert!(
            store
                .quarantine(&suspect(event, vehicle, now), 9)
                .await
                .unwrap()
        );
    }
    store.forget_vehicle(&vehicle("v-1"), None).await.unwrap();
    assert_eq!(waiting(&store).await, ["e-2"]);
    store.forget_vehicles_of(&user("u-1")).await.unwrap();
    assert_eq!(waiting(&store).await, [""; 0]);
}

pub(crate) async fn quarantine_figures_say_how_many_wait_and_since_when(
    stage: &Stage<impl Engine>,
) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let none = QuarantineFigures::default();
    assert_eq!(store.quarantine_figures(now).await.unwrap(), none);
    know(&store, &["v-1"], now).await;
    for number in 0..3_u32 {
        let event = format!("e-{number}");
        let kept = suspect(&event, "v-1", now.after(SECOND * number));
        assert!(store.quarantine(&kept, 9).await.unwrap());
    }
    let figures = store.quarantine_figures(now.after(SECOND)).await.unwrap();
    let since = QuarantineFigures {
        waiting: 2,
        oldest_at: Some(now.after(SECOND)),
    };
    assert_eq!(figures, since);
}
