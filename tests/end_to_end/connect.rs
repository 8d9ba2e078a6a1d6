//! How a user enters: through Smartcar Connect and back.

use serde_json::{Value, json};
use simulator::{APPLICATION, FIRST_USER, FIRST_VEHICLE, SECOND_USER, UNPLUGGED_VEHICLE, WEBHOOK};
use std::time::Duration;
use support::{Answer, App, KEY, Options, deliver_to, edge, eventually, send};

const CONNECTIONS: &str = "/v3/connections";
const SUBSCRIPTIONS: &str = "/v3/subscriptions";

fn start_with(variables: &[(&'static str, &str)]) -> App {
    let variables = variables
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()));
    App::start_with(Options {
        variables: variables.collect(),
        ..Options::default()
    })
}

fn subscribing() -> App {
    start_with(&[("WEBHOOK_ID", WEBHOOK)])
}

fn location(answer: &Answer) -> String {
    assert_eq!(answer.status, 302, "{answer:?}");
    answer.headers["location"].to_str().unwrap().to_owned()
}

/// A browser that was sent to Connect.
struct Browser {
    connect: String,
    cookie: String,
}

impl Browser {
    fn start(app: &App, query: &str) -> Self {
        let sent = app.send("GET", &format!("/connect/start{query}"), &[], b"");
        let cookie = sent.headers["set-cookie"].to_str().unwrap();
        Self {
            connect: location(&sent),
            cookie: cookie.split(';').next().unwrap().to_owned(),
        }
    }

    /// One whose way there was asked for by the product's server, with a key.
    fn start_with_key(app: &App, query: &str) -> Self {
        let sent = app.call("GET", &format!("/connect/start{query}"), &[], "");
        assert!(!sent.headers.contains_key("set-cookie"), "{sent:?}");
        Self {
            connect: location(&sent),
            cookie: "other=1".to_owned(),
        }
    }

    fn state(&self) -> &str {
        let state = self.connect.split("state=").nth(1).unwrap();
        state.split('&').next().unwrap()
    }

    /// One that was sent to authenticate again for the first vehicle.
    fn start_again(app: &App) -> Self {
        let path = format!("/connect/reauthenticate?vehicle_id={FIRST_VEHICLE}");
        let sent = app.send("GET", &path, &[], b"");
        let cookie = sent.headers["set-cookie"].to_str().unwrap();
        Self {
            connect: location(&sent),
            cookie: cookie.split(';').next().unwrap().to_owned(),
        }
    }

    /// Goes through Connect, up to the way back.
    fn way_back(&self, app: &App) -> String {
        let back = location(&send("GET", &self.connect, &[], b""));
        back.strip_prefix(&app.url("")).unwrap().to_owned()
    }

    fn visit(&self, app: &App, path: &str) -> Answer {
        app.send("GET", path, &[("cookie", &self.cookie)], b"")
    }

    /// Comes back with this in the query besides the state.
    fn come_back(&self, app: &App, query: &str) -> Answer {
        let path = format!("/connect/callback?state={}&{query}", self.state());
        self.visit(app, &path)
    }
}

type Arrival = (Option<String>, Option<i64>, bool, Option<String>);

/// User, vehicles, whether it is completed, and error, of everyone who came back.
fn arrivals(app: &App) -> Vec<Arrival> {
    let arrivals = app.database().arrivals().into_iter();
    let arrivals = arrivals.map(|arrival| {
        let error = arrival.error.zip(arrival.description);
        let error = error.map(|(error, description)| format!("{error}: {description}"));
        (
            arrival.user_id,
            arrival.vehicles,
            arrival.is_completed,
            error,
        )
    });
    arrivals.collect()
}

#[test]
fn user_enters_and_their_vehicles_are_subscribed_once() {
    let mut app = subscribing();
    let browser = Browser::start(&app, "");
    let expected = format!(
        "{}/oauth/authorize?response_type=code&application_id={APPLICATION}&mode=live&redirect_uri=",
        app.smartcar.origin()
    );
    assert!(
        browser.connect.starts_with(&expected),
        "{}",
        browser.connect
    );
    let back = browser.way_back(&app);

    for _ in 0..3 {
        let page = browser.visit(&app, &back);
        assert_eq!(page.status, 200, "{page:?}");
        assert!(page.body.contains("2 vehicles are connected"), "{page:?}");
        assert_eq!(page.headers["cache-control"], "no-store");
        assert_eq!(page.headers["referrer-policy"], "no-referrer");
    }
    assert_eq!(app.smartcar.count(CONNECTIONS, 200), 1);
    assert_eq!(app.smartcar.count(SUBSCRIPTIONS, 202), 2);
    let arrived = (Some(FIRST_USER.to_owned()), Some(2), true, None);
    assert_eq!(arrivals(&app), [arrived]);

    let list = app.call("GET", "/v3/subscriptions", &[], "").json();
    assert_eq!(list["meta"]["totalCount"], 2);
    let record = app.call("GET", "/v3/audit?filter[caller]=connect", &[], "");
    let record = record.json();
    let record = record["data"].as_array().unwrap();
    assert_eq!(record.len(), 2);
    for row in record {
        assert_eq!(row["attributes"]["kind"], "create-subscription", "{row}");
        assert_eq!(row["attributes"]["outcome"], "succeeded", "{row}");
    }
    let status = app.call("GET", "/status", &[], "").json();
    assert_eq!(status["connect"]["lastDay"]["completed"], 1);

    // Whose vehicle it is, Smartcar is not asked again.
    let path = format!("/v3/vehicles/{FIRST_VEHICLE}/commands/security/lock");
    assert_eq!(app.call("POST", &path, &[], "").status, 200);
    assert_eq!(app.smartcar.count(CONNECTIONS, 200), 1);

    app.kill();
    let said = app.said();
    let line = said.lines().find(|line| line.contains("\"completed\""));
    let line: Value = serde_json::from_str(line.unwrap()).unwrap();
    assert_eq!(line["event"], "connect");
    assert_eq!(
        (&line["user_id"], &line["vehicles"]),
        (&json!(FIRST_USER), &json!(2))
    );
    let nonce = browser.cookie.split('=').nth(1).unwrap();
    assert!(
        !said.contains(browser.state()) && !said.contains(nonce),
        "{said}"
    );
}

#[test]
fn vehicle_that_is_already_subscribed_is_accepted() {
    let app = subscribing();
    let body = json!({"data": {"attributes":
        {"webhookId": WEBHOOK, "userId": FIRST_USER, "vehicleId": FIRST_VEHICLE}}});
    let made = app.call("POST", SUBSCRIPTIONS, &[], &body.to_string());
    assert_eq!(made.status, 202, "{made:?}");
    let browser = Browser::start(&app, "");
    let page = browser.visit(&app, &browser.way_back(&app));
    assert!(page.body.contains("2 vehicles are connected"), "{page:?}");
    assert_eq!(app.smartcar.count(SUBSCRIPTIONS, 409), 1);
}

#[test]
fn connect_without_a_webhook_subscribes_nothing_and_returns_the_browser() {
    let app = start_with(&[("CONNECT_RETURN_URL", "https://product.example.com/cars?a=b")]);
    let browser = Browser::start_with_key(&app, "?external_id=me%40example.com");
    let back = browser.way_back(&app);
    // What stands in the query is the browser's word; in the state it is ours.
    let back = back.replace("external_id=me", "external_id=you");
    for _ in 0..2 {
        let expected = format!(
            "https://product.example.com/cars?a=b&user_id={FIRST_USER}&external_id=me%40example.com"
        );
        assert_eq!(location(&browser.visit(&app, &back)), expected);
    }
    assert_eq!(app.smartcar.count(SUBSCRIPTIONS, 202), 0);
    let browser = Browser::start_with_key(&app, "?mode=simulated");
    let sent_on = location(&browser.visit(&app, &browser.way_back(&app)));
    let expected = "https://product.example.com/cars?a=b&error=no_vehicles\
        &error_description=No%20vehicles%20found%20for%20this%20user.";
    assert_eq!(sent_on, expected);
}

#[test]
fn connect_error_is_stored_shown_as_text_and_recoverable() {
    let app = subscribing();
    let browser = Browser::start(&app, "");
    let error = "error=%3Cscript%3E&error_description=%3Cimg+src%3D%22x%22%3E+%26+no%0d%0a";
    let page = browser.come_back(&app, error);
    assert_eq!(page.status, 200, "{page:?}");
    let shown = "Smartcar says: &lt;img src=&quot;x&quot;&gt; &amp; no (&lt;script&gt;)";
    assert!(page.body.contains(shown), "{page:?}");
    assert!(!page.body.contains("<script") && !page.body.contains("<img"));
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(page.headers["x-content-type-options"], "nosniff");
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    let error = "<script>: <img src=\"x\"> & no".to_owned();
    assert_eq!(arrivals(&app), [(None, None, false, Some(error))]);

    // They think better of it, and go back to Connect.
    let page = browser.visit(&app, &browser.way_back(&app));
    assert!(page.body.contains("2 vehicles are connected"), "{page:?}");
    let arrived = (Some(FIRST_USER.to_owned()), Some(2), true, None);
    let stored = arrivals(&app);
    assert_eq!(stored, [arrived]);
    // An error that comes late undoes nothing.
    browser.come_back(&app, "error=access_denied");
    assert_eq!(arrivals(&app), stored);
}

#[test]
fn callback_that_did_not_start_here_is_refused_and_not_stored() {
    let mut app = subscribing();
    let (browser, other) = (Browser::start(&app, ""), Browser::start(&app, ""));
    let back = browser.way_back(&app);
    let invalid = edge(400, "INVALID_STATE");
    let state = browser.state().to_owned();
    let changed = format!(
        "{}{}",
        &state[..state.len() - 1],
        if state.ends_with('0') { 1 } else { 0 }
    );
    for path in [
        back.replace(&state, &changed),
        back.replace(&state, ""),
        back.replace(&state, &"0".repeat(state.len())),
        back.replace(&state, other.state()),
    ] {
        assert_eq!(browser.visit(&app, &path).error(), invalid, "{path}");
    }
    // The right state in a browser that was not sent with it.
    assert_eq!(app.send("GET", &back, &[], b"").error(), invalid);
    assert_eq!(other.visit(&app, &back).error(), invalid);
    let both = format!("{}; {}", browser.cookie, other.cookie);
    let answer = app.send("GET", &back, &[("cookie", &both)], b"");
    assert_eq!(answer.error(), invalid);

    let page = app.send("GET", &back, &[("accept", "text/html,*/*;q=0.8")], b"");
    assert_eq!(page.status, 400);
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert!(page.body.contains("start again"), "{page:?}");

    let input = edge(400, "INVALID_INPUT");
    for query in [
        "code=c",
        "user_id=a%2Fb",
        "user_id=u&userId=v",
        "state=s&user_id=u",
    ] {
        assert_eq!(browser.come_back(&app, query).error(), input, "{query}");
    }
    for query in [
        "?mode=test",
        "?mode=live&mode=live",
        "?scope=%3Cb%3E",
        "?utm_source=mail",
    ] {
        let answer = app.send("GET", &format!("/connect/start{query}"), &[], b"");
        assert_eq!(answer.error(), input, "{query}");
    }
    let status = app.call("GET", "/status", &[], "").json();
    assert_eq!(status["connect"]["lastDay"]["arrived"], 0);
    assert_eq!(
        app.smartcar.count("/v3/", 200),
        0,
        "Smartcar was never asked"
    );

    // A new secret makes every state foreign.
    app.kill();
    app.set("SMARTCAR_CLIENT_SECRET", "another");
    app.run();
    assert_eq!(browser.visit(&app, &back).error(), invalid);
    app.kill();
    assert!(
        app.said().contains("the state is not ours"),
        "{}",
        app.said()
    );
}

#[test]
fn arrival_that_is_half_done_is_completed_by_a_reload() {
    let app = subscribing();
    let browser = Browser::start(&app, "");
    let back = browser.way_back(&app);
    for (route, method) in [(CONNECTIONS, "GET"), (SUBSCRIPTIONS, "POST")] {
        let fault = json!({"method": method, "status": 500, "body": "{}", "times": 1});
        app.smartcar.fault(route, fault);
        let page = browser.visit(&app, &back);
        assert_eq!(page.error(), edge(502, "CONNECT_INCOMPLETE"), "{page:?}");
        assert!(page.body.contains("load this page again"), "{page:?}");
        let begun = (Some(FIRST_USER.to_owned()), None, false, None);
        assert_eq!(arrivals(&app), [begun]);
    }
    // One failed, and the other was subscribed all the same.
    assert_eq!(app.smartcar.count(SUBSCRIPTIONS, 202), 1);
    let page = browser.visit(&app, &back);
    assert!(page.body.contains("2 vehicles are connected"), "{page:?}");
    // And that one was not subscribed a second time.
    assert_eq!(app.smartcar.count(SUBSCRIPTIONS, 202), 2);
    assert_eq!(app.smartcar.count(SUBSCRIPTIONS, 409), 0);
    let arrived = (Some(FIRST_USER.to_owned()), Some(2), true, None);
    assert_eq!(arrivals(&app), [arrived]);
}

#[test]
fn arrival_that_takes_long_is_completed_after_the_answer() {
    let app = subscribing();
    let browser = Browser::start(&app, "");
    let back = browser.way_back(&app);
    // Two vehicles, one after the other: longer than a browser waits.
    let fault = json!({"method": "POST", "latencyMs": 6000});
    app.smartcar.fault(SUBSCRIPTIONS, fault);
    let page = browser.visit(&app, &back);
    assert_eq!(page.error(), edge(502, "CONNECT_INCOMPLETE"), "{page:?}");
    eventually("the vehicles are taken in", || {
        let arrived = (Some(FIRST_USER.to_owned()), Some(2), true, None);
        (arrivals(&app) == [arrived]).then_some(())
    });
    let page = browser.visit(&app, &back);
    assert!(page.body.contains("2 vehicles are connected"), "{page:?}");
    assert_eq!(app.smartcar.count(SUBSCRIPTIONS, 202), 2);
}

#[test]
fn user_who_is_made_up_does_not_get_through() {
    let app = start_with(&[("CONNECT_RETURN_URL", "https://product.example.com/")]);
    let browser = Browser::start(&app, "");
    let answer = browser.come_back(&app, "userId=made-up");
    assert_eq!(answer.error(), edge(502, "CONNECT_INCOMPLETE"));
    // And a state is one user's.
    let answer = browser.come_back(&app, &format!("user_id={FIRST_USER}"));
    assert_eq!(answer.error(), edge(400, "INVALID_STATE"));
}

/// Lets ten minutes pass.
fn wait_ten_minutes(app: &App) {
    app.database().age_arrivals(Duration::from_secs(600));
}

/// How many requests Smartcar got for the look-ups of users.
fn lookups(app: &App) -> u64 {
    app.smartcar.count(CONNECTIONS, 200)
}

#[test]
fn user_of_another_browser_is_not_taken_in() {
    let app = start_with(&[
        ("WEBHOOK_ID", WEBHOOK),
        ("CONNECT_RETURN_URL", "https://product.example.com/"),
    ]);
    // Someone who came through Connect under their own state, or did not at all.
    for goes_through in [true, false] {
        let browser = Browser::start(&app, "");
        if goes_through {
            browser.way_back(&app);
        }
        let answer = browser.come_back(&app, &format!("user_id={SECOND_USER}"));
        assert_eq!(answer.error(), edge(502, "CONNECT_INCOMPLETE"));
    }
    assert_eq!(app.database().owner_of(UNPLUGGED_VEHICLE), None);
    assert_eq!(app.smartcar.count("/v3/subscriptions", 202), 0);
    let begun = (Some(SECOND_USER.to_owned()), None, false, None);
    assert_eq!(arrivals(&app), [begun.clone(), begun]);
}

#[test]
fn user_who_was_connected_before_has_to_come_through_connect_again() {
    let app = subscribing();
    let browser = Browser::start(&app, "");
    let user = format!("user_id={FIRST_USER}");
    let answer = browser.come_back(&app, &user);
    assert_eq!(answer.error(), edge(502, "CONNECT_INCOMPLETE"));
    assert_eq!(app.database().owner_of(FIRST_VEHICLE), None);
    let page = browser.visit(&app, &browser.way_back(&app));
    assert!(page.body.contains("2 vehicles are connected"), "{page:?}");
}

#[test]
fn external_id_that_smartcar_does_not_know_of_the_user_is_refused() {
    let app = start_with(&[
        ("WEBHOOK_ID", WEBHOOK),
        ("CONNECT_RETURN_URL", "https://product.example.com/"),
    ]);
    // The user has just come through Connect, for another one of the product's.
    let other = Browser::start_with_key(&app, "?external_id=b");
    let back = other.way_back(&app);
    let browser = Browser::start_with_key(&app, "?external_id=a");
    for user in [FIRST_USER, SECOND_USER] {
        let browser = Browser::start_with_key(&app, "?external_id=a");
        let answer = browser.come_back(&app, &format!("user_id={user}&external_id=b"));
        assert_eq!(answer.error(), edge(502, "CONNECT_INCOMPLETE"), "{user}");
    }
    assert_eq!(app.smartcar.count(SUBSCRIPTIONS, 202), 0);
    let expected = format!("https://product.example.com/?user_id={FIRST_USER}&external_id=b");
    assert_eq!(location(&other.visit(&app, &back)), expected);
    // The last visit counts: the id that Smartcar has is now this one.
    let back = browser.way_back(&app);
    let expected = expected.replace("external_id=b", "external_id=a");
    assert_eq!(location(&browser.visit(&app, &back)), expected);
    assert_eq!(location(&browser.visit(&app, &back)), expected);
    // A product asks Smartcar, by this gateway, whose id that is.
    let path = "/v3/connections?filter[user.externalId]=";
    let list = |id: &str| app.call("GET", &format!("{path}{id}"), &[], "").json();
    let (a, b) = (list("a"), list("b"));
    assert_eq!(
        a["data"][0]["relationships"]["user"]["data"]["id"],
        FIRST_USER
    );
    assert_eq!(b["data"], json!([]));
    // The external id itself is not kept.
    let arrivals = app.database().arrivals().into_iter();
    let kept: Vec<String> = arrivals.filter_map(|arrival| arrival.begun_for).collect();
    assert!(!kept.is_empty());
    assert!(
        !kept.iter().any(|id| ["a", "b"].contains(&id.as_str())),
        "{kept:?}"
    );
}

#[test]
fn external_id_is_taken_with_a_key_alone() {
    let app = subscribing();
    let path = "/connect/start?external_id=someone";
    let refused = app.send("GET", path, &[], b"");
    assert_eq!(refused.error(), edge(400, "INVALID_INPUT"));
    assert!(refused.body.contains("manage_connections"), "{refused:?}");
    let wrong = [("authorization", "Bearer wrong")];
    let refused = app.send("GET", path, &wrong, b"");
    assert_eq!(refused.error(), edge(401, "UNAUTHORIZED"));
    let refused = app.call("GET", "/connect/start?external_id=null", &[], "");
    assert_eq!(refused.error(), edge(400, "INVALID_INPUT"));
    let browser = Browser::start_with_key(&app, "?external_id=someone");
    assert!(browser.connect.contains("&external_id=someone"));
}

#[test]
fn mode_is_taken_with_a_key_alone() {
    let app = subscribing();
    let browser = Browser::start(&app, "?mode=simulated&make=TESLA");
    assert!(
        browser.connect.contains("&mode=live&"),
        "{}",
        browser.connect
    );
    assert!(
        browser.connect.contains("&make=TESLA"),
        "{}",
        browser.connect
    );
    let browser = Browser::start_with_key(&app, "?mode=simulated");
    assert!(
        browser.connect.contains("&mode=simulated&"),
        "{}",
        browser.connect
    );
}

#[test]
fn quota_is_not_used_up_by_returns_that_complete() {
    let app = subscribing();
    let mut busy = None;
    for round in 0..40 {
        let browser = Browser::start(&app, "");
        let back = browser.way_back(&app);
        let page = browser.visit(&app, &back);
        match page.status {
            200 => assert!(round < 5, "{round}"),
            _ => {
                assert_eq!(page.error(), edge(503, "CONNECT_BUSY"));
                assert_eq!(page.headers["retry-after"], "600");
                busy = Some((browser, back));
            }
        }
    }
    assert_eq!(lookups(&app), 5);
    assert_eq!(app.smartcar.count(SUBSCRIPTIONS, 202), 2);
    assert_eq!(app.smartcar.count(SUBSCRIPTIONS, 409), 0);
    assert_eq!(arrivals(&app).len(), 5);
    let lock = app.command(FIRST_VEHICLE, FIRST_USER, "security/lock", "");
    assert_eq!(lock.status, 200);

    // Nothing is lost.
    let (browser, back) = busy.unwrap();
    wait_ten_minutes(&app);
    let page = browser.visit(&app, &back);
    assert!(page.body.contains("2 vehicles are connected"), "{page:?}");
    assert_eq!(app.smartcar.count(SUBSCRIPTIONS, 202), 2);
}

#[test]
fn quota_is_not_used_up_by_returns_of_many_users_at_once() {
    let app = subscribing();
    let browsers: Vec<Browser> = (0..16).map(|_| Browser::start(&app, "")).collect();
    let codes: Vec<String> = std::thread::scope(|scope| {
        let come = |(number, browser): (usize, &Browser)| {
            let (app, query) = (&app, format!("user_id=made-up-{number}"));
            let state = browser.state().to_owned();
            let cookie = browser.cookie.clone();
            scope.spawn(move || {
                let path = format!("/connect/callback?state={state}&{query}");
                app.send("GET", &path, &[("cookie", &cookie)], b"")
                    .error()
                    .2
            })
        };
        let all: Vec<_> = browsers.iter().enumerate().map(come).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let count = |code: &str| codes.iter().filter(|known| *known == code).count();
    assert_eq!(count("CONNECT_INCOMPLETE"), 10, "{codes:?}");
    assert_eq!(count("CONNECT_BUSY"), 6, "{codes:?}");
    assert_eq!((lookups(&app), arrivals(&app).len()), (10, 10));

    // Strangers have used up what is theirs; a user of the product's still enters,
    // and would if it was that user whom they named.
    app.database().give_arrivals_to(FIRST_USER);
    let busy = Browser::start(&app, "").come_back(&app, &format!("user_id={FIRST_USER}"));
    assert_eq!(busy.error(), edge(503, "CONNECT_BUSY"));
    let browser = Browser::start_with_key(&app, "?external_id=me");
    let page = browser.visit(&app, &browser.way_back(&app));
    assert!(page.body.contains("2 vehicles are connected"), "{page:?}");
    // And one of them does not use up what the others need.
    let codes: Vec<String> = (0..6)
        .map(|number| {
            let browser = Browser::start_with_key(&app, "?external_id=other");
            let answer = browser.come_back(&app, &format!("user_id=other-{number}"));
            answer.error().2
        })
        .collect();
    assert_eq!(codes[4..], ["CONNECT_INCOMPLETE", "CONNECT_BUSY"]);
}

#[test]
fn quota_is_not_taken_by_a_clock_that_was_ahead() {
    let app = subscribing();
    let come = || {
        let browser = Browser::start(&app, "");
        browser.come_back(&app, "user_id=made-up").error().2
    };
    while come() != "CONNECT_BUSY" {}
    let day = Duration::from_secs(24 * 60 * 60);
    app.database().advance_arrivals(day);
    assert_eq!(come(), "CONNECT_INCOMPLETE");
}

#[test]
fn state_of_a_start_without_a_key_is_worth_nothing_once_a_key_is_required() {
    let mut app = subscribing();
    let browser = Browser::start(&app, "");
    let back = browser.way_back(&app);
    app.kill();
    app.set("CONNECT_REQUIRES_KEY", "true");
    app.run();
    let refused = browser.visit(&app, &back);
    assert_eq!(refused.error(), edge(400, "INVALID_STATE"));
}

#[test]
fn quota_for_lookups_is_as_large_as_the_variable_says() {
    let app = start_with(&[("CONNECT_LOOKUPS", "3")]);
    let come = |browser: Browser, user: &str| {
        let answer = browser.come_back(&app, &format!("user_id={user}"));
        answer.error().2
    };
    let codes = ["a", "b"].map(|user| come(Browser::start(&app, ""), user));
    assert_eq!(codes, ["CONNECT_INCOMPLETE", "CONNECT_BUSY"]);
    let codes = ["c", "d", "e"].map(|user| come(Browser::start_with_key(&app, ""), user));
    assert_eq!(
        codes,
        ["CONNECT_INCOMPLETE", "CONNECT_INCOMPLETE", "CONNECT_BUSY"]
    );
}

#[test]
fn state_is_tried_five_times_and_a_refusal_by_connect_costs_nothing() {
    let app = subscribing();
    let browser = Browser::start(&app, "");
    for _ in 0..7 {
        assert_eq!(browser.come_back(&app, "error=access_denied").status, 200);
    }
    let codes: Vec<String> = (0..6)
        .map(|_| browser.come_back(&app, "user_id=made-up").error().2)
        .collect();
    assert_eq!(codes[4..], ["CONNECT_INCOMPLETE", "INVALID_STATE"]);
    assert_eq!(lookups(&app), 5);
    // The same user under another state waits.
    let other = Browser::start(&app, "");
    let answer = other.come_back(&app, "user_id=made-up");
    assert_eq!(answer.error(), edge(503, "CONNECT_BUSY"));
    let answer = other.come_back(&app, "user_id=another");
    assert_eq!(answer.error(), edge(502, "CONNECT_INCOMPLETE"));
}

#[test]
fn vehicle_that_was_connected_again_is_subscribed_again() {
    let app = subscribing();
    let connect = |app: &App| {
        let browser = Browser::start(app, "");
        let page = browser.visit(app, &browser.way_back(app));
        assert!(page.body.contains("2 vehicles are connected"), "{page:?}");
    };
    connect(&app);
    let removed = app.call("DELETE", &format!("/v3/users/{FIRST_USER}"), &[], "");
    assert_eq!(removed.status, 204, "{removed:?}");
    connect(&app);
    assert_eq!(app.smartcar.count(SUBSCRIPTIONS, 202), 4);
    // What was subscribed the day before is subscribed again.
    app.database().move_actions_to_1970();
    connect(&app);
    assert_eq!(app.smartcar.count(SUBSCRIPTIONS, 409), 2);
}

#[test]
fn vehicle_whose_subscription_was_removed_is_subscribed_again() {
    let app = subscribing();
    let connect = || {
        let browser = Browser::start(&app, "");
        let page = browser.visit(&app, &browser.way_back(&app));
        assert!(page.body.contains("2 vehicles are connected"), "{page:?}");
        app.smartcar.count(SUBSCRIPTIONS, 202)
    };
    assert_eq!([connect(), connect()], [2, 2]);
    let list = app.call("GET", SUBSCRIPTIONS, &[], "").json();
    let id = list["data"][0]["id"].as_str().unwrap();
    let path = format!("{SUBSCRIPTIONS}/{id}");
    // A removal that failed has ended nothing.
    let refusal = json!({"status": 500, "body": "{}", "times": 1});
    app.smartcar
        .fault("/v3/subscriptions/{subscriptionId}", refusal);
    let failed = app.call("DELETE", &path, &[], "");
    assert_eq!(failed.status, 502, "{failed:?}");
    assert_eq!(connect(), 2);
    let removed = app.call("DELETE", &path, &[], "");
    assert_eq!(removed.status, 204, "{removed:?}");
    assert_eq!([connect(), connect()], [3, 3]);
    assert_eq!(app.smartcar.count(SUBSCRIPTIONS, 409), 0);
}

#[test]
fn errors_of_connect_are_stored_sixty_times_an_hour() {
    let mut app = subscribing();
    for _ in 0..65 {
        let browser = Browser::start(&app, "");
        let page = browser.come_back(&app, "error=access_denied");
        assert_eq!(page.status, 200, "{page:?}");
        assert!(page.body.contains("access_denied"), "{page:?}");
    }
    assert_eq!(arrivals(&app).len(), 60);
    wait_ten_minutes(&app);
    Browser::start(&app, "").come_back(&app, "error=access_denied");
    assert_eq!(arrivals(&app).len(), 60);
    for _ in 0..5 {
        wait_ten_minutes(&app);
    }
    Browser::start(&app, "").come_back(&app, "error=access_denied");
    assert_eq!(arrivals(&app).len(), 61);
    app.kill();
    let said = app.said();
    let lines = said
        .lines()
        .filter(|line| line.contains("\"access_denied\""));
    assert_eq!(lines.count(), 61);
}

#[test]
fn error_of_a_state_is_stored_and_logged_once() {
    let mut app = subscribing();
    let browser = Browser::start(&app, "");
    for number in 0..5 {
        let page = browser.come_back(&app, &format!("error=planted-{number}"));
        let shown = format!("Smartcar says: planted-{number}");
        assert!(page.body.contains(&shown), "{page:?}");
    }
    let stored = app.database().arrivals().into_iter();
    let errors: Vec<String> = stored.filter_map(|arrival| arrival.error).collect();
    assert_eq!(errors, ["planted-0"]);
    // Whoever comes back with a user has no error any more, and gets none again.
    browser.come_back(&app, "user_id=made-up");
    browser.come_back(&app, "error=planted-again");
    let begun = (Some("made-up".to_owned()), None, false, None);
    assert_eq!(arrivals(&app), [begun]);
    let other = Browser::start(&app, "");
    let odd = format!("error=%E2%80%AE%22planted%5C%0A%7F{}", "x".repeat(100));
    other.come_back(&app, &odd);
    app.kill();
    let said = app.said();
    let lines: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("planted"))
        .collect();
    let [first, second] = lines[..] else {
        panic!("{lines:?}")
    };
    assert!(first.contains("\"planted-0\""), "{first}");
    let kept = format!("\"planted{}\"", "x".repeat(64 - "planted".len()));
    assert!(second.contains(&kept), "{second}");
}

#[test]
fn connect_is_not_stepped_through_by_head() {
    let app = subscribing();
    let looked = app.send("HEAD", "/connect/start", &[], b"");
    assert_eq!(
        (looked.status, &looked.headers["allow"]),
        (405, &"GET".parse().unwrap())
    );
    assert!(!looked.headers.contains_key("set-cookie"), "{looked:?}");
    let browser = Browser::start(&app, "");
    let back = browser.way_back(&app);
    let looked = app.send("HEAD", &back, &[("cookie", &browser.cookie)], b"");
    assert_eq!(looked.status, 405);
    // The first who wants something of the database makes it.
    assert_eq!(app.call("GET", "/status", &[], "").status, 200);
    assert_eq!((arrivals(&app).len(), lookups(&app)), (0, 0));
}

#[test]
fn cookie_is_bound_to_the_host_where_it_is_reached_by_https() {
    let uri = "https://app.example.com/connect/callback";
    let app = start_with(&[("CONNECT_REDIRECT_URI", uri)]);
    let browser = Browser::start(&app, "");
    let back = location(&send("GET", &browser.connect, &[], b""));
    let back = back.replace("https://app.example.com", "");
    let cookie = browser.cookie.strip_prefix("__Host-").unwrap();
    let answer = app.send("GET", &back, &[("cookie", cookie)], b"");
    assert_eq!(answer.error(), edge(400, "INVALID_STATE"));
    let page = browser.visit(&app, &back);
    assert!(page.body.contains("2 vehicles are connected"), "{page:?}");
}

#[test]
fn start_may_take_a_key_and_then_no_cookie() {
    // printf '%s' KEY | openssl dgst -sha256
    let keys = r#"[
        {"name":"all","scopes":["*"],"sha256":"eb300d2cb2d7d4f5e6b375f200d8aa6ae2cbbef99da421d60cfe94c872c91111"},
        {"name":"charge","scopes":["control_charge"],"sha256":"7592a0bf0955be05c2ef6ce9c0cd4bbb5632093deb78e718e69981297a7ff87f"}
    ]"#;
    let app = start_with(&[("CONNECT_REQUIRES_KEY", "true"), ("API_KEYS", keys)]);
    let start = |key: &str| {
        let bearer = format!("Bearer {key}");
        app.send("GET", "/connect/start", &[("authorization", &bearer)], b"")
    };
    let answer = app.send("GET", "/connect/start", &[], b"");
    assert_eq!(answer.error(), edge(401, "UNAUTHORIZED"));
    assert!(answer.headers.contains_key("www-authenticate"));
    assert_eq!(start("charge-key").error(), edge(403, "MISSING_SCOPE"));
    let sent = start(KEY);
    assert!(!sent.headers.contains_key("set-cookie"), "{sent:?}");
    let back = location(&send("GET", &location(&sent), &[], b""));
    let page = send("GET", &back, &[], b"");
    assert!(page.body.contains("2 vehicles are connected"), "{page:?}");
}

#[test]
fn start_without_its_variables_says_so_and_the_rest_works() {
    let mut app = start_with(&[("SMARTCAR_APPLICATION_ID", "")]);
    let start = |app: &App| app.send("GET", "/connect/start", &[], b"");
    for _ in 0..5 {
        let answer = start(&app);
        assert_eq!(answer.error(), edge(503, "NOT_CONFIGURED"));
    }
    assert_eq!(app.call("GET", "/status", &[], "").status, 200);
    for (name, value) in [
        ("CONNECT_REDIRECT_URI", ""),
        ("CONNECT_MODE", "test"),
        ("CONNECT_RETURN_URL", "product.example.com"),
        ("WEBHOOK_ID", "a/b"),
        ("CONNECT_REQUIRES_KEY", "perhaps"),
        ("CONNECT_LOOKUPS", "1"),
    ] {
        app.kill();
        app.set("SMARTCAR_APPLICATION_ID", APPLICATION);
        app.set(name, value);
        app.run();
        assert_eq!(start(&app).error(), edge(503, "NOT_CONFIGURED"), "{name}");
        app.set(
            name,
            match name {
                "CONNECT_REDIRECT_URI" => "https://app.example.com/connect/callback",
                "CONNECT_MODE" => "simulated",
                "CONNECT_REQUIRES_KEY" => "false",
                "CONNECT_LOOKUPS" => "20",
                _ => "",
            },
        );
    }
    app.kill();
    let said = app.said();
    for name in [
        "smartcar_application_id is not set",
        "connect_redirect_uri is not set",
        "connect_mode must be live or simulated",
        "connect_return_url must be a URL",
        "webhook_id must be an id",
        "connect_requires_key must be true or false",
        "connect_lookups must be a whole number",
    ] {
        assert!(said.contains(name), "{name}: {said}");
    }
    // An operator need not be paged because a stranger asks.
    let missing = "smartcar_application_id is not set";
    let lines: Vec<Value> = said
        .lines()
        .filter(|line| line.contains(missing))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(!lines.is_empty());
    for line in lines {
        assert_eq!(
            (&line["level"], &line["event"]),
            (&json!("warn"), &json!("connect"))
        );
    }
    app.run();
    let sent = start(&app);
    assert!(location(&sent).contains("&mode=simulated&"), "{sent:?}");
    let cookie = sent.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-connect_state="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; Secure"), "{cookie}");
}

#[test]
fn owner_authenticates_again_and_the_error_that_asked_for_it_ends() {
    let app = start_with(&[]);
    let error = json!({
        "type": "CONNECTED_SERVICES_ACCOUNT", "code": "AUTHENTICATION_FAILED",
        "state": "ERROR", "resolution": {"type": "REAUTHENTICATE"},
        "suggestedUserMessage": "Please log in again.", "signals": [],
    });
    let delivery = json!({
        "eventId": "e-1", "eventType": "VEHICLE_ERROR",
        "data": {"user": {"id": FIRST_USER}, "vehicle": {"id": FIRST_VEHICLE}, "errors": [error]},
        "meta": {"version": "4.0", "mode": "LIVE"},
    });
    let body = delivery.to_string();
    assert!(deliver_to(&app.url("/webhooks"), &body));
    let in_need = || {
        let path = "/v3/vehicles?filter[needs]=reauthentication";
        app.call("GET", path, &[], "").json()["data"].clone()
    };
    let vehicle = &in_need()[0];
    let shown = &vehicle["meta"]["openErrors"][0];
    assert_eq!(shown["suggestedUserMessage"], "Please log in again.");
    let again = format!("/connect/reauthenticate?vehicle_id={FIRST_VEHICLE}");
    assert_eq!(vehicle["links"]["reauthenticate"], again);
    let browser = Browser::start_again(&app);
    let back = browser.way_back(&app);
    // Another browser's way back is not this one's.
    let stolen = app.send("GET", &back, &[], b"");
    assert_eq!(stolen.error(), edge(400, "INVALID_STATE"));
    let page = browser.visit(&app, &back);
    assert!(
        page.body.contains("The vehicle is connected again"),
        "{page:?}"
    );
    assert_eq!(in_need(), json!([]));
}
