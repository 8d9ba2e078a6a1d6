//! Where events are passed on to: the variable `sinks`.
//!
//! It is a JSON array of `{"name", "url", "secret", "types", "vehicles", "modes",
//! "changed_only"}`. Only name, url and secret have to be there.

use crate::variables;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use std::{collections::BTreeSet, fmt};

/// Somebody who wants events.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sink {
    /// By which it is known; unique.
    pub name: String,
    /// Where events are posted to. Can hold a secret, and appears in no log.
    pub url: String,
    /// The secrets that sign them, the newest first: `whsec_…`, parted by spaces.
    #[serde(rename = "secret", deserialize_with = "split")]
    pub secrets: Vec<SecretString>,
    /// Which types of events; all where nothing is said.
    #[serde(default)]
    pub types: Option<Vec<String>>,
    /// Of which vehicles.
    #[serde(default)]
    pub vehicles: Option<Vec<String>>,
    /// `LIVE`, `TEST`.
    #[serde(default)]
    pub modes: Option<Vec<String>>,
    /// Of vehicle states only those that change a signal.
    #[serde(default)]
    pub changed_only: bool,
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

/// The sinks that the variable names.
///
/// # Errors
/// What is wrong with the variable, in a sentence that quotes nothing but names.
pub async fn configured() -> Result<Vec<Sink>, String> {
    let json = variables::secret("sinks").await;
    let json = json.map_err(|error| error.to_string())?;
    parse(json.expose_secret())
}

/// Reads the variable; empty is nobody. The reason of a refusal quotes nothing
/// but names.
fn parse(json: &str) -> Result<Vec<Sink>, String> {
    if json.trim().is_empty() {
        return Ok(Vec::new());
    }
    let sinks: Vec<Sink> = serde_json::from_str(json).map_err(|error| {
        format!(
            "the variable sinks is not the documented JSON (line {}, column {})",
            error.line(),
            error.column()
        )
    })?;
    let mut names = BTreeSet::new();
    for sink in &sinks {
        let Sink {
            name, url, secrets, ..
        } = sink;
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        if !(1..=64).contains(&name.len()) || !name.bytes().all(is_name) {
            return Err(
                "a name in the variable sinks is not 1 to 64 of A-Z a-z 0-9 - _".to_owned(),
            );
        }
        if !names.insert(name) {
            return Err(format!("the variable sinks has {name} twice"));
        }
        let uri: Option<http::Uri> = url.parse().ok();
        let scheme = uri.as_ref().and_then(http::Uri::scheme_str);
        if !matches!(scheme, Some("http" | "https")) {
            return Err(format!("the url of {name} in the variable sinks is none"));
        }
        let is_secret = |secret: &SecretString| secret.expose_secret().starts_with("whsec_");
        if secrets.is_empty() || !secrets.iter().all(is_secret) {
            return Err(format!(
                "the secret of {name} in the variable sinks does not begin with whsec_"
            ));
        }
    }
    Ok(sinks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sink_has_a_name_a_url_and_secrets_and_may_be_choosy() {
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
    fn what_is_no_sink_is_refused_without_being_quoted() {
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
}
