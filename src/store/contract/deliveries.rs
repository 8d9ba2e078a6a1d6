//! Rules of the deliveries.

use super::{Engine, Stage, delivery, insert};
use crate::{Deliveries, StoreError};

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
            let outcome = loop {
                match store.insert(&[&event]).await {
                    Err(StoreError::Busy) => std::thread::yield_now(),
                    outcome => break outcome,
                }
            };
            match outcome {
                Ok(()) => stored += 1,
                Err(StoreError::Taken(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        stored
    });
    assert_eq!(stored.iter().sum::<i64>(), 50, "{stored:?}");
    let figures = stage.instance().delivery_figures().await.unwrap();
    assert_eq!(figures.stored, 50);
}
