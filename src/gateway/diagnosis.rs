//! What the figures of the receiver mean, in a sentence, for the failures that
//! users of Smartcar's webhooks have met.

use crate::tally::Tally;
use smartcar::{Limit, LimitScope, Timestamp, TokenStatus};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What is wrong with deliveries, and what to do; nothing where all is well.
/// `silence` is how long ago a live one was last accepted, if ever one was: the
/// counts of the last second may still be on their way.
pub(crate) fn of(day: &Tally, silence: Option<Duration>) -> Vec<&'static str> {
    let mut found = Vec::new();
    let live_mismatch = day.refused("SIGNATURE_MISMATCH", "LIVE");
    let live_accepted = day.accepted("LIVE");
    if live_mismatch > 0 && live_accepted == 0 {
        found.push(if day.accepted("TEST") > 0 {
            TEST_ONLY
        } else if day.of("verify") > 0 {
            VERIFY_ONLY
        } else {
            WRONG_TOKEN
        });
    } else if live_mismatch > live_accepted {
        found.push(MOSTLY_FORGED);
    }
    if day.refused("STALE_DELIVERY", "LIVE") + day.refused("STALE_DELIVERY", "TEST") > 0 {
        found.push(STALE);
    }
    if day.reason("clock ahead") > 0 {
        found.push(CLOCK);
    }
    if day.of("failed") > 0 {
        found.push(STORE);
    }
    if live_accepted == 0 && live_mismatch == 0 {
        match silence {
            None => found.push(NEVER),
            Some(time) if time > DAY => found.push(SILENT),
            Some(_) => {}
        }
    }
    found
}

/// What is wrong with calls to Smartcar, and what to do.
pub(crate) fn of_calls(token: &TokenStatus, limits: &[Limit], now: Timestamp) -> Vec<&'static str> {
    let mut found = Vec::new();
    let is_limited = |limit: &Limit| limit.scope == LimitScope::Application;
    if limits.iter().any(is_limited) {
        found.push(LIMITED);
    }
    // A failure that a later token has healed is history.
    let failed_at = token.last_failure.as_ref().map(|failure| failure.at);
    let is_open = failed_at.is_some_and(|at| token.refreshed_at.is_none_or(|since| since < at));
    if is_open {
        let valid = token.expires_at.is_some_and(|until| now < until);
        found.push(if valid { REFRESH } else { NO_TOKEN });
    }
    found
}

const LIMITED: &str = "Smartcar limits this application: calls are answered 429 here until the limit ends. An \
     application has 120 requests, refilled at 2 a minute, unless Smartcar has raised it.";
const NO_TOKEN: &str = "There is no access token, so no call can be made: token.lastError says what the identity \
     server answered. Check smartcar_client_id and smartcar_client_secret.";
const REFRESH: &str =
    "The access token is still valid, but the next one could not be had: token.lastError says why.";

const TEST_ONLY: &str = "Test events are accepted and live ones are not: the live ones are signed with another \
     management token. Add the application's first token to the variable management_tokens; Smartcar has \
     been seen to go on signing with it after a new one was made.";
const VERIFY_ONLY: &str = "The callback URI is verified, but the signature of no live delivery matches. Compare the \
     variable management_tokens with the dashboard, and add the application's first token if a new one was made: \
     Smartcar has been seen to go on signing with it. Where no token helps, a new Smartcar application did.";
const WRONG_TOKEN: &str = "The signature of no delivery matches: the variable management_tokens is not this \
     application's Application Management Token, or something on the way changes the body.";
const MOSTLY_FORGED: &str = "Most requests to /webhooks are not signed by Smartcar. If they are not somebody else's, \
     a management token is missing in the variable management_tokens.";
const STALE: &str = "Deliveries were refused because they were sent too long ago: somebody replays them, or this \
     host's clock is ahead (see the variable max_delivery_age).";
const CLOCK: &str = "Deliveries seem to come from the future: this host's clock is behind.";
const STORE: &str = "Deliveries could not be stored and were answered 503: the receiver's log says why. Smartcar \
     drops an event after three more attempts.";
const NEVER: &str = "No live delivery has ever been accepted: check in Smartcar's dashboard that the webhook is \
     enabled and verified and that vehicles are subscribed to it.";
const SILENT: &str = "No live delivery was accepted in the last day: cars may be asleep, or the webhook may be \
     disabled or its subscriptions gone; Smartcar's dashboard tells.";

#[cfg(test)]
mod tests {
    use super::*;

    fn day(rows: &[(&str, &str, &str)]) -> Tally {
        Tally::of_rows(
            rows.iter()
                .map(|(outcome, reason, mode)| (*outcome, *reason, "VEHICLE_STATE", *mode, 3)),
        )
    }

    const NOW: Option<Duration> = Some(Duration::ZERO);
    const ACCEPTED: (&str, &str, &str) = ("stored", "token 0", "LIVE");
    const MISMATCH: (&str, &str, &str) = ("refused", "SIGNATURE_MISMATCH", "LIVE");

    #[test]
    fn where_deliveries_are_accepted_nothing_is_said() {
        assert!(of(&day(&[ACCEPTED]), NOW).is_empty());
        let forged_now_and_then = day(&[ACCEPTED, ("duplicate", "token 0", "LIVE"), MISMATCH]);
        assert!(of(&forged_now_and_then, NOW).is_empty());
    }

    #[test]
    fn a_wrong_management_token_is_told_apart_by_what_works() {
        assert_eq!(of(&day(&[MISMATCH]), None), [WRONG_TOKEN]);
        assert_eq!(
            of(&day(&[MISMATCH, ("verify", "", "LIVE")]), NOW),
            [VERIFY_ONLY]
        );
        let test_works = [
            MISMATCH,
            ("verify", "", "LIVE"),
            ("stored", "token 0", "TEST"),
        ];
        assert_eq!(of(&day(&test_works), NOW), [TEST_ONLY]);
    }

    #[test]
    fn silence_stale_deliveries_and_a_failing_store_are_named() {
        assert_eq!(of(&day(&[]), None), [NEVER]);
        let long_ago = Some(DAY + Duration::from_secs(1));
        assert_eq!(
            of(&day(&[("stored", "token 0", "TEST")]), long_ago),
            [SILENT]
        );
        // Accepted just now, and not yet counted.
        assert!(of(&day(&[]), NOW).is_empty());
        assert_eq!(
            of(
                &day(&[ACCEPTED, ("refused", "STALE_DELIVERY", "LIVE")]),
                NOW
            ),
            [STALE]
        );
        assert_eq!(
            of(&day(&[ACCEPTED, ("failed", "token 0", "LIVE")]), NOW),
            [STORE]
        );
        assert_eq!(
            of(&day(&[ACCEPTED, ("noted", "clock ahead", "LIVE")]), NOW),
            [CLOCK]
        );
    }

    #[test]
    fn a_failure_to_get_a_token_is_told_until_there_is_a_new_one() {
        let token = |refreshed_at: Option<i64>, failed_at: i64| TokenStatus {
            refreshed_at: refreshed_at.map(Timestamp),
            expires_at: refreshed_at.map(|at| Timestamp(at + 3_600_000)),
            last_failure: Some(smartcar::TokenFailure {
                at: Timestamp(failed_at),
                reason: String::new(),
            }),
        };
        let of = |token| of_calls(&token, &[], Timestamp(10_000));
        assert_eq!(of(token(None, 5000)), [NO_TOKEN]);
        assert_eq!(of(token(Some(1000), 5000)), [REFRESH]);
        assert!(of(token(Some(6000), 5000)).is_empty());
        let limit = |scope| Limit {
            scope,
            remaining: std::time::Duration::from_secs(9),
        };
        let of = |scope| of_calls(&token(Some(6000), 1), &[limit(scope)], Timestamp(10_000));
        assert_eq!(of(LimitScope::Application), [LIMITED]);
        // What holds for a few calls is no limit of the application's.
        let vehicle = smartcar::VehicleId::parse("v-1").unwrap();
        assert!(of(LimitScope::Vehicle(vehicle)).is_empty());
        assert!(of(LimitScope::Api(smartcar::endpoints::Api::Vehicle)).is_empty());
    }
}
