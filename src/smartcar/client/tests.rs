//! What goes out, what is repeated and what never is.

use super::*;
use crate::{
    BodyStream, Call, Clock, Limit, LimitScope, UnitSystem, UserId, VehicleId, endpoints,
    testing::{Fake, Reply, Used, client},
};
use futures::future::{join_all, select};
use std::{pin::pin, time::Duration};

const LOCK: &str = "/v3/vehicles/v-1/commands/security/lock";
const SIGNALS: &str = "/v3/vehicles/v-1/signals";

fn vehicle(id: &str) -> VehicleId {
    VehicleId::parse(id).unwrap()
}

fn user() -> UserId {
    UserId::parse("u-1").unwrap()
}

fn lock() -> Call {
    Call::to(&endpoints::LOCK, &[&vehicle("v-1")]).on_behalf_of(user())
}

fn signals(of: &str) -> Call {
    Call::to(&endpoints::LIST_SIGNALS, &[&vehicle(of)]).on_behalf_of(user())
}

fn limit(code: &str, retry_after: Option<&str>) -> Reply {
    let headers = retry_after.map(|seconds| ("retry-after", seconds.to_owned()));
    let body = format!(r#"{{"type":"RATE_LIMIT","code":"{code}"}}"#);
    Reply::Answer(429, headers.into_iter().collect(), body)
}

#[test]
fn call_goes_out_as_documented() {
    let fake = Fake::new();
    fake.answer(SIGNALS, 200, "{}");
    let call = signals("v-1").units(UnitSystem::Imperial);
    assert_eq!(fake.run(client(&fake).call(&call)).unwrap().body, "{}");
    let request = fake.requests().remove(1);
    assert_eq!(
        request.uri(),
        "https://vehicle.example.com/v3/vehicles/v-1/signals"
    );
    assert_eq!(request.headers()["authorization"], "Bearer token-1");
    assert!(request.headers()["authorization"].is_sensitive());
    assert_eq!(request.headers()["sc-user-id"], "u-1");
    assert_eq!(request.headers()["sc-unit-system"], "imperial");
    assert!(!request.headers().contains_key("content-type"));
}

#[test]
fn api_has_its_host_and_the_open_one_gets_no_token() {
    let fake = Fake::new();
    fake.answer("/v3/webhooks", 200, "{}");
    fake.answer("/v3/compatible-vehicles", 200, "{}");
    let client = client(&fake);
    for endpoint in [
        &endpoints::LIST_COMPATIBLE_VEHICLES,
        &endpoints::LIST_WEBHOOKS,
    ] {
        fake.run(client.call(&Call::to(endpoint, &[]))).unwrap();
    }
    let requests = fake.requests();
    assert_eq!(requests[0].uri().host(), Some("compatibility.example.com"));
    assert!(!requests[0].headers().contains_key("authorization"));
    assert_eq!(
        requests[2].uri(),
        "https://management.example.com/v3/webhooks"
    );
    assert!(requests[2].headers().contains_key("authorization"));
    assert_eq!(fake.used().len(), 1, "only one of them used the token");
}

#[test]
fn refused_token_is_replaced_once_and_the_call_made_once_more() {
    let fake = Fake::new();
    fake.refuse_token("token-1");
    fake.answer(LOCK, 200, "{}");
    assert!(fake.run(client(&fake).call(&lock())).is_ok());
    assert_eq!((fake.token_requests(), fake.requests_to(LOCK)), (2, 2));
}

#[test]
fn hundred_calls_with_a_revoked_token_fetch_one_new_token() {
    let fake = Fake::new();
    fake.answer(SIGNALS, 200, "{}");
    let client = client(&fake);
    let call = signals("v-1");
    fake.run(client.call(&call)).unwrap();
    fake.refuse_token("token-1");
    let answers = fake.run(join_all((0..100).map(|_| client.call(&call))));
    assert!(
        answers
            .iter()
            .all(|answer| answer.as_ref().unwrap().status == 200)
    );
    assert_eq!(fake.token_requests(), 2);
}

#[test]
fn call_that_stays_refused_ends() {
    let fake = Fake::new();
    fake.answer(LOCK, 401, "");
    let answer = fake.run(client(&fake).call(&lock())).unwrap();
    assert_eq!((answer.status.as_u16(), fake.requests_to(LOCK)), (401, 2));
}

#[test]
fn read_is_repeated_twice_after_a_passing_failure() {
    let away = |status| Reply::Answer(status, Vec::new(), String::new());
    for reply in [
        away(502),
        away(503),
        away(504),
        Reply::Silence(Sent::Maybe),
        Reply::Silence(Sent::No),
    ] {
        let fake = Fake::new();
        fake.reply(SIGNALS, reply.clone());
        fake.reply(SIGNALS, reply.clone());
        fake.answer(SIGNALS, 200, "{}");
        let answer = fake.run(client(&fake).call(&signals("v-1"))).unwrap();
        assert_eq!(
            (answer.status.as_u16(), fake.requests_to(SIGNALS)),
            (200, 3)
        );

        let fake = Fake::new();
        fake.reply(SIGNALS, reply);
        let answer = fake.run(client(&fake).call(&signals("v-1")));
        assert!(!answer.is_ok_and(|answer| answer.status == 200));
        assert_eq!(fake.requests_to(SIGNALS), 3);
    }
}

#[test]
fn read_is_not_repeated_after_a_lasting_failure() {
    for status in [400, 403, 404, 409, 429, 430, 500, 501] {
        let fake = Fake::new();
        fake.answer(SIGNALS, status, "");
        let answer = fake.run(client(&fake).call(&signals("v-1"))).unwrap();
        assert_eq!(
            (answer.status.as_u16(), fake.requests_to(SIGNALS)),
            (status, 1)
        );
    }
}

#[test]
fn retries_stay_inside_the_deadline() {
    let fake = Fake::new();
    fake.latency(Duration::from_secs(4));
    fake.answer(SIGNALS, 503, "");
    let before = fake.now();
    // The token takes 4 s of the 10, the first attempt 4 more, the second gets
    // what is left.
    let answer = fake.run(client(&fake).call(&signals("v-1")));
    assert!(matches!(answer, Err(Error::Transport(_))), "{answer:?}");
    let took = fake.now().since(before);
    assert!(took <= Duration::from_millis(10_100), "{took:?}");
    assert_eq!(fake.requests_to(SIGNALS), 2);
}

#[test]
fn command_is_sent_again_only_if_it_certainly_was_not_sent() {
    let fake = Fake::new();
    fake.fail(LOCK, Sent::No);
    fake.answer(LOCK, 200, "{}");
    assert!(fake.run(client(&fake).call(&lock())).is_ok());
    assert_eq!(fake.requests_to(LOCK), 2);

    for reply in [
        Reply::Silence(Sent::Maybe),
        Reply::Answer(502, Vec::new(), String::new()),
        Reply::Answer(504, Vec::new(), String::new()),
    ] {
        let fake = Fake::new();
        fake.reply(LOCK, reply);
        let result = fake.run(client(&fake).call(&lock()));
        let open = result.and_then(Response::into_result).unwrap_err();
        assert!(open.may_have_happened(), "{open}");
        assert_eq!(fake.requests_to(LOCK), 1);
    }
}

#[test]
fn slow_command_gets_its_310_seconds_and_no_more() {
    let fake = Fake::new();
    let client = client(&fake);
    fake.answer(LOCK, 200, "{}");
    fake.run(client.call(&lock())).unwrap();
    fake.latency(Duration::from_secs(300));
    assert!(fake.run(client.call(&lock())).is_ok());
    fake.latency(Duration::from_secs(400));
    let before = fake.now();
    let error = fake.run(client.call(&lock())).unwrap_err();
    assert!(error.may_have_happened());
    assert!(fake.now().since(before) <= Duration::from_secs(311));
}

#[test]
fn limit_is_answered_here_until_it_is_over() {
    let fake = Fake::new();
    let client = client(&fake);
    fake.reply(SIGNALS, limit("SMARTCAR_API", Some("17")));
    fake.answer(SIGNALS, 200, "{}");
    let call = signals("v-1");
    assert_eq!(fake.run(client.call(&call)).unwrap().status, 429);
    fake.advance(Duration::from_millis(4500));
    let Err(Error::Limited(limit)) = fake.run(client.call(&call)) else {
        panic!("the limit was forgotten");
    };
    assert_eq!(
        (limit.scope.clone(), limit.retry_after()),
        (LimitScope::Application, 13)
    );
    assert_eq!(fake.requests_to(SIGNALS), 1);
    fake.advance(limit.remaining);
    assert_eq!(fake.run(client.call(&call)).unwrap().status, 200);
}

#[test]
fn limit_whose_body_breaks_off_is_a_limit() {
    let fake = Fake::new();
    let client = client(&fake);
    let headers = [("retry-after", "9"), ("x-breaks-off", "1")];
    let headers = headers.map(|(name, value)| (name, value.to_owned()));
    let body = r#"{"type":"RATE_LIMIT","code":"SMARTCAR_API"}"#;
    fake.reply(LOCK, Reply::Answer(429, headers.into(), body.into()));
    assert_eq!(fake.run(client.call(&lock())).unwrap().status, 429);
    let again = fake.run(client.call(&lock())).unwrap_err();
    assert!(matches!(&again, Error::Limited(limit) if limit.retry_after() == 9));
    assert_eq!(fake.requests_to(LOCK), 1);
}

#[test]
fn other_instances_share_a_limit() {
    let fake = Fake::new();
    fake.reply(SIGNALS, limit("SMARTCAR_API", Some("60")));
    fake.run(client(&fake).call(&signals("v-1"))).unwrap();
    let elsewhere = fake.run(client(&fake).call(&signals("v-2")));
    assert!(matches!(elsewhere, Err(Error::Limited(_))));
}

#[test]
fn limit_of_one_vehicle_is_not_that_of_another() {
    let fake = Fake::new();
    let client = client(&fake);
    fake.reply(SIGNALS, limit("VEHICLE", Some("120")));
    fake.answer("/v3/vehicles/v-2/signals", 200, "{}");
    fake.run(client.call(&signals("v-1"))).unwrap();
    assert!(fake.run(client.call(&signals("v-2"))).is_ok());
    let Err(Error::Limited(Limit { scope, .. })) = fake.run(client.call(&signals("v-1"))) else {
        panic!("the limit was forgotten");
    };
    assert_eq!(scope, LimitScope::Vehicle(vehicle("v-1")));
}

#[test]
fn limit_that_is_reported_later_does_not_replace_the_first() {
    let fake = Fake::new();
    let client = client(&fake);
    for name in ["v-1", "v-2"] {
        let path = format!("/v3/vehicles/{name}/signals");
        fake.reply(&path, limit("VEHICLE", Some("120")));
        fake.run(client.call(&signals(name))).unwrap();
    }
    let scopes = fake.run(client.limits()).into_iter();
    let scopes: Vec<LimitScope> = scopes.map(|limit| limit.scope).collect();
    let both = ["v-1", "v-2"].map(|name| LimitScope::Vehicle(vehicle(name)));
    assert_eq!(scopes, both);
}

#[test]
fn limit_without_a_time_holds_for_half_a_minute_and_a_lie_for_an_hour() {
    for (said, seconds) in [(None, 30), (Some("later"), 30), (Some("99999999999"), 3600)] {
        let fake = Fake::new();
        let client = client(&fake);
        fake.reply(SIGNALS, limit("SMARTCAR_API", said));
        fake.answer(SIGNALS, 200, "{}");
        fake.run(client.call(&signals("v-1"))).unwrap();
        fake.advance(Duration::from_secs(seconds - 1));
        assert!(fake.run(client.call(&signals("v-1"))).is_err());
        fake.advance(Duration::from_secs(2));
        assert!(fake.run(client.call(&signals("v-1"))).is_ok());
    }
}

#[test]
fn retry_after_is_never_zero() {
    let fake = Fake::new();
    let client = client(&fake);
    fake.reply(SIGNALS, limit("SMARTCAR_API", Some("1")));
    fake.reply(SIGNALS, limit("SMARTCAR_API", Some("1")));
    fake.answer(SIGNALS, 200, "{}");
    let call = signals("v-1");
    // Each look costs the millisecond of the store, so none of them is left out.
    fake.run(client.call(&call)).unwrap();
    while let [limit] = &fake.run(client.limits())[..] {
        assert_eq!(limit.retry_after(), 1);
    }
    fake.run(client.call(&call)).unwrap();
    while let Err(Error::Limited(limit)) = fake.run(client.call(&call)) {
        assert_eq!(limit.retry_after(), 1);
    }
    assert_eq!(fake.requests_to(SIGNALS), 3);
}

#[test]
fn token_use_is_reported() {
    let fake = Fake::new();
    let headers = vec![("sc-request-id", "r-1".to_owned())];
    fake.reply(SIGNALS, Reply::Silence(Sent::Maybe));
    fake.reply(SIGNALS, Reply::Answer(200, headers, "{}".into()));
    fake.run(client(&fake).call(&signals("v-1"))).unwrap();
    let used = |status, request_id: Option<&str>| Used {
        path: "/v3/vehicles/{vehicleId}/signals",
        vehicle: Some("v-1".into()),
        user: Some("u-1".into()),
        status,
        request_id: request_id.map(str::to_owned),
        millis: 100,
    };
    assert_eq!(
        fake.used(),
        [used(None, None), used(Some(200), Some("r-1"))]
    );
}

#[test]
fn error_shows_no_secret() {
    let fake = Fake::new();
    fake.fail(LOCK, Sent::Maybe);
    let call = lock().body(r#"{"latitude":47.5}"#);
    let error = fake.run(client(&fake).call(&call)).unwrap_err();
    let said = format!("{error} {error:?} {call:?}");
    for secret in ["token-1", "secret", "47.5"] {
        assert!(!said.contains(secret), "{said}");
    }
}

#[test]
fn opened_answer_arrives_piece_by_piece() {
    let fake = Fake::new();
    let body = "a".repeat(40);
    fake.answer(LOCK, 202, &body);
    let client = client(&fake);
    let opened = fake.run(client.open(&lock())).unwrap();
    assert_eq!((opened.status.as_u16(), opened.length()), (202, None));
    let mut body = opened.body;
    let mut sizes = Vec::new();
    while let Some(piece) = fake.run(body.next()) {
        sizes.push(piece.unwrap().len());
    }
    assert_eq!(sizes, [16, 16, 8]);
}

#[test]
fn body_that_breaks_off_is_asked_for_again_only_where_it_was_to_be_read() {
    let broken = || Reply::Answer(200, vec![("x-breaks-off", String::new())], "half".into());
    let fake = Fake::new();
    fake.reply(SIGNALS, broken());
    fake.answer(SIGNALS, 200, "whole");
    let read = fake.run(client(&fake).call(&signals("v-1"))).unwrap();
    assert_eq!((read.body, fake.requests_to(SIGNALS)), ("whole".into(), 2));

    let fake = Fake::new();
    fake.reply(SIGNALS, broken());
    let opened = fake.run(client(&fake).open(&signals("v-1"))).unwrap();
    assert!(fake.run(opened.read()).is_err());
    assert_eq!(fake.requests_to(SIGNALS), 1);

    let fake = Fake::new();
    fake.reply(LOCK, broken());
    let error = fake.run(client(&fake).call(&lock())).unwrap_err();
    assert!(error.may_have_happened());
    assert_eq!(fake.requests_to(LOCK), 1);
}

#[test]
fn limit_in_an_opened_answer_is_remembered_and_still_readable() {
    let fake = Fake::new();
    fake.reply(LOCK, limit("VEHICLE", Some("60")));
    let client = client(&fake);
    let opened = fake.run(client.open(&lock())).unwrap();
    assert_eq!(opened.length(), Some(38));
    let body = fake.run(opened.read()).unwrap().body;
    assert_eq!(body.len(), 38);
    let limits = fake.run(client.limits());
    assert_eq!(limits.len(), 1);
    assert_eq!(limits[0].scope, LimitScope::Vehicle(vehicle("v-1")));
    assert!(fake.run(client.open(&lock())).is_err());
    fake.advance(Duration::from_secs(60));
    assert!(fake.run(client.limits()).is_empty());
}

#[test]
fn token_use_is_reported_where_no_caller_waits() {
    let fake = Fake::new();
    fake.answer(LOCK, 200, "{}");
    let (client, call) = (client(&fake), lock());
    fake.run(client.call(&call)).unwrap();
    fake.latency(Duration::from_secs(60));
    fake.run(async {
        let call = pin!(client.call(&call));
        let leaves = pin!(fake.sleep(Duration::from_secs(1)));
        select(call, leaves).await;
    });
    let statuses: Vec<_> = fake.used().iter().map(|used| used.status).collect();
    assert_eq!(statuses, [Some(200), None]);
}

#[test]
fn link_leads_to_smartcar_by_its_whole_origin_alone() {
    let origins = Origins {
        vehicle: "http://127.0.0.1:4010/".to_owned(),
        ..Origins::default()
    };
    for (link, path) in [
        ("http://127.0.0.1:4010/v3/a?b=c", "/v3/a?b=c"),
        ("https://vehicle.api.smartcar.com/v3/a", "/v3/a"),
        ("HTTPS://Management.api.smartcar.com/v3/a", "/v3/a"),
        ("https://compatibility.api.smartcar.com/v3/", "/v3/"),
    ] {
        assert_eq!(origins.path_of(link), Some(path), "{link}");
    }
    for link in [
        "",
        "/v3/a",
        "https://vehicle.api.smartcar.com",
        "https://vehicle.api.smartcar.com/v2/a",
        "https://vehicle.api.smartcar.com.example.com/v3/a",
        "https://vehicle.api.smartcar.com@example.com/v3/a",
        "https://example.com/https://vehicle.api.smartcar.com/v3/a",
        "https://iam.smartcar.com/v3/a",
        "http://127.0.0.1:40100/v3/a",
        "https://vehicle.api.smartcar.co\u{e4}/v3/a",
    ] {
        assert_eq!(origins.path_of(link), None, "{link}");
    }
}

/// A 429 without a word of Smartcar's, as a CDN sends it.
fn page(retry_after: &str) -> Reply {
    let headers = vec![("retry-after", retry_after.to_owned())];
    Reply::Answer(429, headers, "<html>Too many requests</html>".into())
}

#[test]
fn limit_that_does_not_name_smartcar_s_holds_for_its_vehicle_and_for_a_minute() {
    let bodies = [
        "<html>",
        "",
        r#"{"type":"RATE_LIMIT","code":"TOMORROW"}"#,
        r#"{"type":"RATE_LIMIT"}"#,
        r#"{"type":"UPSTREAM","code":"SMARTCAR_API"}"#,
        r#"{"errors":[{"code":"VEHICLE"}]}"#,
    ];
    for body in bodies {
        let fake = Fake::new();
        let client = client(&fake);
        let headers = vec![("retry-after", "3600".to_owned())];
        fake.reply(SIGNALS, Reply::Answer(429, headers, body.into()));
        fake.answer(SIGNALS, 200, "{}");
        fake.answer("/v3/vehicles/v-2/signals", 200, "{}");
        fake.answer("/v3/connections", 200, "{}");
        fake.run(client.call(&signals("v-1"))).unwrap();
        assert!(fake.run(client.call(&signals("v-2"))).is_ok(), "{body}");
        let connections = Call::to(&endpoints::LIST_CONNECTIONS, &[]);
        assert!(fake.run(client.call(&connections)).is_ok(), "{body}");
        let Err(Error::Limited(limit)) = fake.run(client.call(&signals("v-1"))) else {
            panic!("the limit was forgotten: {body}");
        };
        assert_eq!(limit.scope, LimitScope::Vehicle(vehicle("v-1")));
        assert!(limit.remaining <= Duration::from_secs(60), "{body}");
        fake.advance(Duration::from_secs(60));
        assert!(fake.run(client.call(&signals("v-1"))).is_ok(), "{body}");
    }
}

#[test]
fn limit_that_does_not_name_smartcar_s_holds_for_its_api_where_no_vehicle_is_named() {
    let fake = Fake::new();
    let client = client(&fake);
    fake.reply("/v3/connections", page("3600"));
    fake.answer("/v3/webhooks", 200, "{}");
    fake.answer(LOCK, 200, "{}");
    let connections = Call::to(&endpoints::LIST_CONNECTIONS, &[]);
    fake.run(client.call(&connections)).unwrap();
    let Err(Error::Limited(limit)) = fake.run(client.call(&connections)) else {
        panic!("the limit was forgotten");
    };
    assert_eq!(limit.scope, LimitScope::Api(endpoints::Api::Vehicle));
    assert!(limit.remaining <= Duration::from_secs(60));
    assert_eq!(fake.run(client.limits())[0].scope, limit.scope);
    // Neither commands nor the other hosts are concerned.
    assert!(fake.run(client.call(&lock())).is_ok());
    let webhooks = Call::to(&endpoints::LIST_WEBHOOKS, &[]);
    assert!(fake.run(client.call(&webhooks)).is_ok());
    // Other instances know it.
    let elsewhere = fake.run(self::client(&fake).call(&connections));
    assert!(matches!(elsewhere, Err(Error::Limited(_))));
}

#[test]
fn limit_of_the_open_api_is_not_the_application_s() {
    let fake = Fake::new();
    let client = client(&fake);
    let path = "/v3/compatible-vehicles";
    fake.reply(path, limit("SMARTCAR_API", Some("3600")));
    fake.answer(LOCK, 200, "{}");
    let compatible = Call::to(&endpoints::LIST_COMPATIBLE_VEHICLES, &[]);
    fake.run(client.call(&compatible)).unwrap();
    assert!(fake.run(client.call(&lock())).is_ok());
    assert!(fake.run(client.call(&compatible)).is_err());
    assert_eq!(fake.requests_to(path), 1);
}

#[test]
fn limits_of_an_earlier_version_are_read() {
    let fake = Fake::new();
    let client = client(&fake);
    let vault = client.tokens().vault();
    let in_a_minute = fake.now().after(Duration::from_secs(60));
    // As they have always been named: nothing, and the vehicle's id.
    for (name, scope) in [
        ("", LimitScope::Application),
        ("v-1", LimitScope::Vehicle(vehicle("v-1"))),
    ] {
        let kept = std::collections::BTreeMap::from([(name, in_a_minute)]);
        assert!(fake.run(vault.write(&fake, "limits", &kept)));
        assert_eq!(fake.run(client.limits())[0].scope, scope);
        let refused = fake.run(client.call(&signals("v-1")));
        assert!(matches!(refused, Err(Error::Limited(limit)) if limit.scope == scope));
    }
    // One that a later version may name is nothing.
    let kept = std::collections::BTreeMap::from([("tomorrow:x", in_a_minute)]);
    assert!(fake.run(vault.write(&fake, "limits", &kept)));
    assert!(fake.run(client.limits()).is_empty());
}

#[test]
fn limit_of_a_clock_that_was_ahead_is_over() {
    let month = Duration::from_secs(30 * 24 * 3600);
    for code in ["SMARTCAR_API", "VEHICLE"] {
        let fake = Fake::new();
        let client = client(&fake);
        fake.reply(SIGNALS, limit(code, Some("5")));
        fake.answer(SIGNALS, 200, "{}");
        fake.run(client.call(&signals("v-1"))).unwrap();
        fake.set_back(month);
        for client in [&client, &self::client(&fake)] {
            assert!(fake.run(client.limits()).is_empty(), "{code}");
            assert!(fake.run(client.call(&signals("v-1"))).is_ok(), "{code}");
        }
        // A limit that is reached now is remembered beside it.
        fake.reply("/v3/vehicles/v-2/signals", limit("VEHICLE", Some("5")));
        fake.run(client.call(&signals("v-2"))).unwrap();
        assert_eq!(fake.run(client.limits()).len(), 1, "{code}");
    }
}

#[test]
fn refusal_that_is_not_the_token_s_costs_one_token_a_minute() {
    let fake = Fake::new();
    fake.answer(LOCK, 401, "");
    fake.answer(SIGNALS, 200, "{}");
    let clients: Vec<_> = (0..3).map(|_| client(&fake)).collect();
    for second in 0..180 {
        for client in &clients {
            let answer = fake.run(client.call(&lock())).unwrap();
            assert_eq!(answer.status, 401);
            // Whoever is not refused goes on.
            assert_eq!(fake.run(client.call(&signals("v-1"))).unwrap().status, 200);
        }
        fake.advance(Duration::from_secs(1));
        let requests = fake.token_requests();
        // Each call takes its time too.
        assert!(requests <= 3 + second / 30, "{requests} in {second} s");
    }
}

#[test]
fn commands_that_wait_for_a_dead_identity_server_all_fail_within_ten_seconds() {
    let fake = Fake::new();
    fake.latency(Duration::from_secs(600));
    fake.answer(LOCK, 200, "{}");
    let client = client(&fake);
    let calls = (0..20).map(|index| {
        let (fake, client) = (&fake, &client);
        async move {
            fake.sleep(Duration::from_millis(300 * index)).await;
            let begun = fake.now();
            let error = client.call(&lock()).await.unwrap_err();
            assert!(matches!(error, Error::Token(_)), "{error}");
            assert!(!error.may_have_happened());
            fake.now().since(begun)
        }
    });
    for took in fake.run(join_all(calls)) {
        assert!(took <= Duration::from_secs(10), "{took:?}");
    }
    assert_eq!(fake.requests_to(LOCK), 0);
    // Nor is one sent when the identity server is back.
    fake.latency(Duration::from_millis(100));
    fake.run(fake.sleep(Duration::from_secs(400)));
    assert_eq!(fake.requests_to(LOCK), 0);
}

#[test]
fn command_has_its_310_seconds_from_its_first_byte() {
    let fake = Fake::new();
    let client = client(&fake);
    fake.latency(Duration::from_secs(6));
    fake.answer(LOCK, 200, "{}");
    let (begun, lock) = (fake.now(), lock());
    let mut call = pin!(client.call(&lock));
    // The token took six seconds; from now on answers take 309.
    fake.run(async {
        let later = pin!(fake.sleep(Duration::from_millis(5900)));
        select(call.as_mut(), later).await;
    });
    fake.latency(Duration::from_secs(309));
    assert_eq!(fake.run(call).unwrap().status, 200);
    let took = fake.now().since(begun);
    assert!(took < lock.longest(), "{took:?}");
}

#[test]
fn command_that_was_not_sent_is_not_sent_after_ten_seconds() {
    let fake = Fake::new();
    fake.answer(SIGNALS, 200, "{}");
    let client = client(&fake);
    // There is a token.
    fake.run(client.call(&signals("v-1"))).unwrap();
    // No connection comes about, and that takes six seconds each time.
    fake.latency(Duration::from_secs(6));
    fake.fail(LOCK, Sent::No);
    let begun = fake.now();
    assert!(fake.run(client.call(&lock())).is_err());
    assert_eq!(fake.requests_to(LOCK), 2);
    assert!(fake.now().since(begun) < Duration::from_secs(13));
}

#[test]
fn read_that_waits_for_a_token_ends_in_its_ten_seconds() {
    let fake = Fake::new();
    fake.latency(Duration::from_secs(60));
    let (one, other) = (client(&fake), client(&fake));
    let begun = fake.now();
    let both = [&one, &other].map(|client| {
        let fake = &fake;
        async move {
            let error = client.call(&signals("v-1")).await.unwrap_err();
            assert!(matches!(error, Error::Token(_)), "{error}");
            assert!(fake.now().since(begun) < Duration::from_secs(10));
        }
    });
    fake.run(join_all(both));
}
