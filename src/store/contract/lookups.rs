//! Rules of the look-ups that found no owner.

use super::{Engine, Stage, vehicle};
use crate::{
    CLOCKS_DIFFER, Lookups,
    lookup::{COUNTS_FOR, KnownLookups, NoOwner},
};
use smartcar::{Clock, Timestamp};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const LIFE: Duration = Duration::from_secs(60);

async fn known(store: &impl Lookups, id: &str, caller: &str, now: Timestamp) -> KnownLookups {
    let (believed, counted) = (now.before(LIFE), now.before(COUNTS_FOR));
    let vehicle = vehicle(id);
    let known = store.known_lookups(&vehicle, caller, believed, counted, now);
    known.await.unwrap()
}

pub(crate) async fn lookup_is_known_to_all_and_counted_for_its_caller(stage: &Stage<impl Engine>) {
    let (store, now, v1) = (stage.instance(), stage.clock.now(), vehicle("v-1"));
    assert_eq!(
        known(&store, "v-1", "app", now).await,
        KnownLookups::default()
    );
    let reason = NoOwner::NotConnected;
    store.add_lookup(&v1, "app", reason, now).await.unwrap();
    let later = now.after(SECOND);
    let several = NoOwner::Several;
    store.add_lookup(&v1, "app", several, later).await.unwrap();
    // One of another user says nothing of others, and counts.
    let other = NoOwner::OtherUser;
    let latest = later.after(SECOND);
    store.add_lookup(&v1, "app", other, latest).await.unwrap();
    let of_app = KnownLookups {
        no_owner: Some(several),
        count: 3,
        first_at: Some(now),
    };
    assert_eq!(known(&store, "v-1", "app", latest).await, of_app);
    let of_other = KnownLookups {
        no_owner: Some(several),
        ..KnownLookups::default()
    };
    assert_eq!(known(&store, "v-1", "other", latest).await, of_other);
    let of_another = KnownLookups {
        no_owner: None,
        ..of_app
    };
    assert_eq!(known(&store, "v-2", "app", latest).await, of_another);
}

pub(crate) async fn lookup_is_believed_and_counted_for_a_while(stage: &Stage<impl Engine>) {
    let (store, now, v1) = (stage.instance(), stage.clock.now(), vehicle("v-1"));
    store
        .add_lookup(&v1, "app", NoOwner::NotConnected, now)
        .await
        .unwrap();
    let at = async |time| {
        let known = known(&store, "v-1", "app", now.after(time)).await;
        (known.no_owner.is_some(), known.count)
    };
    assert_eq!(at(LIFE).await, (true, 1));
    assert_eq!(at(LIFE + SECOND).await, (false, 1));
    assert_eq!(at(COUNTS_FOR).await, (false, 1));
    assert_eq!(at(COUNTS_FOR + SECOND).await, (false, 0));
}

pub(crate) async fn lookup_of_a_clock_ahead_does_not_count(stage: &Stage<impl Engine>) {
    let (store, now, v1) = (stage.instance(), stage.clock.now(), vehicle("v-1"));
    let reason = NoOwner::NotConnected;
    let ahead = now.after(CLOCKS_DIFFER);
    store.add_lookup(&v1, "app", reason, ahead).await.unwrap();
    assert_eq!(known(&store, "v-1", "app", now).await.count, 1);
    let far = ahead.after(SECOND);
    store.add_lookup(&v1, "app", reason, far).await.unwrap();
    assert_eq!(known(&store, "v-1", "app", now).await.count, 1);
}

pub(crate) async fn lookups_that_count_no_more_are_forgotten(stage: &Stage<impl Engine>) {
    let (store, now, v1) = (stage.instance(), stage.clock.now(), vehicle("v-1"));
    let kept = async || {
        let (ever, later) = (Timestamp(0), now.after(COUNTS_FOR * 3));
        let known = store.known_lookups(&v1, "app", ever, ever, later);
        known.await.unwrap().count
    };
    let add = async |at| {
        let reason = NoOwner::NotConnected;
        store.add_lookup(&v1, "app", reason, at).await.unwrap();
    };
    for second in 0..5_u32 {
        add(now.after(SECOND * second)).await;
    }
    assert_eq!(kept().await, 5);
    add(now.after(COUNTS_FOR + SECOND * 3)).await;
    assert_eq!(kept().await, 3);
}
