//! How long a caller waits for what comes of a command, and what it is answered then.

use crate::request::invalid;
use edge::{Response, respond, respond::Problem};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;
use smartcar::Call;
use std::time::Duration;

const PREFER: HeaderName = HeaderName::from_static("prefer");

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Until the command ends or this is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience {
    pub(crate) time: Duration,
    /// The caller asked for it.
    is_preferred: bool,
}

/// The patience of a caller, for at most the time of the variable `command_deadline`; none
/// where that is as long as a command can take.
///
/// The header `Prefer` (RFC 7240) with `respond-async` asks for an answer at once, with
/// `respond-async, wait=10` for one after up to so many seconds.
pub(crate) fn of(headers: &HeaderMap, deadline: Duration) -> Result<Option<Patience>, Problem> {
    let (mut is_preferred, mut wait) = (false, Duration::ZERO);
    for line in headers.get_all(PREFER) {
        let line = line.to_str();
        let line = line.map_err(|_| invalid("the header Prefer must be printable characters"))?;
        for preference in line.split(',') {
            let preference = preference.split(';').next().unwrap_or_default();
            let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "respond-async" => is_preferred = true,
                "wait" => {
                    let seconds = value.trim().trim_matches('"').parse().unwrap_or(0);
                    wait = Duration::from_secs(seconds);
                }
                // What is not known is ignored, as the RFC says.
                _ => {}
            }
        }
    }
    let time = if is_preferred {
        wait.min(deadline)
    } else {
        deadline
    };
    Ok((time < Call::LONGEST).then_some(Patience { time, is_preferred }))
}

impl Patience {
    /// The answer where the command goes on: it can be asked for by its id.
    pub(crate) fn accepted(self, id: &str, kind: &str) -> Response {
        let path = format!("/v3/commands/{id}");
        let attributes = json!({"kind": kind, "outcome": "running"});
        let data = json!({"id": id, "type": "action", "attributes": attributes});
        let body = json!({"data": data, "links": {"self": path}}).to_string();
        let mut response = respond::json(StatusCode::ACCEPTED, body);
        let headers = response.headers_mut();
        if let Ok(path) = HeaderValue::try_from(path) {
            headers.insert(header::LOCATION, path);
        }
        if self.is_preferred {
            headers.insert(
                PREFERENCE_APPLIED,
                HeaderValue::from_static("respond-async"),
            );
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patience(lines: &[&'static str], deadline: u64) -> Option<(u64, bool)> {
        let lines = lines
            .iter()
            .map(|line| (PREFER, HeaderValue::from_static(line)));
        let patience = of(&lines.collect(), Duration::from_secs(deadline)).unwrap();
        patience.map(|patience| (patience.time.as_secs(), patience.is_preferred))
    }

    #[test]
    fn prefer_header_asks_for_an_answer_at_once_or_after_a_while() {
        assert_eq!(patience(&["respond-async"], 310), Some((0, true)));
        assert_eq!(patience(&["respond-async, wait=10"], 310), Some((10, true)));
        assert_eq!(
            patience(&["wait=10", "Respond-Async"], 310),
            Some((10, true))
        );
        assert_eq!(
            patience(&["respond-async; x=1, wait = 7"], 310),
            Some((7, true))
        );
        // No one waits for longer than the variable says.
        assert_eq!(patience(&["respond-async, wait=60"], 25), Some((25, true)));
        assert_eq!(patience(&["respond-async, wait=x"], 25), Some((0, true)));
    }

    #[test]
    fn other_preferences_are_ignored() {
        for line in [
            "return=minimal",
            "wait=5",
            "",
            ",;=",
            "respond-asynchronously",
        ] {
            assert_eq!(patience(&[line], 310), None, "{line}");
            assert_eq!(patience(&[line], 25), Some((25, false)), "{line}");
        }
        assert_eq!(patience(&[], 310), None);
    }
}
