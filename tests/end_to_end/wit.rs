//! The published contract parses, and every item in it is documented.

use wit_parser::{Resolve, TypeDefKind, TypeOwner};

#[test]
fn every_item_of_the_contract_is_documented() {
    let mut contract = Resolve::default();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit");
    let (package, _) = contract.push_dir(folder).unwrap();
    assert_eq!(
        contract.packages[package].name.to_string(),
        "smartcar:edge@0.1.0"
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
