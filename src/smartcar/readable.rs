//! Bodies as text that everyone can read.

use memchr::memmem;
use std::borrow::Cow;

/// A JSON body as text, of which every string is text as well.
///
/// JSON allows what no text can hold, half a surrogate pair (`\ud83d` alone, a nickname
/// that was cut inside an emoji), and what PostgreSQL's cannot, NUL (`\u0000`); bytes can
/// be no UTF-8. Each of these is U+FFFD in the copy that is made then. Almost always
/// there is none, and the body itself is the text.
pub fn readable(body: &[u8]) -> Cow<'_, str> {
    // The lossy way looks at each byte, also where there is nothing to lose.
    let text = match std::str::from_utf8(body) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(body),
    };
    if memmem::find(text.as_bytes(), b"\\u").is_none() {
        return text;
    }
    match repaired(&text) {
        Some(copy) => Cow::Owned(copy),
        None => text,
    }
}

/// None where there is nothing to repair.
fn repaired(text: &str) -> Option<String> {
    let mut copy = String::new();
    let mut rest = text;
    // In JSON a backslash begins an escape, wherever it stands.
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        copy.push_str(before);
        let next = escape.get(6..).and_then(unit);
        let length = match (unit(escape), next) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0 | 0xd800..=0xdfff), _) => {
                copy.push_str("\\ufffd");
                rest = escape.get(6..).unwrap_or_default();
                continue;
            }
            (Some(_), _) => 6,
            (None, _) => escape.chars().take(2).map(char::len_utf8).sum(),
        };
        let (kept, after) = escape.split_at(length);
        copy.push_str(kept);
        rest = after;
    }
    copy.push_str(rest);
    (copy != text).then_some(copy)
}

/// The code unit that an escape at the beginning of `text` stands for.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u16::from_str_radix(digits, 16).ok().filter(|_| is_hex)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn readable_body_is_not_copied() {
        for body in [
            "",
            "{}",
            r#"{"a":"plain\n"}"#,
            r#"{"a":"\u00e9\ud83d\ude00\\ud83d\\\\u0000"}"#,
        ] {
            assert!(matches!(readable(body.as_bytes()), Cow::Borrowed(text) if text == body));
        }
    }

    #[test]
    fn readable_body_has_a_replacement_for_what_no_text_can_hold() {
        for (body, text) in [
            (r#"["\ud83d"]"#, r#"["\ufffd"]"#),
            (r#"["\uD83D\uD83D\uDE00"]"#, r#"["\ufffd\uD83D\uDE00"]"#),
            (r#"["\ude00x"]"#, r#"["\ufffdx"]"#),
            (r#"["\ud83d\u0041"]"#, r#"["\ufffd\u0041"]"#),
            (r#"["\\\ud83d"]"#, r#"["\\\ufffd"]"#),
            (r#"["a\u0000b"]"#, r#"["a\ufffdb"]"#),
        ] {
            assert_eq!(readable(body.as_bytes()), text, "{body}");
        }
        assert_eq!(readable(b"[\"\xff\"]"), "[\"\u{fffd}\"]");
    }

    #[test]
    fn readable_text_comes_of_whatever_is_no_json() {
        for body in [
            "\\",
            "\\u",
            "\\ud83",
            "\\ud83d",
            "\\u+123",
            "\\é\\uD83D",
            "\\u00é0",
        ] {
            readable(body.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn readable_json_stays_json_and_all_of_its_strings_are_text(
            escapes in proptest::collection::vec(
                proptest::sample::select(vec!["\\ud83d", "\\ude00", "\\u0000", "\\\\", "\\u0041", "u", "é"]),
                0..12,
            )
        ) {
            let body = format!("\"{}\"", escapes.concat());
            let text = readable(body.as_bytes());
            let read: String = serde_json::from_str(&text).unwrap();
            prop_assert!(!read.contains('\0'));
            prop_assert_eq!(readable(text.as_bytes()), text.as_ref());
        }
    }
}
