//! What a dependency may inherit from the component that imports it
//! (`inherit_configuration`): sets of host interfaces, as Spin cuts them.

/// The names of the sets and the interfaces in each, without versions.
const SETS: [(&str, &[&str]); 7] = [
    ("ai_models", &["fermyon:spin/llm"]),
    (
        "allowed_outbound_hosts",
        &[
            "fermyon:spin/http",
            "fermyon:spin/mqtt",
            "fermyon:spin/mysql",
            "fermyon:spin/postgres",
            "fermyon:spin/redis",
            "spin:mqtt/mqtt",
            "spin:mysql/mysql",
            "spin:postgres/postgres",
            "spin:redis/redis",
            "wasi:http/client",
            "wasi:http/outgoing-handler",
            "wasi:sockets/ip-name-lookup",
            "wasi:sockets/tcp",
            "wasi:sockets/tcp-create-socket",
            "wasi:sockets/udp",
            "wasi:sockets/udp-create-socket",
        ],
    ),
    ("environment", &["wasi:cli/environment"]),
    ("files", &["wasi:filesystem/preopens"]),
    (
        "key_value_stores",
        &[
            "fermyon:spin/key-value",
            "spin:key-value/key-value",
            "wasi:keyvalue/store",
        ],
    ),
    (
        "sqlite_databases",
        &["fermyon:spin/sqlite", "spin:sqlite/sqlite"],
    ),
    (
        "variables",
        &[
            "fermyon:spin/config",
            "fermyon:spin/variables",
            "spin:variables/variables",
            "wasi:config/store",
        ],
    ),
];

/// The sets that one dependency inherits.
#[derive(Clone, Debug)]
pub(crate) struct Inherit(Vec<&'static str>);

impl Inherit {
    pub(crate) fn none() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn all() -> Self {
        Self(SETS.iter().map(|(name, _)| *name).collect())
    }

    /// The named sets; the error is the first unknown name. Spin ignores such a
    /// name, and the dependency then fails at its first call.
    pub(crate) fn some(names: &[String]) -> Result<Self, String> {
        names
            .iter()
            .map(|name| {
                SETS.iter()
                    .map(|(set, _)| *set)
                    .find(|set| set == name)
                    .ok_or_else(|| name.clone())
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether a dependency with these sets must not reach the imported interface.
    /// An interface in no set, such as a clock, is open to everyone.
    pub(crate) fn denies(&self, import: &str) -> bool {
        let interface = import.split('@').next().unwrap_or(import);
        SETS.iter()
            .any(|(set, interfaces)| interfaces.contains(&interface) && !self.0.contains(set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_inherited_by_default_but_clocks_are_open() {
        let none = Inherit::none();
        assert!(none.denies("spin:key-value/key-value@3.0.0"));
        assert!(none.denies("wasi:http/client@0.3.0"));
        assert!(none.denies("wasi:cli/environment@0.2.6"));
        assert!(!none.denies("wasi:clocks/monotonic-clock@0.3.0"));
        assert!(!none.denies("wasi:http/types@0.3.0"));
    }

    #[test]
    fn a_named_set_opens_its_interfaces_only() {
        let some = Inherit::some(&["key_value_stores".to_owned()]).unwrap();
        assert!(!some.denies("spin:key-value/key-value@3.0.0"));
        assert!(some.denies("spin:sqlite/sqlite@3.1.0"));
        assert!(!Inherit::all().denies("spin:sqlite/sqlite@3.1.0"));
    }

    #[test]
    fn a_misspelt_set_is_an_error() {
        let error = Inherit::some(&["key_value_store".to_owned()]).unwrap_err();
        assert_eq!(error, "key_value_store");
    }
}
