//! Nudges by the manual clock: what is answered at once, and what goes on after that.

use crate::testing::{HOUR, MINUTE, SECOND, World, at_once, nudge, run, unavailable};
use http::Method;
use smartcar::Clock;
use std::time::Duration;
use store::{Outbox, StoreError};

#[test]
fn nudge_is_answered_before_anything_is_sent() {
    let world = World::new(&["a"]);
    world.sinks.answer("a", |_| (20 * SECOND, Ok(())));
    let relay = world.relay();
    world.fake.run(async {
        let began = world.fake.now();
        world.deliver("e-1", Some("v-1")).await;
        assert_eq!(nudge(relay).await, None);
        assert_eq!(world.fake.now(), began);
        assert!(world.sinks.seen("a").is_empty());
        world.fake.sleep(21 * SECOND).await;
        assert_eq!(world.sinks.taken("a"), ["e-1"]);
    });
}

#[test]
fn nudge_says_to_rest_where_there_are_no_sinks() {
    let world = World::new(&[]);
    let relay = world.relay();
    world.fake.run(async {
        assert_eq!(nudge(relay).await, Some(10));
        assert_eq!(nudge(relay).await, Some(10));
    });
    assert!(world.fake.lines().is_empty());
}

#[test]
fn nudge_puts_in_force_that_there_are_no_sinks_any_more() {
    let world = World::new(&["a"]);
    world.fake.run(async {
        run(world.relay()).await;
    });
    world.configure(&[]);
    let relay = world.relay();
    assert_eq!(world.fake.run(nudge(relay)), Some(10));
    let sinks = world.fake.run(world.store.sinks());
    assert_eq!(sinks, Ok(Vec::new()));
}

#[test]
fn nudge_says_to_pause_where_all_sinks_are_paused() {
    let world = World::new(&["a", "b"]);
    let relay = world.relay();
    world.fake.run(async {
        // Before the relay has ever run no pause is known.
        assert_eq!(nudge(relay).await, None);
        world.fake.sleep(SECOND).await;
        let now = world.fake.now();
        world.store.pause_sink("a", now, MINUTE).await.unwrap();
        assert_eq!(nudge(relay).await, None);
        world.fake.sleep(SECOND).await;
        world.store.switch_off("b", "410").await.unwrap();
        assert_eq!(nudge(relay).await, Some(1));
        world.deliver("e-1", Some("v-1")).await;
        world.fake.sleep(MINUTE).await;
        assert_eq!(nudge(relay).await, None);
    });
    assert_eq!(world.sinks.taken("a"), ["e-1"]);
}

#[test]
fn nudge_while_enough_runs_are_under_way_is_not_lost() {
    let world = World::new(&["quick", "slow"]);
    world.sinks.answer("slow", |_| (40 * SECOND, Ok(())));
    let relay = world.relay();
    world.fake.run(async {
        for event in 0..4 {
            let id = format!("e-{event}");
            world.deliver(&id, Some(&id)).await;
            assert_eq!(nudge(relay).await, None, "{event}");
            world.fake.sleep(Duration::from_millis(20)).await;
        }
        // Each of the four waits for the slow sink, the quick one has all.
        assert_eq!(world.sinks.taken("quick").len(), 4);
        world.deliver("e-4", Some("v-4")).await;
        assert_eq!(nudge(relay).await, Some(1));
        world.fake.sleep(39 * SECOND).await;
        assert_eq!(world.sinks.taken("quick").len(), 4);
        world.fake.sleep(SECOND).await;
        // The first that ends looks again, and no one else had to nudge.
        assert_eq!(world.sinks.taken("quick").len(), 5);
    });
    assert_eq!(world.sinks.taken("slow").len(), 5);
    // The places are free again.
    world.sinks.answer("slow", |_| at_once(Ok(())));
    world.fake.run(async {
        for _ in 0..20 {
            assert_eq!(nudge(relay).await, None);
            world.fake.sleep(Duration::from_millis(20)).await;
        }
    });
}

#[test]
fn nudge_is_no_reason_to_count_runs_of_the_schedule() {
    let world = World::new(&["a"]);
    world.sinks.answer("a", |_| (40 * SECOND, Ok(())));
    let relay = world.relay();
    world.fake.run(async {
        world.deliver("e-1", Some("v-1")).await;
        for _ in 0..4 {
            assert_eq!(nudge(relay).await, None);
        }
        assert_eq!(nudge(relay).await, Some(1));
        world.fake.sleep(SECOND).await;
        world.deliver("e-2", Some("v-2")).await;
        assert_eq!(run(relay).await.delivered, 1);
    });
}

#[test]
fn nudge_that_fails_is_said_once_and_begins_nothing_for_a_while() {
    let world = World::new(&["a"]);
    let relay = world.relay();
    let trouble = || StoreError::Unavailable("disk I/O error".to_owned());
    world.fake.run(async {
        run(relay).await;
        world.fake.sleep(SECOND).await;
        world.deliver("e-1", Some("v-1")).await;
        world.database.fail_write(0, trouble());
        assert_eq!(nudge(relay).await, None);
        world.fake.sleep(SECOND).await;
        for _ in 0..10 {
            assert_eq!(nudge(relay).await, Some(10));
        }
        assert!(world.sinks.seen("a").is_empty());
        world.fake.sleep(9 * SECOND).await;
        assert_eq!(nudge(relay).await, None);
    });
    assert_eq!(world.sinks.taken("a"), ["e-1"]);
    let lines = world.fake.lines_about("store");
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["error"], "database: disk I/O error");
}

#[test]
fn nudge_to_a_sink_that_fails_waits_for_the_attempt_that_is_due() {
    let world = World::new(&["a"]);
    world.sinks.answer("a", |event| {
        at_once(match event.attempt {
            1 => unavailable(Some(3)),
            _ => Ok(()),
        })
    });
    let relay = world.relay();
    world.fake.run(async {
        world.deliver("e-1", Some("v-1")).await;
        assert_eq!(nudge(relay).await, None);
        world.fake.sleep(SECOND).await;
        assert_eq!(nudge(relay).await, Some(1));
        world.fake.sleep(2 * SECOND).await;
        assert_eq!(world.sinks.attempts("a").len(), 1);
        assert_eq!(nudge(relay).await, None);
    });
    assert_eq!(world.sinks.taken("a"), ["e-1"]);
}

#[test]
fn nudge_without_configured_sinks_is_answered_as_a_run_is() {
    let world = World::new(&[]);
    for sinks in ["[{", r#"[{"name":"a"}]"#] {
        world.fake.set_variable("sinks", sinks);
        let relay = world.relay();
        for path in ["/run", "/nudge"] {
            let answer = world.fake.run(relay.answer(&Method::POST, path));
            let problem = answer.unwrap_err();
            assert_eq!(
                (problem.status.as_u16(), problem.code.as_str()),
                (503, "NOT_CONFIGURED")
            );
        }
    }
    let lines = world.fake.lines_about("not_configured");
    assert_eq!(lines.len(), 4);
    let reason = lines[0]["reason"].as_str().unwrap();
    assert!(reason.contains("sinks"), "{reason}");
}

#[test]
fn nudge_and_run_are_posted_and_nothing_else_is_there() {
    let world = World::new(&[]);
    let relay = world.relay();
    for (method, path) in [
        (Method::GET, "/run"),
        (Method::GET, "/nudge"),
        (Method::POST, "/"),
        (Method::POST, "/nudge/"),
    ] {
        let answer = world.fake.run(relay.answer(&method, path));
        assert_eq!(answer.unwrap_err().status, 404, "{method} {path}");
    }
}

#[test]
fn secret_that_is_malformed_is_said_once_by_an_instance() {
    let world = World::new(&[]);
    let sinks = r#"[{"name":"a","url":"https://a.example","secret":"whsec_YQ== whsec_?"}]"#;
    world.fake.set_variable("sinks", sinks);
    let relay = world.relay();
    world.fake.run(async {
        world.deliver("e-1", Some("v-1")).await;
        assert_eq!(run(relay).await.delivered, 1);
        run(relay).await;
    });
    let lines = world.fake.lines_about("not_configured");
    assert_eq!(lines.len(), 1);
    let reason = lines[0]["reason"].as_str().unwrap();
    assert!(reason.contains("one secret of a"), "{reason}");
}

#[test]
fn retention_goes_on_the_relay_s_schedule_whatever_becomes_of_the_sinks() {
    use store::Deliveries;
    let world = World::new(&["a"]);
    world.fake.set_variable("sinks", "[{");
    let relay = world.relay();
    world.fake.run(async {
        let week = world.fake.now().before(7 * 24 * HOUR);
        world.deliver_at("old", None, week.before(SECOND)).await;
        world.deliver_at("young", None, week.after(SECOND)).await;
        assert!(relay.answer(&Method::POST, "/run").await.is_err());
    });
    let figures = world.fake.run(world.store.delivery_figures()).unwrap();
    assert_eq!(figures.stored, 1);
    // Without the variable nothing goes, and the log says so.
    world.fake.set_variable("retention_days", "0");
    let relay = world.relay();
    world.fake.advance(HOUR);
    assert!(
        world
            .fake
            .run(relay.answer(&Method::POST, "/nudge"))
            .is_err()
    );
    let figures = world.fake.run(world.store.delivery_figures()).unwrap();
    assert_eq!(figures.stored, 1);
    let said = world.fake.lines_about("not_configured");
    let reasons = said.iter().map(|line| line["reason"].as_str().unwrap());
    let about = reasons.filter(|reason| reason.contains("retention_days"));
    assert_eq!(about.count(), 1);
}
