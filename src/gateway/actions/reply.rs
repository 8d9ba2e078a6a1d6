//! What callers are answered about actions: that one was done before, that another one is
//! in the way, that an outcome is unknown.

use crate::{actions::idempotency::INSIST, answer::hand_on};
use edge::{
    Response,
    respond::{Code, Problem},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use smartcar::{Timestamp, write_time};
use store::action::{ClaimedAction, Holder, LOST_AFTER, Outcome};

/// Names the action that an answer belongs to.
const ACTION_ID: HeaderName = HeaderName::from_static("edge-action-id");

/// How many seconds a caller waits for something that may end at any moment.
const SOON: u32 = 2;

/// Names the action in the headers of an answer.
pub(crate) fn name_action(headers: &mut HeaderMap, id: &str) {
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert(ACTION_ID, id);
    }
}

/// The answer that was given when the same request was made before under the same key.
pub(crate) fn replayed(claimed: ClaimedAction, fingerprint: &str) -> Result<Response, Problem> {
    let id = claimed.id;
    if claimed.fingerprint != fingerprint {
        let detail = "this Idempotency-Key stands for another request: use a new one";
        return Err(Problem::new(Code::IdempotencyKeyReused, detail));
    }
    if claimed.outcome == Outcome::Running {
        let detail = format!("the request with this Idempotency-Key is still running, as {id}");
        return Err(Problem::new(Code::RequestInProgress, detail).retry_after(SOON));
    }
    let answer = claimed.answer.and_then(|answer| {
        Some(smartcar::Response {
            status: StatusCode::from_u16(answer.status).ok()?,
            headers: answer.headers,
            body: answer.body.into(),
        })
    });
    let mut response = match answer {
        Some(answer) => hand_on(answer),
        // The instance that ran it ended before it had an answer.
        None => unknown(&id).into(),
    };
    let headers = response.headers_mut();
    headers.insert(
        HeaderName::from_static("idempotent-replayed"),
        HeaderValue::from_static("true"),
    );
    name_action(headers, &id);
    Ok(response)
}

/// The vehicle takes no other command now. `is_named` says whether the caller may learn
/// what another one has sent.
pub(crate) fn in_the_way(holder: &Holder, is_named: bool, now: Timestamp) -> Problem {
    let name = if is_named {
        format!("{} ({})", holder.kind, holder.id)
    } else {
        "another command".to_owned()
    };
    let held_until = holder.started_at.after(LOST_AFTER);
    let until = write_time(held_until).unwrap_or_default();
    let (detail, seconds) = if holder.outcome == Outcome::Unknown {
        let detail = format!(
            "the outcome of {name} for this vehicle is unknown and Smartcar may still be \
             working on it: the vehicle takes no other command until {until}; send \
             {INSIST}: true to go ahead regardless"
        );
        let left = held_until.since(now).as_millis().div_ceil(1000);
        (detail, u32::try_from(left).unwrap_or(u32::MAX))
    } else {
        let detail = format!(
            "{name} is still running for this vehicle, until {until} at the latest: one command \
             at a time"
        );
        (detail, SOON)
    };
    Problem::new(Code::CommandInProgress, detail).retry_after(seconds)
}

/// Other commands of the vehicle ended and began again while this one tried.
pub(crate) fn contended() -> Problem {
    let detail = "other commands for this vehicle keep coming: try again";
    Problem::new(Code::CommandInProgress, detail).retry_after(SOON)
}

/// It is not known whether the action was carried out.
pub(crate) fn unknown(id: &str) -> Problem {
    let detail = format!(
        "Smartcar gave no answer: it may have been carried out. GET /v3/commands/{id} tells what \
         is known; do not send it again before you have looked"
    );
    Problem::new(Code::OutcomeUnknown, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::action::KeptAnswer;

    /// An action as it is looked for by its key.
    fn claimed(outcome: Outcome, answered: Option<u16>) -> ClaimedAction {
        ClaimedAction {
            id: "act_1".to_owned(),
            fingerprint: "print".to_owned(),
            outcome,
            answer: answered.map(|status| KeptAnswer {
                status,
                headers: HeaderMap::from_iter([(
                    HeaderName::from_static("sc-request-id"),
                    HeaderValue::from_static("r-1"),
                )]),
                body: b"{\"done\":1}".to_vec(),
            }),
            user: None,
        }
    }

    #[test]
    fn idempotency_key_answers_only_for_the_same_request() {
        let other = replayed(claimed(Outcome::Succeeded, Some(202)), "other").unwrap_err();
        let found = (other.status.as_u16(), other.code);
        assert_eq!(found, (422, Code::IdempotencyKeyReused));
        let running = replayed(claimed(Outcome::Running, None), "print").unwrap_err();
        let found = (running.status.as_u16(), running.code);
        assert_eq!(found, (409, Code::RequestInProgress));
        assert!(running.detail.contains("act_1"), "{}", running.detail);
    }

    #[test]
    fn replayed_answer_says_that_it_is_one() {
        for (answered, status) in [(Some(202), 202), (None, 504), (Some(7), 504)] {
            let response = replayed(claimed(Outcome::Unknown, answered), "print").unwrap();
            assert_eq!(response.status().as_u16(), status);
            assert_eq!(response.headers()["idempotent-replayed"], "true");
            assert_eq!(response.headers()[ACTION_ID], "act_1");
        }
        let response = replayed(claimed(Outcome::Succeeded, Some(200)), "print").unwrap();
        assert_eq!(response.headers()["sc-request-id"], "r-1");
    }

    fn holder(outcome: Outcome) -> Holder {
        Holder {
            id: "act_1".to_owned(),
            kind: "security-lock".to_owned(),
            caller: "door".to_owned(),
            outcome,
            started_at: Timestamp(1_800_000_000_000),
            evidence: None,
        }
    }

    fn retry_after(problem: Problem) -> HeaderValue {
        Response::from(problem).headers()["retry-after"].clone()
    }

    #[test]
    fn running_command_keeps_another_one_waiting_for_moments() {
        let now = Timestamp(1_800_000_000_000);
        let problem = in_the_way(&holder(Outcome::Running), true, now);
        let found = (problem.status.as_u16(), problem.code);
        assert_eq!(found, (409, Code::CommandInProgress));
        let expected = "security-lock (act_1) is still running for this vehicle, until \
                        2027-01-15T08:05:30.000Z at the latest: one command at a time";
        assert_eq!(problem.detail, expected);
        assert_eq!(retry_after(problem), "2");
    }

    #[test]
    fn unknown_outcome_says_until_when_it_holds_the_vehicle() {
        let now = Timestamp(1_800_000_030_500);
        let problem = in_the_way(&holder(Outcome::Unknown), true, now);
        for part in ["security-lock (act_1)", "2027-01-15T08:05:30.000Z", INSIST] {
            assert!(problem.detail.contains(part), "{}", problem.detail);
        }
        assert_eq!(retry_after(problem), "300");
    }

    #[test]
    fn command_of_another_caller_stays_unnamed() {
        let now = Timestamp(1_800_000_000_000);
        for outcome in [Outcome::Running, Outcome::Unknown] {
            let problem = in_the_way(&holder(outcome), false, now);
            for secret in ["lock", "act_1", "door"] {
                assert!(!problem.detail.contains(secret), "{}", problem.detail);
            }
        }
    }
}
