//! A way through JSON in one pass, without a copy.

use crate::{Timestamp, timestamp};
use memchr::{memchr, memchr2};
use serde::de::IgnoredAny;
use std::borrow::Cow;

/// A place in JSON that is known to be valid.
///
/// [`Fields`](crate::fields::Fields) goes over the whole of a value once for each level
/// of it; a delivery has five, and with up to 85 signals it is worth to go through it once.
/// Here, too, the last one of a name counts, and the shape of a value costs no other.
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// None where `text` is no valid JSON.
    pub(crate) fn new(text: &'a str) -> Option<Self> {
        serde_json::from_str::<IgnoredAny>(text).ok()?;
        Some(Self::of_valid(text))
    }

    /// `text` is the text of a value as serde_json or a cursor gives it.
    pub(crate) fn of_valid(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Goes through the members of the object that is here. `each` is called with the name
    /// of each, at its value, and may pass it or leave it. What is no object has none.
    pub(crate) fn object(&mut self, each: &mut dyn FnMut(&mut Self, &str)) {
        if self.peek() != Some(b'{') {
            self.value();
            return;
        }
        self.at += 1;
        while let Some(byte) = self.peek() {
            match byte {
                b'}' => {
                    self.at += 1;
                    return;
                }
                b'"' => {
                    let name = text(self.value()).unwrap_or_default();
                    self.peek();
                    self.at += 1;
                    let before = self.at;
                    each(self, &name);
                    if self.at == before {
                        self.value();
                    }
                }
                _ => self.at += 1,
            }
        }
    }

    /// Goes through the elements of the array that is here. `each` is called at each, and
    /// may pass it or leave it. What is no array has none.
    pub(crate) fn array(&mut self, each: &mut dyn FnMut(&mut Self)) {
        if self.peek() != Some(b'[') {
            self.value();
            return;
        }
        self.at += 1;
        while let Some(byte) = self.peek() {
            match byte {
                b']' => {
                    self.at += 1;
                    return;
                }
                b',' => self.at += 1,
                _ => {
                    let before = self.at;
                    each(self);
                    if self.at == before {
                        self.value();
                    }
                }
            }
        }
    }

    /// Passes the value that is here, and returns its text.
    pub(crate) fn value(&mut self) -> &'a str {
        let first = self.peek();
        let start = self.at;
        match first {
            Some(b'"') => self.pass_string(),
            Some(b'{' | b'[') => self.pass_nested(),
            _ => self.pass_scalar(),
        }
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// The first byte of what is here.
    fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = self.text.as_bytes().get(self.at).copied()?;
            if class(byte) & SPACE == 0 {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Passes everything before the next byte of these classes, and that byte. Returns it.
    fn pass(&mut self, classes: u8) -> Option<u8> {
        let rest = self.rest();
        let place = rest.iter().position(|byte| class(*byte) & classes != 0);
        let byte = place.and_then(|place| rest.get(place)).copied();
        self.at += place.map_or(rest.len(), |place| place + 1);
        byte
    }

    fn pass_scalar(&mut self) {
        let rest = self.rest();
        let length = rest
            .iter()
            .position(|byte| class(*byte) & (SPACE | END) != 0);
        self.at += length.unwrap_or(rest.len()).max(1);
    }

    fn pass_string(&mut self) {
        self.at += 1;
        loop {
            let rest = self.rest();
            let Some(place) = memchr2(b'"', b'\\', rest) else {
                self.at = self.text.len();
                return;
            };
            self.at += place + 1;
            if rest.get(place) == Some(&b'"') {
                return;
            }
            self.at += 1;
        }
    }

    fn pass_nested(&mut self) {
        let mut depth = 0_usize;
        loop {
            match self.pass(NESTED) {
                Some(b'"') => {
                    self.at -= 1;
                    self.pass_string();
                    continue;
                }
                Some(b'{' | b'[') => depth += 1,
                _ => depth = depth.saturating_sub(1),
            }
            if depth == 0 {
                return;
            }
        }
    }
}

/// Classes of bytes, a bit each: what separates values, what ends a number or a word, what
/// matters within an object or an array.
const SPACE: u8 = 1;
const END: u8 = 2;
const NESTED: u8 = 4;

/// Looked up, which takes a fraction of comparing.
fn class(byte: u8) -> u8 {
    static CLASSES: [u8; 256] = classes();
    CLASSES.get(usize::from(byte)).copied().unwrap_or(0)
}

#[allow(clippy::indexing_slicing, reason = "in a constant it fails to compile")]
const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let space = [b' ', b'\n', b'\r', b'\t'];
    let mut place = 0;
    while place < space.len() {
        classes[space[place] as usize] = SPACE;
        place += 1;
    }
    classes[b',' as usize] = END;
    classes[b'"' as usize] = NESTED;
    classes[b'{' as usize] = NESTED;
    classes[b'[' as usize] = NESTED;
    classes[b'}' as usize] = NESTED | END;
    classes[b']' as usize] = NESTED | END;
    classes
}

/// Whether a value has more levels than a reader may want to follow: SQLite stops at 1000
/// of the whole, and fails then.
pub(crate) fn is_deep(json: &str) -> bool {
    const MOST: usize = 500;
    // A level takes two bytes, and almost no value has so many.
    if json.len() < 2 * MOST {
        return false;
    }
    let (mut cursor, mut depth) = (Cursor::of_valid(json), 0_usize);
    loop {
        match cursor.pass(NESTED) {
            Some(b'"') => {
                cursor.at -= 1;
                cursor.pass_string();
            }
            Some(b'{' | b'[') if depth == MOST => return true,
            Some(b'{' | b'[') => depth += 1,
            Some(_) => depth = depth.saturating_sub(1),
            None => return false,
        }
    }
}

/// The text of a value; none where it is no string.
pub(crate) fn text(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if memchr(b'\\', inner.as_bytes()).is_some() {
        return serde_json::from_str(json).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

/// The time of a value, if it is one.
pub(crate) fn time(json: &str) -> Option<Timestamp> {
    timestamp::parse(json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    /// What a cursor finds, as serde_json would.
    fn walked(cursor: &mut Cursor<'_>) -> Value {
        match cursor.peek() {
            Some(b'{') => {
                let mut members = serde_json::Map::new();
                cursor.object(&mut |cursor, name| {
                    members.insert(name.to_owned(), walked(cursor));
                });
                Value::Object(members)
            }
            Some(b'[') => {
                let mut elements = Vec::new();
                cursor.array(&mut |cursor| elements.push(walked(cursor)));
                Value::Array(elements)
            }
            _ => serde_json::from_str(cursor.value()).unwrap(),
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[ -~é\"\\\\{}\\[\\],\n]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::btree_map("[a-c\"\\\\é]{0,3}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn cursor_finds_what_serde_json_finds(value in json()) {
            for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                prop_assert_eq!(&walked(&mut Cursor::new(&text).unwrap()), &value);
                prop_assert_eq!(Cursor::of_valid(&text).value(), &text);
            }
        }

        #[test]
        fn cursor_ends_whatever_the_text_is(text in "[\\[\\]{}\",:\\\\ 1é]{0,24}") {
            let mut count = 0;
            Cursor::of_valid(&text).array(&mut |cursor| cursor.object(&mut |_, _| count += 1));
            Cursor::of_valid(&text).object(&mut |cursor, _| cursor.array(&mut |_| count += 1));
            prop_assert!(count <= 48);
        }
    }

    #[test]
    fn value_is_deep_where_it_has_more_than_500_levels() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(!is_deep(&nested(500)) && is_deep(&nested(501)) && is_deep(&nested(30_000)));
        assert!(!is_deep(&format!("[{}[]]", "[],".repeat(900))));
        assert!(!is_deep(&format!("[\"{}\"]", "[\\\"".repeat(900))));
    }

    #[test]
    fn cursor_is_for_valid_json() {
        for text in ["", "{", "{}x", "[1,]", "\"\u{1}\"", "nul"] {
            assert!(Cursor::new(text).is_none(), "{text}");
        }
        let mut seen = Vec::new();
        Cursor::new(r#"{"a":1e999,"\u0062":[7,{"x":1}],"a":2}"#)
            .unwrap()
            .object(&mut |cursor, name| seen.push((name.to_owned(), cursor.value().to_owned())));
        let seen: Vec<_> = seen
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        assert_eq!(seen, [("a", "1e999"), ("b", r#"[7,{"x":1}]"#), ("a", "2")]);
    }
}
