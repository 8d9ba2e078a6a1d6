//! `OPERATING.md` tells of everything that an operator can meet.

use super::repository::{files, text, variables};
use std::collections::BTreeSet;

fn operating() -> String {
    text("OPERATING.md")
}

/// The components and what they share.
fn sources() -> Vec<String> {
    let components = ["edge", "gateway", "http-sink", "receiver", "relay"];
    let folders = components.map(|component| format!("src/{component}"));
    let sources = folders.iter().flat_map(|folder| files(folder, "rs"));
    sources.map(|path| text(&path)).collect()
}

/// The string literals that follow `before`, in which spaces stand for any.
fn literals(source: &str, before: &str) -> BTreeSet<String> {
    let found = source.split(before).skip(1).filter_map(|rest| {
        let (literal, _) = rest.trim_start().strip_prefix('"')?.split_once('"')?;
        Some(literal.to_owned())
    });
    found.collect()
}

#[test]
fn every_variable_is_explained() {
    let operating = operating();
    let (_, section) = operating.split_once("\n## Variables\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    for name in variables().keys() {
        assert!(section.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn every_event_of_the_log_has_a_row_with_its_fields() {
    let operating = operating();
    let (_, section) = operating.split_once("\n## Logs\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let (mut events, mut fields) = (BTreeSet::new(), BTreeSet::new());
    for source in sources() {
        for level in ["Info,", "Warn,", "Error,"] {
            events.extend(literals(&source, &format!("log::line(Level::{level}")));
        }
        events.extend(literals(&source, "log::line(level,"));
        if source.contains("log::line(") {
            fields.extend(literals(&source, ".with("));
        }
    }
    assert!(
        events.len() > 10 && fields.len() > 15,
        "{events:?} {fields:?}"
    );
    for event in events {
        assert!(section.contains(&format!("\n| `{event}` |")), "{event}");
    }
    for field in fields {
        assert!(section.contains(&format!("`{field}`")), "{field}");
    }
}
