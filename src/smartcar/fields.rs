//! Reading JSON of which only the good parts count.

use crate::{Timestamp, parse_time};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// The members of a JSON object, each value as it was written.
///
/// A derived struct would refuse an object for a member that comes twice or for
/// a name with half a surrogate pair in it, and would take an array for an
/// object. Here the last one of a name counts, and a value is looked at only
/// when it is asked for, so that its shape can cost nothing but itself.
#[derive(Default)]
pub(crate) struct Fields<'a>(Vec<(Name<'a>, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// None where `json` is no object.
    pub(crate) fn read(json: &'a str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    /// The member `name`, unless it is null.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let (_, value) = self
            .0
            .iter()
            .rev()
            .find(|(key, _)| key.0 == name.as_bytes())?;
        (value.get() != "null").then_some(value)
    }

    /// Whether there is a member `name`, even if it is null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key.0 == name.as_bytes())
    }

    /// The object `name`; an empty one where it is missing or no object.
    pub(crate) fn object(&self, name: &str) -> Self {
        self.get(name)
            .and_then(|json| Self::read(json.get()))
            .unwrap_or_default()
    }

    pub(crate) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        #[derive(serde::Deserialize)]
        struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
        let Text(text) = serde_json::from_str(self.get(name)?.get()).ok()?;
        Some(text)
    }

    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    /// A count or an index.
    pub(crate) fn count(&self, name: &str) -> Option<u32> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    pub(crate) fn boolean(&self, name: &str) -> Option<bool> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    pub(crate) fn array(&self, name: &str) -> Option<Vec<&'a RawValue>> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    /// Those elements of the array `name` that are objects.
    pub(crate) fn objects(&self, name: &str) -> Option<Vec<Self>> {
        let elements = self.array(name)?;
        Some(
            elements
                .iter()
                .filter_map(|element| Self::read(element.get()))
                .collect(),
        )
    }

    pub(crate) fn time(&self, name: &str) -> Option<Timestamp> {
        parse_time(self.get(name)?)
    }
}

/// A member's name. As bytes, because JSON allows names that are no valid text.
struct Name<'a>(Cow<'a, [u8]>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl<'de> Visitor<'de> for Bytes {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }
            fn visit_borrowed_bytes<E>(self, name: &'de [u8]) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(name)))
            }
            fn visit_bytes<E>(self, name: &[u8]) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_vec())))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_that_appears_twice_has_its_last_value() {
        let fields = Fields::read(r#"{"a":1,"b":"\u00e9","a":2}"#).unwrap();
        assert_eq!(fields.number("a"), Some(2.0));
        assert_eq!(fields.text("b").as_deref(), Some("é"));
    }

    #[test]
    fn value_of_another_shape_is_none_and_costs_no_other() {
        let fields =
            Fields::read(r#"{"a":[1],"b":null,"c":1e999,"d":"\ud800","e":-1,"f":true}"#).unwrap();
        assert_eq!(
            (fields.text("a"), fields.number("a"), fields.boolean("a")),
            (None, None, None)
        );
        assert!(fields.get("b").is_none() && fields.has("b") && !fields.has("z"));
        assert_eq!(
            (fields.number("c"), fields.text("d"), fields.count("e")),
            (None, None, None)
        );
        assert_eq!(fields.boolean("f"), Some(true));
    }

    #[test]
    fn name_that_is_no_text_costs_no_other() {
        let fields = Fields::read(r#"{"\ud800":1,"\u0061":2}"#).unwrap();
        assert_eq!(fields.number("a"), Some(2.0));
    }

    #[test]
    fn fields_are_those_of_an_object_only() {
        for json in ["", "null", "[1]", "7", "\"a\"", "{", "{}x"] {
            assert!(Fields::read(json).is_none(), "{json}");
        }
    }
}
