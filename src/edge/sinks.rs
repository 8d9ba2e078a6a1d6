//! Where events are passed on to: the variable `sinks`.
//!
//! It is a JSON array of `{"name", "url", "secret", "types", "vehicles", "modes",
//! "changed_only"}`. Only name, url and secret have to be there.

use crate::{Variables, variables};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use smartcar::VehicleId;
use std::{collections::BTreeSet, fmt};

/// A receiver of events.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sink {
    /// The name, which no other sink has.
    pub name: String,
    /// Where events are posted to. Can hold a secret, and appears in no log.
    pub url: String,
    /// The secrets that sign them, the newest first: `whsec_…`, separated by spaces.
    #[serde(rename = "secret", deserialize_with = "split")]
    pub secrets: Vec<SecretString>,
    /// The types of events that it wants; all if none is given.
    #[serde(default)]
    pub types: Option<Vec<String>>,
    /// The vehicles whose events it wants; all if none is given.
    #[serde(default)]
    pub vehicles: Option<Vec<String>>,
    /// The modes of events that it wants, `LIVE` or `TEST`; all if none is given.
    #[serde(default)]
    pub modes: Option<Vec<String>>,
    /// Of vehicle states only those that change a signal.
    #[serde(default)]
    pub changed_only: bool,
    /// Whether one of its secrets was malformed and is left out of `secrets`.
    #[serde(skip)]
    pub lacks_a_secret: bool,
}

fn split<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<SecretString>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(text.split_whitespace().map(SecretString::from).collect())
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Sink {
    /// What is wrong with it although it works, in a sentence.
    pub fn flaw(&self) -> Option<String> {
        self.lacks_a_secret.then(|| {
            format!(
                "the variable sinks: one secret of {} is not whsec_ and base64; its events are \
                 signed with the others",
                self.name
            )
        })
    }

    /// Leaves out the secrets that cannot sign, and says what makes it useless.
    fn check(&mut self) -> Result<(), String> {
        let Self { name, .. } = &*self;
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        if !(1..=64).contains(&name.len()) || !name.bytes().all(is_name) {
            return Err(
                "the variable sinks: a name must be 1 to 64 characters of A-Z a-z 0-9 - _"
                    .to_owned(),
            );
        }
        let wrong = |what: &str| Err(format!("the variable sinks: {name} has {what}"));
        let uri: Option<http::Uri> = self.url.parse().ok();
        let scheme = uri.as_ref().and_then(http::Uri::scheme_str);
        if !matches!(scheme, Some("http" | "https")) {
            return wrong("an invalid url; it must begin with https:// or http://");
        }
        let is_empty = |list: &Option<Vec<String>>| list.as_ref().is_some_and(Vec::is_empty);
        if [&self.types, &self.vehicles, &self.modes]
            .into_iter()
            .any(is_empty)
        {
            return wrong("an empty list, which no event matches; leave it out for all events");
        }
        if !all(&self.types, is_type) {
            return wrong(
                "a type that no event can have; types are written as in VEHICLE_STATE and VEHICLE_ERROR",
            );
        }
        if !all(&self.modes, |mode| ["LIVE", "TEST"].contains(&mode)) {
            return wrong("a mode that no event can have; modes are LIVE and TEST");
        }
        if !all(&self.vehicles, |id| VehicleId::parse(id).is_ok()) {
            return wrong("a vehicle whose id is invalid; ids are written as Smartcar writes them");
        }
        let many = self.secrets.len();
        let signs: Vec<SecretString> = self
            .secrets
            .iter()
            .filter(|secret| key(secret).is_some())
            .cloned()
            .collect();
        if signs.is_empty() {
            return wrong(
                "no secret that can sign; a secret is whsec_ and base64, several are separated by spaces",
            );
        }
        self.lacks_a_secret = signs.len() < many;
        self.secrets = signs;
        Ok(())
    }
}

fn all(list: &Option<Vec<String>>, is_valid: impl Fn(&str) -> bool) -> bool {
    list.iter().flatten().all(|item| is_valid(item))
}

/// Types are Smartcar's to add to, in the way that it writes them. `VERIFY` is answered
/// and is no event.
fn is_type(name: &str) -> bool {
    let is_part = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    !name.is_empty() && name.bytes().all(is_part) && name != "VERIFY"
}

/// The key of a secret by Standard Webhooks, if it is one.
pub fn key(secret: &SecretString) -> Option<Vec<u8>> {
    let key = secret.expose_secret().strip_prefix("whsec_")?;
    STANDARD.decode(key).ok().filter(|key| !key.is_empty())
}

/// The sinks that the variable names.
///
/// # Errors
/// What is wrong with the variable, in a sentence that quotes nothing but names.
pub async fn configured(variables: &impl Variables) -> Result<Vec<Sink>, String> {
    match variables::secret(variables, "sinks").await {
        Ok(json) => parse(json.expose_secret()),
        Err(error) => Err(error.to_string()),
    }
}

/// Reads the variable; where it is empty there are no sinks. The reason of a refusal
/// quotes nothing but names.
fn parse(json: &str) -> Result<Vec<Sink>, String> {
    if json.trim().is_empty() {
        return Ok(Vec::new());
    }
    let mut sinks: Vec<Sink> = serde_json::from_str(json).map_err(|error| {
        format!(
            "the variable sinks is not the documented JSON (line {}, column {})",
            error.line(),
            error.column()
        )
    })?;
    let mut names = BTreeSet::new();
    for sink in &mut sinks {
        sink.check()?;
        if !names.insert(sink.name.clone()) {
            return Err(format!("the variable sinks has {} twice", sink.name));
        }
    }
    Ok(sinks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sink_has_a_name_a_url_secrets_and_filters() {
        let sinks = parse(
            r#"[{"name":"a","url":"https://a.example/hook","secret":"whsec_YQ== whsec_Yg=="},
                {"name":"b","url":"http://b.example","secret":"whsec_Yw==","types":["VEHICLE_ERROR"],
                 "vehicles":["v-1"],"modes":["LIVE"],"changed_only":true}]"#,
        )
        .unwrap();
        assert_eq!((sinks[0].secrets.len(), sinks[0].changed_only), (2, false));
        assert!(sinks[0].types.is_none() && sinks[1].changed_only);
        assert!(parse(" ").unwrap().is_empty() && parse("[]").unwrap().is_empty());
    }

    #[test]
    fn sink_that_is_malformed_is_refused_without_being_quoted() {
        let sink = |name: &str, url: &str, secret: &str| {
            format!(r#"{{"name":"{name}","url":"{url}","secret":"{secret}"}}"#)
        };
        let good = sink("a", "https://a.example", "whsec_YQ==");
        for bad in [
            "planted".to_owned(),
            good.clone(),
            format!("[{good},{good}]"),
            format!("[{}]", sink("a b", "https://a.example", "whsec_YQ==")),
            format!("[{}]", sink("a", "planted", "whsec_YQ==")),
            format!("[{}]", sink("a", "ftp://planted", "whsec_YQ==")),
            format!("[{}]", sink("a", "https://a.example", "planted")),
            format!("[{}]", sink("a", "https://a.example", "")),
            format!("[{}]", sink("a", "https://a.example", "whsec_planted!")),
            format!(
                "[{}]",
                sink("a", "https://a.example", "whsec_ whsec_p?lanted")
            ),
            r#"[{"name":"a","url":"https://a.example"}]"#.to_owned(),
            format!("[{}]", good.replace('}', r#","filter":"planted"}"#)),
        ] {
            let reason = parse(&bad).unwrap_err();
            assert!(
                reason.contains("sinks") && !reason.contains("lanted"),
                "{bad}: {reason}"
            );
        }
    }

    #[test]
    fn sink_that_no_event_can_match_is_refused_with_what_would_be_right() {
        let with = |list: &str| {
            parse(&format!(
                r#"[{{"name":"a","url":"https://a.example","secret":"whsec_YQ==",{list}}}]"#
            ))
        };
        for (list, right) in [
            (r#""modes":["live"]"#, "LIVE and TEST"),
            (r#""modes":["LIVE","planted"]"#, "LIVE and TEST"),
            (r#""types":["vehicle_state"]"#, "VEHICLE_STATE"),
            (r#""types":["VEHICLE_STATE","VERIFY"]"#, "VEHICLE_STATE"),
            (r#""types":[" VEHICLE_STATE"]"#, "VEHICLE_STATE"),
            (r#""types":[""]"#, "VEHICLE_STATE"),
            (r#""vehicles":["a planted id"]"#, "ids"),
            (r#""vehicles":[""]"#, "ids"),
            (r#""types":[]"#, "leave it out"),
            (r#""vehicles":[]"#, "leave it out"),
            (r#""modes":[]"#, "leave it out"),
        ] {
            let reason = with(list).unwrap_err();
            assert!(reason.contains("sinks: a has"), "{list}: {reason}");
            assert!(reason.contains(right), "{list}: {reason}");
            assert!(!reason.contains("lanted"), "{list}: {reason}");
        }
        // A type that is new to this application is one all the same.
        for list in [
            r#""modes":["LIVE","TEST"]"#,
            r#""types":["VEHICLE_STATE","TRIP_2_ENDED"]"#,
            r#""vehicles":["36ab27d0-fd9d-4455-823a-ce30af709ffc"]"#,
        ] {
            assert!(with(list).is_ok(), "{list}");
        }
    }

    #[test]
    fn sink_signs_with_the_secrets_that_are_good_and_says_so() {
        let of = |secret: &str| {
            parse(&format!(
                r#"[{{"name":"a","url":"https://a.example","secret":"{secret}"}}]"#
            ))
        };
        for one_is_bad in [
            "whsec_YQ== whsec_planted!",
            "planted whsec_YQ==",
            "whsec_ whsec_YQ==",
        ] {
            let sinks = of(one_is_bad).unwrap();
            assert_eq!(sinks[0].secrets.len(), 1);
            assert_eq!(key(&sinks[0].secrets[0]).unwrap(), b"a");
            let flaw = sinks[0].flaw().unwrap();
            assert!(
                flaw.contains("one secret of a") && !flaw.contains("lanted"),
                "{flaw}"
            );
        }
        assert_eq!(of("whsec_YQ== whsec_Yg==").unwrap()[0].flaw(), None);
    }
}
