//! The application's variables, as spin.toml grants them to a component.

use crate::Host;
use secrecy::{ExposeSecret, SecretString};
use smartcar::ManagementToken;
use spin_sdk::variables::Error;
use std::fmt;

/// The variables of the application.
#[allow(
    async_fn_in_trait,
    reason = "a component has one thread, so no future needs to be Send"
)]
pub trait Variables {
    /// The value of a variable.
    async fn variable(&self, name: &'static str) -> Result<String, VariableError>;
}

/// A variable that cannot be read or used.
#[derive(Debug)]
pub struct VariableError {
    name: &'static str,
    reason: Reason,
}

/// Why. The provider's own words could hold what was configured.
#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("the name is invalid")]
    InvalidName,
    #[error("spin.toml does not give it to this component")]
    Undefined,
    #[error("the provider of variables failed")]
    Provider,
    #[error("the host failed")]
    Host,
    #[error("it must be {0}")]
    Invalid(&'static str),
}

impl std::error::Error for VariableError {}

impl fmt::Display for VariableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, reason } = self;
        match reason {
            Reason::Invalid(expected) => write!(f, "the variable {name} must be {expected}"),
            reason => write!(f, "failed to read the variable {name}: {reason}"),
        }
    }
}

impl From<VariableError> for String {
    fn from(error: VariableError) -> Self {
        error.to_string()
    }
}

impl VariableError {
    /// A variable that this component is not given.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn undefined(name: &'static str) -> Self {
        let reason = Reason::Undefined;
        Self { name, reason }
    }
}

impl Variables for Host {
    async fn variable(&self, name: &'static str) -> Result<String, VariableError> {
        let value = spin_sdk::variables::get(name).await;
        value.map_err(|error| VariableError {
            name,
            reason: match error {
                Error::InvalidName(_) => Reason::InvalidName,
                Error::Undefined(_) => Reason::Undefined,
                Error::Provider(_) => Reason::Provider,
                Error::Other(_) => Reason::Host,
            },
        })
    }
}

/// The value of a variable.
pub async fn text(variables: &impl Variables, name: &'static str) -> Result<String, VariableError> {
    variables.variable(name).await
}

/// The value of a variable, as `parse` reads it without the blanks around it; `expected`
/// says what it must be.
pub async fn parsed<T>(
    variables: &impl Variables,
    name: &'static str,
    expected: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, VariableError> {
    let value = text(variables, name).await?;
    let reason = Reason::Invalid(expected);
    parse(value.trim()).ok_or(VariableError { name, reason })
}

/// The value of a variable that is `true` or `false`.
pub async fn switch(variables: &impl Variables, name: &'static str) -> Result<bool, VariableError> {
    parsed(variables, name, "true or false", |text| text.parse().ok()).await
}

/// The value of a variable that spin.toml need not give to this component.
pub async fn optional(
    variables: &impl Variables,
    name: &'static str,
) -> Result<Option<String>, VariableError> {
    match variables.variable(name).await {
        Err(VariableError {
            reason: Reason::Undefined,
            ..
        }) => Ok(None),
        value => value.map(Some),
    }
}

/// The value of a variable that is a secret.
pub async fn secret(
    variables: &impl Variables,
    name: &'static str,
) -> Result<SecretString, VariableError> {
    variables.variable(name).await.map(SecretString::from)
}

/// The application management tokens: one or several, separated by commas or new
/// lines, the one in use first.
pub async fn management_tokens(
    variables: &impl Variables,
) -> Result<Vec<ManagementToken>, VariableError> {
    let tokens = secret(variables, "management_tokens").await?;
    Ok(split(tokens.expose_secret())
        .map(ManagementToken::new)
        .collect())
}

fn split(list: &str) -> impl Iterator<Item = &str> {
    list.split([',', '\n'])
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use smartcar::testing::Fake;

    #[test]
    fn variable_is_read_as_it_is_given() {
        let fake = Fake::new();
        fake.set_variable("connect_mode", " live\n");
        fake.set_variable("api_keys", "secret");
        assert_eq!(fake.run(text(&fake, "connect_mode")).unwrap(), " live\n");
        let secret = fake.run(secret(&fake, "api_keys")).unwrap();
        assert_eq!(secret.expose_secret(), "secret");
    }

    #[test]
    fn variable_that_is_not_given_is_an_error_unless_it_is_optional() {
        let fake = Fake::new();
        let message = "failed to read the variable sinks: spin.toml does not give it to this \
            component";
        let error = fake.run(text(&fake, "sinks")).unwrap_err();
        assert_eq!(error.to_string(), message);
        let error = fake.run(secret(&fake, "sinks")).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(fake.run(optional(&fake, "sinks")).unwrap(), None);
        fake.set_variable("sinks", "");
        let value = fake.run(optional(&fake, "sinks")).unwrap();
        assert_eq!(value.as_deref(), Some(""));
    }

    #[test]
    fn variable_that_cannot_be_read_is_an_error_even_if_it_is_optional() {
        struct Broken;
        impl Variables for Broken {
            async fn variable(&self, name: &'static str) -> Result<String, VariableError> {
                let reason = Reason::Provider;
                Err(VariableError { name, reason })
            }
        }
        let error = Fake::new().run(optional(&Broken, "sinks")).unwrap_err();
        let message = "failed to read the variable sinks: the provider of variables failed";
        assert_eq!(error.to_string(), message);
    }

    #[test]
    fn variable_that_is_a_switch_is_true_or_false() {
        let fake = Fake::new();
        let read = |text| {
            fake.set_variable("require_signed_verify", text);
            fake.run(switch(&fake, "require_signed_verify"))
        };
        assert!(read("true").unwrap() && !read(" false\n").unwrap());
        for bad in ["yes", "", "TRUE", "1"] {
            let error = read(bad).unwrap_err();
            let message = "the variable require_signed_verify must be true or false";
            assert_eq!(error.to_string(), message, "{bad}");
        }
    }

    #[test]
    fn management_tokens_are_separated_by_commas_or_new_lines() {
        let fake = Fake::new();
        let count = |list| {
            fake.set_variable("management_tokens", list);
            fake.run(management_tokens(&fake)).unwrap().len()
        };
        assert_eq!(count(" one , two\nthree\r\n\n,"), 3);
        assert_eq!(count(" \n ,"), 0);
        let split = |list| super::split(list).collect::<Vec<_>>();
        assert_eq!(split(" one , two\nthree\r\n\n,"), ["one", "two", "three"]);
    }
}
