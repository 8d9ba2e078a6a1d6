//! Rules of the chores.

use super::{Engine, Stage, patiently};
use crate::{Chores, chore::Chore};
use smartcar::{Clock, Timestamp};
use std::time::Duration;

pub(crate) async fn chore_is_known_by_its_name_and_due_from_the_beginning(
    stage: &Stage<impl Engine>,
) {
    let store = stage.instance();
    for name in ["cron", "doctor", "outbox", "retention"] {
        let due_at = store.chore_due_at(name).await.unwrap().unwrap();
        assert!(due_at <= stage.clock.now(), "{name}");
    }
    assert_eq!(store.chore_due_at("new").await.unwrap(), None);
    let (from, to) = (Timestamp(0), Timestamp(1));
    assert!(!store.take_chore("new", from, to).await.unwrap());
    assert_eq!(store.chore_due_at("new").await.unwrap(), None);
}

pub(crate) async fn chore_is_taken_by_one_of_those_who_have_seen_the_same_time(
    stage: &Stage<impl Engine>,
) {
    let store = stage.instance();
    let seen = store.chore_due_at("outbox").await.unwrap().unwrap();
    let taken = stage.at_once(8, async |number, store| {
        let next = Timestamp(1000 + i64::try_from(number).unwrap());
        patiently(async || store.take_chore("outbox", seen, next).await).await
    });
    assert_eq!(taken.iter().filter(|is_taken| **is_taken).count(), 1);
    let number = taken.iter().position(|is_taken| *is_taken).unwrap();
    let next = Timestamp(1000 + i64::try_from(number).unwrap());
    assert_eq!(store.chore_due_at("outbox").await.unwrap(), Some(next));
}

pub(crate) async fn chore_is_done_once_in_a_while_by_all_instances_together(
    stage: &Stage<impl Engine>,
) {
    let (one, other, clock) = (stage.instance(), stage.instance(), &stage.clock);
    let every = Duration::from_secs(60);
    let chore = Chore::new("outbox", every);
    assert!(chore.take(&one, clock.now()).await.unwrap());
    assert!(!chore.take(&other, clock.now()).await.unwrap());
    clock.advance(every - Duration::from_millis(1));
    assert!(!chore.take(&other, clock.now()).await.unwrap());
    // Another chore is another's.
    let retention = Chore::new("retention", every);
    assert!(retention.take(&one, clock.now()).await.unwrap());
    clock.advance(Duration::from_millis(1));
    assert!(chore.take(&other, clock.now()).await.unwrap());
    // What was not finished is gone on with by whoever asks next.
    chore.go_on(&other, clock.now()).await.unwrap();
    assert!(chore.take(&one, clock.now()).await.unwrap());
    assert!(!chore.take(&other, clock.now()).await.unwrap());
}

pub(crate) async fn chore_that_is_asked_for_is_done_before_it_is_due_and_after_a_pause(
    stage: &Stage<impl Engine>,
) {
    let (one, other, clock) = (stage.instance(), stage.instance(), &stage.clock);
    let (every, pause) = (Duration::from_secs(3600), Duration::from_secs(60));
    let chore = Chore::new("doctor", every);
    assert!(chore.take_early(&one, clock.now(), pause).await.unwrap());
    clock.advance(pause - Duration::from_millis(1));
    assert!(!chore.take_early(&other, clock.now(), pause).await.unwrap());
    clock.advance(Duration::from_millis(1));
    assert!(!chore.take(&one, clock.now()).await.unwrap());
    assert!(chore.take_early(&other, clock.now(), pause).await.unwrap());
    // What was done early is due after the whole time again.
    clock.advance(every - Duration::from_millis(1));
    assert!(!chore.take(&one, clock.now()).await.unwrap());
    clock.advance(Duration::from_millis(1));
    assert!(chore.take(&one, clock.now()).await.unwrap());
    // A time that a wrong clock has set holds nobody up.
    let month = clock.now().after(Duration::from_secs(30 * 24 * 60 * 60));
    assert!(chore.take(&one, month).await.unwrap());
    assert!(chore.take_early(&one, clock.now(), pause).await.unwrap());
}

pub(crate) async fn chore_that_a_clock_ahead_has_put_off_is_due(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let chore = Chore::new("outbox", Duration::from_secs(60));
    let month = Duration::from_secs(30 * 24 * 60 * 60);
    assert!(chore.take(&store, now.after(month)).await.unwrap());
    assert!(chore.take(&store, now).await.unwrap());
    assert!(!chore.take(&store, now).await.unwrap());
}
