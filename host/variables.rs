//! Application variables, the templates made of them, and `spin:variables`.
//!
//! No value appears in any message: a value may be a secret.

use crate::bindings::spin::variables::variables::{Error, Host, HostWithStore};
use crate::guest::{Guest, GuestParts};
use crate::manifest::Variable;
use crate::options::Assignment;
use anyhow::{Context as _, Result, bail, ensure};
use std::collections::{BTreeMap, HashMap};
use wasmtime::component::{Accessor, HasData};

/// Every variable of the application with its value.
pub(crate) struct Variables(HashMap<String, String>);

impl Variables {
    /// Takes each declared variable from the command line, else from the
    /// environment (`SPIN_VARIABLE_NAME`), else from its default.
    pub(crate) fn resolve(
        declared: &BTreeMap<String, Variable>,
        given: &[Assignment],
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        for assignment in given {
            ensure!(
                assignment.value.is_some(),
                "a --variable is not of the form NAME=VALUE"
            );
            ensure!(
                declared.contains_key(&assignment.name),
                "--variable {}: the manifest declares no such variable",
                assignment.name
            );
        }
        let mut values = HashMap::new();
        for (name, variable) in declared {
            let in_environment = format!("SPIN_VARIABLE_{}", name.to_ascii_uppercase());
            let value = given
                .iter()
                .rev()
                .find(|assignment| assignment.name == *name)
                .and_then(|assignment| assignment.value.clone())
                .or_else(|| environment(&in_environment))
                .or_else(|| variable.default.clone())
                .with_context(|| {
                    format!(
                        "the variable {name:?} is required: set {in_environment} or --variable {name}=…"
                    )
                })?;
            values.insert(name.clone(), value);
        }
        Ok(Self(values))
    }

    /// Fills in a template such as `https://{{ host }}/`. The message of an
    /// error names the template's variable only.
    pub(crate) fn fill_in(&self, template: &str) -> Result<String> {
        let mut text = String::new();
        let mut rest = template;
        while let Some((literal, expression)) = rest.split_once("{{") {
            let Some((name, after)) = expression.split_once("}}") else {
                bail!("a template has an unmatched {{{{");
            };
            let name = name.trim();
            let value = self
                .0
                .get(name)
                .with_context(|| format!("a template names the unknown variable {name:?}"))?;
            text.push_str(literal);
            text.push_str(value);
            rest = after;
        }
        text.push_str(rest);
        Ok(text)
    }
}

/// Whether the text is a template, that is, whether its value depends on a variable.
pub(crate) fn is_template(text: &str) -> bool {
    text.contains("{{")
}

/// Spin's rule for the names of variables.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let words = name.split('_').all(|word| {
        !word.is_empty()
            && word
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    });
    ensure!(
        words && name.starts_with(|c: char| c.is_ascii_lowercase()),
        "{name:?} is no name of a variable: lower-case words joined by single underscores"
    );
    Ok(())
}

/// Where a component's `spin:variables` calls arrive.
pub(crate) struct ComponentVariables;

impl HasData for ComponentVariables {
    type Data<'a> = GuestParts<'a>;
}

impl Host for GuestParts<'_> {}

impl HostWithStore<Guest> for ComponentVariables {
    async fn get(
        accessor: &Accessor<Guest, Self>,
        name: String,
    ) -> wasmtime::Result<Result<String, Error>> {
        let grants = accessor.with(|mut access| access.get().grants.clone());
        if let Err(error) = check_name(&name) {
            return Ok(Err(Error::InvalidName(error.to_string())));
        }
        Ok(grants
            .variables
            .get(&name)
            .cloned()
            .ok_or_else(|| Error::Undefined(format!("no variable for {:?}.{name:?}", grants.id))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(variables: &[(&str, Option<&str>)]) -> BTreeMap<String, Variable> {
        variables
            .iter()
            .map(|(name, default)| {
                let default = default.map(str::to_owned);
                ((*name).to_owned(), Variable { default })
            })
            .collect()
    }

    fn given(name: &str, value: &str) -> Assignment {
        Assignment {
            name: name.to_owned(),
            value: Some(value.to_owned()),
        }
    }

    #[test]
    fn the_command_line_wins_over_the_environment_over_the_default() {
        let declared = declared(&[
            ("a", Some("default")),
            ("b", Some("default")),
            ("c", Some("default")),
        ]);
        let environment = |name: &str| {
            matches!(name, "SPIN_VARIABLE_A" | "SPIN_VARIABLE_B").then(|| "env".to_owned())
        };
        let values = Variables::resolve(&declared, &[given("a", "flag")], environment).unwrap();
        assert_eq!(
            values.fill_in("{{ a }} {{b}} {{c }}").unwrap(),
            "flag env default"
        );
    }

    #[test]
    fn a_required_variable_without_a_value_is_named() {
        let error = Variables::resolve(&declared(&[("api_key", None)]), &[], |_| None)
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("\"api_key\" is required"), "{error}");
        assert!(error.contains("SPIN_VARIABLE_API_KEY"), "{error}");
    }

    #[test]
    fn an_undeclared_variable_on_the_command_line_is_an_error_without_its_value() {
        let error = Variables::resolve(&declared(&[]), &[given("tokn", "secret")], |_| None)
            .err()
            .unwrap();
        assert!(error.to_string().contains("tokn"));
        assert!(!format!("{error:?}").contains("secret"));
    }

    #[test]
    fn what_may_be_a_value_without_a_name_is_not_repeated() {
        let bare = Assignment {
            name: "secret".to_owned(),
            value: None,
        };
        let error = Variables::resolve(&declared(&[]), &[bare], |_| None)
            .err()
            .unwrap();
        assert!(!format!("{error:?}").contains("secret"));
    }

    #[test]
    fn templates_are_filled_in_once() {
        let declared = declared(&[("a", Some("{{ b }}")), ("b", Some("x"))]);
        let values = Variables::resolve(&declared, &[], |_| None).unwrap();
        assert_eq!(values.fill_in("<{{a}}>").unwrap(), "<{{ b }}>");
        assert_eq!(values.fill_in("").unwrap(), "");
        assert!(values.fill_in("{{ missing }}").is_err());
        assert!(values.fill_in("{{ a").is_err());
    }

    #[test]
    fn names_are_lower_snake_case() {
        assert!(check_name("api_key2").is_ok());
        for bad in ["", "_a", "a_", "a__b", "A", "2a", "a-b"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
