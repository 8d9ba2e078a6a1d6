//! A list of signals without those that a caller may not read. All other bytes stay
//! as Smartcar wrote them.

use crate::{access::callers::Caller, signals::stored::Hidden};
use serde::Deserialize;
use serde_json::{json, value::RawValue};

#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
}

/// What says which signal an element is.
#[derive(Deserialize)]
struct Element<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    code: Option<&'a RawValue>,
    #[serde(borrow, default)]
    attributes: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Attributes<'a> {
    #[serde(borrow, default)]
    code: Option<&'a RawValue>,
}

/// The body of a list of signals as the caller may see it: an error stands in the
/// place of each of the others. None where it is no such list.
pub(crate) fn list(body: &[u8], caller: &Caller) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(body).ok()?;
    let list: List<'_> = object(text)?;
    let mut shown = Vec::with_capacity(body.len());
    let mut copied = 0;
    for element in list.data {
        // What says in no way which signal it is can be any.
        let codes = codes(element).unwrap_or_else(|| vec![String::new()]);
        let missing = codes
            .iter()
            .find_map(|code| caller.missing_for_signal(code));
        let Some(scope) = missing else {
            continue;
        };
        let id = codes.first()?;
        let attributes = json!({"code": id, "status": Hidden::of(scope)});
        let hidden = json!({"id": id, "type": "signal", "attributes": attributes, "meta": {}});
        // The element is a part of the body, and so this is its place there.
        let start = (element.get().as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
        shown.extend(body.get(copied..start)?);
        shown.extend(hidden.to_string().into_bytes());
        copied = start + element.get().len();
    }
    shown.extend(body.get(copied..)?);
    Some(shown)
}

/// What an object says; an array in its place would be read as its members in order.
fn object<'a, T: Deserialize<'a>>(json: &'a str) -> Option<T> {
    let is_object = json.trim_start().starts_with('{');
    serde_json::from_str(json).ok().filter(|_| is_object)
}

/// Every code that an element says it has; none where one of them is no text, or
/// where there is none.
fn codes(element: &RawValue) -> Option<Vec<String>> {
    let element: Element<'_> = object(element.get())?;
    let attributes: Attributes<'_> = match element.attributes {
        Some(attributes) => object(attributes.get())?,
        None => Attributes { code: None },
    };
    let said = [attributes.code, element.code, element.id];
    let codes: Option<Vec<String>> = said
        .into_iter()
        .flatten()
        .map(|code| serde_json::from_str(code.get()).ok())
        .collect();
    codes.filter(|codes| !codes.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::callers::Callers;

    // printf '%s' first-key | openssl dgst -sha256
    const FIRST: &str = "9e24b55356ef2a121ab5fd1a3ee8a3c9191e837f3853e399a369e9044ff183f7";

    fn shown(body: &str, scope: &str) -> Option<String> {
        let json = format!(r#"[{{"name":"n","sha256":"{FIRST}","scopes":["{scope}"]}}]"#);
        let callers = Callers::parse(&json).unwrap();
        let caller = callers.identify(Some("first-key")).unwrap();
        list(body.as_bytes(), caller).map(|shown| String::from_utf8(shown).unwrap())
    }

    #[test]
    fn signal_that_may_be_read_keeps_every_byte() {
        let open = r#"{"id":"closure-islocked" , "attributes":{"code":"closure-islocked","body":{"value":1.50e0,"x":"\ud83d"}}}"#;
        let other = r#"{"id":"location-preciselocation","attributes":{"body":{"latitude":12.5}}}"#;
        let body = format!(r#"{{"meta":{{"n":1e2}}, "data":[ {other} ,{open}],"z":[{other}]}}"#);
        let shown = shown(&body, "read_security").unwrap();
        let end = format!(r#" ,{open}],"z":[{other}]}}"#);
        assert!(
            shown.starts_with(r#"{"meta":{"n":1e2}, "data":[ {"#),
            "{shown}"
        );
        assert!(shown.ends_with(&end), "{shown}");
        assert_eq!(shown.matches("12.5").count(), 1, "{shown}");
        assert!(
            shown.contains("this key lacks the scope read_location"),
            "{shown}"
        );
    }

    #[test]
    fn element_is_every_signal_that_it_says_it_is() {
        for hidden in [
            "7",
            "null",
            r#"{"x":"planted"}"#,
            r#"{"id":7,"code":"tomorrow-x","x":"planted"}"#,
            r#"{"id":null,"x":"planted"}"#,
            r#"{"id":"","x":"planted"}"#,
            r#"{"id":"\ud83d","x":"planted"}"#,
            r#"{"id":"Tomorrow-X","x":"planted"}"#,
            r#"{"id":"tomorrow-x","id":"location-x","x":"planted"}"#,
            r#"{"id":"tomorrow-x","code":"location-x","x":"planted"}"#,
            r#"{"id":"location-x","attributes":{"code":"tomorrow-x"},"x":"planted"}"#,
            r#"{"id":"tomorrow-x","attributes":[],"x":"planted"}"#,
            r#"["tomorrow-x",null,{"x":"planted"}]"#,
        ] {
            let body = format!(r#"{{"data":[{hidden}]}}"#);
            let shown = shown(&body, "read_vehicle_info").unwrap();
            assert!(shown.contains("MISSING_SCOPE"), "{hidden}: {shown}");
            assert!(!shown.contains("planted"), "{hidden}: {shown}");
        }
        let open = r#"{"data":[{"id":"tomorrow-x","attributes":{"code":"tomorrow-x"}}]}"#;
        assert_eq!(shown(open, "read_vehicle_info").as_deref(), Some(open));
    }

    #[test]
    fn signals_that_are_not_a_list_are_not_shown() {
        for body in [
            "",
            "[]",
            "[[]]",
            "{}",
            r#"{"data":{}}"#,
            r#"{"data":[],"data":[7]}"#,
            "{\"data\":[]",
        ] {
            assert_eq!(shown(body, "read_security"), None, "{body}");
        }
        assert!(
            list(
                b"{\"data\":[],\"x\":\"\xff\"}",
                Callers::parse(&format!(
                    r#"[{{"name":"n","sha256":"{FIRST}","scopes":["a"]}}]"#
                ))
                .unwrap()
                .identify(Some("first-key"))
                .unwrap()
            )
            .is_none()
        );
    }
}
