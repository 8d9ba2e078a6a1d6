//! Each sentence about the life of a token is a test. Time only passes while
//! everyone waits.

use super::*;
use crate::testing::{Fake, Reply, credentials, tokens};
use crate::{Clock, LeaseError, Leases, Sent, Taken};
use futures::{
    FutureExt as _,
    future::{LocalBoxFuture, join_all},
};
use std::sync::atomic::{AtomicBool, Ordering};

const MINUTE: Duration = Duration::from_secs(60);

/// What an instance does in a while of steady traffic: a call every `pause`.
/// Returns how many of them got no token.
async fn traffic(fake: &Fake, cache: &TokenCache, pause: Duration, calls: usize) -> usize {
    let mut failed = 0;
    for _ in 0..calls {
        failed += usize::from(cache.get(fake).await.is_err());
        fake.sleep(pause).await;
    }
    failed
}

fn get(fake: &Fake, cache: &TokenCache) -> AccessToken {
    fake.run(cache.get(fake)).unwrap()
}

#[test]
fn request_is_a_form_with_the_credentials_in_its_body() {
    let fake = Fake::new();
    get(&fake, &tokens());
    let request = fake.requests().remove(0);
    assert_eq!(request.uri(), "https://iam.example.com/oauth2/token");
    let content_type = &request.headers()["content-type"];
    assert_eq!(content_type, "application/x-www-form-urlencoded");
    assert_eq!(
        &request.body()[..],
        b"grant_type=client_credentials&client_id=client_test&client_secret=secret"
    );
}

#[test]
fn token_is_fresh_until_thirty_seconds_before_it_expires() {
    let times = Times::new(Timestamp(0), Duration::from_secs(3600));
    assert_eq!(times.stale_from, Timestamp(3_570_000));
    assert_eq!(times.early_from, Timestamp(2_700_000));
    assert_eq!(times.expires_at, Timestamp(3_600_000));
}

#[test]
fn short_lived_token_is_used_for_nine_tenths_and_refreshed_from_half_its_life() {
    let times = Times::new(Timestamp(0), Duration::from_secs(100));
    assert_eq!(times.stale_from, Timestamp(90_000));
    assert_eq!(times.early_from, Timestamp(50_000));
    let nothing = Times::new(Timestamp(7), Duration::ZERO);
    assert_eq!(
        (nothing.early_from, nothing.stale_from),
        (Timestamp(7), Timestamp(7))
    );
}

#[test]
fn life_of_a_token_begins_before_it_was_asked_for() {
    let fake = Fake::new();
    fake.latency(Duration::from_secs(4));
    let (before, cache) = (fake.now(), tokens());
    get(&fake, &cache);
    let life = fake
        .run(cache.status(&fake))
        .expires_at
        .unwrap()
        .since(before);
    // The four seconds of the answer do not count, the look into the store does.
    assert!(life < Duration::from_millis(3_600_100), "{life:?}");
}

#[test]
fn early_refresh_never_comes_before_its_time_and_always_soon_after() {
    let times = Times::new(Timestamp(0), Duration::from_secs(3600));
    let at = |seconds: u64, chance| {
        let now = Timestamp(0).after(Duration::from_secs(seconds));
        times.is_early_refresh(now, || chance)
    };
    assert!(!at(2699, 0.0) && !at(2699, 1.0));
    // The unluckiest caller of all refreshes from 112.5 s on, the average one
    // some 22 s before that.
    assert!(!at(2812, 1.0) && at(2813, 1.0));
    assert!(!at(2785, 0.5) && at(2800, 0.5));
    assert!(at(2700, 0.001));
}

#[test]
fn token_that_has_expired_is_not_used_for_another_millisecond() {
    let (fake, cache) = (Fake::new(), tokens());
    let (millisecond, cache) = (Duration::from_millis(1), &cache.0);
    let times = fake.run(cache.find(&fake)).unwrap().times;
    let before = |time: Timestamp| time.before(millisecond);
    assert!(cache.fresh(before(times.stale_from)).is_some());
    assert!(cache.fresh(times.stale_from).is_none());
    assert!(cache.last_resort(before(times.expires_at)).is_some());
    assert!(cache.last_resort(times.expires_at).is_none());
    // Looking into the store takes a while, in which the token gets older.
    fake.advance(times.stale_from.since(fake.now()) - 5 * millisecond);
    for _ in 0..10 {
        let kept = fake.run(cache.kept(&fake));
        assert_eq!(kept.is_some(), fake.now() < times.stale_from);
    }
}

#[test]
fn refused_credentials_are_shown_again_when_their_minute_is_over() {
    let (fake, cache) = (Fake::new(), tokens());
    fake.answer("/oauth2/token", 401, r#"{"error":"invalid_client"}"#);
    fake.run(cache.get(&fake)).unwrap_err();
    let refusal = cache.0.state().refusal.clone().unwrap();
    fake.advance(refusal.until.since(fake.now()) - Duration::from_millis(1));
    assert!(fake.run(cache.0.refusal(&fake)).is_some());
    fake.advance(Duration::from_millis(1));
    assert!(fake.run(cache.0.refusal(&fake)).is_none());
}

#[test]
fn thousand_cold_callers_make_one_request() {
    let (fake, cache) = (Fake::new(), tokens());
    let got = fake.run(join_all((0..1000).map(|_| cache.get(&fake))));
    assert!(got.iter().all(Result::is_ok));
    assert_eq!(fake.token_requests(), 1);
}

#[test]
fn sixteen_cold_instances_make_at_most_two_requests() {
    for stagger in [0, 1, 2, 3, 5, 10, 50] {
        let fake = Fake::new();
        let instances: Vec<_> = (0..16).map(|_| tokens()).collect();
        let calls = instances.iter().enumerate().map(|(index, cache)| {
            let fake = &fake;
            async move {
                fake.sleep(Duration::from_millis(stagger * index as u64))
                    .await;
                cache.get(fake).await
            }
        });
        let got = fake.run(join_all(calls));
        assert!(got.iter().all(Result::is_ok));
        assert!(
            fake.token_requests() <= 2,
            "{} at {stagger} ms",
            fake.token_requests()
        );
    }
}

#[test]
fn day_of_steady_traffic_on_sixteen_instances_makes_at_most_34_requests() {
    for (pause, calls) in [
        (Duration::from_secs(20), 4320),
        (Duration::from_secs(3), 28_800),
    ] {
        let fake = Fake::new();
        let instances: Vec<_> = (0..16).map(|_| tokens()).collect();
        let day = instances
            .iter()
            .map(|cache| traffic(&fake, cache, pause, calls));
        let failed: usize = fake.run(join_all(day)).iter().sum();
        assert_eq!(failed, 0);
        assert!(
            fake.token_requests() <= 34,
            "{} requests",
            fake.token_requests()
        );
        assert!(
            fake.token_requests() >= 24,
            "{} requests",
            fake.token_requests()
        );
    }
}

#[test]
fn ten_minutes_without_the_identity_server_fail_no_call() {
    for minute in 0..60 {
        let fake = Fake::new();
        let instances: Vec<_> = (0..4).map(|_| tokens()).collect();
        let pause = Duration::from_secs(5);
        let calls = 120 * 60 / 5;
        let traffic = join_all(
            instances
                .iter()
                .map(|cache| traffic(&fake, cache, pause, calls)),
        );
        let outage = async {
            // After the first minute, when there is a token to begin with.
            fake.sleep(MINUTE * (minute + 1)).await;
            fake.identity_is_away(true);
            fake.sleep(MINUTE * 10).await;
            fake.identity_is_away(false);
        };
        let (failed, ()) = fake.run(futures::future::join(traffic, outage));
        assert_eq!(
            failed.iter().sum::<usize>(),
            0,
            "an outage from minute {minute} on"
        );
    }
}

#[test]
fn early_refresh_runs_after_the_answer() {
    let (fake, cache) = (Fake::new(), tokens());
    let old = get(&fake, &cache);
    fake.advance(MINUTE * 50);
    let before = fake.now();
    let got = fake.run(async { (cache.get(&fake).await.unwrap(), fake.now()) });
    assert!(got.0.is(&old) && got.1 == before, "the caller did not wait");
    assert_eq!(fake.token_requests(), 2);
    assert!(!get(&fake, &cache).is(&old));
}

#[test]
fn instances_that_live_for_one_call_refresh_early_too() {
    let fake = Fake::new();
    get(&fake, &tokens());
    fake.advance(MINUTE * 48);
    get(&fake, &tokens());
    assert_eq!(fake.token_requests(), 2);
}

#[test]
fn failed_early_refresh_is_tried_again_after_half_a_minute_or_so() {
    let (fake, cache) = (Fake::new(), tokens());
    get(&fake, &cache);
    fake.advance(MINUTE * 50);
    fake.identity_is_away(true);
    fake.run(traffic(&fake, &cache, Duration::from_secs(1), 120));
    // Each try is up to three requests, and two minutes hold at most five tries.
    let requests = fake.token_requests() - 1;
    assert!((3..=18).contains(&requests), "{requests} requests");
}

#[test]
fn early_refreshes_that_fail_are_half_a_minute_apart_more_or_less_a_quarter() {
    let (fake, cache) = (Fake::new(), tokens());
    get(&fake, &cache);
    fake.advance(MINUTE * 47);
    fake.identity_is_away(true);
    let (mut requests, mut tries) = (fake.token_requests(), Vec::new());
    while tries.len() < 12 {
        let begun = fake.now();
        get(&fake, &cache);
        if fake.token_requests() > requests {
            requests = fake.token_requests();
            tries.push((begun, fake.now()));
        }
        fake.advance(Duration::from_secs(1));
    }
    let pauses = tries.windows(2).map(|pair| pair[1].0.since(pair[0].1));
    let pauses: Vec<_> = pauses.map(|pause| pause.as_secs()).collect();
    // A call comes up to a second after it was time.
    assert!(pauses.iter().all(|pause| (22..=38).contains(pause)));
    // Instances that failed together do not try together.
    assert!(pauses.iter().any(|pause| pauses[0].abs_diff(*pause) > 3));
}

#[test]
fn early_refresh_without_a_store_is_one_call_of_many() {
    let (fake, cache) = (Fake::new(), tokens());
    fake.break_store();
    get(&fake, &cache);
    fake.advance(MINUTE * 50);
    fake.latency(Duration::from_secs(5));
    fake.run(traffic(&fake, &cache, Duration::from_millis(10), 100));
    assert_eq!(fake.token_requests(), 2);
    fake.advance(MINUTE * 50);
    fake.identity_is_away(true);
    fake.run(traffic(&fake, &cache, Duration::from_secs(1), 120));
    // Each try is up to three requests, and two minutes hold at most five tries.
    let requests = fake.token_requests() - 2;
    assert!((3..=15).contains(&requests), "{requests} requests");
}

#[test]
fn instances_that_live_for_one_call_do_not_all_try() {
    let fake = Fake::new();
    get(&fake, &tokens());
    fake.advance(MINUTE * 50);
    fake.identity_is_away(true);
    for _ in 0..120 {
        get(&fake, &tokens());
        fake.advance(Duration::from_secs(1));
    }
    let requests = fake.token_requests() - 1;
    assert!((3..=18).contains(&requests), "{requests} requests");
}

#[test]
fn refused_credentials_are_shown_once_a_minute() {
    let (fake, cache) = (Fake::new(), tokens());
    fake.answer("/oauth2/token", 401, r#"{"error":"invalid_client"}"#);
    let failed = fake.run(traffic(&fake, &cache, Duration::from_secs(1), 150));
    assert_eq!((failed, fake.token_requests()), (150, 3));
    // The other instances need not find out for themselves.
    let before = fake.token_requests();
    let error = fake.run(tokens().get(&fake)).unwrap_err();
    assert!(matches!(error, TokenError::InvalidClient { .. }));
    assert_eq!(fake.token_requests(), before);
}

#[test]
fn wrong_credentials_name_the_variables_and_not_the_secret() {
    let fake = Fake::new();
    fake.answer("/oauth2/token", 401, r#"{"error":"invalid_client"}"#);
    let error = fake.run(tokens().get(&fake)).unwrap_err();
    let said = format!("{error} {error:?}");
    assert!(
        said.contains("smartcar_client_id") && said.contains("client_"),
        "{said}"
    );
    assert!(!said.contains("=secret") && !error.is_temporary(), "{said}");
}

#[test]
fn corrected_secret_is_tried_at_once() {
    let fake = Fake::new();
    fake.reply(
        "/oauth2/token",
        Reply::Answer(401, Vec::new(), r#"{"error":"invalid_client"}"#.into()),
    );
    fake.answer(
        "/oauth2/token",
        200,
        r#"{"access_token":"t","expires_in":60}"#,
    );
    assert!(fake.run(tokens().get(&fake)).is_err());
    let corrected = TokenCache::new(credentials("corrected"), "https://iam.example.com", None);
    assert!(fake.run(corrected.get(&fake)).is_ok());
}

#[test]
fn identity_server_that_is_away_for_a_moment_is_asked_again() {
    for reply in [
        Reply::Silence(Sent::Maybe),
        Reply::Answer(503, Vec::new(), String::new()),
    ] {
        let fake = Fake::new();
        fake.reply("/oauth2/token", reply);
        fake.answer(
            "/oauth2/token",
            200,
            r#"{"access_token":"t","expires_in":60}"#,
        );
        assert!(fake.run(tokens().get(&fake)).is_ok());
        assert_eq!(fake.token_requests(), 2);
    }
}

#[test]
fn answer_without_a_token_is_an_error() {
    for body in [
        "",
        "<html>",
        "{}",
        r#"{"access_token":"t"}"#,
        r#"{"access_token":7,"expires_in":1}"#,
        r#"{"access_token":"t","expires_in":-1}"#,
        r#"{"access_token":"t\nu: v","expires_in":60}"#,
    ] {
        let fake = Fake::new();
        fake.answer("/oauth2/token", 200, body);
        let error = fake.run(tokens().get(&fake)).unwrap_err();
        assert!(
            matches!(error, TokenError::Refused { status: 200, .. }),
            "{body}: {error}"
        );
    }
}

#[test]
fn token_is_not_requested_without_credentials() {
    let fake = Fake::new();
    let cache = TokenCache::new(credentials(""), "https://iam.example.com", None);
    let error = fake.run(cache.get(&fake)).unwrap_err();
    assert!(matches!(error, TokenError::NoCredentials));
    assert_eq!(fake.requests().len(), 0);
}

#[test]
fn another_instance_finds_the_token_in_the_store() {
    let fake = Fake::new();
    let first = get(&fake, &tokens());
    assert!(get(&fake, &tokens()).is(&first));
    assert_eq!(fake.token_requests(), 1);
}

#[test]
fn store_holds_nothing_that_shows_the_token_or_the_secret() {
    let fake = Fake::new();
    let token = get(&fake, &tokens());
    assert!(!fake.stored().is_empty());
    for (key, value) in fake.stored() {
        assert!(key.len() <= 255 && key.is_ascii());
        let held = format!("{key} {}", String::from_utf8_lossy(&value));
        assert!(
            !held.contains(token.expose()) && !held.contains("secret"),
            "{held}"
        );
    }
    // A rotated secret makes the kept token a miss, not an error.
    let rotated = TokenCache::new(credentials("rotated"), "https://iam.example.com", None);
    get(&fake, &rotated);
    assert_eq!(fake.token_requests(), 2);
}

#[test]
fn token_store_with_any_content_is_a_miss_at_worst() {
    for garbage in [&b""[..], b"garbage", &[1; 40], &[0xff; 200]] {
        let fake = Fake::new();
        get(&fake, &tokens());
        fake.damage_store(garbage);
        get(&fake, &tokens());
        assert_eq!(fake.token_requests(), 2);
    }
}

#[test]
fn store_that_is_down_does_not_cost_the_token() {
    let (fake, cache) = (Fake::new(), tokens());
    fake.break_store();
    get(&fake, &cache);
    get(&fake, &cache);
    assert_eq!(fake.token_requests(), 1);
}

#[test]
fn caller_that_gives_up_strands_no_other() {
    let (fake, cache) = (Fake::new(), tokens());
    fake.run(async {
        let leader = std::pin::pin!(cache.get(&fake));
        let impatience = std::pin::pin!(fake.sleep(Duration::from_millis(50)));
        assert!(matches!(
            futures::future::select(leader, impatience).await,
            futures::future::Either::Right(_)
        ));
    });
    get(&fake, &cache);
}

/// An instance dies while it fetches a token, and another one wants one.
fn assert_lease_ends(instance: impl Fn() -> TokenCache) {
    let (fake, dead) = (Fake::new(), instance());
    fake.run(async {
        let mut leader = Box::pin(dead.get(&fake));
        let death = std::pin::pin!(fake.sleep(Duration::from_millis(50)));
        futures::future::select(&mut leader, death).await;
        // Nothing of it is dropped, as where an instance is killed.
        std::mem::forget(leader);
    });
    let before = fake.now();
    get(&fake, &instance());
    let waited = fake.now().since(before);
    assert!(waited <= Duration::from_millis(8500), "{waited:?}");
    assert_eq!(fake.token_requests(), 2);
}

#[test]
fn lease_of_an_instance_that_died_ends_by_itself() {
    assert_lease_ends(tokens);
    let database = Arc::default();
    assert_lease_ends(|| tokens_by(&database));
}

#[test]
fn lease_of_a_caller_that_gives_up_is_given_back_at_once() {
    let fake = Fake::new();
    let impatient = tokens();
    fake.run(async {
        let leader = std::pin::pin!(impatient.get(&fake));
        let patience = std::pin::pin!(fake.sleep(Duration::from_millis(50)));
        futures::future::select(leader, patience).await;
    });
    let before = fake.now();
    get(&fake, &tokens());
    let waited = fake.now().since(before);
    assert!(waited <= Duration::from_millis(300), "{waited:?}");
}

/// Leases as a database has them. What is asked takes a moment.
#[derive(Default)]
struct Database {
    row: Mutex<Row>,
    is_down: AtomicBool,
    /// It answers nothing.
    hangs: AtomicBool,
}

#[derive(Clone, Default)]
struct Row {
    by: String,
    until: i64,
    left: Option<Vec<u8>>,
}

impl Database {
    fn row(&self) -> Result<MutexGuard<'_, Row>, LeaseError> {
        if self.is_down.load(Ordering::Relaxed) {
            return Err(LeaseError("it is down".to_owned()));
        }
        Ok(self.row.lock().unwrap())
    }

    async fn wait(&self) {
        if self.hangs.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }

    fn free(row: &Row, now: Timestamp, until: Timestamp) -> bool {
        !(now.0 < row.until && row.until <= until.0)
    }
}

impl Leases for Database {
    fn take<'a>(
        &'a self,
        _: &'a str,
        by: &'a str,
        now: Timestamp,
        until: Timestamp,
    ) -> LocalBoxFuture<'a, Result<Option<Taken>, LeaseError>> {
        let take = move || {
            let mut row = self.row()?;
            if !Self::free(&row, now, until) {
                return Ok(None);
            }
            row.by = by.to_owned();
            row.until = until.0;
            let left = row.left.clone();
            Ok(Some(Taken { left }))
        };
        async move {
            self.wait().await;
            take()
        }
        .boxed_local()
    }

    fn is_held<'a>(
        &'a self,
        _: &'a str,
        now: Timestamp,
        until: Timestamp,
    ) -> LocalBoxFuture<'a, Result<bool, LeaseError>> {
        async move {
            self.wait().await;
            Ok(!Self::free(&*self.row()?, now, until))
        }
        .boxed_local()
    }

    fn give_back<'a>(
        &'a self,
        _: &'a str,
        by: &'a str,
        leaves: Option<Vec<u8>>,
    ) -> LocalBoxFuture<'a, Result<(), LeaseError>> {
        let give_back = move || {
            let mut row = self.row()?;
            if row.by == by {
                row.until = 0;
                row.left = leaves.or(row.left.take());
            }
            Ok(())
        };
        async move {
            self.wait().await;
            give_back()
        }
        .boxed_local()
    }
}

fn tokens_by(database: &Arc<Database>) -> TokenCache {
    let leases: SharedLeases = database.clone();
    TokenCache::new(
        credentials("secret"),
        "https://iam.example.com",
        Some(leases),
    )
}

#[test]
fn token_that_another_region_left_with_the_lease_is_taken() {
    let database = Arc::default();
    let (first, second) = (Fake::new(), Fake::new());
    let token = get(&first, &tokens_by(&database));
    assert!(get(&second, &tokens_by(&database)).is(&token));
    assert_eq!(second.token_requests(), 0);
    // Only who can open what is sealed takes it.
    let other = TokenCache::new(
        credentials("other"),
        "https://iam.example.com",
        Some(database.clone()),
    );
    get(&second, &other);
    assert_eq!(second.token_requests(), 1);
}

#[test]
fn token_is_fetched_once_by_leases_although_the_key_value_store_is_down() {
    let (fake, database) = (Fake::new(), Arc::default());
    fake.break_store();
    let instances: Vec<_> = (0..50).map(|_| tokens_by(&database)).collect();
    let got = fake.run(join_all(instances.iter().map(|cache| cache.get(&fake))));
    assert!(got.iter().all(Result::is_ok), "{got:?}");
    assert_eq!(fake.token_requests(), 1);
}

#[test]
fn token_that_was_left_is_not_taken_when_it_was_discarded_or_is_stale() {
    let (fake, database) = (Fake::new(), Arc::default());
    let token = get(&fake, &tokens_by(&database));
    let instance = tokens_by(&database);
    get(&fake, &instance);
    assert!(fake.run(instance.refused(&fake, &token)));
    assert!(!get(&fake, &instance).is(&token));
    assert_eq!(fake.token_requests(), 2);
    let late = Fake::new();
    late.advance(60 * MINUTE);
    get(&late, &tokens_by(&database));
    assert_eq!(late.token_requests(), 1);
}

#[test]
fn early_refresh_of_another_region_is_taken_over() {
    let database = Arc::default();
    let (first, second) = (Fake::new(), Fake::new());
    let (a, b) = (tokens_by(&database), tokens_by(&database));
    get(&first, &a);
    let old = get(&second, &b);
    for fake in [&first, &second] {
        fake.advance(55 * MINUTE);
    }
    first.run(traffic(&first, &a, Duration::from_millis(500), 4));
    assert_eq!(first.token_requests(), 2);
    second.run(traffic(&second, &b, Duration::from_millis(500), 4));
    assert!(!get(&second, &b).is(&old));
    assert_eq!(second.token_requests(), 0);
}

#[test]
fn key_value_store_is_written_to_less_than_once_a_second_under_load() {
    for (is_away, most) in [(false, 1), (true, 120)] {
        let (fake, database) = (Fake::new(), Arc::default());
        fake.identity_is_away(is_away);
        let instances: Vec<_> = (0..20).map(|_| tokens_by(&database)).collect();
        let loads = instances
            .iter()
            .map(|cache| traffic(&fake, cache, Duration::from_millis(200), 600));
        let began = fake.now();
        fake.run(join_all(loads));
        let passed = fake.now().since(began);
        assert!(passed >= Duration::from_secs(120), "{passed:?}");
        let writes = fake.store_writes();
        println!("{writes} writes in {passed:?}");
        assert!((1..=most).contains(&writes), "{writes} in {passed:?}");
    }
}

#[test]
fn everyone_fetches_a_token_alone_where_leases_cannot_be_had() {
    let (down, hanging): (Arc<Database>, Arc<Database>) = Default::default();
    down.is_down.store(true, Ordering::Relaxed);
    hanging.hangs.store(true, Ordering::Relaxed);
    for database in [down, hanging] {
        let (first, second) = (Fake::new(), Fake::new());
        for fake in [&first, &second] {
            let before = fake.now();
            get(fake, &tokens_by(&database));
            assert_eq!(fake.token_requests(), 1);
            let waited = fake.now().since(before);
            assert!(waited <= Duration::from_millis(2500), "{waited:?}");
        }
    }
}

#[test]
fn fifty_instances_make_one_request_to_a_slow_identity_server() {
    for latency in [1000, 2500, 3000, 4500, 6000, 6800] {
        let fake = Fake::new();
        fake.latency(Duration::from_millis(latency));
        let instances: Vec<_> = (0..50).map(|_| tokens()).collect();
        let calls = instances.iter().enumerate().map(|(index, cache)| {
            let fake = &fake;
            async move {
                fake.sleep(Duration::from_millis(20 * index as u64)).await;
                cache.get(fake).await
            }
        });
        let begun = fake.now();
        let got = fake.run(join_all(calls));
        assert!(got.iter().all(Result::is_ok), "{latency} ms: {got:?}");
        assert_eq!(fake.token_requests(), 1, "{latency} ms");
        let took = fake.now().since(begun);
        assert!(took <= Duration::from_millis(latency + 400), "{took:?}");
    }
}

#[test]
fn fifty_instances_share_what_a_dead_identity_server_does_not_say() {
    let fake = Fake::new();
    fake.latency(Duration::from_secs(60));
    let instances: Vec<_> = (0..50).map(|_| tokens()).collect();
    let begun = fake.now();
    let got = fake.run(join_all(instances.iter().map(|cache| cache.get(&fake))));
    assert!(got.iter().all(Result::is_err));
    let took = fake.now().since(begun);
    assert!(took <= Duration::from_secs(9), "{took:?}");
    assert_eq!(fake.token_requests(), 1);
}

#[test]
fn failed_search_is_not_repeated_by_those_who_waited_for_it() {
    let (fake, cache) = (Fake::new(), tokens());
    fake.latency(Duration::from_secs(60));
    let begun = fake.now();
    let calls = (0..20).map(|index| {
        let (fake, cache) = (&fake, &cache);
        async move {
            fake.sleep(Duration::from_millis(400 * index)).await;
            let asked = fake.now();
            let error = cache.get(fake).await.unwrap_err();
            (error, fake.now().since(asked))
        }
    });
    for (error, took) in fake.run(join_all(calls)) {
        assert!(error.is_temporary() && error.to_string().contains("identity server"));
        assert!(took <= Duration::from_secs(9), "{took:?}");
    }
    assert_eq!(fake.token_requests(), 1);
    assert!(fake.now().since(begun) <= Duration::from_secs(9));
    // It is tried again soon.
    fake.latency(Duration::from_millis(100));
    fake.advance(SAME_FAILURE);
    get(&fake, &cache);
}

#[test]
fn discarded_token_does_not_come_back_from_a_store_that_cannot_be_written() {
    let (fake, cache) = (Fake::new(), tokens());
    let revoked = get(&fake, &cache);
    fake.advance(MINUTE * 5);
    fake.protect_store(true);
    assert!(fake.run(cache.refused(&fake, &revoked)));
    let next = get(&fake, &cache);
    assert!(!next.is(&revoked));
    // Nor when the next one is refused or expires.
    fake.advance(MINUTE * 50);
    assert!(!get(&fake, &cache).is(&revoked));
    fake.advance(MINUTE * 2);
    assert!(fake.run(cache.refused(&fake, &next)));
    let last = get(&fake, &cache);
    assert!(!last.is(&next) && !last.is(&revoked));
}

#[test]
fn discarded_token_does_not_come_back_from_a_store_that_gives_old_values() {
    let (fake, cache) = (Fake::new(), tokens());
    let revoked = get(&fake, &cache);
    let old = fake.stored();
    fake.advance(MINUTE * 5);
    assert!(fake.run(cache.refused(&fake, &revoked)));
    let next = get(&fake, &cache);
    // The token's value is the old one again, the rest is as it is.
    let mut stored = fake.stored();
    for (key, value) in old.into_iter().filter(|(key, _)| key.ends_with("token")) {
        stored.insert(key, value);
    }
    fake.restore(stored);
    assert!(get(&fake, &cache).is(&next));
    assert!(!get(&fake, &tokens()).is(&revoked));
}

#[test]
fn discarded_token_is_unknown_to_the_store_as_itself() {
    let (fake, cache) = (Fake::new(), tokens());
    let revoked = get(&fake, &cache);
    fake.run(cache.refused(&fake, &revoked));
    let stored = fake.stored();
    assert!(stored.keys().any(|key| key.ends_with("/discarded")));
    let cache = &cache.0;
    let kept: serde_json::Value = fake.run(cache.vault().read(&fake, DISCARDED)).unwrap();
    // printf token-1 | sha256sum
    let sha256 = "3f08aace122ee2368432c1ca23a049bc640bafbf00fdf33a52429f38ba12dbf9";
    assert_eq!(kept["tokens"], serde_json::json!([sha256]));
}

#[test]
fn discarded_token_that_is_granted_once_more_is_used() {
    let (fake, cache) = (Fake::new(), tokens());
    let same = r#"{"access_token":"the same","expires_in":3600}"#;
    fake.answer("/oauth2/token", 200, same);
    let token = get(&fake, &cache);
    assert!(fake.run(cache.refused(&fake, &token)));
    assert!(get(&fake, &cache).is(&token));
    assert!(get(&fake, &tokens()).is(&token));
    assert_eq!(fake.token_requests(), 2);
    assert!(!fake.run(cache.refused(&fake, &token)));
}

#[test]
fn refused_token_is_discarded_once_a_minute_by_all_instances_together() {
    let fake = Fake::new();
    let instances: Vec<_> = (0..4).map(|_| tokens()).collect();
    for second in 0..240 {
        for cache in &instances {
            let token = get(&fake, cache);
            fake.run(cache.refused(&fake, &token));
        }
        fake.advance(Duration::from_secs(1));
        let most = 2 + second / 60;
        assert!(fake.token_requests() <= most, "{}", fake.token_requests());
    }
    assert!(fake.token_requests() >= 4);
}

#[test]
fn refused_token_is_spared_while_it_is_young_where_no_store_bounds_the_instances() {
    for break_store in [Fake::break_store, |fake: &Fake| fake.protect_store(true)] {
        let fake = Fake::new();
        break_store(&fake);
        for _ in 0..5 {
            let cache = tokens();
            let before = fake.token_requests();
            let token = get(&fake, &cache);
            assert!(!fake.run(cache.refused(&fake, &token)));
            assert!(get(&fake, &cache).is(&token));
            assert_eq!(fake.token_requests(), before + 1);
        }
    }
}

#[test]
fn refused_token_gives_way_to_one_that_another_instance_has() {
    let fake = Fake::new();
    let (one, other) = (tokens(), tokens());
    let revoked = get(&fake, &one);
    get(&fake, &other);
    assert!(fake.run(one.refused(&fake, &revoked)));
    let next = get(&fake, &one);
    assert!(fake.run(other.refused(&fake, &revoked)));
    assert!(get(&fake, &other).is(&next));
    assert_eq!(fake.token_requests(), 2);
}

/// What a month of a wrong clock must not cost.
const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);

#[test]
fn token_of_a_clock_that_was_ahead_is_not_used() {
    let (fake, cache) = (Fake::new(), tokens());
    let token = get(&fake, &cache);
    fake.set_back(MONTH);
    for cache in [&cache, &tokens()] {
        assert!(!get(&fake, cache).is(&token));
        let expires_at = fake.run(cache.status(&fake)).expires_at.unwrap();
        assert!(expires_at.since(fake.now()) <= Duration::from_secs(3600));
    }
    assert_eq!(fake.token_requests(), 2);
}

#[test]
fn token_of_a_clock_that_is_a_little_ahead_is_used() {
    let fake = Fake::new();
    let token = get(&fake, &tokens());
    fake.set_back(Duration::from_secs(5));
    assert!(get(&fake, &tokens()).is(&token));
}

#[test]
fn refusal_of_a_clock_that_was_ahead_is_forgotten() {
    let (fake, cache) = (Fake::new(), tokens());
    let refused = Reply::Answer(401, Vec::new(), r#"{"error":"invalid_client"}"#.into());
    fake.reply("/oauth2/token", refused);
    let granted = r#"{"access_token":"t","expires_in":3600}"#;
    fake.answer("/oauth2/token", 200, granted);
    fake.run(cache.get(&fake)).unwrap_err();
    fake.set_back(MONTH);
    get(&fake, &tokens());
    get(&fake, &cache);
    // Nor does the status show that failure for a month.
    assert_eq!(fake.run(cache.status(&fake)).last_failure, None);
}

#[test]
fn pause_of_a_clock_that_was_ahead_is_over() {
    let (fake, cache) = (Fake::new(), tokens());
    // A pause in the future, here and in the store.
    fake.advance(MONTH);
    get(&fake, &cache);
    fake.advance(MINUTE * 50);
    fake.identity_is_away(true);
    get(&fake, &cache);
    let paused = fake.token_requests();
    fake.identity_is_away(false);
    fake.set_back(MONTH);
    get(&fake, &cache);
    assert_eq!(fake.token_requests(), paused + 1);
    fake.advance(MINUTE * 50);
    get(&fake, &cache);
    assert_eq!(fake.token_requests(), paused + 2);
    // An instance that knows the pause from the store alone.
    fake.advance(MINUTE * 50);
    get(&fake, &tokens());
    assert_eq!(fake.token_requests(), paused + 3);
}

#[test]
fn failure_of_a_clock_that_was_ahead_is_not_repeated() {
    let (fake, cache) = (Fake::new(), tokens());
    fake.identity_is_away(true);
    fake.run(cache.get(&fake)).unwrap_err();
    fake.set_back(MONTH);
    fake.identity_is_away(false);
    get(&fake, &cache);
}

#[test]
fn refused_token_is_forgotten_and_a_newer_one_is_not() {
    let (fake, cache) = (Fake::new(), tokens());
    let old = get(&fake, &cache);
    fake.run(cache.refused(&fake, &old));
    let new = get(&fake, &cache);
    assert!(!new.is(&old));
    // A straggler reports the old one again.
    fake.run(cache.refused(&fake, &old));
    assert!(get(&fake, &cache).is(&new));
    assert_eq!(fake.token_requests(), 2);
}

#[test]
fn token_in_its_last_seconds_is_better_than_none() {
    let (fake, cache) = (Fake::new(), tokens());
    let token = get(&fake, &cache);
    fake.identity_is_away(true);
    fake.advance(Duration::from_secs(3580));
    assert!(get(&fake, &cache).is(&token));
    fake.advance(Duration::from_secs(20));
    assert!(fake.run(cache.get(&fake)).is_err());
}

#[test]
fn refusal_is_remembered_without_a_store_too() {
    let (fake, cache) = (Fake::new(), tokens());
    fake.break_store();
    fake.answer("/oauth2/token", 401, r#"{"error":"invalid_client"}"#);
    fake.run(traffic(&fake, &cache, Duration::from_secs(1), 50));
    assert_eq!(fake.token_requests(), 1);
}

#[test]
fn straggler_s_refusal_costs_the_new_token_neither_here_nor_elsewhere() {
    let (fake, cache) = (Fake::new(), tokens());
    let old = get(&fake, &cache);
    fake.run(cache.refused(&fake, &old));
    let new = get(&fake, &cache);
    fake.run(cache.refused(&fake, &old));
    assert!(get(&fake, &tokens()).is(&new), "it is still in the store");
    fake.break_store();
    fake.run(cache.refused(&fake, &old));
    assert!(get(&fake, &cache).is(&new), "it is still in the instance");
    assert_eq!(fake.token_requests(), 2);
}

#[test]
fn early_refresh_does_not_stay_the_only_one() {
    let (fake, cache) = (Fake::new(), tokens());
    get(&fake, &cache);
    for requests in 2..5 {
        fake.advance(MINUTE * 48);
        get(&fake, &cache);
        assert_eq!(fake.token_requests(), requests);
    }
}

#[test]
fn token_status_has_both_times_and_the_last_failure() {
    let fake = Fake::new();
    let cache = tokens();
    assert_eq!(
        fake.run(cache.status(&fake)),
        TokenStatus {
            refreshed_at: None,
            expires_at: None,
            last_failure: None
        }
    );
    fake.identity_is_away(true);
    assert!(fake.run(cache.get(&fake)).is_err());
    let failed_at = fake.now();
    fake.identity_is_away(false);
    fake.advance(Duration::from_secs(60));
    let asked_at = fake.now();
    fake.run(cache.get(&fake)).unwrap();
    // Another instance knows it too.
    let status = fake.run(tokens().status(&fake));
    // Some milliseconds pass in the store before the identity server is asked.
    let refreshed_at = status.refreshed_at.unwrap();
    assert!(refreshed_at.since(asked_at) < Duration::from_secs(1));
    assert_eq!(
        status.expires_at.unwrap().since(refreshed_at),
        Duration::from_secs(3600)
    );
    let failure = status.last_failure.unwrap();
    assert!(failed_at.since(failure.at) < Duration::from_secs(1));
    assert!(failure.reason.contains("identity server"), "{failure:?}");
}
