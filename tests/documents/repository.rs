//! The files of the repository that tests read.

use std::{collections::BTreeMap, path::Path};
use toml::{Table, Value};

/// A file's text.
pub(crate) fn text(path: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// `spin.toml`.
pub(crate) fn manifest() -> Table {
    manifest_in("spin.toml")
}

/// The manifest in this file.
pub(crate) fn manifest_in(file: &str) -> Table {
    text(file).parse().unwrap()
}

/// The variables of `spin.toml`, each with its default.
pub(crate) fn variables() -> BTreeMap<String, String> {
    variables_of("spin.toml")
}

/// The variables of the manifest in this file, each with its default.
pub(crate) fn variables_of(file: &str) -> BTreeMap<String, String> {
    let manifest = manifest_in(file);
    let variables = manifest["variables"].as_table().unwrap();
    let default = |value: &Value| value["default"].as_str().unwrap().to_owned();
    variables
        .iter()
        .map(|(name, value)| (name.clone(), default(value)))
        .collect()
}

/// The files with this ending in a folder and below it, but for those of tests.
pub(crate) fn files(folder: &str, ending: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (mut folders, mut files) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root.join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = format!("{folder}/{name}");
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else if name.ends_with(&format!(".{ending}")) && !name.ends_with("tests.rs") {
                files.push(path);
            }
        }
    }
    files
}
