//! What the figures of the receiver mean, in a sentence, for the failures that
//! users of Smartcar's webhooks have met.

use crate::{billing, own::tally::Tally};
use serde::{Serialize, Serializer, ser::SerializeStruct};
use smartcar::{
    Limit, LimitScope, Timestamp, TokenStatus,
    delivery::{Mode, Rejection},
};
use std::time::Duration;
use store::{
    call::CallFigures,
    tally::{Outcome, Reason},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Makes [`Diagnosis`] of its table: each with its code and its sentence.
macro_rules! diagnoses {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $sentence:literal;)+) => {
        /// What is wrong. OPERATING.md has a section about each, whose heading is how the
        /// sentence begins.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Diagnosis {
            $($(#[$doc])* $name,)+
        }

        impl Diagnosis {
            /// Every diagnosis, in the order of the sections in OPERATING.md.
            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$name,)+];

            /// A name that stays when the sentence is put in other words, for example
            /// `CLOCK_BEHIND`.
            pub(crate) const fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                }
            }

            /// What is wrong and what to do, for the operator.
            pub(crate) const fn sentence(self) -> &'static str {
                match self {
                    $(Self::$name => $sentence,)+
                }
            }
        }
    };
}

diagnoses! {
    /// Smartcar limits the whole application.
    ApplicationLimited = "APPLICATION_LIMITED",
        "Smartcar limits this application: calls are answered 429 here until the limit ends. An \
         application has 120 requests, refilled at 2 a minute, unless Smartcar has raised it.";

    /// Vehicles have no calls left this month.
    PlanUsedUp = "PLAN_USED_UP",
        "Vehicles have used up what the plan allows this month: nothing is read from them and no \
         command is sent, but for one call an hour. billing.refused says how many vehicles, and \
         /v3/vehicles which.";

    /// Smartcar refuses calls for the plan or the account.
    BillingRefused = "BILLING_REFUSED",
        "Smartcar refuses calls for the plan or the account: billing.refused has Smartcar's code. \
         Look at the plan in Smartcar's dashboard.";

    /// Calls about vehicles have reached the ceiling of this application's.
    CeilingReached = "CEILING_REACHED",
        "Vehicles have reached the variable vehicle_request_ceiling: they are not read any more \
         this month, and at the whole of it no command is sent. Read what was delivered, or raise \
         the ceiling.";

    /// There is no access token.
    NoToken = "NO_TOKEN",
        "There is no access token, so no call can be made: token.lastError says what the identity \
         server answered. Check smartcar_client_id and smartcar_client_secret.";

    /// The access token is valid, and the next one could not be had.
    TokenNotRefreshed = "TOKEN_NOT_REFRESHED",
        "The access token is still valid, but the next one could not be had: token.lastError says why.";

    /// Test events are accepted, live ones are not.
    TestEventsOnly = "TEST_EVENTS_ONLY",
        "Test events are accepted and live ones are not: the live ones are signed with another \
         management token. Add the application's first token to the variable management_tokens; Smartcar has \
         been seen to go on signing with it after a new one was made.";

    /// VERIFY is answered, the signature of no live delivery matches.
    VerifyOnly = "VERIFY_ONLY",
        "The callback URI is verified, but the signature of no live delivery matches. Compare the \
         variable management_tokens with the dashboard, and add the application's first token if a new one was made: \
         Smartcar has been seen to go on signing with it. Where no token helps, a new Smartcar application did.";

    /// The signature of no delivery matches.
    WrongManagementToken = "WRONG_MANAGEMENT_TOKEN",
        "The signature of no delivery matches: the variable management_tokens is not this \
         application's Application Management Token, or something on the way changes the body.";

    /// Most requests to /webhooks are not signed by Smartcar.
    MostlyForged = "MOSTLY_FORGED",
        "Most requests to /webhooks are not signed by Smartcar. If they are not someone else's, \
         a management token is missing in the variable management_tokens.";

    /// Deliveries that failed only by their signature are kept aside.
    Quarantined = "DELIVERIES_QUARANTINED",
        "Deliveries wait in quarantine: they are about vehicles that are known here, and their \
         signature fits no management token. Add the one that Smartcar signs with to the variable \
         management_tokens, and those that it fits are accepted; after a day they are forgotten.";

    /// Deliveries were sent too long ago.
    StaleDeliveries = "STALE_DELIVERIES",
        "Deliveries were refused because they were sent too long ago: someone replays them, or this \
         host's clock is ahead (see the variable max_delivery_age).";

    /// This host's clock is behind.
    ClockBehind = "CLOCK_BEHIND",
        "Deliveries seem to come from the future: this host's clock is behind.";

    /// Deliveries could not be stored.
    StoreFailing = "STORE_FAILING",
        "Deliveries could not be stored and were answered 503: the receiver's log says why. Smartcar \
         drops an event after three more attempts.";

    /// No live delivery has ever been accepted.
    NeverDelivered = "NEVER_DELIVERED",
        "No live delivery has ever been accepted: check in Smartcar's dashboard that the webhook is \
         enabled and verified and that vehicles are subscribed to it.";

    /// No live delivery was accepted in the last day.
    NoRecentDelivery = "NO_RECENT_DELIVERY",
        "No live delivery was accepted in the last day: cars may be asleep, or the webhook may be \
         disabled or its subscriptions gone; Smartcar's dashboard tells.";
}

/// A diagnosis as `/status` shows it.
impl Serialize for Diagnosis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut shown = serializer.serialize_struct("Diagnosis", 2)?;
        shown.serialize_field("code", self.code())?;
        shown.serialize_field("sentence", self.sentence())?;
        shown.end()
    }
}

/// What is wrong with deliveries, and what to do; nothing where all is well.
/// `silence` is how long ago a live one was last accepted, if ever one was: the
/// counts of the last second may still be on their way.
pub(crate) fn of(day: &Tally, silence: Option<Duration>) -> Vec<Diagnosis> {
    let mut found = Vec::new();
    let live_mismatch = day.refused(&Reason::Signature(Rejection::Mismatch), Mode::Live);
    let live_accepted = day.accepted(Mode::Live);
    if live_mismatch > 0 && live_accepted == 0 {
        found.push(if day.accepted(Mode::Test) > 0 {
            Diagnosis::TestEventsOnly
        } else if day.of(&Outcome::Verify) > 0 {
            Diagnosis::VerifyOnly
        } else {
            Diagnosis::WrongManagementToken
        });
    } else if live_mismatch > live_accepted {
        found.push(Diagnosis::MostlyForged);
    }
    let stale = |mode| day.refused(&Reason::Stale, mode);
    if stale(Mode::Live) + stale(Mode::Test) > 0 {
        found.push(Diagnosis::StaleDeliveries);
    }
    if day.reason(&Reason::ClockAhead) > 0 {
        found.push(Diagnosis::ClockBehind);
    }
    if day.of(&Outcome::Failed) > 0 {
        found.push(Diagnosis::StoreFailing);
    }
    if live_accepted == 0 && live_mismatch == 0 {
        match silence {
            None => found.push(Diagnosis::NeverDelivered),
            Some(time) if time > DAY => found.push(Diagnosis::NoRecentDelivery),
            Some(_) => {}
        }
    }
    found
}

/// What to do about so many deliveries in quarantine.
pub(crate) fn of_quarantine(waiting: i64) -> Option<Diagnosis> {
    (waiting > 0).then_some(Diagnosis::Quarantined)
}

/// What is wrong with the calls that the plan and the ceiling allow, and what to do.
pub(crate) fn of_billing(figures: &CallFigures) -> Vec<Diagnosis> {
    let used_up = |refused: &(String, i64)| refused.0 == billing::USED_UP;
    let of_all = [
        (figures.refused.iter().any(used_up), Diagnosis::PlanUsedUp),
        (
            !figures.refused.iter().all(used_up),
            Diagnosis::BillingRefused,
        ),
        (figures.at_ceiling > 0, Diagnosis::CeilingReached),
    ];
    let found = of_all.into_iter().filter(|(is_so, _)| *is_so);
    found.map(|(_, diagnosis)| diagnosis).collect()
}

/// What is wrong with calls to Smartcar, and what to do.
pub(crate) fn of_calls(token: &TokenStatus, limits: &[Limit], now: Timestamp) -> Vec<Diagnosis> {
    let mut found = Vec::new();
    let is_limited = |limit: &Limit| limit.scope == LimitScope::Application;
    if limits.iter().any(is_limited) {
        found.push(Diagnosis::ApplicationLimited);
    }
    // A failure that a later token has healed is history.
    let failed_at = token.last_failure.as_ref().map(|failure| failure.at);
    let is_open = failed_at.is_some_and(|at| token.refreshed_at.is_none_or(|since| since < at));
    if is_open {
        let valid = token.expires_at.is_some_and(|until| now < until);
        found.push(if valid {
            Diagnosis::TokenNotRefreshed
        } else {
            Diagnosis::NoToken
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn day(rows: &[(&str, &str, &str)]) -> Tally {
        let counts = rows.iter().map(|(outcome, reason, mode)| {
            let kind = store::tally::Tally {
                outcome: Outcome::parse(outcome),
                reason: Reason::parse(reason),
                event_type: "VEHICLE_STATE".to_owned(),
                mode: if *mode == "TEST" {
                    Mode::Test
                } else {
                    Mode::Live
                },
            };
            (kind, 3)
        });
        Tally(counts.collect())
    }

    const NOW: Option<Duration> = Some(Duration::ZERO);
    const ACCEPTED: (&str, &str, &str) = ("stored", "token 0", "LIVE");
    const MISMATCH: (&str, &str, &str) = ("refused", "SIGNATURE_MISMATCH", "LIVE");

    #[test]
    fn diagnosis_is_empty_where_deliveries_are_accepted() {
        assert!(of(&day(&[ACCEPTED]), NOW).is_empty());
        let forged_now_and_then = day(&[ACCEPTED, ("duplicate", "token 0", "LIVE"), MISMATCH]);
        assert!(of(&forged_now_and_then, NOW).is_empty());
    }

    #[test]
    fn diagnosis_of_a_wrong_management_token_depends_on_what_works() {
        assert_eq!(
            of(&day(&[MISMATCH]), None),
            [Diagnosis::WrongManagementToken]
        );
        assert_eq!(
            of(&day(&[MISMATCH, ("verify", "", "LIVE")]), NOW),
            [Diagnosis::VerifyOnly]
        );
        let test_works = [
            MISMATCH,
            ("verify", "", "LIVE"),
            ("stored", "token 0", "TEST"),
        ];
        assert_eq!(of(&day(&test_works), NOW), [Diagnosis::TestEventsOnly]);
    }

    #[test]
    fn silence_stale_deliveries_and_a_failing_store_are_named() {
        assert_eq!(of(&day(&[]), None), [Diagnosis::NeverDelivered]);
        let long_ago = Some(DAY + Duration::from_secs(1));
        assert_eq!(
            of(&day(&[("stored", "token 0", "TEST")]), long_ago),
            [Diagnosis::NoRecentDelivery]
        );
        // Accepted just now, and not yet counted.
        assert!(of(&day(&[]), NOW).is_empty());
        assert_eq!(
            of(
                &day(&[ACCEPTED, ("refused", "STALE_DELIVERY", "LIVE")]),
                NOW
            ),
            [Diagnosis::StaleDeliveries]
        );
        assert_eq!(
            of(&day(&[ACCEPTED, ("failed", "token 0", "LIVE")]), NOW),
            [Diagnosis::StoreFailing]
        );
        assert_eq!(
            of(&day(&[ACCEPTED, ("noted", "clock ahead", "LIVE")]), NOW),
            [Diagnosis::ClockBehind]
        );
    }

    #[test]
    fn diagnosis_of_a_missing_token_lasts_until_there_is_a_new_one() {
        let token = |refreshed_at: Option<i64>, failed_at: i64| TokenStatus {
            refreshed_at: refreshed_at.map(Timestamp),
            expires_at: refreshed_at.map(|at| Timestamp(at + 3_600_000)),
            last_failure: Some(smartcar::TokenFailure {
                at: Timestamp(failed_at),
                reason: String::new(),
            }),
        };
        let of = |token| of_calls(&token, &[], Timestamp(10_000));
        assert_eq!(of(token(None, 5000)), [Diagnosis::NoToken]);
        assert_eq!(of(token(Some(1000), 5000)), [Diagnosis::TokenNotRefreshed]);
        assert!(of(token(Some(6000), 5000)).is_empty());
        let limit = |scope| Limit {
            scope,
            remaining: std::time::Duration::from_secs(9),
        };
        let of = |scope| of_calls(&token(Some(6000), 1), &[limit(scope)], Timestamp(10_000));
        assert_eq!(of(LimitScope::Application), [Diagnosis::ApplicationLimited]);
        // What holds for a few calls is no limit of the application's.
        let vehicle = smartcar::VehicleId::parse("v-1").unwrap();
        assert!(of(LimitScope::Vehicle(vehicle)).is_empty());
        assert!(of(LimitScope::Api(smartcar::endpoints::Api::Vehicle)).is_empty());
    }

    /// The document that says what an operator does about each diagnosis.
    const OPERATING: &str = include_str!("../../../OPERATING.md");

    #[test]
    fn diagnosis_has_a_section_of_its_own_in_its_order() {
        let (_, section) = OPERATING.split_once("\n## Diagnoses\n").unwrap();
        let (section, _) = section.split_once("\n## ").unwrap();
        let headings = section.lines().filter_map(|line| line.strip_prefix("### "));
        let begins = |diagnosis: &Diagnosis| diagnosis.sentence().split(['.', ':']).next().unwrap();
        let begins: Vec<&str> = Diagnosis::ALL.iter().map(begins).collect();
        assert_eq!(headings.collect::<Vec<_>>(), begins);
    }

    #[test]
    fn diagnosis_has_a_code_of_its_own() {
        let codes: BTreeSet<&str> = Diagnosis::ALL.iter().map(|found| found.code()).collect();
        assert_eq!(codes.len(), Diagnosis::ALL.len());
        for code in codes {
            let is_written = |letter: u8| letter.is_ascii_uppercase() || letter == b'_';
            assert!(code.bytes().all(is_written), "{code}");
        }
    }

    #[test]
    fn diagnosis_is_shown_with_its_code_and_its_sentence() {
        let shown = serde_json::json!(Diagnosis::ClockBehind);
        let sentence = "Deliveries seem to come from the future: this host's clock is behind.";
        let expected = serde_json::json!({"code": "CLOCK_BEHIND", "sentence": sentence});
        assert_eq!(shown, expected);
    }
}
