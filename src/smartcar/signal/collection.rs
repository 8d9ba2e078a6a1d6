//! All signals of an answer or of a delivery.

use crate::Signal;
use crate::{fields::Fields, readable};
use serde_json::value::RawValue;
use std::fmt;

/// The signals of one answer of the API or of one delivery.
///
/// ```
/// use smartcar::Signals;
///
/// let answer = br#"{"data": [
///     {"id": "charge-ischarging", "type": "signal", "attributes": {
///         "code": "charge-ischarging", "body": {"value": true}}},
///     "not a signal"]}"#;
/// let read = Signals::from_answer(answer)?;
/// assert_eq!(read.signals[0].code, "charge-ischarging");
/// assert_eq!(read.unreadable[0].index, 1);
/// # Ok::<(), smartcar::NoSignals>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Signals {
    /// In Smartcar's order.
    pub signals: Vec<Signal>,
    /// What stood between them and was none.
    pub unreadable: Vec<UnreadableSignal>,
    /// Whether an answer's list is the whole one, as far as it says: no page comes
    /// before or after it, it has as many elements as it announces, and all of them
    /// are signals. False for one signal and for a delivery, whose signals are those
    /// that its webhook names.
    pub is_complete: bool,
}

/// An element of a list of signals that is no signal: no object, or one that
/// says in no way which signal it is.
#[derive(Clone)]
pub struct UnreadableSignal {
    /// Its place in the list, from 0.
    pub index: usize,
    /// The element as it was written.
    pub raw: Box<RawValue>,
}

/// There were no signals where they were expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to find signals in `{0}`")]
pub struct NoSignals(&'static str);

impl Signals {
    /// Reads the body of an answer: `{data: [signal], …}` for all signals of a
    /// vehicle, `{data: signal, …}` for one of them.
    ///
    /// Sources: <https://smartcar.com/docs/api-reference/list-signals>,
    /// <https://smartcar.com/docs/api-reference/get-signal>
    ///
    /// # Errors
    ///
    /// [`NoSignals`] where `data` is neither a list nor an object.
    pub fn from_answer(body: &[u8]) -> Result<Self, NoSignals> {
        let text = readable(body);
        let top = Fields::read(&text).unwrap_or_default();
        if let Some(elements) = top.array("data") {
            let all = Self::collect(&elements);
            let is_complete = all.unreadable.is_empty() && is_whole(&top, elements.len());
            return Ok(Self { is_complete, ..all });
        }
        match top.get("data") {
            Some(one) if one.get().starts_with('{') => Ok(Self::collect(&[one])),
            _ => Err(NoSignals("data")),
        }
    }

    /// Reads the body of a `VEHICLE_STATE` delivery: `{data: {signals: […]}, …}`.
    ///
    /// Source: <https://smartcar.com/docs/api-reference/webhooks/events/vehicle-state>
    ///
    /// # Errors
    ///
    /// [`NoSignals`] where there is no such list, as in deliveries of other types.
    pub fn from_delivery(body: &[u8]) -> Result<Self, NoSignals> {
        let text = readable(body);
        let data = Fields::read(&text).unwrap_or_default().object("data");
        let elements = data.array("signals").ok_or(NoSignals("data.signals"))?;
        Ok(Self::collect(&elements))
    }

    fn collect(elements: &[&RawValue]) -> Self {
        let mut all = Self::default();
        for (index, &element) in elements.iter().enumerate() {
            match Signal::read(element) {
                Some(signal) => all.signals.push(signal),
                None => all.unreadable.push(UnreadableSignal {
                    index,
                    raw: element.to_owned(),
                }),
            }
        }
        all
    }
}

/// Whether a list of this length is all of it. A count that cannot be read fits none.
fn is_whole(top: &Fields<'_>, length: usize) -> bool {
    let meta = top.object("meta");
    let is = |name, expected| {
        let count = meta
            .count(name)
            .and_then(|count| usize::try_from(count).ok());
        meta.get(name).is_none() || count == Some(expected)
    };
    let links = top.object("links");
    let stands_alone = links.get("next").is_none() && links.get("prev").is_none();
    stands_alone && is("totalCount", length) && is("pageNumber", 1)
}

/// What is no signal can still hold what a signal holds.
impl fmt::Debug for UnreadableSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnreadableSignal")
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(read: &Signals) -> Vec<&str> {
        read.signals
            .iter()
            .map(|signal| signal.code.as_str())
            .collect()
    }

    #[test]
    fn answer_holds_all_signals_or_one() {
        let all = br#"{"data":[{"id":"a-b","attributes":{"code":"a-b"}},{"id":"c-d"}],
            "meta":{"totalCount":2},"included":{"vehicle":{"id":"v"}}}"#;
        assert_eq!(codes(&Signals::from_answer(all).unwrap()), ["a-b", "c-d"]);
        let one = br#"{"data":{"id":"a-b","type":"signal","attributes":{}},"included":{}}"#;
        assert_eq!(codes(&Signals::from_answer(one).unwrap()), ["a-b"]);
        let none = Signals::from_answer(br#"{"data":[],"meta":{"totalCount":0}}"#).unwrap();
        assert!(none.signals.is_empty() && none.unreadable.is_empty());
    }

    #[test]
    fn list_is_complete_where_it_says_nothing_else() {
        let is_complete = |rest: &str| {
            let body = format!(r#"{{"data":[{{"id":"a-b"}},{{"id":"c-d"}}]{rest}}}"#);
            Signals::from_answer(body.as_bytes()).unwrap().is_complete
        };
        for whole in [
            "",
            r#","meta":{"totalCount":2,"pageNumber":1,"pageSize":2}"#,
            r#","links":{"self":"/s","first":"/s","last":"/s","next":null,"prev":null}"#,
        ] {
            assert!(is_complete(whole), "{whole}");
        }
        for part in [
            r#","meta":{"totalCount":3}"#,
            r#","meta":{"totalCount":1}"#,
            r#","meta":{"totalCount":"2"}"#,
            r#","meta":{"pageNumber":2}"#,
            r#","links":{"next":"/s?page=2"}"#,
            r#","links":{"prev":"/s?page=1"}"#,
        ] {
            assert!(!is_complete(part), "{part}");
        }
        let unreadable = br#"{"data":[{"id":"a-b"},7]}"#;
        assert!(!Signals::from_answer(unreadable).unwrap().is_complete);
        let one = br#"{"data":{"id":"a-b"}}"#;
        assert!(!Signals::from_answer(one).unwrap().is_complete);
        let none = br#"{"data":[],"meta":{"totalCount":0}}"#;
        assert!(Signals::from_answer(none).unwrap().is_complete);
    }

    #[test]
    fn delivery_holds_its_signals_wherever_its_triggers_stand() {
        for body in [
            r#"{"data":{"triggers":[{"code":"a-b"}],"signals":[{"code":"a-b"}]}}"#,
            r#"{"data":{"signals":[{"code":"a-b"}]},"triggers":[{"signal":"A.B"}]}"#,
        ] {
            assert_eq!(
                codes(&Signals::from_delivery(body.as_bytes()).unwrap()),
                ["a-b"]
            );
        }
    }

    #[test]
    fn signal_that_is_malformed_is_reported_and_costs_no_sibling() {
        let body = br#"{"data":{"signals":[null,{"code":"a-b"},{"body":{}},[7],{"code":"c-d"}]}}"#;
        let read = Signals::from_delivery(body).unwrap();
        assert_eq!(codes(&read), ["a-b", "c-d"]);
        let unreadable: Vec<_> = read
            .unreadable
            .iter()
            .map(|u| (u.index, u.raw.get()))
            .collect();
        assert_eq!(unreadable, [(0, "null"), (2, r#"{"body":{}}"#), (3, "[7]")]);
    }

    #[test]
    fn body_without_signals_says_where_they_were_expected() {
        for body in [
            "",
            "null",
            "<html>",
            "[]",
            "{}",
            r#"{"data":null}"#,
            r#"{"data":"x"}"#,
        ] {
            assert_eq!(
                Signals::from_answer(body.as_bytes()).unwrap_err(),
                NoSignals("data")
            );
            let error = Signals::from_delivery(body.as_bytes()).unwrap_err();
            assert_eq!(
                error.to_string(),
                "failed to find signals in `data.signals`"
            );
        }
        assert!(Signals::from_answer(&[0xff]).is_err());
    }
}
