//! What has to be done about the outbox once a minute: giving up what has waited for
//! too long, removing what waits for sinks that were left out, and correcting what a
//! clock that was ahead has written.

use crate::{
    relay::{Relay, RelayStore},
    sink::Sinks,
};
use edge::Platform;
use store::{
    StoreError,
    chore::{ROWS, steps},
};

impl<P: Platform, S: RelayStore, K: Sinks> Relay<P, S, K> {
    /// Does it, if it is time and no other instance does.
    pub(crate) async fn keep_up(&self) -> Result<(), StoreError> {
        let Self {
            platform,
            store,
            upkeep,
            ..
        } = self;
        let now = platform.now();
        if !upkeep.is_worth_asking(now) || !upkeep.take(store, now).await? {
            return Ok(());
        }
        let mut is_left = false;
        store.release_claims(now).await?;
        for sink in store.sinks().await? {
            let expire = async || store.expire(&sink, now, ROWS).await;
            is_left |= steps(platform, expire).await?;
            let bring_near = async || store.bring_near(&sink, now, ROWS).await;
            is_left |= steps(platform, bring_near).await?;
        }
        for sink in store.left_out_sinks().await? {
            let remove = async || store.remove_left_out(&sink, ROWS).await;
            is_left |= steps(platform, remove).await?;
        }
        if is_left {
            upkeep.go_on(store, platform.now()).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{DAY, HOUR, MINUTE, SECOND, World, run};
    use smartcar::Clock;
    use store::Outbox;

    /// A world with a sink that is paused, in which the relay has just run.
    fn paused() -> World {
        let world = World::new(&["a"]);
        world.fake.run(async {
            run(world.relay()).await;
            let now = world.fake.now();
            world.store.pause_sink("a", now, HOUR).await.unwrap();
        });
        world
    }

    #[test]
    fn upkeep_is_done_once_a_minute_by_one_instance_of_two() {
        let world = paused();
        let (one, other) = (world.relay(), world.relay());
        let dead = async || world.figures("a").await.dead_letters;
        world.fake.run(async {
            let began = world.fake.now();
            let old = began.before(DAY);
            world.deliver_at("e-1", Some("v-1"), old).await;
            // The run that put the sink in force has done it.
            run(one).await;
            run(other).await;
            assert_eq!(dead().await, 0);
            world.fake.advance(MINUTE);
            run(one).await;
            assert_eq!(dead().await, 1);
            world.deliver_at("e-2", Some("v-2"), old).await;
            let next = world.fake.now().after(MINUTE);
            while world.fake.now() < next {
                run(one).await;
                run(other).await;
                assert_eq!(dead().await, 1);
                world.fake.advance(10 * SECOND);
            }
            run(other).await;
            assert_eq!(dead().await, 2);
            let letters = world.dead_letters().await;
            let error = letters[0].error.as_deref();
            assert_eq!(error, Some("it waited for a day"));
        });
        assert!(world.sinks.seen("a").is_empty());
    }

    #[test]
    fn upkeep_removes_what_waits_for_a_sink_that_was_left_out() {
        let world = paused();
        world.fake.run(async {
            for event in 0..250 {
                world.deliver(&format!("e-{event}"), Some("v-1")).await;
            }
            assert_eq!(world.figures("a").await.waiting, 250);
            world.configure(&["b"]);
            let relay = world.relay();
            run(relay).await;
            let left_out = world.store.left_out_sinks().await.unwrap();
            assert_eq!(left_out, ["a"]);
            world.fake.advance(MINUTE);
            run(relay).await;
            assert!(world.store.left_out_sinks().await.unwrap().is_empty());
            // It comes back without them.
            world.configure(&["a", "b"]);
            run(world.relay()).await;
            assert_eq!(world.figures("a").await.waiting, 0);
        });
    }

    #[test]
    fn upkeep_that_is_not_done_is_gone_on_with_by_the_next_run() {
        let world = paused();
        let relay = world.relay();
        world.fake.run(async {
            let old = world.fake.now().before(DAY);
            for event in 0..2010 {
                let event = format!("e-{event}");
                world.deliver_at(&event, Some(&event), old).await;
            }
            world.fake.advance(MINUTE);
            run(relay).await;
            assert_eq!(world.figures("a").await.waiting, 10);
            run(relay).await;
            assert_eq!(world.figures("a").await.waiting, 0);
        });
    }

    #[test]
    fn upkeep_corrects_what_a_clock_that_was_ahead_has_written() {
        let world = World::new(&["a"]);
        let relay = world.relay();
        world.fake.run(async {
            run(relay).await;
            world.deliver("e-1", Some("v-1")).await;
            let ahead = world.fake.now().after(30 * DAY);
            let due = world.store.claim("a", ahead, 16).await.unwrap();
            assert_eq!(due.len(), 1);
            assert_eq!(run(relay).await.delivered, 0);
            world.fake.advance(MINUTE);
            // The upkeep finds it, and the run after that.
            assert_eq!(run(relay).await.delivered, 0);
            assert_eq!(run(relay).await.delivered, 1);
        });
        assert_eq!(world.sinks.attempts("a"), [("e-1".to_owned(), 2)]);
    }
}
