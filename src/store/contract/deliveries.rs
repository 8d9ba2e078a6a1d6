//! Rules of the deliveries.

use super::{Engine, Stage, claimed, configure, deliver, delivery, insert, patiently, sink};
use crate::{
    Deliveries, Outbox, StoreError,
    delivery::{Delivery, DeliveryFigures},
};
use smartcar::{Clock, Timestamp, delivery::Mode};

pub(crate) async fn delivery_is_stored_once(stage: &Stage<impl Engine>) {
    let store = stage.instance();
    insert(&store, &[delivery("e-1")]).await;
    let [first, second] = ["e-1", "e-2"].map(|event| store.prepare(&delivery(event)));
    let again = store.insert(&[&second, &first]).await;
    assert!(matches!(again, Err(StoreError::Taken(_))), "{again:?}");
    let known = store.known(&[&second, &first]).await.unwrap();
    assert_eq!(known, [false, true], "all of a batch are stored or none");
}

pub(crate) async fn delivery_is_stored_once_by_instances_that_race(stage: &Stage<impl Engine>) {
    // One opens the database, so that the race is about the events.
    assert_eq!(stage.instance().delivery_figures().await.unwrap().stored, 0);
    let stored = stage.at_once(4, async |_, store| {
        let mut stored = 0;
        for event in 0..50 {
            let event = format!("e-{event}");
            let event = store.prepare(&delivery(&event));
            let is_new = patiently(async || match store.insert(&[&event]).await {
                Ok(()) => Ok(true),
                Err(StoreError::Taken(_)) => Ok(false),
                Err(error) => Err(error),
            });
            stored += i64::from(is_new.await);
        }
        stored
    });
    assert_eq!(stored.iter().sum::<i64>(), 50, "{stored:?}");
    let figures = stage.instance().delivery_figures().await.unwrap();
    assert_eq!(figures.stored, 50);
}

pub(crate) async fn delivery_batch_is_as_large_as_the_engine_says<E: Engine>(stage: &Stage<E>) {
    let (store, batch) = (stage.instance(), <E::Store as Deliveries>::BATCH);
    let events: Vec<String> = (0..=batch).map(|event| format!("e-{event}")).collect();
    let prepared: Vec<_> = events.iter().map(|e| store.prepare(&delivery(e))).collect();
    let all: Vec<_> = prepared.iter().collect();
    let (first, rest) = all.split_at(batch);
    store.insert(first).await.unwrap();
    let stored = store.delivery_figures().await.unwrap().stored;
    assert_eq!(usize::try_from(stored).unwrap(), batch);
    assert_eq!(store.known(first).await.unwrap(), vec![true; batch]);
    assert_eq!(store.known(rest).await.unwrap(), [false]);
    // More than that is refused and not cut off.
    assert!(store.insert(&all).await.is_err());
    assert!(store.known(&all).await.is_err());
    assert_eq!(store.known(rest).await.unwrap(), [false]);
}

pub(crate) async fn delivery_that_is_twice_in_a_batch_is_not_stored_with_it(
    stage: &Stage<impl Engine>,
) {
    let store = stage.instance();
    let [a, b] = ["a", "b"].map(|event| store.prepare(&delivery(event)));
    let twice = store.insert(&[&a, &b, &b]).await;
    assert!(matches!(twice, Err(StoreError::Taken(_))), "{twice:?}");
    assert_eq!(store.known(&[&a, &b, &b]).await.unwrap(), [false; 3]);
    store.insert(&[&b]).await.unwrap();
    assert_eq!(
        store.known(&[&a, &b, &b]).await.unwrap(),
        [false, true, true]
    );
}

pub(crate) async fn delivery_body_comes_back_byte_for_byte(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    configure(&store, &[sink("a")], now).await;
    let all: Vec<u8> = (0..=u8::MAX).collect();
    let long = vec![b'x'; smartcar::delivery::MAX_BODY];
    let bodies: [&[u8]; 9] = [
        b"",
        b"{\"eventId\": \"e-1\",\r\n \"x\": 1.0}",
        "{\"owner\": \"J\u{e9}r\u{f4}me \u{1f697}\"}".as_bytes(),
        b"\xff\xfe{}",
        b"{\"cut\": \"\xc3",
        b"\0",
        b"{\"nul\": \"a\0b\"}",
        &all,
        &long,
    ];
    for (event, body) in bodies.iter().enumerate() {
        let event_id = format!("e-{event}");
        insert(
            &store,
            &[Delivery {
                body,
                ..delivery(&event_id)
            }],
        )
        .await;
    }
    let due = store.claim("a", now, bodies.len()).await.unwrap();
    assert_eq!(due.len(), bodies.len());
    for (due, body) in due.iter().zip(bodies) {
        assert_eq!(due.body, body, "{}", due.event_id);
    }
}

pub(crate) async fn delivery_figures_say_how_many_there_are_and_when_the_last_came(
    stage: &Stage<impl Engine>,
) {
    let store = stage.instance();
    let figures = store.delivery_figures().await.unwrap();
    assert_eq!(figures, DeliveryFigures::default());
    let [first, second, third] = [10, 20, 30].map(Timestamp);
    for (event_id, mode, received_at) in [
        ("e-1", Mode::Live, second),
        ("e-2", Mode::Test, third),
        ("e-3", Mode::Live, first),
    ] {
        let delivery = Delivery {
            mode,
            received_at,
            ..delivery(event_id)
        };
        insert(&store, &[delivery]).await;
    }
    let expected = DeliveryFigures {
        stored: 3,
        last_received_at: Some(third),
        last_live_at: Some(second),
    };
    assert_eq!(store.delivery_figures().await.unwrap(), expected);
}

pub(crate) async fn delivery_is_forgotten_when_it_is_old_the_oldest_first_and_in_steps(
    stage: &Stage<impl Engine>,
) {
    let (store, now) = (stage.instance(), stage.clock.now());
    configure(&store, &[sink("a")], now).await;
    // Stored in another order than received.
    let events = [("e-3", 3), ("e-1", 1), ("e-4", 4), ("e-2", 2), ("e-5", 5)];
    for (event, at) in events {
        deliver(&store, event, None, Timestamp(at)).await;
    }
    let prepared = events.map(|(event, _)| store.prepare(&delivery(event)));
    let known = async || store.known(&prepared.each_ref()).await.unwrap();
    let forget = async |before, most| {
        let before = Timestamp(before);
        store.forget_deliveries(before, most).await.unwrap()
    };
    assert!(!forget(1, 10).await);
    assert_eq!(known().await, [true; 5]);
    assert!(forget(5, 2).await);
    assert_eq!(known().await, [true, false, true, false, true]);
    assert!(forget(5, 3).await);
    assert_eq!(known().await, [false, false, false, false, true]);
    assert!(!forget(5, 3).await);
    // What is forgotten waits for no sink.
    assert_eq!(claimed(&store, "a", now, 10).await, ["e-5"]);
    let figures = store.sink_figures().await.unwrap();
    assert_eq!(figures[0].waiting, 1);
}
