//! Who may do what: API keys.
//!
//! The variable `api_keys` is a JSON array of
//! `{"name","sha256","scopes":[…],"vehicles":["*"|ids],"users":["*"|ids]}`. A key
//! itself is stored nowhere, only its SHA-256. That is no password hash, and
//! need not be one: a key is 256 random bits, which cannot be guessed one by one.

use edge::respond::{Code, Problem};
use http::{HeaderValue, header};
use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};
use smartcar::{SignalCode, UserId, VehicleId, signal_permission};
use std::{collections::BTreeSet, fmt};
use subtle::ConstantTimeEq;

/// The caller in the record of what is done after Smartcar Connect, without a key. No key
/// has this name.
pub(crate) const CONNECT: &str = "connect";

/// The caller in the record of what is forgotten because Smartcar lists it no more. No key has
/// this name.
pub(crate) const RECONCILIATION: &str = "reconciliation";

/// All callers that have a key.
#[derive(Debug)]
pub(crate) struct Callers(Vec<Caller>);

/// Someone with a key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Caller {
    name: String,
    #[serde(deserialize_with = "hex::deserialize")]
    sha256: [u8; 32],
    scopes: Vec<String>,
    #[serde(default)]
    vehicles: Reach,
    #[serde(default)]
    users: Reach,
}

/// The vehicles or the users that a key is for.
#[derive(Default)]
enum Reach {
    /// All of them: the list is left out, or has a `*`.
    #[default]
    Every,
    /// Those with these ids.
    Only(Vec<String>),
}

impl<'de> Deserialize<'de> for Reach {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ids = Vec::<String>::deserialize(deserializer)?;
        let is_every = ids.iter().any(|id| id == "*");
        Ok(if is_every {
            Self::Every
        } else {
            Self::Only(ids)
        })
    }
}

impl Reach {
    fn only(&self) -> Option<&[String]> {
        match self {
            Self::Every => None,
            Self::Only(ids) => Some(ids),
        }
    }

    fn require(&self, id: &str, code: Code, what: &str) -> Result<(), Problem> {
        match self {
            Self::Only(ids) if !ids.iter().any(|own| own == id) => {
                let detail = format!("this key is not for this {what}");
                Err(Problem::new(code, detail))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Callers {
    /// Reads the variable. The reason of a refusal quotes nothing of it.
    pub(crate) fn parse(json: &str) -> Result<Self, String> {
        if json.trim().is_empty() {
            return Err("the variable api_keys is not set".to_owned());
        }
        let callers: Vec<Caller> = serde_json::from_str(json).map_err(|error| {
            format!(
                "the variable api_keys is not the documented JSON (line {}, column {})",
                error.line(),
                error.column()
            )
        })?;
        if callers.is_empty() {
            return Err("the variable api_keys holds no key".to_owned());
        }
        let scope = |scope: &String| {
            // A star stands at the end alone.
            let name = scope.strip_suffix('*').unwrap_or(scope);
            !scope.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        };
        let mut hashes = BTreeSet::new();
        for caller in &callers {
            if caller.name.is_empty() {
                return Err("the variable api_keys holds a key without a name".to_owned());
            }
            if [CONNECT, RECONCILIATION].contains(&caller.name.as_str()) {
                return Err(format!(
                    "a key in the variable api_keys is named {}, which has another meaning in \
                     the record",
                    caller.name
                ));
            }
            if caller.scopes.is_empty() || !caller.scopes.iter().all(scope) {
                return Err(format!(
                    "the key {} in the variable api_keys has no valid scopes",
                    caller.name
                ));
            }
            if !hashes.insert(caller.sha256) {
                return Err("the variable api_keys holds one key twice".to_owned());
            }
        }
        Ok(Self(callers))
    }

    /// The caller with this key. Every key is compared, and each comparison
    /// takes the same time.
    pub(crate) fn identify(&self, key: Option<&str>) -> Result<&Caller, Problem> {
        let digest: [u8; 32] = Sha256::digest(key.unwrap_or_default()).into();
        let mut found = None;
        for caller in &self.0 {
            if bool::from(caller.sha256.ct_eq(&digest)) {
                found = Some(caller);
            }
        }
        found.filter(|_| key.is_some()).ok_or_else(|| {
            let detail = "send an API key of this gateway as Authorization: Bearer <key>";
            // An error code is for a key that was sent (RFC 6750, 3.1).
            let challenge = match key {
                None => r#"Bearer realm="smartcar-edge""#,
                Some(_) => r#"Bearer realm="smartcar-edge", error="invalid_token""#,
            };
            let challenge = HeaderValue::from_static(challenge);
            Problem::new(Code::Unauthorized, detail).with(header::WWW_AUTHENTICATE, challenge)
        })
    }

    /// The permissions that keys are for which are for this vehicle and user.
    pub(crate) fn permissions(
        &self,
        vehicle: Option<&VehicleId>,
        user: Option<&UserId>,
    ) -> BTreeSet<&str> {
        let is_for = |caller: &&Caller| {
            let id = vehicle.map_or("", VehicleId::as_str);
            let reaches = |reach: &Reach, id: &str| {
                let only = reach.only();
                only.is_none_or(|only| only.iter().any(|own| own == id))
            };
            reaches(&caller.vehicles, id) && reaches(&caller.users, user.map_or("", UserId::as_str))
        };
        let callers = self.0.iter().filter(is_for);
        callers.flat_map(Caller::permissions).collect()
    }
}

/// Scopes that begin as Smartcar's do and are about this application: who may
/// read every signal need not read them. Only `*` alone includes them.
const OURS: [&str; 2] = ["read_audit", "read_status"];

/// Scopes for what this version does not know, and cannot tell the danger of: of those with
/// a star, `raw_*` alone includes them.
const UNLISTED: [&str; 2] = ["raw_read", "raw_write"];

impl Caller {
    /// The scopes of the key, as they are configured.
    pub(crate) fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// The name of the key.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the key has a scope. `read_*` stands for all that begin with `read_`.
    pub(crate) fn has(&self, scope: &str) -> bool {
        let is_ours = OURS.contains(&scope);
        self.scopes.iter().any(|held| match held.strip_suffix('*') {
            Some(prefix) if UNLISTED.contains(&scope) => prefix == "raw_",
            Some("") => true,
            Some(prefix) => !is_ours && scope.starts_with(prefix),
            None => held == scope,
        })
    }

    /// Whether the key has every scope that begins with `prefix`.
    pub(crate) fn has_all(&self, prefix: &str) -> bool {
        self.scopes.iter().any(|held| {
            let held = held.strip_suffix('*');
            held.is_some_and(|held| prefix.starts_with(held))
        })
    }

    /// The scope that the key lacks to read a signal, if it lacks one. Text that is not a
    /// signal's code in lower case can stand for any signal: it takes the scopes for all.
    pub(crate) fn missing_for_signal(&self, code: &str) -> Option<&'static str> {
        let is_code =
            SignalCode::parse(code).is_ok() && !code.bytes().any(|b| b.is_ascii_uppercase());
        let (scope, is_held) = if is_code {
            let scope = signal_permission(code);
            (scope, self.has(scope))
        } else {
            ("read_*", self.has_all("read_"))
        };
        (!is_held).then_some(scope)
    }

    /// Refuses a key without the scope.
    pub(crate) fn require(&self, scope: &str) -> Result<(), Problem> {
        if self.has(scope) {
            Ok(())
        } else {
            Err(missing(scope))
        }
    }

    /// Refuses a key without any scope that begins with `prefix`.
    pub(crate) fn require_any(&self, prefix: &str) -> Result<(), Problem> {
        let mut others = self
            .scopes
            .iter()
            .filter(|held| !OURS.contains(&held.as_str()));
        if self.has_all(prefix) || others.any(|held| held.starts_with(prefix)) {
            Ok(())
        } else {
            Err(missing(&format!("{prefix}*")))
        }
    }

    /// The permissions of Smartcar's that the key is for by their names: what a star stands
    /// for, no owner need grant.
    fn permissions(&self) -> impl Iterator<Item = &str> {
        let names = self.scopes.iter().map(String::as_str);
        names.filter(|scope| {
            let is_permission = scope.starts_with("read_") || scope.starts_with("control_");
            is_permission && !scope.ends_with('*') && !OURS.contains(scope)
        })
    }

    /// Whether the key is not restricted.
    pub(crate) fn is_for_all(&self) -> bool {
        self.is_for_all_vehicles() && self.is_for_all_users()
    }

    /// Whether the key may read what every caller had done.
    pub(crate) fn is_auditor(&self) -> bool {
        self.has("read_audit") && self.is_for_all()
    }

    /// Whether the key is for every vehicle.
    pub(crate) fn is_for_all_vehicles(&self) -> bool {
        self.vehicles().is_none()
    }

    /// Whether the key is for every user.
    pub(crate) fn is_for_all_users(&self) -> bool {
        self.users().is_none()
    }

    /// The vehicles that the key is restricted to, if it is.
    pub(crate) fn vehicles(&self) -> Option<&[String]> {
        self.vehicles.only()
    }

    /// The users whom the key is restricted to, if it is.
    pub(crate) fn users(&self) -> Option<&[String]> {
        self.users.only()
    }

    /// The one user whom the key is restricted to, if it is restricted to one.
    pub(crate) fn only_user(&self) -> Option<UserId> {
        match self.users() {
            Some([user]) => UserId::parse(user).ok(),
            _ => None,
        }
    }

    /// Refuses a key that is not for this vehicle.
    pub(crate) fn require_vehicle(&self, vehicle: &VehicleId) -> Result<(), Problem> {
        self.vehicles
            .require(vehicle.as_str(), Code::VehicleNotAllowed, "vehicle")
    }

    /// Refuses a key that is not for this user.
    pub(crate) fn require_user(&self, user: &UserId) -> Result<(), Problem> {
        self.require_owner(Some(user.as_str()))
    }

    /// Refuses a key that is not for the user who owns a vehicle. An owner who is
    /// not known counts as another one.
    pub(crate) fn require_owner(&self, user: Option<&str>) -> Result<(), Problem> {
        self.users
            .require(user.unwrap_or_default(), Code::UserNotAllowed, "user")
    }
}

fn missing(scope: &str) -> Problem {
    let detail = format!("this key lacks the scope {scope}");
    Problem::new(Code::MissingScope, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::StatusCode;

    // printf '%s' first-key | openssl dgst -sha256
    const FIRST: &str = "9e24b55356ef2a121ab5fd1a3ee8a3c9191e837f3853e399a369e9044ff183f7";

    fn callers(rest: &str) -> Callers {
        Callers::parse(&format!(
            r#"[{{"name":"first","sha256":"{FIRST}",{rest}}}]"#
        ))
        .unwrap()
    }

    #[test]
    fn key_is_known_by_its_hash() {
        let callers = callers(r#""scopes":["read_status"]"#);
        assert_eq!(callers.identify(Some("first-key")).unwrap().name(), "first");
        for wrong in [
            None,
            Some(""),
            Some("first-key "),
            Some("second-key"),
            Some(FIRST),
        ] {
            let refused = callers.identify(wrong).unwrap_err();
            assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{wrong:?}");
        }
    }

    #[test]
    fn challenge_says_whether_a_key_was_missing_or_wrong() {
        let callers = callers(r#""scopes":["read_status"]"#);
        let challenge = |key| {
            let refused = edge::Response::from(callers.identify(key).unwrap_err());
            let challenge = refused.headers()[header::WWW_AUTHENTICATE].to_str();
            challenge.unwrap().to_owned()
        };
        assert_eq!(challenge(None), r#"Bearer realm="smartcar-edge""#);
        let wrong = r#"Bearer realm="smartcar-edge", error="invalid_token""#;
        assert_eq!(challenge(Some("second-key")), wrong);
    }

    #[test]
    fn missing_header_is_not_the_empty_key() {
        // printf '' | openssl dgst -sha256
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let json = format!(r#"[{{"name":"n","sha256":"{empty}","scopes":["read_status"]}}]"#);
        assert!(Callers::parse(&json).unwrap().identify(None).is_err());
    }

    #[test]
    fn scopes_are_exact_or_end_in_a_star() {
        let callers = callers(r#""scopes":["control_security","read_*"]"#);
        let caller = callers.identify(Some("first-key")).unwrap();
        assert!(caller.has("control_security") && caller.has("read_location"));
        assert!(!caller.has("read_audit") && !caller.has("read_status"));
        assert!(!caller.has("control_charge") && !caller.has("control_security_more"));
        let refused = caller.require("control_charge").unwrap_err();
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        assert_eq!(refused.detail, "this key lacks the scope control_charge");
        assert!(caller.require_any("read_").is_ok() && caller.require_any("manage_").is_err());
    }

    #[test]
    fn scope_with_a_star_holds_for_one_signal_and_for_all() {
        for scopes in ["read*", "r*", "read_*", "*"] {
            let callers = callers(&format!(r#""scopes":["{scopes}"]"#));
            let caller = callers.identify(Some("first-key")).unwrap();
            assert!(caller.has("read_location"), "{scopes}");
            assert!(caller.require_any("read_").is_ok(), "{scopes}");
            assert!(caller.has_all("read_"), "{scopes}");
        }
        for scopes in ["read_audit", "reads*", "control_*"] {
            let callers = callers(&format!(r#""scopes":["{scopes}"]"#));
            let caller = callers.identify(Some("first-key")).unwrap();
            assert!(caller.require_any("read_").is_err(), "{scopes}");
        }
    }

    #[test]
    fn key_can_be_restricted_to_vehicles_and_users() {
        let callers = callers(r#""scopes":["*"],"vehicles":["v-1"],"users":["u-1"]"#);
        let caller = callers.identify(Some("first-key")).unwrap();
        assert!(
            caller
                .require_vehicle(&VehicleId::parse("v-1").unwrap())
                .is_ok()
        );
        assert!(
            caller
                .require_vehicle(&VehicleId::parse("v-2").unwrap())
                .is_err()
        );
        assert!(caller.require_user(&UserId::parse("u-1").unwrap()).is_ok());
        assert!(
            caller
                .require_user(&UserId::parse("*").unwrap_or(UserId::parse("u-2").unwrap()))
                .is_err()
        );
    }

    #[test]
    fn keys_that_are_not_the_documented_json_are_refused_without_being_quoted() {
        let hash = "0".repeat(64);
        for bad in [
            "".to_owned(),
            " \n".to_owned(),
            "[]".to_owned(),
            "planted".to_owned(),
            r#"{"name":"planted"}"#.to_owned(),
            r#"[{"name":"planted","sha256":"planted","scopes":["a"]}]"#.to_owned(),
            format!(r#"[{{"name":"n","sha256":"{hash}"}}]"#),
            format!(r#"[{{"name":"n","sha256":"{hash}","scopes":[]}}]"#),
            format!(r#"[{{"name":"n","sha256":"{hash}","scopes":["Planted!"]}}]"#),
            format!(r#"[{{"name":"n","sha256":"{hash}","scopes":["a*b"]}}]"#),
            format!(
                r#"[{{"name":"n","sha256":"{hash}","scopes":["a"]}},{{"name":"m","sha256":"{hash}","scopes":["b"]}}]"#
            ),
            format!(r#"[{{"name":"","sha256":"{hash}","scopes":["a"]}}]"#),
            format!(r#"[{{"name":"connect","sha256":"{hash}","scopes":["a"]}}]"#),
            format!(r#"[{{"name":"reconciliation","sha256":"{hash}","scopes":["a"]}}]"#),
            format!(r#"[{{"name":"n","sha256":"{hash}","scopes":["a"],"vehicle":["planted"]}}]"#),
        ] {
            let reason = Callers::parse(&bad).unwrap_err();
            assert!(
                reason.contains("api_keys") && !reason.contains("lanted"),
                "{bad}: {reason}"
            );
        }
    }
}
