//! The published contract parses, every item in it is documented, and it does not
//! change without its version.

use std::{fs, path::Path, process::Command};
use tempfile::TempDir;
use wit_parser::{Resolve, TypeDefKind, TypeOwner};

#[test]
fn contract_documents_every_item() {
    let mut contract = Resolve::default();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit");
    let (package, _) = contract.push_dir(folder).unwrap();
    assert_eq!(
        contract.packages[package].name.to_string(),
        "smartcar:edge@0.2.0"
    );

    let mut undocumented = Vec::new();
    let mut check = |what: String, docs: &Option<String>| {
        if docs.is_none() {
            undocumented.push(what);
        }
    };
    for (name, id) in &contract.packages[package].interfaces {
        let interface = &contract.interfaces[*id];
        check(name.clone(), &interface.docs.contents);
        for (function, details) in &interface.functions {
            check(format!("{name}.{function}"), &details.docs.contents);
        }
        for (kind, id) in &interface.types {
            let details = &contract.types[*id];
            let here = matches!(details.owner, TypeOwner::Interface(owner) if contract.interfaces[owner].name.as_ref() == Some(name));
            // What is merely used from another interface is documented there.
            if !here || matches!(details.kind, TypeDefKind::Type(wit_parser::Type::Id(_))) {
                continue;
            }
            check(format!("{name}.{kind}"), &details.docs.contents);
            let parts: Vec<_> = match &details.kind {
                TypeDefKind::Record(r) => r.fields.iter().map(|f| (&f.name, &f.docs)).collect(),
                TypeDefKind::Variant(v) => v.cases.iter().map(|c| (&c.name, &c.docs)).collect(),
                TypeDefKind::Enum(e) => e.cases.iter().map(|c| (&c.name, &c.docs)).collect(),
                _ => Vec::new(),
            };
            for (part, docs) in parts {
                check(format!("{name}.{kind}.{part}"), &docs.contents);
            }
        }
    }
    assert_eq!(undocumented, Vec::<String>::new());
}

/// A copy of the contract.
struct Copy(TempDir);

impl Copy {
    fn new() -> Self {
        let copy = TempDir::new().unwrap();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit");
        for entry in fs::read_dir(folder).unwrap() {
            let file = entry.unwrap().path();
            fs::copy(&file, copy.path().join(file.file_name().unwrap())).unwrap();
        }
        Self(copy)
    }

    fn replace(&self, file: &str, from: &str, to: &str) {
        let file = self.0.path().join(file);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(file, text.replace(from, to)).unwrap();
    }

    fn replace_in_all(&self, from: &str, to: &str) {
        for entry in fs::read_dir(&self.0).unwrap() {
            let file = entry.unwrap().file_name().into_string().unwrap();
            if Path::new(&file).extension().is_some_and(|it| it == "wit") {
                self.replace(&file, from, to);
            }
        }
    }

    /// Says that its version is released, or is not.
    fn release(&self, state: &str) {
        let lock = self.0.path().join("CONTRACT.lock");
        let text = fs::read_to_string(&lock).unwrap();
        let (version, digest) = (text.split(' ').next(), text.trim().rsplit(' ').next());
        let line = format!("{} {state} {}\n", version.unwrap(), digest.unwrap());
        fs::write(lock, line).unwrap();
    }

    /// Whether the script succeeded, and what it said.
    fn run(&self, what: &str) -> (bool, String) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/wit.sh");
        let output = Command::new("sh")
            .args([script, what])
            .env("WIT_DIR", self.0.path())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.success(), said)
    }
}

#[test]
fn contract_change_without_a_version_is_refused() {
    let copy = Copy::new();
    copy.release("released");
    assert_eq!(copy.run("check"), (true, String::new()));
    // Words about it are not the contract.
    copy.replace(
        "types.wit",
        "/// The model year.",
        "/// The year of the model.",
    );
    assert_eq!(copy.run("check"), (true, String::new()));

    copy.replace("types.wit", "year: option<u32>", "year: u32");
    let (is_fine, said) = copy.run("check");
    assert!(!is_fine && said.contains("0.2.0 is released"), "{said}");
    let (is_fine, said) = copy.run("lock");
    assert!(!is_fine && said.contains("a new version"), "{said}");

    copy.replace("types.wit", "edge@0.2.0", "edge@0.3.0");
    let (is_fine, said) = copy.run("check");
    assert!(!is_fine && said.contains("several packages"), "{said}");
    let copy = Copy::new();
    copy.replace_in_all("edge@0.2.0", "edge@0.3.0");
    let (is_fine, said) = copy.run("check");
    assert!(!is_fine && said.contains("0.3.0 is new"), "{said}");
    assert!(copy.run("lock").0);
    assert_eq!(copy.run("check"), (true, String::new()));
    let lock = fs::read_to_string(copy.0.path().join("CONTRACT.lock")).unwrap();
    assert_eq!(lock.lines().count(), 2, "{lock}");
}

#[test]
fn contract_may_change_before_its_release() {
    let copy = Copy::new();
    copy.release("unreleased");
    copy.replace("types.wit", "year: option<u32>", "year: u32");
    let (is_fine, said) = copy.run("check");
    assert!(!is_fine && said.contains("is not released yet"), "{said}");
    assert!(copy.run("lock").0);
    assert_eq!(copy.run("check"), (true, String::new()));
}
