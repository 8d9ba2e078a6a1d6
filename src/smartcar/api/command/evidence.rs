//! The signal that shows whether a command was carried out.

use crate::fields::Fields;
use std::fmt;

/// What shows that a command was carried out. As text it can be kept and read
/// again: `closure-islocked=true`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The code of the signal.
    pub signal: &'static str,
    expected: Expected,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Is(bool),
    Limit(i64),
}

impl Evidence {
    /// A signal that will hold this truth value, or this number of percent.
    pub(super) fn new(
        signal: &'static str,
        is: Option<bool>,
        percent: Option<i64>,
    ) -> Option<Self> {
        let expected = match (is, percent) {
            (Some(is), _) => Expected::Is(is),
            (None, Some(percent)) => Expected::Limit(percent),
            (None, None) => return None,
        };
        Some(Self { signal, expected })
    }

    /// Reads what [`Display`](fmt::Display) wrote, of one of these signals; each of them
    /// holds a truth value or does not.
    pub(super) fn read(signals: &[(&'static str, bool)], text: &str) -> Option<Self> {
        let (name, expected) = text.split_once('=')?;
        let (signal, is_truth) = signals.iter().find(|(signal, _)| *signal == name)?;
        let expected = if *is_truth {
            Expected::Is(expected.parse().ok()?)
        } else {
            Expected::Limit(expected.parse().ok()?)
        };
        Some(Self { signal, expected })
    }

    /// Whether the body of the signal, reported after the command, says that it was
    /// carried out; nothing where it does not say.
    pub fn is_met(&self, body: &str) -> Option<bool> {
        let body = Fields::read(body)?;
        match self.expected {
            Expected::Is(expected) => Some(body.boolean("value")? == expected),
            Expected::Limit(percent) => {
                let limits = body.objects("values").unwrap_or_default();
                // A location can have a limit of its own; a command sets the one
                // that holds everywhere.
                let everywhere = limits.iter().filter(|limit| {
                    let kind = limit.text("type");
                    kind.is_none_or(|kind| kind.eq_ignore_ascii_case("global"))
                });
                let mut limits = everywhere
                    .filter_map(|limit| limit.number("limit"))
                    .chain(body.number("activeLimit"))
                    .peekable();
                limits.peek()?;
                #[allow(clippy::cast_precision_loss, reason = "a percentage fits")]
                let percent = percent as f64;
                Some(limits.any(|limit| (limit - percent).abs() < 0.5))
            }
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.expected {
            Expected::Is(is) => write!(f, "{}={is}", self.signal),
            Expected::Limit(percent) => write!(f, "{}={percent}", self.signal),
        }
    }
}
