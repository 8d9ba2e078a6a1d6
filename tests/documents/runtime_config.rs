//! Spin's runtime config, as far as `deploy/` uses it. A key that is not here is
//! refused, as Spin refuses one that it does not know.
//!
//! Source: <https://github.com/spinframework/spin/tree/94a8fc8a7804ec2519bb8d12df70ab77ad2e4f60>,
//! `crates/runtime-config/src/lib.rs` and the `runtime_config` of each factor.

use serde::Deserialize;
use std::{collections::BTreeMap, path::PathBuf};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuntimeConfig {
    pub(crate) state_dir: Option<PathBuf>,
    /// Empty: no files.
    pub(crate) log_dir: Option<PathBuf>,
    /// In bytes.
    pub(crate) max_instance_memory: Option<usize>,
    pub(crate) key_value_store: BTreeMap<String, KeyValueStore>,
    #[serde(default)]
    pub(crate) sqlite_database: BTreeMap<String, SqliteDatabase>,
    pub(crate) outbound_pg: Option<OutboundPg>,
    pub(crate) outbound_http: OutboundHttp,
    pub(crate) outbound_networking: OutboundNetworking,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum KeyValueStore {
    /// A file, relative to the runtime config.
    Spin {
        path: PathBuf,
    },
    Redis {
        url: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum SqliteDatabase {
    /// A file, relative to the working directory.
    Spin { path: PathBuf },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutboundPg {
    /// In use at a time, of all components together.
    pub(crate) max_connections: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutboundHttp {
    /// False where it is left out.
    pub(crate) connection_pooling: bool,
    pub(crate) max_connections: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutboundNetworking {
    /// Networks, or `private`.
    pub(crate) block_networks: Vec<String>,
}

impl RuntimeConfig {
    pub(crate) fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}
