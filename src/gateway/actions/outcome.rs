//! What came of an action, as far as Smartcar's answer says.

use edge::respond::Code;
use http::StatusCode;
use smartcar::{
    ApiError, CommandExecution, Error, ExecutionStatus, Response,
    endpoints::{About, Endpoint, Family},
};
use store::action::Outcome;

/// What came of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Judgement {
    pub(crate) outcome: Outcome,
    /// Type and code of the error.
    pub(crate) error: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) execution_id: Option<String>,
    /// Certainly nothing was done, and the same request may well succeed later: its key is
    /// free again.
    pub(crate) is_void: bool,
    /// No answer of Smartcar's says that it has ended: it may still be at work.
    pub(crate) is_open: bool,
}

impl Judgement {
    pub(crate) const fn of(outcome: Outcome) -> Self {
        Self {
            outcome,
            error: None,
            request_id: None,
            execution_id: None,
            is_void: false,
            is_open: false,
        }
    }

    /// It was refused here, under this code, before anything was sent.
    pub(crate) fn refused(code: Code) -> Self {
        Self {
            error: Some(format!("EDGE/{code}")),
            is_void: true,
            ..Self::of(Outcome::Failed)
        }
    }

    /// No answer came, or none that says anything.
    pub(crate) fn unknown(error: String) -> Self {
        Self {
            error: Some(error),
            is_open: true,
            ..Self::of(Outcome::Unknown)
        }
    }
}

/// Reads Smartcar's answer to a change.
pub(crate) fn judge(endpoint: &Endpoint, answer: &Response) -> Judgement {
    let is_unlisted = matches!(endpoint.family, Family::Unlisted(_));
    let of_a_vehicle = endpoint.about == About::Vehicle || is_unlisted;
    if answer.status == StatusCode::NO_CONTENT || (!of_a_vehicle && answer.status.is_success()) {
        return match ApiError::within(answer) {
            Some(error) => not_answered(&Error::Api(Box::new(error))),
            None => Judgement::of(Outcome::Succeeded),
        };
    }
    match CommandExecution::read(answer) {
        // What Smartcar says of these need not be an execution.
        Err(Error::Unreadable { status, .. })
            if status < 300 && (is_unlisted || endpoint.family == Family::ChargeSchedules) =>
        {
            Judgement::of(Outcome::Succeeded)
        }
        Ok(execution) => {
            let is_done = execution.status == ExecutionStatus::Success;
            let outcome = if is_done {
                Outcome::Succeeded
            } else {
                // Pending, or something that Smartcar added.
                Outcome::Unknown
            };
            Judgement {
                execution_id: execution.id,
                is_open: !is_done,
                ..Judgement::of(outcome)
            }
        }
        Err(error) => not_answered(&error),
    }
}

/// What an answer says that is not Smartcar's.
pub(crate) fn not_from_smartcar(status: StatusCode) -> Judgement {
    let error = format!("{} without JSON", status.as_u16());
    // What stands in front of Smartcar and refuses does not pass on.
    if status.is_client_error() {
        Judgement {
            error: Some(error),
            is_void: true,
            ..Judgement::of(Outcome::Failed)
        }
    } else {
        Judgement::unknown(error)
    }
}

/// What an error of a call says about the outcome.
pub(crate) fn not_answered(error: &Error) -> Judgement {
    let (text, request_id, execution_id) = match error {
        Error::Api(api) => (error_name(api), api.request_id.clone(), None),
        Error::CommandFailed(execution) => {
            let id = execution.id.clone();
            (error.to_string(), execution.request_id.clone(), id)
        }
        _ => (error.to_string(), None, None),
    };
    let is_void = match error {
        // A limit, the plan or the token: Smartcar did not even look at it.
        Error::Api(api) => matches!(api.status, 401 | 429 | 430),
        Error::Token(_) | Error::Limited(_) => true,
        Error::Transport(_) => !error.may_have_happened(),
        Error::CommandFailed(_) | Error::Unreadable { .. } => false,
    };
    let outcome = if error.may_have_happened() {
        Outcome::Unknown
    } else {
        Outcome::Failed
    };
    // Smartcar's own error is the last that it says.
    let is_ended = matches!(error, Error::Api(api) if is_from_smartcar(&api.kind));
    Judgement {
        error: Some(text),
        request_id,
        execution_id,
        is_void,
        is_open: outcome == Outcome::Unknown && !is_ended,
        ..Judgement::of(outcome)
    }
}

/// Type and code of an error, as the record shows it.
pub(crate) fn error_name(error: &ApiError) -> String {
    let code = error.code.as_deref().unwrap_or("null");
    format!("{}/{code}", error.kind)
}

/// Whether Smartcar writes the type of an error like this: in capitals. Those that a
/// proxy answers (RFC 9457) are URIs.
fn is_from_smartcar(kind: &str) -> bool {
    !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::{HeaderMap, HeaderName, HeaderValue};
    use smartcar::{Limit, LimitScope, Sent, TransportError, endpoints};
    use std::time::Duration;

    fn of(endpoint: &Endpoint, status: u16, body: &str) -> Judgement {
        let answer = Response {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::from(body.to_owned()),
        };
        judge(endpoint, &answer)
    }

    fn execution(status: &str) -> String {
        format!(r#"{{"data":{{"id":"exec_1","attributes":{{"status":{{"value":"{status}"}}}}}}}}"#)
    }

    #[test]
    fn outcome_of_a_command_is_decided_by_the_body() {
        for (http, status, outcome) in [
            (200, "SUCCESS", Outcome::Succeeded),
            (202, "SUCCESS", Outcome::Succeeded),
            (202, "FAILURE", Outcome::Failed),
            (200, "PENDING", Outcome::Unknown),
            (200, "TOMORROW", Outcome::Unknown),
        ] {
            let judgement = of(&endpoints::LOCK, http, &execution(status));
            assert_eq!(judgement.outcome, outcome, "{http} {status}");
            assert_eq!(judgement.execution_id.as_deref(), Some("exec_1"));
            assert!(!judgement.is_void);
        }
        for unreadable in ["", "{}", "null"] {
            let judgement = of(&endpoints::LOCK, 200, unreadable);
            assert_eq!(judgement.outcome, Outcome::Unknown, "{unreadable:?}");
        }
    }

    #[test]
    fn error_says_whether_it_may_have_happened_and_whether_the_key_is_free() {
        let error = |code: &str| format!(r#"{{"errors":[{{"type":"T","code":"{code}"}}]}}"#);
        for (status, code, outcome, is_void) in [
            (409, "ASLEEP", Outcome::Failed, false),
            (403, "UNKNOWN", Outcome::Failed, false),
            (401, "UNAUTHORIZED", Outcome::Failed, true),
            (429, "VEHICLE", Outcome::Failed, true),
            (430, "VEHICLE_LIMIT", Outcome::Failed, true),
            (500, "INTERNAL", Outcome::Unknown, false),
            (502, "NO_RESPONSE", Outcome::Unknown, false),
            (502, "RATE_LIMIT", Outcome::Failed, false),
            (504, "X", Outcome::Unknown, false),
        ] {
            let judgement = of(&endpoints::LOCK, status, &error(code));
            let found = (judgement.outcome, judgement.is_void);
            assert_eq!(found, (outcome, is_void), "{status} {code}");
            assert_eq!(judgement.error, Some(format!("T/{code}")));
        }
    }

    #[test]
    fn error_at_the_end_of_a_202_has_a_status_of_its_own() {
        for (status, outcome) in [("502", Outcome::Unknown), ("409", Outcome::Failed)] {
            let body = format!(r#"{{"errors":[{{"status":"{status}","type":"T","code":"C"}}]}}"#);
            assert_eq!(
                of(&endpoints::LOCK, 202, &body).outcome,
                outcome,
                "{status}"
            );
        }
    }

    #[test]
    fn error_within_a_202_that_says_no_status_leaves_the_outcome_unknown() {
        for (body, outcome) in [
            (r#"{"errors":[{"type":"T","code":"C"}]}"#, Outcome::Unknown),
            (
                r#"{"errors":[{"status":502,"type":"T"}]}"#,
                Outcome::Unknown,
            ),
            (r#"{"errors":[{"status":409,"type":"T"}]}"#, Outcome::Failed),
            (
                r#"{"type":"T","code":"C","statusCode":502}"#,
                Outcome::Unknown,
            ),
            (
                r#"{"type":"T","code":"C","statusCode":409}"#,
                Outcome::Failed,
            ),
        ] {
            for endpoint in [
                &endpoints::LOCK,
                &endpoints::CREATE_DAILY_CHARGE_SCHEDULE,
                &endpoints::CREATE_SUBSCRIPTION,
            ] {
                let judgement = of(endpoint, 202, body);
                assert_eq!(judgement.outcome, outcome, "{} {body}", endpoint.path);
            }
        }
    }

    #[test]
    fn outcome_is_open_where_smartcar_may_still_be_at_work() {
        for (status, body, is_open) in [
            (200, execution("SUCCESS"), false),
            (202, execution("PENDING"), true),
            (202, "{".to_owned(), true),
            (202, execution("FAILURE"), false),
            // Something in between, in the shape of none of Smartcar's errors.
            (504, r#"{"message":"timed out"}"#.to_owned(), true),
            (
                504,
                r#"{"type":"about:blank","title":"Gateway Time-out","status":504}"#.to_owned(),
                true,
            ),
            (
                504,
                r#"{"type":"https://cdn.example/timeout","status":504}"#.to_owned(),
                true,
            ),
            (
                502,
                r#"{"errors":[{"type":"UPSTREAM","code":"NO_RESPONSE"}]}"#.to_owned(),
                false,
            ),
            (409, "{}".to_owned(), false),
        ] {
            let judgement = of(&endpoints::LOCK, status, &body);
            assert_eq!(judgement.is_open, is_open, "{status} {body}");
        }
        assert!(Judgement::unknown("cut off".to_owned()).is_open);
        assert!(not_from_smartcar(StatusCode::BAD_GATEWAY).is_open);
        assert!(!not_from_smartcar(StatusCode::FORBIDDEN).is_open);
        for (sent, is_open) in [(Sent::No, false), (Sent::Maybe, true)] {
            let detail = "cut off".to_owned();
            let silence = Error::Transport(TransportError { sent, detail });
            assert_eq!(not_answered(&silence).is_open, is_open);
        }
    }

    #[test]
    fn outcome_of_other_changes_is_decided_by_the_status() {
        for (endpoint, status) in [
            (&endpoints::DELETE_CONNECTION, 204),
            (&endpoints::CREATE_SUBSCRIPTION, 202),
            (&endpoints::CREATE_DAILY_CHARGE_SCHEDULE, 200),
            (&endpoints::LOCK, 204),
        ] {
            assert_eq!(of(endpoint, status, "").outcome, Outcome::Succeeded);
        }
        let schedule = &endpoints::CREATE_DAILY_CHARGE_SCHEDULE;
        let failed = of(schedule, 202, &execution("FAILURE"));
        assert_eq!(failed.outcome, Outcome::Failed);
        let refused = of(&endpoints::CREATE_SUBSCRIPTION, 409, "{}");
        assert_eq!(refused.outcome, Outcome::Failed);
    }

    #[test]
    fn call_without_an_answer_is_void_if_it_was_not_sent() {
        let silence = |sent| {
            let detail = "connection refused".to_owned();
            not_answered(&Error::Transport(TransportError { sent, detail }))
        };
        let unsent = silence(Sent::No);
        assert_eq!((unsent.outcome, unsent.is_void), (Outcome::Failed, true));
        let sent = silence(Sent::Maybe);
        assert_eq!((sent.outcome, sent.is_void), (Outcome::Unknown, false));
        assert!(sent.error.is_some_and(|error| error.contains("refused")));
        let limited = not_answered(&Error::Limited(Limit {
            scope: LimitScope::Application,
            remaining: Duration::from_secs(5),
        }));
        assert_eq!((limited.outcome, limited.is_void), (Outcome::Failed, true));
    }

    #[test]
    fn record_names_the_error_and_smartcar_s_request() {
        let answer = |status, body: String| Response {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::from_iter([(
                HeaderName::from_static("sc-request-id"),
                HeaderValue::from_static("r-1"),
            )]),
            body: Bytes::from(body),
        };
        let asleep = r#"{"errors":[{"type":"T","code":"ASLEEP"}]}"#.to_owned();
        for answer in [answer(409, asleep), answer(202, execution("FAILURE"))] {
            let judgement = judge(&endpoints::LOCK, &answer);
            assert_eq!(judgement.request_id.as_deref(), Some("r-1"));
            assert!(judgement.error.is_some());
        }
        let unknown = Judgement::unknown("cut off".to_owned());
        assert_eq!(unknown.error.as_deref(), Some("cut off"));
        let refused = not_from_smartcar(StatusCode::FORBIDDEN);
        assert_eq!(refused.error.as_deref(), Some("403 without JSON"));
    }

    #[test]
    fn proxy_that_refuses_has_not_passed_on() {
        let refused = not_from_smartcar(StatusCode::FORBIDDEN);
        assert_eq!((refused.outcome, refused.is_void), (Outcome::Failed, true));
        for status in [StatusCode::OK, StatusCode::BAD_GATEWAY] {
            assert_eq!(not_from_smartcar(status).outcome, Outcome::Unknown);
        }
    }
}
