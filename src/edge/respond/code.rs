//! The codes of this application's errors.

use http::StatusCode;
use smartcar::delivery::Rejection;
use std::fmt;

/// Makes [`Code`] of its table: a status, what it means, and the codes that share both.
macro_rules! codes {
    ($($status:ident $meaning:literal {
        $($(#[$doc:meta])* $name:ident = $text:literal,)+
    })+) => {
        /// The code of an error of this application: the member `code` of an error with
        /// the type `EDGE`.
        ///
        /// ```json
        /// {"errors":[{"status":"403","type":"EDGE","code":"MISSING_SCOPE","title":"Forbidden",
        ///   "detail":"this key lacks the scope control_charge"}]}
        /// ```
        ///
        /// Callers compare codes: one that has been released keeps its text and its
        /// status. The table of errors in README.md lists each.
        ///
        /// Source of the shape: <https://smartcar.com/docs/api-reference/api-errors>
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $($($(#[$doc])* $name,)+)+
        }

        impl Code {
            /// Every code, in the order of the table in README.md.
            pub const ALL: &'static [Self] = &[$($(Self::$name,)+)+];

            /// The code as it is answered and recorded, for example `MISSING_SCOPE`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($(Self::$name => $text,)+)+
                }
            }

            /// The HTTP status that an error with this code is answered with.
            pub const fn status(self) -> StatusCode {
                match self {
                    $($(Self::$name)|+ => StatusCode::$status,)+
                }
            }

            /// What the code means and what a caller can do, in Markdown: the row in
            /// README.md. Codes with the same meaning share a row.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $($(Self::$name)|+ => $meaning,)+
                }
            }
        }
    };
}

codes! {
    BAD_REQUEST "the request is not as documented; nothing was sent to Smartcar" {
        /// A path, a parameter, a header or a body is not as documented.
        InvalidInput = "INVALID_INPUT",
        /// Several users are connected to the vehicle, and the request names none.
        MissingUserId = "MISSING_USER_ID",
        /// A change without the header `Idempotency-Key`.
        MissingIdempotencyKey = "MISSING_IDEMPOTENCY_KEY",
        /// A VERIFY event whose challenge is missing or not safe to answer.
        InvalidChallenge = "INVALID_CHALLENGE",
        /// The body ended before its announced length.
        BodyIncomplete = "BODY_INCOMPLETE",
    }
    BAD_REQUEST "the way back from Connect is forged, older than an hour, another browser's, or was tried five times: start again" {
        /// The parameter `state` of a return from Connect is not accepted.
        InvalidState = "INVALID_STATE",
    }
    UNAUTHORIZED "no key of this gateway" {
        /// The request carries no API key, or an unknown one.
        Unauthorized = "UNAUTHORIZED",
    }
    UNAUTHORIZED "not signed by Smartcar" {
        /// The header `SC-Signature` is missing.
        SignatureMissing = "SIGNATURE_MISSING",
        /// The header `SC-Signature` is repeated.
        SignatureRepeated = "SIGNATURE_REPEATED",
        /// The header `SC-Signature` is not 64 hexadecimal digits.
        SignatureMalformed = "SIGNATURE_MALFORMED",
        /// No management token gives this signature for this body.
        SignatureMismatch = "SIGNATURE_MISMATCH",
        /// The body could be a VERIFY challenge, whose signature proves nothing.
        NotADelivery = "NOT_A_DELIVERY",
    }
    UNAUTHORIZED "signed, but sent longer ago than `max_delivery_age`" {
        /// The delivery is older than the variable `max_delivery_age` allows.
        StaleDelivery = "STALE_DELIVERY",
    }
    FORBIDDEN "the key is not for this" {
        /// The key lacks the scope.
        MissingScope = "MISSING_SCOPE",
        /// The key is restricted to other vehicles.
        VehicleNotAllowed = "VEHICLE_NOT_ALLOWED",
        /// The key is restricted to other users.
        UserNotAllowed = "USER_NOT_ALLOWED",
        /// The key is restricted to some vehicles or users, and the request is about all.
        KeyRestricted = "KEY_RESTRICTED",
    }
    NOT_FOUND "no such path; no user, or not this one, is connected to the vehicle; no such action of this key" {
        /// There is nothing at this path.
        PathNotFound = "PATH_NOT_FOUND",
        /// No one, or not this user, is connected to the vehicle.
        VehicleNotFound = "VEHICLE_NOT_FOUND",
        /// No command of this key has this id.
        ActionNotFound = "ACTION_NOT_FOUND",
        /// No dead letter has this id.
        DeadLetterNotFound = "DEAD_LETTER_NOT_FOUND",
    }
    METHOD_NOT_ALLOWED "`Allow` says which is" {
        /// The path does not take this method.
        MethodNotAllowed = "METHOD_NOT_ALLOWED",
    }
    CONFLICT "the vehicle, or the request with this key, is busy, or the outcome of the vehicle's last command is unknown; `Retry-After` says for how long" {
        /// Another command holds the vehicle.
        CommandInProgress = "COMMAND_IN_PROGRESS",
        /// The request with this `Idempotency-Key` is still running.
        RequestInProgress = "REQUEST_IN_PROGRESS",
    }
    PAYLOAD_TOO_LARGE "more than 64 KiB. Above 1 MiB the host may hang up before the answer is seen" {
        /// The body is longer than is read.
        BodyTooLarge = "BODY_TOO_LARGE",
    }
    UNPROCESSABLE_ENTITY "the key stands for another request" {
        /// The `Idempotency-Key` was used for another request.
        IdempotencyKeyReused = "IDEMPOTENCY_KEY_REUSED",
    }
    TOO_MANY_REQUESTS "a limit that was reached is still in force, for the application, the vehicle or one of Smartcar's hosts; nothing was sent. `Retry-After` says for how long" {
        /// A rate limit of Smartcar's is in force.
        RateLimited = "RATE_LIMITED",
    }
    TOO_MANY_REQUESTS "this key has asked for too many vehicles whose owner cannot be found; send `sc-user-id`, or wait as `Retry-After` says" {
        /// The key has used up its look-ups of owners.
        TooManyLookups = "TOO_MANY_LOOKUPS",
    }
    TOO_MANY_REQUESTS "calls about this vehicle have reached `vehicle_request_ceiling` this month, reads at 90 % of it; nothing was sent. `Retry-After` is until the month ends, in UTC" {
        /// The ceiling of calls about a vehicle is reached.
        VehicleCeiling = "VEHICLE_CEILING",
    }
    BAD_GATEWAY "Smartcar did not answer (a read takes 10 seconds at most), or answered with something other than JSON; a command was not carried out" {
        /// Smartcar gave no answer.
        SmartcarUnreachable = "SMARTCAR_UNREACHABLE",
        /// Something answered in Smartcar's place, and not with JSON.
        UnreadableAnswer = "UNREADABLE_ANSWER",
        /// Smartcar's identity server refuses this application's credentials.
        CredentialsRefused = "CREDENTIALS_REFUSED",
    }
    BAD_GATEWAY "the relay gave no answer: it may be running all the same" {
        /// The relay gave no answer.
        RelayUnreachable = "RELAY_UNREACHABLE",
    }
    SERVICE_UNAVAILABLE "within ten minutes Smartcar was asked about as many returns from Connect as `connect_lookups` allows, or about five of this user: nothing is lost, load the page again in ten minutes" {
        /// Too many owners return from Connect.
        ConnectBusy = "CONNECT_BUSY",
    }
    BAD_GATEWAY "not all of the user's vehicles could be looked up and subscribed, or Smartcar does not list one that was connected this way: load the page again, which goes on" {
        /// Not every vehicle of a return from Connect was looked up and subscribed.
        ConnectIncomplete = "CONNECT_INCOMPLETE",
    }
    SERVICE_UNAVAILABLE "try again, or see the log" {
        /// A variable is missing or not as documented.
        NotConfigured = "NOT_CONFIGURED",
        /// There is no access token for Smartcar's API.
        TokenUnavailable = "TOKEN_UNAVAILABLE",
        /// The database does not answer.
        StoreUnavailable = "STORE_UNAVAILABLE",
        /// The host gives no random bytes.
        NoRandomness = "NO_RANDOMNESS",
    }
    GATEWAY_TIMEOUT "a command was sent and got no answer: it may have been carried out. It is not sent again by itself" {
        /// A change was sent and got no answer.
        OutcomeUnknown = "OUTCOME_UNKNOWN",
    }
    GATEWAY_TIMEOUT "`only-if-cached`, and nothing fresh enough is stored" {
        /// Nothing is stored that is fresh enough.
        NotStored = "NOT_STORED",
    }
    BAD_GATEWAY "Smartcar refused a call that looks something up; the answer has Smartcar's status and body" {
        /// Smartcar refused a look-up that a change needs. The answer is Smartcar's own,
        /// status and body; this code stands in the record of the change.
        SmartcarRefused = "SMARTCAR_REFUSED",
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Rejection> for Code {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::Missing => Self::SignatureMissing,
            Rejection::Repeated => Self::SignatureRepeated,
            Rejection::Malformed => Self::SignatureMalformed,
            Rejection::Mismatch => Self::SignatureMismatch,
            Rejection::Challenge => Self::NotADelivery,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// The document that lists every error.
    const README: &str = include_str!("../../../README.md");

    /// The codes that stand in records alone: what is answered is Smartcar's error.
    const RECORDED: [Code; 1] = [Code::SmartcarRefused];

    /// The rows of README.md's table of errors: status and meaning of each code.
    fn rows() -> BTreeMap<&'static str, (&'static str, &'static str)> {
        let (_, section) = README.split_once("\n### Errors\n").unwrap();
        let (section, _) = section.split_once("\n## ").unwrap();
        let mut rows = BTreeMap::new();
        for line in section.lines().filter(|line| line.starts_with("| ")) {
            let row: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [status, codes, meaning] = row[..] else {
                panic!("{line}")
            };
            for code in codes.split('`').skip(1).step_by(2) {
                let before = rows.insert(code, (status, meaning));
                assert_eq!(before, None, "{code} is there twice");
            }
        }
        rows
    }

    #[test]
    fn code_has_its_status_and_its_meaning_in_the_readme() {
        let rows = rows();
        for code in Code::ALL.iter().filter(|code| !RECORDED.contains(code)) {
            let status = code.status();
            let row = (status.as_str(), code.meaning());
            assert_eq!(rows.get(code.as_str()), Some(&row), "{code}");
        }
        assert_eq!(rows.len(), Code::ALL.len() - RECORDED.len());
    }

    #[test]
    fn code_is_a_name_of_its_own() {
        let names: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for name in names {
            let is_written = |letter: u8| letter.is_ascii_uppercase() || letter == b'_';
            assert!(name.bytes().all(is_written), "{name}");
        }
    }

    #[test]
    fn code_of_a_rejection_is_the_reason_that_is_counted() {
        for rejection in [
            Rejection::Missing,
            Rejection::Repeated,
            Rejection::Malformed,
            Rejection::Mismatch,
            Rejection::Challenge,
        ] {
            let code = Code::from(rejection);
            assert_eq!(code.as_str(), rejection.reason());
            assert_eq!(code.status(), StatusCode::UNAUTHORIZED);
        }
    }
}
