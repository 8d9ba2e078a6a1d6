//! Which sinks are in force: those of the newest configuration that an instance has
//! brought.
//!
//! Variables are read once by each instance, so for a while after a change instances
//! bring the value from before. An instance cannot tell which one is newer; the store
//! can, since it has seen which one replaced the other.

use crate::relay::{Relay, RelayStore};
use edge::{
    Platform,
    log::{self, Event, Level},
    sinks::Sink,
};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use smartcar::Timestamp;
use std::{sync::atomic::Ordering, time::Duration};
use store::{
    StoreError,
    chore::is_ahead,
    outbox::{KnownConfiguration, SinkConfiguration},
};

/// A configuration that no instance has brought for so long is no longer in use
/// anywhere: one that it replaced may come back.
const QUIET: Duration = Duration::from_secs(3 * 60);

/// How often it is written down that a configuration is in use.
const SEEN: Duration = Duration::from_secs(20);

/// A configuration that was replaced is remembered for so long after an instance
/// last brought it. The trigger `relay_replaced` goes by the same number.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

impl<P: Platform, S: RelayStore, K> Relay<P, S, K> {
    /// Brings the sinks of this instance to the store, and returns those that are in force
    /// as this instance knows them.
    pub(crate) async fn bring<'a>(
        &self,
        sinks: &'a [SinkConfiguration],
        now: Timestamp,
    ) -> Result<Vec<&'a SinkConfiguration>, StoreError> {
        let store = &self.store;
        let mine = text(sinks);
        let known = store.known_configuration(&mine).await?;
        let judgement = judge(&known, &mine, now);
        match judgement {
            Judgement::InForce | Judgement::Outdated => {}
            Judgement::Used => store.in_force_seen(&mine, now).await?,
            Judgement::Newer => {
                let in_force = known.in_force.as_deref();
                store.put_in_force(&mine, in_force, now).await?;
            }
            Judgement::OutdatedStill => store.replaced_seen(&mine, now).await?,
        }
        if !matches!(judgement, Judgement::Outdated | Judgement::OutdatedStill) {
            return Ok(sinks.iter().collect());
        }
        self.say_once_that_sinks_are_outdated();
        let in_force = known.in_force.as_deref().map(serde_json::from_str);
        let in_force: Vec<SinkConfiguration> = in_force.and_then(Result::ok).unwrap_or_default();
        let same = sinks.iter().filter(|sink| in_force.contains(sink));
        Ok(same.collect())
    }

    fn say_once_that_sinks_are_outdated(&self) {
        if !self.outdated_is_said.swap(true, Ordering::Relaxed) {
            let reason = "the sinks of this instance were replaced by newer ones: what has changed \
                is left to instances that have these";
            log::line(&self.platform, Level::Warn, Event::SinksOutdated)
                .with("reason", reason)
                .write();
        }
    }
}

/// A configuration as the store knows it.
fn text(sinks: &[SinkConfiguration]) -> String {
    // Serialising text into memory does not fail.
    serde_json::to_string(sinks).unwrap_or_default()
}

/// A sink as the store knows it. Its secrets and its URL stay out of there; a digest shows
/// that they have changed.
pub(crate) fn described(sink: Sink) -> SinkConfiguration {
    let list = |list: Option<Vec<String>>| list.and_then(|list| serde_json::to_string(&list).ok());
    let mut digest = Sha256::new();
    digest.update(sink.url.as_bytes());
    for secret in &sink.secrets {
        digest.update(b"\n");
        digest.update(secret.expose_secret().as_bytes());
    }
    SinkConfiguration {
        changed_only: sink.changed_only.into(),
        digest: hex::encode(digest.finalize()),
        modes: list(sink.modes),
        name: sink.name,
        types: list(sink.types),
        vehicles: list(sink.vehicles),
    }
}

/// What a configuration is to the store.
#[derive(Debug, PartialEq, Eq)]
enum Judgement {
    /// The one in force.
    InForce,
    /// The one in force, which was last written down a while ago.
    Used,
    /// A new one, or one from before to which the operator has returned.
    Newer,
    /// One that was replaced.
    Outdated,
    /// One that was replaced long ago and is still brought.
    OutdatedStill,
}

fn judge(known: &KnownConfiguration, mine: &str, now: Timestamp) -> Judgement {
    // A time further ahead than clocks of several machines differ is none.
    let within = |at: Option<Timestamp>, time: Duration| {
        at.is_some_and(|at| now.since(at) < time && (at <= now || is_ahead(at, now, QUIET)))
    };
    if known.in_force.as_deref() == Some(mine) {
        return if within(known.seen_at, SEEN) {
            Judgement::InForce
        } else {
            Judgement::Used
        };
    }
    if !within(known.former_at, REMEMBERED) || !within(known.seen_at, QUIET) {
        return Judgement::Newer;
    }
    if within(known.former_at, REMEMBERED / 24) {
        Judgement::Outdated
    } else {
        Judgement::OutdatedStill
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{DAY, MINUTE, SECOND, TestRelay, World, run};
    use smartcar::testing::Fake;
    use store::Outbox;

    async fn configured(variable: &str) -> Vec<SinkConfiguration> {
        let fake = Fake::new();
        fake.set_variable("sinks", variable);
        let sinks = edge::sinks::configured(&fake).await.unwrap();
        sinks.into_iter().map(described).collect()
    }

    #[test]
    fn configuration_is_recognised_by_the_text_that_every_version_has_written() {
        let variable = r#"[
            {"name":"a","url":"https://a.example/hook","secret":"whsec_YQ== whsec_Yg==",
                "types":["VEHICLE_ERROR","VEHICLE_STATE"],"vehicles":["v-1"],"modes":["LIVE"],
                "changed_only":true},
            {"name":"b","url":"https://b.example","secret":"whsec_Yw=="}
        ]"#;
        let sinks = Fake::new().run(configured(variable));
        // printf 'https://a.example/hook\nwhsec_YQ==\nwhsec_Yg==' | openssl dgst -sha256
        let a = "4e118b1af13d5a8a9d2c29c1ec7907e15ddba25e7ee3b41b4c5d4b576bcab006";
        let b = "b230bae0f44e5af86fbab2ce604a2851df51294f308a202dd82a71f26b3bcf42";
        let expected = format!(
            concat!(
                r#"[{{"changedOnly":1,"digest":"{}","modes":"[\"LIVE\"]","name":"a","#,
                r#""types":"[\"VEHICLE_ERROR\",\"VEHICLE_STATE\"]","vehicles":"[\"v-1\"]"}},"#,
                r#"{{"changedOnly":0,"digest":"{}","modes":null,"name":"b","types":null,"#,
                r#""vehicles":null}}]"#
            ),
            a, b
        );
        assert_eq!(text(&sinks), expected);
        assert_eq!(text(&[]), "[]");
    }

    /// Instances whose variables have each one sink, of this name.
    fn instances<const N: usize>(world: &World, sinks: [&str; N]) -> [&'static TestRelay; N] {
        sinks.map(|sink| {
            world.configure(&[sink]);
            let relay = world.relay();
            world.fake.run(async {
                // Variables are read once by each instance.
                relay.answer(&http::Method::POST, "/nudge").await.unwrap();
            });
            relay
        })
    }

    async fn sinks(world: &World) -> Vec<String> {
        world.store.sinks().await.unwrap()
    }

    #[test]
    fn configuration_of_an_instance_from_before_a_change_does_not_undo_it() {
        let world = World::new(&[]);
        let [old, new] = instances(&world, ["old", "new"]);
        world.fake.run(async {
            // For as long as both are there, however often they take turns.
            for turn in 0..30 * 30 {
                world.fake.advance(2 * MINUTE);
                let report = run(old).await;
                assert_eq!((report.sinks, report.ready), (1, 0), "{turn}");
                assert_eq!(run(new).await.ready, 1, "{turn}");
                assert_eq!(sinks(&world).await, ["new"]);
            }
        });
        let lines = world.fake.lines_about("sinks_outdated");
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["level"], "warn");
    }

    #[test]
    fn configuration_of_an_instance_from_before_a_change_serves_what_is_in_both() {
        let world = World::new(&["kept", "old"]);
        let old = world.relay();
        world.fake.run(async {
            run(old).await;
            world.configure(&["kept", "new"]);
            let new = world.relay();
            run(new).await;
            world.deliver("e-1", Some("v-1")).await;
            let report = run(old).await;
            assert_eq!((report.sinks, report.ready, report.delivered), (2, 1, 1));
            assert_eq!(world.sinks.taken("kept"), ["e-1"]);
            assert_eq!(run(new).await.delivered, 1);
        });
        assert!(world.sinks.seen("old").is_empty());
        assert_eq!(world.sinks.taken("new"), ["e-1"]);
    }

    #[test]
    fn configuration_whose_secret_has_changed_is_another_one() {
        let world = World::new(&["a"]);
        let old = world.relay();
        world.fake.run(async {
            run(old).await;
            let sinks = r#"[{"name":"a","url":"https://a.example","secret":"whsec_Yg=="}]"#;
            world.fake.set_variable("sinks", sinks);
            run(world.relay()).await;
            world.deliver("e-1", Some("v-1")).await;
            // It would be signed with the secret from before.
            assert_eq!(run(old).await.ready, 0);
        });
        assert!(world.sinks.seen("a").is_empty());
    }

    #[test]
    fn configuration_from_before_comes_back_when_the_newer_one_is_gone() {
        let world = World::new(&[]);
        let [old, new, third] = instances(&world, ["old", "new", "third"]);
        let comes = async |relay| run(relay).await.ready == 1;
        world.fake.run(async {
            assert_eq!(sinks(&world).await, ["third"]);
            world.fake.advance(QUIET - SECOND);
            assert!(!comes(old).await);
            world.fake.advance(SECOND);
            assert!(comes(old).await);
            assert_eq!(sinks(&world).await, ["old"]);
            // An instance that was left from between does not flip it again.
            assert!(!comes(new).await && !comes(third).await);
            // What no instance has brought for a day is new too.
            world.fake.advance(REMEMBERED + 10 * MINUTE);
            assert!(comes(old).await);
            assert!(comes(third).await);
        });
    }

    #[test]
    fn configuration_that_a_wrong_clock_has_seen_holds_nothing_up() {
        let world = World::new(&[]);
        world.fake.advance(30 * DAY);
        let [old, new] = instances(&world, ["old", "new"]);
        world.fake.set_back(30 * DAY);
        world.fake.run(async {
            assert_eq!(run(old).await.ready, 1);
            world.fake.advance(5 * MINUTE);
            assert_eq!(run(new).await.ready, 1);
            assert_eq!(sinks(&world).await, ["new"]);
        });
    }

    #[test]
    fn configuration_is_judged_by_who_brought_it_last() {
        let now = Timestamp(1_800_000_000_000);
        let judge = |in_force: &str, seen: Duration, former: Option<Duration>| {
            let known = KnownConfiguration {
                in_force: Some(in_force.to_owned()),
                seen_at: Some(now.before(seen)),
                former_at: former.map(|former| now.before(former)),
            };
            judge(&known, "mine", now)
        };
        assert_eq!(judge("mine", Duration::ZERO, None), Judgement::InForce);
        assert_eq!(judge("mine", SEEN, None), Judgement::Used);
        assert_eq!(judge("other", SECOND, None), Judgement::Newer);
        assert_eq!(judge("other", SECOND, Some(SECOND)), Judgement::Outdated);
        let hour = Some(60 * MINUTE);
        assert_eq!(judge("other", SECOND, hour), Judgement::OutdatedStill);
        assert_eq!(judge("other", QUIET, Some(SECOND)), Judgement::Newer);
        assert_eq!(judge("other", SECOND, Some(REMEMBERED)), Judgement::Newer);
        let nothing = KnownConfiguration::default();
        assert_eq!(super::judge(&nothing, "mine", now), Judgement::Newer);
    }
}
