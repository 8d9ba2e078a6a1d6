//! Runs by the manual clock: what a sink is sent, when, and what becomes of the rest.

use crate::{
    sink::SinkError,
    testing::{DAY, HOUR, MINUTE, SECOND, World, at_once, run, unavailable},
};
use edge::respond::Code;
use futures::future::{Either, select};
use http::Method;
use smartcar::Clock;
use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    pin::pin,
    rc::Rc,
    time::Duration,
};
use store::{Outbox, StoreError, outbox::RunReport};

#[test]
fn run_passes_an_event_on_as_it_was_stored() {
    let world = World::new(&["a", "b"]);
    let relay = world.relay();
    let received_at = world.fake.now();
    world.fake.run(async {
        world.deliver("e-1", Some("v-1")).await;
        world.fake.advance(2 * SECOND);
        let response = relay.answer(&Method::POST, "/run").await.unwrap();
        let report = r#"{"dead":0,"delivered":2,"kept":0,"ready":2,"sinks":2}"#;
        assert_eq!(response.body(), report);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(world.figures("a").await.waiting, 0);
        assert_eq!(run(relay).await.delivered, 0);
    });
    for sink in ["a", "b"] {
        let seen = world.sinks.seen(sink);
        let [seen] = &seen[..] else {
            panic!("{seen:?}")
        };
        let event = &seen.event;
        assert_eq!((event.id.as_str(), event.attempt), ("e-1", 1));
        assert_eq!(event.event_type, "VEHICLE_STATE");
        assert!(!event.is_test);
        assert_eq!(event.vehicle_id.as_deref(), Some("v-1"));
        assert_eq!(event.user_id.as_deref(), Some("u-1"));
        assert_eq!(event.received_at, received_at);
        assert_eq!(event.body, b"the body of e-1");
    }
    let lines = world.fake.lines_about("relay");
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["outcome"], "delivered");
    assert_eq!(lines[0]["event_id"], "e-1");
    assert_eq!(lines[0]["millis"], 2000);
}

#[test]
fn run_keeps_the_order_of_a_vehicle_and_sends_vehicles_beside_each_other() {
    let world = World::new(&["a"]);
    let (flying, most) = (
        Rc::new(RefCell::new(BTreeSet::new())),
        Rc::new(Cell::new(0)),
    );
    let (fake, above, high) = (world.fake.clone(), Rc::clone(&flying), Rc::clone(&most));
    // Each takes a second, in which no other event of its vehicle may come.
    world.sinks.answer("a", move |event| {
        let vehicle = event.vehicle_id.clone().unwrap();
        let mut flying = above.borrow_mut();
        flying.retain(|(_, until)| *until > fake.now());
        assert!(flying.iter().all(|(other, _)| *other != vehicle));
        flying.insert((vehicle, fake.now().after(SECOND)));
        high.set(high.get().max(flying.len()));
        (SECOND, Ok(()))
    });
    let relay = world.relay();
    world.fake.run(async {
        for event in 0..12 {
            let vehicle = format!("v-{}", event % 3);
            world.deliver(&format!("{event:02}"), Some(&vehicle)).await;
        }
        assert_eq!(run(relay).await.delivered, 12);
    });
    assert_eq!(most.get(), 3);
    for vehicle in 0..3 {
        let of = world.sinks.taken("a");
        let of = of
            .iter()
            .filter(|id| id.parse::<i32>().unwrap() % 3 == vehicle);
        assert!(of.is_sorted());
    }
}

#[test]
fn run_sends_no_later_event_of_a_vehicle_while_an_earlier_one_waits() {
    let world = World::new(&["a"]);
    world.sinks.answer("a", |event| {
        at_once(match event.id.as_str() {
            "e-1" if event.attempt == 1 => unavailable(None),
            _ => Ok(()),
        })
    });
    let relay = world.relay();
    world.fake.run(async {
        for (event, vehicle) in [("e-1", "v-1"), ("e-2", "v-1"), ("e-3", "v-2")] {
            world.deliver(event, Some(vehicle)).await;
        }
        let report = run(relay).await;
        assert_eq!((report.delivered, report.kept), (1, 1));
        world.fake.advance(6 * SECOND);
        assert_eq!(run(relay).await.delivered, 2);
    });
    assert_eq!(world.sinks.taken("a"), ["e-3", "e-1", "e-2"]);
}

#[test]
fn run_of_an_instance_that_is_gone_is_made_up_for_when_its_lease_is_over() {
    let world = World::new(&["a"]);
    world.sinks.answer("a", |event| {
        let time = if event.attempt == 1 { HOUR } else { SECOND };
        (time, Ok(()))
    });
    let (gone, other) = (world.relay(), world.relay());
    world.fake.run(async {
        world.deliver("e-1", Some("v-1")).await;
        world.deliver("e-2", Some("v-2")).await;
        let (run, end) = (pin!(run(gone)), pin!(world.fake.sleep(SECOND)));
        assert!(matches!(select(run, end).await, Either::Right(_)));
    });
    world.fake.run(async {
        world.fake.advance(58 * SECOND);
        assert_eq!(run(other).await.delivered, 0);
        world.fake.advance(SECOND);
        assert_eq!(run(other).await.delivered, 2);
        assert_eq!(world.figures("a").await.waiting, 0);
    });
    // One that may have ended its instance comes alone.
    let seen = world.sinks.seen("a");
    let attempts: Vec<u32> = seen.iter().map(|seen| seen.event.attempt).collect();
    assert_eq!(attempts, [1, 1, 2, 2]);
    assert!(seen[3].at >= seen[2].taken_at.unwrap());
}

#[test]
fn sink_that_is_slow_holds_up_no_other() {
    let world = World::new(&["slow", "good"]);
    world.sinks.answer("slow", |_| (40 * SECOND, Ok(())));
    let relay = world.relay();
    let began = world.fake.now();
    let report = world.fake.run(async {
        for event in 0..40 {
            world.deliver(&format!("e-{event}"), Some("v-1")).await;
        }
        run(relay).await
    });
    // The slow one is sent nothing more after 30 seconds.
    assert_eq!(report.delivered, 41);
    assert_eq!(world.sinks.taken("good").len(), 40);
    let good = world.sinks.seen("good");
    assert!(good.iter().all(|seen| seen.taken_at == Some(began)));
    assert_eq!(world.sinks.seen("slow").len(), 1);
    assert_eq!(world.fake.now(), began.after(40 * SECOND));
}

#[test]
fn run_takes_events_for_no_longer_than_its_variable_says() {
    let world = World::new(&["slow"]);
    world.fake.set_variable("run_time", "10");
    world.sinks.answer("slow", |_| (6 * SECOND, Ok(())));
    let relay = world.relay();
    world.fake.run(async {
        for event in ["e-1", "e-2", "e-3"] {
            world.deliver(event, Some("v-1")).await;
        }
        run(relay).await
    });
    // One after the other, since they are of one vehicle.
    assert_eq!(world.sinks.seen("slow").len(), 2);
    for wrong in ["0", "31", "x", ""] {
        world.fake.set_variable("run_time", wrong);
        let refused = world.fake.run(world.relay().answer(&Method::POST, "/run"));
        assert_eq!(refused.unwrap_err().code, Code::NotConfigured, "{wrong}");
    }
}

#[test]
fn sink_that_does_not_answer_in_time_is_sent_the_event_again() {
    let world = World::new(&["a"]);
    world.sinks.answer("a", |event| {
        let time = if event.attempt == 1 { HOUR } else { SECOND };
        (time, Ok(()))
    });
    let relay = world.relay();
    let began = world.fake.now();
    world.fake.run(async {
        world.deliver("e-1", Some("v-1")).await;
        assert_eq!(run(relay).await.kept, 1);
        assert_eq!(world.fake.now(), began.after(45 * SECOND));
        world.fake.advance(6 * SECOND);
        assert_eq!(run(relay).await.delivered, 1);
    });
    let lines = world.fake.lines_about("relay");
    assert_eq!(lines[0]["error"], "the sink did not answer in 45 s");
    assert_eq!(lines[0]["outcome"], "kept");
}

#[test]
fn sink_that_says_when_is_sent_nothing_until_then() {
    let world = World::new(&["a"]);
    world.sinks.answer("a", |event| {
        at_once(match event.attempt {
            1 => unavailable(Some(120)),
            _ => Ok(()),
        })
    });
    let relay = world.relay();
    world.fake.run(async {
        let until = world.fake.now().after(2 * MINUTE);
        world.deliver("e-1", Some("v-1")).await;
        assert_eq!(run(relay).await.kept, 1);
        assert_eq!(world.figures("a").await.paused_until, Some(until));
        world.sinks.answer("a", |_| at_once(Ok(())));
        world.deliver("e-2", Some("v-2")).await;
        world.fake.advance(2 * MINUTE - SECOND);
        let report = run(relay).await;
        assert_eq!((report.sinks, report.ready, report.delivered), (1, 0, 0));
        world.fake.advance(SECOND);
        let report = run(relay).await;
        assert_eq!((report.ready, report.delivered), (1, 2));
    });
}

#[test]
fn sink_that_asks_for_a_day_is_paused_for_an_hour() {
    let world = World::new(&["a"]);
    world
        .sinks
        .answer("a", |_| at_once(unavailable(Some(24 * 60 * 60))));
    let relay = world.relay();
    world.fake.run(async {
        let until = world.fake.now().after(HOUR);
        world.deliver("e-1", Some("v-1")).await;
        run(relay).await;
        assert_eq!(world.figures("a").await.paused_until, Some(until));
    });
}

#[test]
fn sink_that_fails_whatever_it_is_sent_is_left_alone_for_longer_each_time() {
    let world = World::new(&["a"]);
    world.sinks.answer("a", |_| at_once(unavailable(None)));
    let relay = world.relay();
    let rest = async || {
        let paused = world.figures("a").await.paused_until;
        let now = world.fake.now();
        paused.map_or(Duration::ZERO, |until| until.since(now))
    };
    world.fake.run(async {
        for event in 0..4 {
            let vehicle = format!("v-{event}");
            world.deliver(&format!("e-{event}"), Some(&vehicle)).await;
        }
        run(relay).await;
        assert_eq!(rest().await, Duration::ZERO, "four may be the events'");
        world.deliver("e-4", Some("v-4")).await;
        run(relay).await;
        assert_eq!(rest().await, 5 * SECOND);
        let mut rests = Vec::new();
        for _ in 0..14 {
            world.fake.advance(HOUR);
            run(relay).await;
            rests.push(rest().await.as_secs());
        }
        assert!(rests.is_sorted() && rests[0] == 10, "{rests:?}");
        assert_eq!(rests.last(), Some(&60));
        // One that is taken ends it.
        world.sinks.answer("a", |_| at_once(Ok(())));
        world.deliver("e-5", Some("v-5")).await;
        world.fake.advance(MINUTE);
        assert_eq!(run(relay).await.delivered, 1);
        world.sinks.answer("a", |_| at_once(unavailable(None)));
        world.deliver("e-6", Some("v-6")).await;
        run(relay).await;
        assert_eq!(rest().await, Duration::ZERO);
    });
}

#[test]
fn sink_that_is_gone_is_switched_off_until_it_is_configured_again() {
    let world = World::new(&["a", "b"]);
    world
        .sinks
        .answer("a", |_| at_once(Err(SinkError::Gone("410".to_owned()))));
    let relay = world.relay();
    world.fake.run(async {
        world.deliver("e-1", Some("v-1")).await;
        let report = run(relay).await;
        assert_eq!((report.delivered, report.kept), (1, 1));
        let figures = world.figures("a").await;
        assert_eq!(figures.switched_off.as_deref(), Some("410"));
        assert_eq!(figures.waiting, 1);
        world.sinks.answer("a", |_| at_once(Ok(())));
        world.fake.advance(HOUR);
        let report = run(relay).await;
        assert_eq!((report.sinks, report.ready, report.delivered), (2, 1, 0));
        let sinks = r#"[{"name":"a","url":"https://new.example","secret":"whsec_YQ=="}]"#;
        world.fake.set_variable("sinks", sinks);
        assert_eq!(run(world.relay()).await.delivered, 1);
        assert_eq!(world.figures("a").await.switched_off, None);
    });
    let lines = world.fake.lines_about("sink_gone");
    assert_eq!(lines.len(), 1);
    assert_eq!(
        (&lines[0]["sink"], &lines[0]["level"]),
        (&"a".into(), &"error".into())
    );
}

#[test]
fn event_that_is_rejected_is_a_dead_letter_and_holds_up_no_other() {
    let world = World::new(&["a"]);
    world.sinks.answer("a", |event| {
        at_once(match event.id.as_str() {
            "e-1" => Err(SinkError::Rejected("it answered 400".to_owned())),
            _ => Ok(()),
        })
    });
    let relay = world.relay();
    world.fake.run(async {
        world.deliver("e-1", Some("v-1")).await;
        world.deliver("e-2", Some("v-1")).await;
        let report = run(relay).await;
        let expected = RunReport {
            dead: 1,
            delivered: 1,
            kept: 0,
            ready: 1,
            sinks: 1,
        };
        assert_eq!(report, expected);
        let dead = world.dead_letters().await;
        assert_eq!(dead.len(), 1);
        assert_eq!(dead[0].event_id, "e-1");
        assert_eq!(dead[0].error.as_deref(), Some("it answered 400"));
    });
    let lines = world.fake.lines_about("relay");
    assert_eq!(lines[0]["outcome"], "dead");
}

#[test]
fn event_is_a_dead_letter_after_twenty_attempts() {
    let world = World::new(&["a"]);
    world.sinks.answer("a", |_| at_once(unavailable(None)));
    let relay = world.relay();
    world.fake.run(async {
        world.deliver("e-1", Some("v-1")).await;
        for attempt in 1..20 {
            let report = run(relay).await;
            assert_eq!((report.kept, report.dead), (1, 0), "{attempt}");
            world.fake.advance(HOUR);
        }
        assert_eq!(run(relay).await.dead, 1);
        let dead = world.dead_letters().await;
        assert_eq!((dead[0].attempts, dead.len()), (20, 1));
        world.fake.advance(HOUR);
        assert_eq!(
            run(relay).await,
            RunReport {
                ready: 1,
                sinks: 1,
                ..RunReport::default()
            }
        );
    });
    assert_eq!(world.sinks.seen("a").len(), 20);
}

#[test]
fn event_is_a_dead_letter_after_a_day() {
    let world = World::new(&["a"]);
    world.sinks.answer("a", |_| at_once(unavailable(None)));
    let relay = world.relay();
    world.fake.run(async {
        world.deliver("e-1", Some("v-1")).await;
        run(relay).await;
        world.fake.advance(DAY - SECOND);
        assert_eq!(run(relay).await.kept, 1);
        world.fake.advance(2 * HOUR);
        assert_eq!(run(relay).await.dead, 1);
        assert_eq!(world.dead_letters().await[0].attempts, 3);
    });
}

#[test]
fn event_that_ended_twenty_instances_is_not_sent_again() {
    let world = World::new(&["a"]);
    let relay = world.relay();
    world.fake.run(async {
        run(relay).await;
        world.deliver("e-1", Some("v-1")).await;
        for attempt in 1..=20 {
            let due = world.store.claim("a", world.fake.now(), 16).await.unwrap();
            assert_eq!(due[0].attempt, attempt);
            world.fake.advance(MINUTE);
        }
        assert_eq!(run(relay).await.dead, 1);
        let error = world.dead_letters().await[0].error.clone().unwrap();
        assert_eq!(error, "it was sent 20 times, and no attempt came to an end");
    });
    assert!(world.sinks.seen("a").is_empty());
}

#[test]
fn run_loses_no_event_whichever_write_fails() {
    let mut failed = 0;
    for nth in 0..20 {
        let world = World::new(&["a", "b"]);
        let relay = world.relay();
        world.fake.run(async {
            for (event, vehicle) in [("1", "v-1"), ("2", "v-1"), ("3", "v-2")] {
                world.deliver(event, Some(vehicle)).await;
            }
            let error = StoreError::Unavailable("disk I/O error".to_owned());
            world.database.fail_write(nth, error);
            let first = relay.answer(&Method::POST, "/run").await;
            if let Err(problem) = &first {
                failed += 1;
                assert_eq!(problem.status, 503);
                let lines = world.fake.lines_about("store");
                assert_eq!(lines[0]["error"], "database: disk I/O error");
                assert_eq!(lines.len(), 1);
            }
            // When its lease is over it is sent again, if the trouble came between the
            // sink's answer and the record of it.
            for _ in 0..3 {
                world.fake.advance(MINUTE);
                let _ = relay.answer(&Method::POST, "/run").await;
            }
            for sink in ["a", "b"] {
                let figures = world.figures(sink).await;
                assert_eq!((figures.waiting, figures.dead_letters), (0, 0), "{nth}");
                let mut taken = world.sinks.taken(sink);
                let of = taken.iter().filter(|id| *id != "3");
                assert!(of.is_sorted(), "{nth}: {taken:?}");
                taken.sort();
                taken.dedup();
                assert_eq!(taken, ["1", "2", "3"], "{nth}");
            }
        });
    }
    assert!((5..20).contains(&failed), "{failed}");
}

#[test]
fn store_that_fails_for_one_sink_cuts_no_other_off() {
    let world = World::new(&["a", "b"]);
    let relay = world.relay();
    world.fake.run(async {
        run(relay).await;
        world.fake.advance(SECOND);
        world.deliver("e-1", Some("v-1")).await;
        // The first sink's look.
        let trouble = StoreError::Unavailable("disk I/O error".to_owned());
        world.database.fail_write(0, trouble);
        let problem = relay.answer(&Method::POST, "/run").await.unwrap_err();
        assert_eq!(problem.status, 503);
        assert_eq!(world.sinks.taken("b"), ["e-1"]);
        assert_eq!(run(relay).await.delivered, 1);
        assert_eq!(world.sinks.taken("a"), ["e-1"]);
    });
}
