//! `OPERATING.md` tells of everything that an operator can meet.

use super::repository::{files, text, variables};
use edge::log::Event;
use std::collections::BTreeSet;

fn operating() -> String {
    text("OPERATING.md")
}

/// The components and what they share.
fn sources() -> Vec<String> {
    let paths = files("src", "rs");
    paths.iter().map(|path| text(path)).collect()
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
fn variable_is_explained() {
    let operating = operating();
    let (_, section) = operating.split_once("\n## Variables\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    for name in variables().keys() {
        assert!(section.contains(&format!("`{name}`")), "{name}");
    }
}

fn logs() -> String {
    let operating = operating();
    let (_, section) = operating.split_once("\n## Logs\n").unwrap();
    section.split_once("\n## ").unwrap().0.to_owned()
}

#[test]
fn events_of_the_log_are_the_rows_of_the_table() {
    let logs = logs();
    let rows = logs.lines().filter_map(|line| {
        let (event, _) = line.strip_prefix("| `")?.split_once('`')?;
        Some(event)
    });
    let rows: BTreeSet<&str> = rows.filter(|event| *event != "event").collect();
    let events = Event::ALL.iter().map(|event| event.as_str());
    assert_eq!(events.collect::<BTreeSet<_>>(), rows);
}

#[test]
fn fields_of_the_log_are_explained() {
    let logs = logs();
    let sources = sources();
    let lines = sources
        .iter()
        .filter(|source| source.contains("log::line("));
    let fields: BTreeSet<String> = lines
        .flat_map(|source| literals(source, ".with("))
        .collect();
    assert!(fields.len() > 15, "{fields:?}");
    for field in fields {
        assert!(logs.contains(&format!("`{field}`")), "{field}");
    }
}
