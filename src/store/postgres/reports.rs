//! Reports of a vehicle, as they reach the database: a list a column, in which every signal
//! and error has its place. What Smartcar wrote stands in it as it was written.

use super::Value;
use smartcar::report::{Content, Report};

/// The signals and errors of reports, as lists.
#[derive(Debug, Default)]
pub(super) struct Lists {
    codes: Vec<Option<String>>,
    names: Vec<Option<String>>,
    groups: Vec<Option<String>>,
    bodies: Vec<Option<String>>,
    errors: Vec<Option<String>>,
    observed: Vec<Option<i64>>,
    retrieved: Vec<Option<i64>>,
    ranks: Vec<Option<String>>,
    error_types: Vec<Option<String>>,
    error_codes: Vec<Option<String>>,
    error_resolved: Vec<Option<i64>>,
    error_jsons: Vec<Option<String>>,
}

fn owned(text: &str) -> Option<String> {
    Some(super::connection::storable(text))
}

impl Lists {
    /// The lists of one report.
    pub(super) fn of(report: &Report<'_>) -> Self {
        let mut lists = Self::default();
        for signal in &report.signals {
            let (body, error) = match &signal.content {
                Content::Value(body) => (owned(body), None),
                Content::Error(error) => (None, owned(error)),
            };
            lists.codes.push(owned(&signal.code));
            lists.names.push(signal.name.as_deref().and_then(owned));
            lists.groups.push(signal.group.as_deref().and_then(owned));
            lists.bodies.push(body);
            lists.errors.push(error);
            lists.observed.push(signal.observed_at.map(|at| at.0));
            lists.retrieved.push(signal.retrieved_at.map(|at| at.0));
            lists.ranks.push(owned(&signal.rank.text()));
        }
        for error in &report.errors {
            lists.error_types.push(owned(&error.kind));
            lists.error_codes.push(owned(&error.code));
            lists
                .error_resolved
                .push(Some(i64::from(error.is_resolved)));
            lists.error_jsons.push(owned(error.json));
        }
        lists
    }

    /// How many signals there are.
    pub(super) fn signals(&self) -> usize {
        self.codes.len()
    }

    /// How many errors there are.
    pub(super) fn errors(&self) -> usize {
        self.error_types.len()
    }

    /// Adds those of another report.
    pub(super) fn extend(&mut self, other: &Self) {
        self.codes.extend_from_slice(&other.codes);
        self.names.extend_from_slice(&other.names);
        self.groups.extend_from_slice(&other.groups);
        self.bodies.extend_from_slice(&other.bodies);
        self.errors.extend_from_slice(&other.errors);
        self.observed.extend_from_slice(&other.observed);
        self.retrieved.extend_from_slice(&other.retrieved);
        self.ranks.extend_from_slice(&other.ranks);
        self.error_types.extend_from_slice(&other.error_types);
        self.error_codes.extend_from_slice(&other.error_codes);
        self.error_resolved.extend_from_slice(&other.error_resolved);
        self.error_jsons.extend_from_slice(&other.error_jsons);
    }

    /// The signals as parameters, in the order in which the functions `report_read` and
    /// `receive` take them, and the errors.
    pub(super) fn into_parameters(self) -> ([Value; 8], [Value; 4]) {
        (
            [
                Value::Texts(self.codes),
                Value::Texts(self.names),
                Value::Texts(self.groups),
                Value::Texts(self.bodies),
                Value::Texts(self.errors),
                Value::Integers(self.observed),
                Value::Integers(self.retrieved),
                Value::Texts(self.ranks),
            ],
            [
                Value::Texts(self.error_types),
                Value::Texts(self.error_codes),
                Value::Integers(self.error_resolved),
                Value::Texts(self.error_jsons),
            ],
        )
    }
}
