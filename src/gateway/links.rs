//! Links in Smartcar's answers. A client that follows one sends its key along: what
//! leads to Smartcar's APIs is made to lead to this gateway, and what leads anywhere
//! else is no link any more. All other bytes stay as they are.

use smartcar::Origins;

/// The members of `links` that clients follow (JSON:API; `href` in a link that is an
/// object).
const FOLLOWED: [&[u8]; 7] = [
    b"self", b"related", b"first", b"last", b"prev", b"next", b"href",
];

/// A name that is longer is none of those.
const LONGEST_NAME: usize = 64;

/// A link that is longer leads nowhere.
const LONGEST_LINK: usize = 8 * 1024;

/// What is open around the place that is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Container {
    Array,
    Object,
    /// The value of a member `links`, or a link that is an object.
    Links,
}

/// What a member's name says of its value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Name {
    Links,
    Followed,
    Other,
}

/// What a string is, of which the beginning has been read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Text {
    Name,
    Link,
    Other,
    /// A link that was too long, of which the rest is left out.
    Dropped,
}

/// Reads an answer's body piece by piece, and writes it with other links.
///
/// What is no JSON comes out as it went in.
pub(crate) struct Links {
    origins: Origins,
    open: Vec<Container>,
    /// Whether the next string names a member.
    is_name_next: bool,
    /// Of the member whose value is read.
    name: Name,
    text: Option<Text>,
    is_escaped: bool,
    /// The string that is read, as far as it is not written yet.
    held: Vec<u8>,
}

impl Links {
    pub(crate) fn new(origins: &Origins) -> Self {
        Self {
            origins: origins.clone(),
            open: Vec::new(),
            is_name_next: false,
            name: Name::Other,
            text: None,
            is_escaped: false,
            held: Vec::new(),
        }
    }

    /// A body that is complete.
    pub(crate) fn rewrite(mut self, body: &[u8]) -> Vec<u8> {
        let mut written = self.feed(body);
        written.extend(self.end());
        written
    }

    /// What can be written after the next piece of the body.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> Vec<u8> {
        let mut written = Vec::with_capacity(piece.len() + self.held.len());
        for byte in piece {
            match self.text {
                Some(_) => self.within(*byte, &mut written),
                None => self.between(*byte, &mut written),
            }
        }
        written
    }

    /// What is left where the body ends within a string.
    pub(crate) fn end(self) -> Vec<u8> {
        self.held
    }

    /// A byte between strings.
    fn between(&mut self, byte: u8, written: &mut Vec<u8>) {
        let within = self.open.last().copied();
        match byte {
            b'{' => {
                let is_links = match within {
                    Some(Container::Object) => self.name == Name::Links,
                    Some(Container::Links) => true,
                    _ => false,
                };
                self.open.push(if is_links {
                    Container::Links
                } else {
                    Container::Object
                });
                self.is_name_next = true;
            }
            b'[' => {
                self.open.push(Container::Array);
                self.is_name_next = false;
            }
            b'}' | b']' => {
                self.open.pop();
                self.is_name_next = false;
            }
            b',' => {
                self.is_name_next = matches!(within, Some(Container::Object | Container::Links))
            }
            b':' => self.is_name_next = false,
            b'"' => {
                self.text = Some(match within {
                    _ if self.is_name_next => Text::Name,
                    Some(Container::Links) => Text::Link,
                    _ => Text::Other,
                });
                return self.hold(byte, written);
            }
            _ => {}
        }
        written.push(byte);
    }

    /// A byte of a string.
    fn within(&mut self, byte: u8, written: &mut Vec<u8>) {
        self.hold(byte, written);
        let is_end = byte == b'"' && !self.is_escaped;
        self.is_escaped = byte == b'\\' && !self.is_escaped;
        if !is_end {
            return;
        }
        let held = std::mem::take(&mut self.held);
        match self.text.take() {
            Some(Text::Name) => {
                self.name = name(&held);
                written.extend(held);
            }
            Some(Text::Link) => written.extend(self.link(held)),
            Some(Text::Other | Text::Dropped) | None => {}
        }
    }

    /// Keeps a byte of a string until its end is seen, or writes it.
    fn hold(&mut self, byte: u8, written: &mut Vec<u8>) {
        match self.text {
            Some(Text::Name) if self.held.len() < LONGEST_NAME => self.held.push(byte),
            Some(Text::Link) if self.held.len() < LONGEST_LINK => self.held.push(byte),
            Some(Text::Name) => {
                self.text = Some(Text::Other);
                self.name = Name::Other;
                written.append(&mut self.held);
                written.push(byte);
            }
            Some(Text::Link) => {
                self.text = Some(Text::Dropped);
                self.held.clear();
                written.extend(b"null");
            }
            Some(Text::Dropped) => {}
            Some(Text::Other) | None => written.push(byte),
        }
    }

    /// What stands in the place of a link.
    fn link(&self, written: Vec<u8>) -> Vec<u8> {
        let link: Option<String> = serde_json::from_slice(&written).ok();
        let path = link.as_deref().and_then(|link| self.origins.path_of(link));
        match (path, link.as_deref()) {
            // Serialising text into memory does not fail.
            (Some(path), _) if is_path(path) => serde_json::to_vec(path).unwrap_or_default(),
            (None, Some(link)) if is_path(link) => written,
            _ if self.name == Name::Followed => b"null".to_vec(),
            _ => written,
        }
    }
}

/// Whether a link stays on the host on which it is followed. A browser takes a
/// backslash for a slash, and leaves out what cannot be seen.
fn is_path(link: &str) -> bool {
    let mut bytes = link.bytes();
    bytes.next() == Some(b'/')
        && !matches!(bytes.next(), Some(b'/' | b'\\'))
        && link.bytes().all(|b| b.is_ascii_graphic())
}

/// What a name says, which is written with its quotation marks.
fn name(written: &[u8]) -> Name {
    let decoded: Option<String> = written
        .contains(&b'\\')
        .then(|| serde_json::from_slice(written).ok())
        .flatten();
    let quoted = match &decoded {
        Some(decoded) => decoded.as_bytes(),
        None => written.trim_ascii(),
    };
    let rest = quoted.strip_prefix(b"\"").unwrap_or(quoted);
    let name = rest.strip_suffix(b"\"").unwrap_or(rest);
    if name == b"links" {
        Name::Links
    } else if FOLLOWED.contains(&name) {
        Name::Followed
    } else {
        Name::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewrite(body: &str) -> String {
        let written = Links::new(&Origins::default()).rewrite(body.as_bytes());
        // Wherever the pieces are cut, the same comes out.
        for size in [1, 2, 3, 7] {
            let mut links = Links::new(&Origins::default());
            let mut pieces = Vec::new();
            for piece in body.as_bytes().chunks(size) {
                pieces.extend(links.feed(piece));
            }
            pieces.extend(links.end());
            assert_eq!(pieces, written, "{size}: {body}");
        }
        String::from_utf8(written).unwrap()
    }

    #[test]
    fn links_lead_to_this_gateway_and_other_bytes_stay() {
        let body = r#" { "data":[{"links" : {"self": "https://vehicle.api.smartcar.com/v3/a%5B?b=c"},
            "n":1.50e+2,"u":"\ud83d","relationships":{"vehicle":{"links":{"related":
            "https:\/\/vehicle.api.smartcar.com\/v3\/vehicles\/v"}}}}],"links":{"next":null,
            "prev":"/v3/connections?page=1","\u0066irst":{"href":"https://management.api.smartcar.com/v3/b"}}}"#;
        let expected = body
            .replace("https://vehicle.api.smartcar.com/", "/")
            .replace(
                r"https:\/\/vehicle.api.smartcar.com\/v3\/vehicles\/v",
                "/v3/vehicles/v",
            )
            .replace("https://management.api.smartcar.com/", "/");
        assert_eq!(rewrite(body), expected);
    }

    #[test]
    fn link_that_leads_elsewhere_is_none() {
        for link in [
            "https://example.com/v3/a",
            "https://vehicle.api.smartcar.com.example.com/v3/a",
            "https://vehicle.api.smartcar.com@example.com/v3/a",
            "https://vehicle.api.smartcar.com/v2/a",
            "//example.com/v3",
            r"/\\example.com",
            r"/\t/example.com",
            r"\u0068ttps://example.com",
            "javascript:alert(1)",
            "v3/a",
            r"\ud83d",
            "",
            &format!("https://example.com/{}", "a".repeat(LONGEST_LINK)),
            &format!("/v3/{}", "a".repeat(LONGEST_LINK)),
        ] {
            for name in ["next", "self", "related", "n\\u0065xt"] {
                let of =
                    |link: &str| format!(r#"{{"a":1,"links":{{"{name}":{link},"x":"y"}},"b":2}}"#);
                assert_eq!(rewrite(&of(&format!("\"{link}\""))), of("null"), "{link}");
            }
        }
    }

    #[test]
    fn link_that_is_not_one_stays() {
        for body in [
            r#"{"callbackUri":"https://example.com","links":["https://example.com"],"next":"https://example.com"}"#,
            r#"{"links":{"about":"https://smartcar.com/docs","meta":{"n":1}},"self":"https://example.com"}"#,
            r#"["links",{"next":"https://vehicle.api.smartcar.com/v3/a"}]"#,
            r#"{"a":"links","next":"https://example.com"}"#,
            r#"{"links":"https://example.com","x\"links":{"next":"https://example.com"}}"#,
            "",
            "null",
            "\"links\"",
            "no json: {\"links\"",
            "}}]]{\"links\":{\"next\":\"https://vehicle",
        ] {
            assert_eq!(rewrite(body), body);
        }
        let long = format!(
            r#"{{"{}":{{"next":"https://example.com"}}}}"#,
            "links".repeat(100)
        );
        assert_eq!(rewrite(&long), long);
    }
}
