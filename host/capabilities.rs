//! What a dependency may inherit from the component that imports it
//! (`inherit_configuration`): sets of host interfaces, as Spin cuts them, of which
//! each holds those that this host has.

use toml::Value;

/// The names of the sets and the interfaces in each, without versions.
const SETS: [(&str, &[&str]); 6] = [
    (
        "allowed_outbound_hosts",
        &[
            "spin:postgres/postgres",
            "wasi:http/client",
            "wasi:sockets/ip-name-lookup",
            "wasi:sockets/tcp",
            "wasi:sockets/tcp-create-socket",
            "wasi:sockets/udp",
            "wasi:sockets/udp-create-socket",
        ],
    ),
    ("environment", &["wasi:cli/environment"]),
    ("files", &["wasi:filesystem/preopens"]),
    ("key_value_stores", &["spin:key-value/key-value"]),
    ("sqlite_databases", &["spin:sqlite/sqlite"]),
    ("variables", &["spin:variables/variables"]),
];

/// The sets that one dependency inherits.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(try_from = "Value")]
pub(crate) struct Inherit(Vec<&'static str>);

impl TryFrom<Value> for Inherit {
    type Error = String;

    /// Takes `true`, `false` or a list of sets. Spin ignores a name that it does
    /// not know, and the dependency then fails at its first call.
    fn try_from(value: Value) -> Result<Self, String> {
        let names = match value {
            Value::Boolean(false) => Vec::new(),
            Value::Boolean(true) => return Ok(Self(SETS.map(|(name, _)| name).to_vec())),
            Value::Array(names) => names,
            _ => return Err("it must be true, false or a list of names".to_owned()),
        };
        let known = |name: Value| {
            let mut sets = SETS.iter().map(|(set, _)| *set);
            sets.find(|set| name.as_str() == Some(set)).ok_or_else(|| {
                format!("{name} is not supported; the names are {}", names_of_sets())
            })
        };
        names
            .into_iter()
            .map(known)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn names_of_sets() -> String {
    SETS.map(|(name, _)| name).join(", ")
}

impl Inherit {
    /// Whether a dependency with these sets must not reach the imported interface.
    /// An interface in no set, such as a clock, is open to every dependency.
    pub(crate) fn denies(&self, import: &str) -> bool {
        let interface = import.split('@').next().unwrap_or(import);
        SETS.iter()
            .any(|(set, interfaces)| interfaces.contains(&interface) && !self.0.contains(set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(name: &str) -> Result<Inherit, String> {
        Inherit::try_from(Value::Array(vec![name.into()]))
    }

    #[test]
    fn inheritance_is_nothing_by_default_and_clocks_are_open() {
        let none = Inherit::default();
        assert!(none.denies("spin:key-value/key-value@3.0.0"));
        assert!(none.denies("wasi:http/client@0.3.0"));
        assert!(none.denies("wasi:cli/environment@0.2.6"));
        assert!(!none.denies("wasi:clocks/monotonic-clock@0.3.0"));
        assert!(!none.denies("wasi:http/types@0.3.0"));
    }

    #[test]
    fn inheritance_of_a_named_set_opens_its_interfaces_only() {
        let some = list("key_value_stores").unwrap();
        assert!(!some.denies("spin:key-value/key-value@3.0.0"));
        assert!(some.denies("spin:sqlite/sqlite@3.1.0"));
        let all = Inherit::try_from(Value::Boolean(true)).unwrap();
        assert!(!all.denies("spin:sqlite/sqlite@3.1.0"));
    }

    #[test]
    fn inheritance_of_an_unknown_set_is_an_error_that_names_it() {
        let error = list("key_value_store").unwrap_err();
        assert!(error.contains("\"key_value_store\" is not"), "{error}");
    }
}
