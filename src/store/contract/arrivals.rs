//! Rules of the arrivals.

use super::{Engine, Stage, patiently, user, vehicle};
use crate::{
    Arrivals, CLOCKS_DIFFER,
    arrival::{
        Arrival, ArrivalFigures, FailedArrival, LastFailure, NewArrival, Returned, UNFINISHED_FOR,
    },
};
use smartcar::{Clock, ConnectFailure, Timestamp, UserId, VehicleId};
use std::{sync::LazyLock, time::Duration};

const SECOND: Duration = Duration::from_secs(1);
const WHILE: Duration = Duration::from_secs(600);

fn arrival<'a>(nonce: &'a str, user: &'a UserId, at: Timestamp) -> NewArrival<'a> {
    NewArrival {
        nonce,
        at,
        of: Returned::User(user),
        begun_for: None,
        since: at.before(WHILE),
        most: 8,
        most_of_strangers: 4,
        most_of_one: 2,
    }
}

static DENIED: LazyLock<ConnectFailure> = LazyLock::new(|| ConnectFailure {
    error: "access_denied".to_owned(),
    description: Some("no".to_owned()),
    ..ConnectFailure::default()
});

fn failed(nonce: &str, at: Timestamp) -> FailedArrival<'_> {
    FailedArrival {
        nonce,
        at,
        failure: &DENIED,
        vehicle: None,
        since: at.before(WHILE),
        most: 2,
    }
}

pub(crate) async fn arrival_is_one_user_s_until_it_is_completed(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let (u1, u2) = (user("u-1"), user("u-2"));
    assert_eq!(store.arrival("n-1").await.unwrap(), None);
    assert!(store.begin_arrival(arrival("n-1", &u1, now)).await.unwrap());
    assert!(!store.begin_arrival(arrival("n-1", &u2, now)).await.unwrap());
    let known = Arrival {
        of: Some("u-1".to_owned()),
        completed: None,
        tries: 1,
    };
    assert_eq!(store.arrival("n-1").await.unwrap(), Some(known.clone()));
    // A page that is loaded again is another look-up, and there is an end of them.
    assert!(store.begin_arrival(arrival("n-1", &u1, now)).await.unwrap());
    assert!(!store.begin_arrival(arrival("n-1", &u1, now)).await.unwrap());
    store.complete_arrival("n-1", now, 3).await.unwrap();
    store.complete_arrival("n-1", now, 4).await.unwrap();
    let known = Arrival {
        completed: Some(3),
        tries: 2,
        ..known
    };
    assert_eq!(store.arrival("n-1").await.unwrap(), Some(known));
    let later = now.after(WHILE * 2);
    assert!(
        !store
            .begin_arrival(arrival("n-1", &u1, later))
            .await
            .unwrap()
    );
}

pub(crate) async fn arrivals_are_limited_in_all_and_of_strangers(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let begin = async |number: usize, begun_for: Option<&str>, at| {
        let (nonce, user) = (format!("n-{number}"), user(&format!("u-{number}")));
        let new = NewArrival {
            begun_for,
            ..arrival(&nonce, &user, at)
        };
        store.begin_arrival(new).await.unwrap()
    };
    for number in 0..4 {
        assert!(begin(number, None, now).await, "{number}");
    }
    assert!(!begin(4, None, now).await, "strangers have half of it");
    for number in 4..8 {
        let begun_for = format!("hash-{number}");
        assert!(begin(number, Some(&begun_for), now).await, "{number}");
    }
    assert!(!begin(8, Some("hash-8"), now).await);
    assert_eq!(store.arrival("n-8").await.unwrap(), None);
    // They count for a while, and what a clock ahead has written does not.
    assert!(begin(8, Some("hash-8"), now.after(WHILE)).await);
    let corrected = now.before(CLOCKS_DIFFER + SECOND);
    assert!(begin(9, None, corrected).await);
}

pub(crate) async fn arrivals_are_limited_of_one(stage: &Stage<impl Engine>) {
    let (store, now) = (stage.instance(), stage.clock.now());
    let begin = async |nonce: &str, by: &str, begun_for| {
        let user = user(by);
        let new = NewArrival {
            begun_for,
            ..arrival(nonce, &user, now)
        };
        store.begin_arrival(new).await.unwrap()
    };
    // Of one external id, whoever the browser says that it is.
    assert!(begin("a-1", "u-1", Some("hash")).await);
    assert!(begin("a-2", "u-2", Some("hash")).await);
    assert!(!begin("a-3", "u-3", Some("hash")).await);
    // Without one, of one user and begun alike: who names another's id keeps none out.
    assert!(begin("b-1", "u-1", None).await && begin("b-2", "u-1", None).await);
    assert!(!begin("b-3", "u-1", None).await);
    assert!(begin("c-1", "u-1", Some("")).await && begin("c-2", "u-1", Some("")).await);
    assert!(!begin("c-3", "u-1", Some("")).await);
    assert!(begin("c-4", "u-2", Some("")).await);
}

pub(crate) async fn arrivals_of_instances_that_race_are_limited(stage: &Stage<impl Engine>) {
    let now = stage.clock.now();
    assert_eq!(stage.instance().arrival("n").await.unwrap(), None);
    let begun = stage.at_once(4, async |number, store| {
        let mut begun = 0;
        for each in 0..4 {
            let (nonce, user) = (format!("n-{number}-{each}"), user("u-1"));
            let new = NewArrival {
                most_of_one: 5,
                most_of_strangers: 5,
                ..arrival(&nonce, &user, now)
            };
            begun += u32::from(patiently(async || store.begin_arrival(new).await).await);
        }
        begun
    });
    assert_eq!(begun.iter().sum::<u32>(), 5, "{begun:?}");
}

pub(crate) async fn arrival_with_an_error_can_be_tried_again(stage: &Stage<impl Engine>) {
    let (store, now, u1) = (stage.instance(), stage.clock.now(), user("u-1"));
    assert!(store.fail_arrival(failed("n-1", now)).await.unwrap());
    assert!(!store.fail_arrival(failed("n-1", now)).await.unwrap());
    assert!(store.fail_arrival(failed("n-2", now)).await.unwrap());
    assert!(!store.fail_arrival(failed("n-3", now)).await.unwrap());
    assert_eq!(store.arrival("n-1").await.unwrap().unwrap().of, None);
    assert!(store.begin_arrival(arrival("n-1", &u1, now)).await.unwrap());
    let known = store.arrival("n-1").await.unwrap().unwrap();
    assert_eq!((known.of.as_deref(), known.tries), (Some("u-1"), 1));
    // It is no error any more.
    assert!(store.fail_arrival(failed("n-3", now)).await.unwrap());
}

pub(crate) async fn arrival_of_a_vehicle_s_owner_is_that_vehicle_s(stage: &Stage<impl Engine>) {
    let (store, now, u1) = (stage.instance(), stage.clock.now(), user("u-1"));
    let owner_of = async |nonce: &str, vehicle: &VehicleId| {
        let new = NewArrival {
            of: Returned::OwnerOf(vehicle),
            ..arrival(nonce, &u1, now)
        };
        store.begin_arrival(new).await.unwrap()
    };
    let (v1, v2) = (vehicle("v-1"), vehicle("v-2"));
    assert!(owner_of("n-1", &v1).await);
    assert!(!owner_of("n-1", &v2).await);
    assert!(!store.begin_arrival(arrival("n-1", &u1, now)).await.unwrap());
    let known = store.arrival("n-1").await.unwrap().unwrap();
    assert_eq!((known.of.as_deref(), known.tries), (Some("v-1"), 1));
    // Of one vehicle there are so many, whatever the state.
    assert!(owner_of("n-2", &v1).await);
    assert!(!owner_of("n-3", &v1).await);
    assert!(owner_of("n-3", &v2).await);
}

pub(crate) async fn arrival_with_an_error_says_what_it_was_about(stage: &Stage<impl Engine>) {
    let (store, now, u1) = (stage.instance(), stage.clock.now(), user("u-1"));
    assert_eq!(store.last_failure(now).await.unwrap(), None);
    assert!(store.fail_arrival(failed("n-1", now)).await.unwrap());
    let failure = ConnectFailure {
        error: "vehicle_incompatible".to_owned(),
        description: Some("too old".to_owned()),
        vin: Some("5YJ3E1EA7KF317000".to_owned()),
        make: Some("TESLA".to_owned()),
        model: Some("Model 3".to_owned()),
        year: Some("2012".to_owned()),
    };
    let (at, v1) = (now.after(SECOND), vehicle("v-1"));
    let new = FailedArrival {
        failure: &failure,
        vehicle: Some(&v1),
        ..failed("n-2", at)
    };
    assert!(store.fail_arrival(new).await.unwrap());
    let last = LastFailure {
        at,
        failure,
        vehicle: Some("v-1".to_owned()),
    };
    assert_eq!(store.last_failure(now).await.unwrap(), Some(last));
    assert_eq!(store.last_failure(at.after(SECOND)).await.unwrap(), None);
    // Who succeeds in the end has left no error.
    assert!(store.begin_arrival(arrival("n-2", &u1, at)).await.unwrap());
    let last = store.last_failure(now).await.unwrap().unwrap();
    assert_eq!((last.at, last.failure), (now, DENIED.clone()));
}

pub(crate) async fn arrivals_are_counted_and_forgotten_in_steps(stage: &Stage<impl Engine>) {
    let (store, now, u1) = (stage.instance(), stage.clock.now(), user("u-1"));
    for number in 0..2_u32 {
        let nonce = format!("n-{number}");
        let new = arrival(&nonce, &u1, now.after(SECOND * number));
        assert!(store.begin_arrival(new).await.unwrap());
    }
    store.complete_arrival("n-0", now, 1).await.unwrap();
    assert!(
        store
            .fail_arrival(failed("n-2", now.after(SECOND * 2)))
            .await
            .unwrap()
    );
    let figures = ArrivalFigures {
        arrived: 3,
        completed: 1,
        failed: 1,
        last_at: Some(now.after(SECOND * 2)),
    };
    assert_eq!(store.arrival_figures(now).await.unwrap(), figures);
    let none = store.arrival_figures(now.after(SECOND * 3)).await.unwrap();
    assert_eq!(none, ArrivalFigures::default());
    let before = now.after(SECOND);
    assert!(store.forget_arrivals(before, 1).await.unwrap());
    assert!(store.forget_arrivals(before, 1).await.unwrap());
    assert!(!store.forget_arrivals(before, 1).await.unwrap());
    assert_eq!(store.arrival_figures(now).await.unwrap().arrived, 1);
}

pub(crate) async fn arrivals_that_were_not_completed_are_forgotten(stage: &Stage<impl Engine>) {
    let (store, now, u1) = (stage.instance(), stage.clock.now(), user("u-1"));
    assert!(
        store
            .begin_arrival(arrival("done", &u1, now))
            .await
            .unwrap()
    );
    store.complete_arrival("done", now, 1).await.unwrap();
    assert!(
        store
            .begin_arrival(arrival("left", &u1, now))
            .await
            .unwrap()
    );
    assert!(store.fail_arrival(failed("no", now)).await.unwrap());
    let later = now.after(SECOND);
    assert!(store.fail_arrival(failed("later", later)).await.unwrap());
    let at = now.after(UNFINISHED_FOR);
    assert!(store.fail_arrival(failed("last", at)).await.unwrap());
    for (nonce, is_kept) in [
        ("done", true),
        ("left", false),
        ("no", false),
        ("later", true),
        ("last", true),
    ] {
        let found = store.arrival(nonce).await.unwrap();
        assert_eq!(found.is_some(), is_kept, "{nonce}");
    }
}
