//! How requests to `/webhooks` end, counted by the minute.

use crate::StoreError;
use smartcar::delivery::{Mode, Rejection};
use std::borrow::Cow;

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The delivery is new, and stored.
    Stored,
    /// The delivery was stored before.
    Duplicate,
    /// The delivery could not be stored.
    Failed,
    /// The request was not taken for Smartcar's, or came too late.
    Refused,
    /// A VERIFY was answered.
    Verify,
    /// Something was noted of a request that is counted once more.
    Noted,
    /// An outcome of another version of this application.
    Other(String),
}

impl Outcome {
    /// All that this version counts.
    pub const ALL: [Self; 6] = [
        Self::Stored,
        Self::Duplicate,
        Self::Failed,
        Self::Refused,
        Self::Verify,
        Self::Noted,
    ];

    /// As it is stored and shown.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Stored => "stored",
            Self::Duplicate => "duplicate",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Verify => "verify",
            Self::Noted => "noted",
            Self::Other(name) => name,
        }
    }

    /// Reads what [`Outcome::as_str`] wrote.
    pub fn parse(name: &str) -> Self {
        let known = Self::ALL.into_iter().find(|known| known.as_str() == name);
        known.unwrap_or_else(|| Self::Other(name.to_owned()))
    }
}

/// More about how a request ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Nothing more.
    None,
    /// Which of the management tokens signed it, counted from 0.
    Token(usize),
    /// Its signature is not Smartcar's.
    Signature(Rejection),
    /// It was sent too long ago.
    Stale,
    /// It is a VERIFY whose challenge is missing or not safe to answer.
    Challenge,
    /// It was sent in the future, by this host's clock.
    ClockAhead,
    /// It was sent at a time at which nothing was sent yet.
    ImpossibleTime,
    /// A reason of another version of this application.
    Other(String),
}

impl Reason {
    /// As it is stored and shown; empty for [`Reason::None`].
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::None => "".into(),
            Self::Token(token) => format!("token {token}").into(),
            Self::Signature(rejection) => rejection.reason().into(),
            Self::Stale => "STALE_DELIVERY".into(),
            Self::Challenge => "INVALID_CHALLENGE".into(),
            Self::ClockAhead => "clock ahead".into(),
            Self::ImpossibleTime => "impossible time".into(),
            Self::Other(text) => text.as_str().into(),
        }
    }

    /// Reads what [`Reason::text`] wrote.
    pub fn parse(text: &str) -> Self {
        let fixed = [
            Self::None,
            Self::Stale,
            Self::Challenge,
            Self::ClockAhead,
            Self::ImpossibleTime,
        ];
        let signature = Rejection::ALL.into_iter().map(Self::Signature);
        if let Some(known) = fixed
            .into_iter()
            .chain(signature)
            .find(|known| known.text() == text)
        {
            return known;
        }
        let token = text.strip_prefix("token ").and_then(|n| n.parse().ok());
        token.map_or_else(|| Self::Other(text.to_owned()), Self::Token)
    }
}

/// What is counted together. All of it is from small sets, but for the type of a
/// verified event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tally {
    /// How it ended.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
    /// The type of a verified event; else empty.
    pub event_type: String,
    /// As the body says.
    pub mode: Mode,
}

/// So many requests ended alike in a minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// The minute, since 1970.
    pub minute: i64,
    /// What was counted.
    pub tally: Tally,
    /// How often.
    pub count: i64,
}

/// The tallies.
#[allow(
    async_fn_in_trait,
    reason = "a component has one thread, so no future needs to be Send"
)]
pub trait Tallies {
    /// Adds to what was counted before.
    async fn add_tallies(&self, counts: &[Count]) -> Result<(), StoreError>;

    /// How often each was counted since a minute (of 1970), in the order of outcome,
    /// reason, event type and mode as they are shown.
    async fn tallies_since(&self, minute: i64) -> Result<Vec<(Tally, i64)>, StoreError>;

    /// Forgets what was counted before a minute. Returns whether there was anything.
    async fn forget_tallies(&self, before: i64) -> Result<bool, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcome_and_reason_are_read_as_they_are_written() {
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::parse(outcome.as_str()), outcome);
        }
        assert_eq!(Outcome::parse("new"), Outcome::Other("new".to_owned()));
        let signatures = Rejection::ALL.map(Reason::Signature);
        let others = [
            Reason::None,
            Reason::Token(0),
            Reason::Token(12),
            Reason::Stale,
            Reason::Challenge,
            Reason::ClockAhead,
            Reason::ImpossibleTime,
            Reason::Other("new".to_owned()),
        ];
        for reason in signatures.into_iter().chain(others) {
            assert_eq!(Reason::parse(&reason.text()), reason);
        }
        assert_eq!(Reason::Token(1).text(), "token 1");
        assert_eq!(Reason::ClockAhead.text(), "clock ahead");
    }
}
