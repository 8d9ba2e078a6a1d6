//! Variables of the application and the templates made of them.
//!
//! No value appears in any message: a value may be a secret.

use crate::options::Assignment;
use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};

/// A variable as the manifest declares it: required, or with a default.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Variable {
    #[serde(default)]
    required: bool,
    default: Option<String>,
    /// This host prints no variable, secret or not.
    #[serde(default, rename = "secret")]
    _secret: bool,
}

impl Variable {
    pub(crate) fn check(&self, name: &str) -> Result<()> {
        check_name(name)?;
        ensure!(
            self.required != self.default.is_some(),
            "variables.{name} must be `required` or have a `default`"
        );
        Ok(())
    }
}

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
                "a --variable has no equals sign; it must be NAME=VALUE"
            );
            ensure!(
                declared.contains_key(&assignment.name),
                "--variable {}: the manifest does not declare this variable",
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
        "{name:?} is not the name of a variable; it must be lower-case words joined by single \
         underscores"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(variables: &[(&str, Option<&str>)]) -> BTreeMap<String, Variable> {
        variables
            .iter()
            .map(|(name, default)| {
                let default = default.map(str::to_owned);
                let variable = Variable {
                    required: default.is_none(),
                    default,
                    _secret: false,
                };
                ((*name).to_owned(), variable)
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
    fn variable_comes_from_the_command_line_else_the_environment_else_its_default() {
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
    fn required_variable_without_a_value_is_named() {
        let error = Variables::resolve(&declared(&[("api_key", None)]), &[], |_| None)
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("\"api_key\" is required"), "{error}");
        assert!(error.contains("SPIN_VARIABLE_API_KEY"), "{error}");
    }

    #[test]
    fn undeclared_variable_on_the_command_line_is_an_error_without_its_value() {
        let error = Variables::resolve(&declared(&[]), &[given("tokn", "secret")], |_| None)
            .err()
            .unwrap();
        assert!(error.to_string().contains("tokn"));
        assert!(!format!("{error:?}").contains("secret"));
    }

    #[test]
    fn assignment_without_an_equals_sign_is_not_repeated() {
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
    fn template_is_filled_in_once() {
        let declared = declared(&[("a", Some("{{ b }}")), ("b", Some("x"))]);
        let values = Variables::resolve(&declared, &[], |_| None).unwrap();
        assert_eq!(values.fill_in("<{{a}}>").unwrap(), "<{{ b }}>");
        assert_eq!(values.fill_in("").unwrap(), "");
        assert!(values.fill_in("{{ missing }}").is_err());
        assert!(values.fill_in("{{ a").is_err());
    }

    #[test]
    fn variable_name_is_lower_snake_case() {
        assert!(check_name("api_key2").is_ok());
        for bad in ["", "_a", "a_", "a__b", "A", "2a", "a-b"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn variable_is_required_or_has_a_default() {
        for (required, default) in [(false, None), (true, Some("x".to_owned()))] {
            let variable = Variable {
                required,
                default,
                _secret: false,
            };
            let error = variable.check("v").unwrap_err().to_string();
            assert!(error.contains("variables.v must be"), "{error}");
        }
    }
}
