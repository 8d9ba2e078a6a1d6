//! One table of the manifest, read key by key: a key that nobody took is an
//! error that names its whole path, so that nothing is silently ignored.

use anyhow::{Context as _, Result, bail};
use toml::{Table, Value};

pub(crate) struct Section {
    path: String,
    table: Table,
}

impl Section {
    /// The manifest itself.
    pub(crate) fn root(table: Table) -> Self {
        Self {
            path: String::new(),
            table,
        }
    }

    /// A table found at `path`.
    pub(crate) fn new(path: String, value: Value) -> Result<Self> {
        match value {
            Value::Table(table) => Ok(Self { path, table }),
            _ => bail!("{path} must be a table"),
        }
    }

    /// Where the key stands in the manifest, such as `component.gateway.source`.
    pub(crate) fn path_of(&self, key: &str) -> String {
        let bare = !key.is_empty()
            && key
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        let key = if bare {
            key.to_owned()
        } else {
            format!("{key:?}")
        };
        if self.path.is_empty() {
            key
        } else {
            format!("{}.{key}", self.path)
        }
    }

    pub(crate) fn value(&mut self, key: &str) -> Option<Value> {
        self.table.remove(key)
    }

    pub(crate) fn string(&mut self, key: &str) -> Result<Option<String>> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => bail!("{} must be a string", self.path_of(key)),
        }
    }

    pub(crate) fn required_string(&mut self, key: &str) -> Result<String> {
        self.string(key)?
            .with_context(|| format!("{} is missing", self.path_of(key)))
    }

    pub(crate) fn boolean(&mut self, key: &str) -> Result<Option<bool>> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Boolean(value)) => Ok(Some(value)),
            Some(_) => bail!("{} must be true or false", self.path_of(key)),
        }
    }

    pub(crate) fn strings(&mut self, key: &str) -> Result<Vec<String>> {
        match self.value(key) {
            None => Ok(Vec::new()),
            Some(value) => strings(&self.path_of(key), value),
        }
    }

    /// A table of strings, in the order of its keys.
    pub(crate) fn string_table(&mut self, key: &str) -> Result<Vec<(String, String)>> {
        let Some(mut section) = self.section(key)? else {
            return Ok(Vec::new());
        };
        section
            .keys()
            .into_iter()
            .map(|key| Ok((key.clone(), section.required_string(&key)?)))
            .collect()
    }

    pub(crate) fn section(&mut self, key: &str) -> Result<Option<Section>> {
        let path = self.path_of(key);
        self.value(key)
            .map(|value| Section::new(path, value))
            .transpose()
    }

    /// A table of tables, in the order of its keys.
    pub(crate) fn sections(&mut self, key: &str) -> Result<Vec<(String, Section)>> {
        let Some(mut section) = self.section(key)? else {
            return Ok(Vec::new());
        };
        let mut sections = Vec::new();
        for key in section.keys() {
            if let Some(inner) = section.section(&key)? {
                sections.push((key, inner));
            }
        }
        Ok(sections)
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.table.keys().cloned().collect()
    }

    /// Drops keys that tell other tools something and this host nothing.
    pub(crate) fn ignore(&mut self, keys: &[&str]) {
        for key in keys {
            self.table.remove(*key);
        }
    }

    /// Refuses what is left.
    pub(crate) fn finish(self) -> Result<()> {
        match self.table.keys().next() {
            None => Ok(()),
            Some(key) => bail!("{} is not supported by this host", self.path_of(key)),
        }
    }
}

pub(crate) fn strings(path: &str, value: Value) -> Result<Vec<String>> {
    let Value::Array(items) = value else {
        bail!("{path} must be a list of strings");
    };
    items
        .into_iter()
        .map(|item| match item {
            Value::String(text) => Ok(text),
            _ => bail!("{path} must be a list of strings"),
        })
        .collect()
}
