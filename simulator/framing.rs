//! How the body of an answer is sent: slowly, not to its end, or late on a
//! connection that stays open.

use axum::{
    Extension,
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{
    StatusCode,
    header::{CONTENT_LENGTH, HeaderValue},
};
use http_body_util::BodyExt;
use hyper::body::Frame;
use serde::{Deserialize, Serialize};
use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Sleep, sleep};

/// Smartcar's contract for a command that takes long: the headers come at once,
/// without the length of the body, and the result follows on the same connection.
/// <https://smartcar.com/docs/api-reference/commands/overview>
///
/// The command itself runs at once. Its result is the route's answer, or the one
/// that the fault gives; a refusal is sent in the same way, under this status.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct KeepOpen {
    /// The status that the headers say.
    #[serde(default = "accepted")]
    status: u16,
    /// Milliseconds from the headers to the result.
    after_ms: u64,
}

fn accepted() -> u16 {
    StatusCode::ACCEPTED.as_u16()
}

impl KeepOpen {
    /// Whether an answer of this status has a body at all.
    pub(crate) fn has_body(&self) -> bool {
        (200..600).contains(&self.status) && ![204, 205, 304].contains(&self.status)
    }
}

/// A body in pieces, with a pause between two of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slow {
    pub(crate) pieces: usize,
    pub(crate) pause: Duration,
}

/// Marks a response that must not be sent: the server closes the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut;

/// How the body of one answer is sent.
#[derive(Clone, Debug)]
pub(crate) struct Framing {
    pub(crate) slow: Option<Slow>,
    pub(crate) cut_after_bytes: Option<usize>,
    pub(crate) keep_open: Option<KeepOpen>,
}

impl Framing {
    /// Whether the body is sent as any other.
    pub(crate) fn is_plain(&self) -> bool {
        self.slow.is_none() && self.cut_after_bytes.is_none() && self.keep_open.is_none()
    }

    /// The same answer, its body sent this way. The headers promise the whole body
    /// even where not all of it comes.
    pub(crate) async fn apply(&self, response: Response) -> Response {
        if self.is_plain() || response.extensions().get::<Cut>().is_some() {
            return response;
        }
        let (mut parts, body) = response.into_parts();
        // The bodies of this program are in memory: reading one cannot fail.
        let body = body.collect().await.map(|body| body.to_bytes());
        let body = body.unwrap_or_default();
        if body.is_empty() && self.keep_open.is_none() {
            return match self.cut_after_bytes {
                Some(_) => Extension(Cut).into_response(),
                None => Response::from_parts(parts, Body::empty()),
            };
        }
        if let Some(keep_open) = &self.keep_open {
            parts.status = StatusCode::from_u16(keep_open.status).unwrap_or(StatusCode::ACCEPTED);
            parts.headers.remove(CONTENT_LENGTH);
        } else {
            let length = HeaderValue::from(body.len());
            parts.headers.insert(CONTENT_LENGTH, length);
        }
        Response::from_parts(parts, Body::new(Script::new(self.steps(&body))))
    }

    fn steps(&self, body: &Bytes) -> VecDeque<Step> {
        let mut steps = VecDeque::new();
        if let Some(keep_open) = &self.keep_open {
            steps.push_back(Step::Wait(Duration::from_millis(keep_open.after_ms)));
        }
        let last = body.len().saturating_sub(1);
        let sent = self.cut_after_bytes.map_or(body.len(), |n| n.min(last));
        let size = self
            .slow
            .map_or(body.len(), |s| body.len().div_ceil(s.pieces));
        let mut start = 0;
        while start < sent {
            if let Some(slow) = self.slow.filter(|_| start > 0) {
                steps.push_back(Step::Wait(slow.pause));
            }
            let end = start.saturating_add(size).min(sent);
            steps.push_back(Step::Send(body.slice(start..end)));
            start = end;
        }
        if self.cut_after_bytes.is_some() {
            steps.extend([Step::Wait(FLUSH), Step::Cut]);
        }
        steps
    }
}

/// hyper writes what it has when a body has nothing more for the moment, and
/// writes nothing any more once a body has failed.
const FLUSH: Duration = Duration::from_millis(10);

#[derive(Debug)]
enum Step {
    Wait(Duration),
    Send(Bytes),
    Cut,
}

/// A body that does one step after the other. It does not tell its length, so the
/// server sends it in chunks unless a header tells it.
struct Script {
    steps: VecDeque<Step>,
    wait: Option<Pin<Box<Sleep>>>,
}

impl Script {
    fn new(steps: VecDeque<Step>) -> Self {
        Self { steps, wait: None }
    }
}

/// Why the server closes the connection within a body.
#[derive(Debug, thiserror::Error)]
#[error("the body was cut")]
struct BodyCut;

impl hyper::body::Body for Script {
    type Data = Bytes;
    type Error = BodyCut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyCut>>> {
        loop {
            if let Some(wait) = &mut self.wait {
                ready!(wait.as_mut().poll(context));
                self.wait = None;
            }
            match self.steps.pop_front() {
                Some(Step::Wait(time)) => self.wait = Some(Box::pin(sleep(time))),
                Some(Step::Send(piece)) => return Poll::Ready(Some(Ok(Frame::data(piece)))),
                Some(Step::Cut) => return Poll::Ready(Some(Err(BodyCut))),
                None => return Poll::Ready(None),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tokio::time::Instant;

    const PLAIN: Framing = Framing {
        slow: None,
        cut_after_bytes: None,
        keep_open: None,
    };

    /// What arrives when, in milliseconds, and whether it came to an end.
    async fn arrivals(framing: &Framing, body: &'static str) -> (Vec<(String, u128)>, bool) {
        let start = Instant::now();
        let mut body = Script::new(framing.steps(&Bytes::from_static(body.as_bytes())));
        let mut arrived = Vec::new();
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else {
                return (arrived, false);
            };
            let piece = String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap();
            arrived.push((piece, start.elapsed().as_millis()));
        }
        (arrived, true)
    }

    fn at(arrived: &[(&str, u128)]) -> Vec<(String, u128)> {
        arrived.iter().map(|(p, t)| ((*p).to_owned(), *t)).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn slow_body_has_a_pause_between_two_pieces() {
        let slow = Some(Slow {
            pieces: 3,
            pause: Duration::from_millis(100),
        });
        let framing = Framing { slow, ..PLAIN };
        let expected = at(&[("abc", 0), ("def", 100), ("g", 200)]);
        assert_eq!(arrivals(&framing, "abcdefg").await, (expected, true));
        let expected = at(&[("a", 0), ("b", 100)]);
        assert_eq!(arrivals(&framing, "ab").await, (expected, true));

        let keep_open = Some(KeepOpen {
            status: 202,
            after_ms: 1500,
        });
        let both = Framing {
            cut_after_bytes: Some(4),
            keep_open,
            ..framing
        };
        let expected = at(&[("abc", 1500), ("d", 1600)]);
        assert_eq!(arrivals(&both, "abcdefg").await, (expected, false));
    }

    #[tokio::test(start_paused = true)]
    async fn cut_body_always_lacks_something() {
        for (bytes, expected) in [(0, ""), (2, "ab"), (3, "ab"), (99, "ab")] {
            let framing = Framing {
                cut_after_bytes: Some(bytes),
                ..PLAIN
            };
            let (arrived, whole) = arrivals(&framing, "abc").await;
            let arrived: String = arrived.into_iter().map(|(piece, _)| piece).collect();
            assert_eq!((arrived.as_str(), whole), (expected, false), "{bytes}");
        }
    }
}
