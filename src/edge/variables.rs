//! The application's variables, as spin.toml grants them to a component.

use secrecy::{ExposeSecret, SecretString};
use smartcar::ManagementToken;
use spin_sdk::variables::Error;

/// A variable that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("failed to read the variable {name}: {reason}")]
pub struct VariableError {
    name: &'static str,
    reason: &'static str,
}

/// The value of a variable.
pub async fn text(name: &'static str) -> Result<String, VariableError> {
    spin_sdk::variables::get(name)
        .await
        .map_err(|error| unreadable(name, &error))
}

fn unreadable(name: &'static str, error: &Error) -> VariableError {
    VariableError {
        name,
        // The provider's own words could hold what was configured.
        reason: match error {
            Error::InvalidName(_) => "the name is invalid",
            Error::Undefined(_) => "spin.toml does not give it to this component",
            Error::Provider(_) => "the provider of variables failed",
            Error::Other(_) => "the host failed",
        },
    }
}

/// The value of a variable that spin.toml need not give to this component.
pub async fn optional(name: &'static str) -> Result<Option<String>, VariableError> {
    match spin_sdk::variables::get(name).await {
        Err(Error::Undefined(_)) => Ok(None),
        other => other.map(Some).map_err(|error| unreadable(name, &error)),
    }
}

/// The value of a variable that nobody may see.
pub async fn secret(name: &'static str) -> Result<SecretString, VariableError> {
    text(name).await.map(SecretString::from)
}

/// The application management tokens: one or several, parted by commas or new
/// lines, the one in use first.
pub async fn management_tokens() -> Result<Vec<ManagementToken>, VariableError> {
    let tokens = secret("management_tokens").await?;
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
    #[test]
    fn a_list_is_parted_by_commas_or_new_lines() {
        let split = |list| super::split(list).collect::<Vec<_>>();
        assert_eq!(split(" one , two\nthree\r\n\n,"), ["one", "two", "three"]);
        assert!(split(" \n ,").is_empty());
    }
}
