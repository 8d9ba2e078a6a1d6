//! Events passed on to sinks: each at least once, in the order of its vehicle,
//! whatever becomes of the others.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};
use support::{App, Options, SINK_SECRET, Sink, edge, eventually, signal, vehicle_state};

fn app(sinks: &[Value]) -> App {
    App::start_with(Options {
        variables: vec![
            ("SINKS", Value::from(sinks.to_vec()).to_string()),
            ("SINK_HOSTS", "http://127.0.0.1:*".into()),
        ],
        ..Options::default()
    })
}

fn deliver(app: &App, event: &str, vehicle: &str, value: i64) {
    let at = 1_790_000_000_000 + value;
    let signals = [signal("odometer-traveleddistance", value, at, at)];
    let state = vehicle_state(event, vehicle, at, &signals);
    let answer = app.try_deliver(&state).unwrap();
    assert_eq!(answer.status, 200, "{}", app.said());
}

fn run(app: &App) -> Value {
    app.call("POST", "/run", &[], "").json()
}

/// What waits for a sink: null before the relay has written it to the database.
fn outbox(app: &App, sink: &str) -> Value {
    let status = app.call("GET", "/status", &[], "").json();
    let outbox = status["outbox"].as_array().unwrap();
    let found = outbox.iter().find(|of| of["sink"] == sink);
    found.cloned().unwrap_or_default()
}

/// Waits until nothing is being sent.
fn settled(app: &App) {
    eventually("everything was tried", || {
        (app.database().count_claimed_events() == 0).then_some(())
    });
}

/// Makes everything due that waits.
fn due(app: &App) {
    settled(app);
    app.database().make_outbox_due();
    app.database().end_pauses();
}

#[test]
fn event_is_posted_as_received_and_signed() {
    let sink = Sink::start();
    let app = app(&[sink.configuration("mine")]);
    let body = vehicle_state("e-1", "v-1", 1_790_000_000_000, &[]);
    app.try_deliver(&body).unwrap();
    let posted = eventually("it is passed on", || sink.posted().into_iter().next());
    assert_eq!(posted.body, body.as_bytes());
    assert_eq!(posted.id(), "e-1");
    assert_eq!(posted.headers["content-type"], "application/json");
    // By someone else's implementation of the same specification.
    let mut headers = http::HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        headers.insert(name, posted.headers[name].parse().unwrap());
    }
    let webhook = Webhook::new(SINK_SECRET).unwrap();
    webhook.verify(&posted.body, &headers).unwrap();
    let other = Webhook::new(&format!("whsec_{}", STANDARD.encode("another"))).unwrap();
    assert!(other.verify(&posted.body, &headers).is_err());

    // What comes again is not passed on again.
    app.try_deliver(&body).unwrap();
    eventually("nothing waits", || {
        (outbox(&app, "mine")["waiting"] == 0).then_some(())
    });
    run(&app);
    assert_eq!(sink.taken(), ["e-1"]);
}

#[test]
fn sink_that_fails_gets_the_event_again_and_no_other_waits_for_it() {
    let (failing, good) = (Sink::start(), Sink::start());
    failing.answer(|_| (503, "retry-after: 1000\r\n".into()));
    let app = app(&[failing.configuration("failing"), good.configuration("good")]);
    deliver(&app, "e-1", "v-1", 1);
    deliver(&app, "e-2", "v-1", 2);
    eventually("the good one has both", || {
        (good.taken() == ["e-1", "e-2"]).then_some(())
    });
    assert!(failing.taken().is_empty());
    // It said when, and the second waits for the first.
    run(&app);
    let ids: Vec<String> = failing.posted().iter().map(|p| p.id().to_owned()).collect();
    assert_eq!(ids, ["e-1"]);
    assert_eq!(outbox(&app, "failing")["waiting"], 2);

    failing.answer(|_| (200, String::new()));
    due(&app);
    run(&app);
    eventually("it has both", || {
        (failing.taken() == ["e-1", "e-2"]).then_some(())
    });
    eventually("nothing waits", || {
        (outbox(&app, "failing")["waiting"] == 0).then_some(())
    });
}

#[test]
fn sink_that_has_too_much_is_sent_nothing_else_until_it_said_so() {
    for (answer, seconds) in [("retry-after: 1000\r\n", 1000), ("", 5)] {
        let sink = Sink::start();
        sink.answer(|_| (429, answer.into()));
        let app = app(&[sink.configuration("mine")]);
        deliver(&app, "e-1", "v-1", 1);
        let until = eventually("it is paused", || app.database().paused_until("mine"));
        let first = app.database().delivery("e-1").received_at;
        assert!(until - first >= seconds * 1000, "{answer:?}");
        // Another vehicle's event is not for it either.
        if seconds > 5 {
            deliver(&app, "e-2", "v-2", 2);
            let report = run(&app);
            assert_eq!(report["ready"], 0);
            assert_eq!(sink.posted().len(), 1);
            assert!(outbox(&app, "mine")["pausedUntil"].is_string());
        }
        sink.answer(|_| (200, String::new()));
        due(&app);
        run(&app);
        let many = if seconds > 5 { 2 } else { 1 };
        eventually("it has everything", || {
            (sink.taken().len() == many).then_some(())
        });
    }
}

#[test]
fn sinks_of_an_instance_from_before_a_change_do_not_undo_it() {
    let (kept, added) = (Sink::start(), Sink::start());
    let mut old = app(&[kept.configuration("kept")]);
    deliver(&old, "e-1", "v-1", 1);
    eventually("it is known", || (kept.taken() == ["e-1"]).then_some(()));
    // Another host on the same store has the new value, and both go on.
    let before = Value::from(vec![kept.configuration("kept")]).to_string();
    let after = vec![kept.configuration("kept"), added.configuration("added")];
    old.set("SINKS", &Value::from(after).to_string());
    let new = old.second_host();
    old.set("SINKS", &before);
    assert_eq!(run(&new)["ready"], 2);
    for turn in 0..3 {
        assert_eq!(run(&old)["ready"], 1);
        deliver(&old, &format!("old-{turn}"), "v-1", 10 + turn);
        deliver(&new, &format!("new-{turn}"), "v-1", 20 + turn);
        assert_eq!(run(&new)["ready"], 2);
    }
    // Each sink gets every event, whichever host received it.
    eventually("the new one has all since the change", || {
        run(&new);
        (added.taken().len() == 6).then_some(())
    });
    eventually("the one in both has all", || {
        run(&old);
        (kept.taken().len() == 7).then_some(())
    });
    assert!(old.said().contains("sinks_outdated"));
}

#[test]
fn retention_runs_from_the_schedule_when_nothing_is_delivered() {
    let mut app = App::start_with(Options {
        variables: vec![
            ("RETENTION_DAYS", "7".into()),
            ("MAX_DELIVERY_AGE", "86400".into()),
        ],
        ..Options::default()
    });
    run(&app);
    app.kill();
    app.database().add_old_deliveries(1);
    app.database().make_chores_due();
    app.run();
    assert_eq!(app.stored(), 1);
    run(&app);
    eventually("it is forgotten", || (app.stored() == 0).then_some(()));
}

#[test]
fn sink_may_say_by_a_date_when_it_wants_the_event_again() {
    let sink = Sink::start();
    sink.answer(|_| (503, "retry-after: Fri, 31 Dec 9999 23:59:59 GMT\r\n".into()));
    let app = app(&[sink.configuration("mine")]);
    deliver(&app, "e-1", "v-1", 1);
    eventually("it was tried", || (!sink.posted().is_empty()).then_some(()));
    settled(&app);
    // It is put off no longer than an event is tried.
    let event = &app.database().outbox()[0];
    let waits = event.due_at - event.created_at;
    let day = 24 * 60 * 60 * 1000;
    assert!((day..day + 60_000).contains(&waits), "{waits} ms");
}

#[test]
fn event_that_can_never_be_posted_holds_up_no_other() {
    let sink = Sink::start();
    let app = app(&[sink.configuration("mine")]);
    deliver(&app, "line\nbreak", "v-1", 1);
    deliver(&app, "e-2", "v-1", 2);
    eventually("the next one is taken", || {
        (sink.taken() == ["e-2"]).then_some(())
    });
    let letters = app.call("GET", "/v3/dead-letters", &[], "").json();
    let letter = &letters["data"][0]["attributes"];
    assert_eq!(letter["eventId"], "line\nbreak");
    let error = "the event's id does not fit into the header webhook-id";
    assert_eq!(letter["error"], error);
}

#[test]
fn crash_between_sending_and_noting_sends_it_again_under_the_same_id() {
    let sink = Sink::start();
    let is_first = Arc::new(AtomicBool::new(true));
    let waits = Arc::clone(&is_first);
    sink.answer(move |_| {
        let pause = if waits.swap(false, Ordering::SeqCst) {
            2000
        } else {
            0
        };
        (200, format!("pause: {pause}\r\n"))
    });
    let mut app = app(&[sink.configuration("mine")]);
    deliver(&app, "e-1", "v-1", 1);
    eventually("it is being sent", || {
        (!is_first.load(Ordering::SeqCst)).then_some(())
    });
    app.kill();
    app.run();
    eventually("the first one was taken", || {
        (sink.taken() == ["e-1"]).then_some(())
    });
    // That was not written down. Its lease has still to end.
    assert_eq!(run(&app)["delivered"], 0);
    app.database().end_claims();
    assert_eq!(run(&app)["delivered"], 1);
    assert_eq!(sink.taken(), ["e-1", "e-1"]);
}

#[test]
fn sink_that_is_gone_is_switched_off_until_it_is_configured_again() {
    let sink = Sink::start();
    sink.answer(|_| (410, String::new()));
    let mut app = app(&[sink.configuration("mine")]);
    deliver(&app, "e-1", "v-1", 1);
    eventually("it is switched off", || {
        outbox(&app, "mine")["switchedOff"].as_str().map(drop)
    });
    deliver(&app, "e-2", "v-2", 2);
    due(&app);
    run(&app);
    assert_eq!(sink.posted().len(), 1);

    sink.answer(|_| (200, String::new()));
    let mut renewed = sink.configuration("mine");
    renewed["secret"] = json!("whsec_bmV3LXNlY3JldA==");
    app.kill();
    app.set("SINKS", &json!([renewed]).to_string());
    app.run();
    due(&app);
    run(&app);
    // What it had been sent for is still there; what came meanwhile was not for it.
    assert_eq!(sink.taken(), ["e-1"]);
    deliver(&app, "e-3", "v-1", 3);
    eventually("it is on again", || {
        (sink.taken() == ["e-1", "e-3"]).then_some(())
    });
}

#[test]
fn dead_letter_was_never_taken_and_can_be_sent_again() {
    let sink = Sink::start();
    sink.answer(|_| (500, String::new()));
    let mut app = app(&[sink.configuration("mine")]);
    deliver(&app, "e-1", "v-1", 1);
    deliver(&app, "e-2", "v-2", 2);
    eventually("both were tried", || {
        (sink.posted().len() >= 2).then_some(())
    });
    settled(&app);
    // The run that tried them could take them again.
    app.kill();
    app.run();
    app.database().set_attempts("e-1", 19);
    let day = Duration::from_secs(24 * 60 * 60);
    app.database().age_event("e-2", day);
    due(&app);
    run(&app);
    // Another run may have taken one of them first.
    let letters = eventually("both are dead letters", || {
        let letters = app.call("GET", "/v3/dead-letters", &[], "").json();
        let letters = letters["data"].as_array().unwrap().clone();
        (letters.len() == 2).then_some(letters)
    });
    let first = letters
        .iter()
        .find(|letter| letter["attributes"]["eventId"] == "e-1")
        .unwrap();
    assert_eq!(first["attributes"]["attempts"], 20);
    assert_eq!(first["attributes"]["error"], "the receiver answered 500");
    assert_eq!(outbox(&app, "mine")["deadLetters"], 2);
    let page = app
        .call("GET", "/v3/dead-letters?page[size]=1", &[], "")
        .json();
    let next = page["links"]["next"].as_str().unwrap();
    let next = app.call("GET", next, &[], "").json();
    assert_eq!(next["data"].as_array().unwrap().len(), 1);
    assert_ne!(next["data"], page["data"]);

    sink.answer(|_| (200, String::new()));
    let path = format!("/v3/dead-letters/{}/replay", first["id"].as_str().unwrap());
    let replayed = app.call("POST", &path, &[], "");
    assert_eq!(replayed.status, 202, "{replayed:?}");
    eventually("it is taken", || (sink.taken() == ["e-1"]).then_some(()));
    let again = app.call("POST", &path, &[], "");
    assert_eq!(again.error(), edge(404, "DEAD_LETTER_NOT_FOUND"));

    let range = |from: &str, to: &str| {
        format!("/v3/dead-letters/replay?filter[from]={from}&filter[to]={to}")
    };
    let long_ago = range("2001-01-01T00:00:00Z", "2002-01-01T00:00:00Z");
    let none = app.call("POST", &long_ago, &[], "").json();
    assert_eq!(none["meta"]["replayed"], 0);
    let ever = range("2001-01-01T00:00:00Z", "2101-01-01T00:00:00Z");
    let all = app.call("POST", &ever, &[], "").json();
    assert_eq!(all["meta"]["replayed"], 1);
    eventually("the other one is taken", || {
        (sink.taken() == ["e-1", "e-2"]).then_some(())
    });
    for bad in [range("yesterday", "now"), "/v3/dead-letters/replay".into()] {
        let refused = app.call("POST", &bad, &[], "");
        assert_eq!(refused.error(), edge(400, "INVALID_INPUT"), "{bad}");
    }
}

#[test]
fn thousand_events_reach_two_sinks_while_the_third_is_dead() {
    let (first, slow, dead) = (Sink::start(), Sink::start(), Sink::dead());
    let served = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&served);
    slow.answer(move |_| {
        // One of fifty takes its time.
        let is_slow = count.fetch_add(1, Ordering::SeqCst).is_multiple_of(50);
        let pause = if is_slow { 300 } else { 0 };
        (200, format!("pause: {pause}\r\n"))
    });
    let app = app(&[
        first.configuration("first"),
        slow.configuration("slow"),
        dead.configuration("dead"),
    ]);
    const EVENTS: usize = 1000;
    const VEHICLES: usize = 20;
    std::thread::scope(|scope| {
        for vehicle in 0..VEHICLES {
            let app = &app;
            scope.spawn(move || {
                for number in 0..EVENTS / VEHICLES {
                    let event = format!("{vehicle}-{number:03}");
                    deliver(app, &event, &format!("vehicle-{vehicle}"), 1);
                }
            });
        }
    });
    let started = Instant::now();
    for sink in [&first, &slow] {
        eventually("it has everything", || {
            (sink.taken().len() >= EVENTS).then_some(())
        });
    }
    // The bound is for a machine that is busy with other tests.
    assert!(started.elapsed() < Duration::from_secs(30));
    for sink in [&first, &slow] {
        let taken = sink.taken();
        for vehicle in 0..VEHICLES {
            let mine = format!("{vehicle}-");
            let of_it: Vec<&String> = taken.iter().filter(|id| id.starts_with(&mine)).collect();
            let expected: Vec<String> = (0..EVENTS / VEHICLES)
                .map(|number| format!("{vehicle}-{number:03}"))
                .collect();
            assert_eq!(of_it, expected.iter().collect::<Vec<_>>());
        }
    }
    assert_eq!(outbox(&app, "dead")["waiting"], EVENTS);
    // Those who deliver were not kept waiting either: all were acknowledged.
    assert_eq!(app.stored(), EVENTS as u64);
}

#[test]
fn sink_that_fails_whatever_it_is_sent_is_left_alone_for_a_while() {
    let sink = Sink::start();
    sink.answer(|_| (500, String::new()));
    let app = app(&[sink.configuration("mine")]);
    for number in 0..6 {
        deliver(&app, &format!("e-{number}"), &format!("v-{number}"), number);
    }
    eventually("it rests", || {
        outbox(&app, "mine")["pausedUntil"].as_str().map(drop)
    });
    settled(&app);
    let posted = sink.posted().len();
    app.database().make_outbox_due();
    assert_eq!(run(&app)["kept"], 0);
    assert_eq!(sink.posted().len(), posted);

    sink.answer(|_| (200, String::new()));
    due(&app);
    run(&app);
    eventually("it has everything", || {
        (sink.taken().len() == 6).then_some(())
    });
    assert!(outbox(&app, "mine")["pausedUntil"].is_null());
}

#[test]
fn outbox_is_emptied_when_no_new_delivery_comes() {
    let sink = Sink::start();
    sink.answer(|_| (500, String::new()));
    let mut app = app(&[sink.configuration("mine")]);
    deliver(&app, "e-1", "v-1", 1);
    eventually("it was tried", || (!sink.posted().is_empty()).then_some(()));
    settled(&app);
    // The run that tried it could take it again.
    app.kill();
    app.run();
    sink.answer(|_| (200, String::new()));
    due(&app);
    let report = run(&app);
    assert_eq!(
        (&report["sinks"], &report["delivered"]),
        (&json!(1), &json!(1))
    );
    // The relay itself has no way in from outside.
    let outside = app.call("POST", "/relay/run", &[], "");
    assert_eq!(outside.error(), edge(404, "PATH_NOT_FOUND"));
    assert_eq!(app.send("POST", "/run", &[], b"").status, 401);
}

#[test]
fn event_is_posted_in_one_piece() {
    const EVENTS: usize = 20;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (tell, pieces) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let tell = tell.clone();
            thread::spawn(move || take(stream, &tell));
        }
    });
    let app = app(&[json!({"name": "mine", "url": url, "secret": SINK_SECRET})]);
    let mut whole = 0;
    for number in 0..EVENTS {
        deliver(&app, &format!("e-{number}"), "v-1", number as i64);
        let many = pieces.recv_timeout(Duration::from_secs(30)).unwrap();
        whole += usize::from(many == 1);
    }
    // A host may be interrupted between the headers and the body; most of the time
    // it is not. A body that waits for the headers to be acknowledged never is one piece.
    println!("{whole} of {EVENTS} in one piece");
    assert!(whole >= EVENTS * 3 / 5, "{whole} of {EVENTS} in one piece");
}

/// Takes what is posted on a connection, and tells in how many pieces it came.
fn take(mut stream: TcpStream, tell: &mpsc::Sender<usize>) {
    let mut piece = [0; 65536];
    loop {
        let (mut text, mut pieces) = (String::new(), 0);
        while !is_whole(&text) {
            let length = stream.read(&mut piece).unwrap_or(0);
            if length == 0 {
                return;
            }
            text += str::from_utf8(&piece[..length]).unwrap();
            pieces += 1;
        }
        tell.send(pieces).unwrap();
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer).unwrap();
    }
}

fn is_whole(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else {
        return false;
    };
    let mut headers = head.lines().filter_map(|line| line.split_once(": "));
    let length = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    length.unwrap().1.parse() == Ok(body.len())
}

#[test]
fn sinks_that_are_not_as_documented_stop_nothing_else() {
    let app = App::start_with(Options {
        variables: vec![("SINKS", "planted".into())],
        ..Options::default()
    });
    deliver(&app, "e-1", "v-1", 1);
    let refused = app.call("POST", "/run", &[], "");
    assert_eq!(refused.error(), edge(503, "NOT_CONFIGURED"));
    eventually("it is logged", || {
        let what = "the variable sinks is not the documented JSON";
        app.said().contains(what).then_some(())
    });
    assert!(!app.said().contains("planted"));
}
