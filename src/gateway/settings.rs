//! Reading variables as what they stand for.

use edge::{
    client::ConfigurationError,
    variables::{self, VariableError, Variables},
};
use std::time::Duration;

/// What the gateway cannot be set up with.
pub(crate) enum ConfigurationFault {
    Variable(VariableError),
    /// A variable, and what its value must be.
    Value(&'static str, &'static str),
    Client(ConfigurationError),
}

impl From<VariableError> for ConfigurationFault {
    fn from(error: VariableError) -> Self {
        Self::Variable(error)
    }
}

impl From<ConfigurationError> for ConfigurationFault {
    fn from(error: ConfigurationError) -> Self {
        Self::Client(error)
    }
}

pub(crate) async fn switch(
    variables: &impl Variables,
    name: &'static str,
) -> Result<bool, ConfigurationFault> {
    let text = variables::text(variables, name).await?;
    let expected = "true or false";
    text.trim()
        .parse()
        .map_err(|_| ConfigurationFault::Value(name, expected))
}

pub(crate) async fn seconds(
    variables: &impl Variables,
    name: &'static str,
) -> Result<Duration, ConfigurationFault> {
    let text = variables::text(variables, name).await?;
    let seconds = text.trim().parse();
    let seconds = seconds.map_err(|_| ConfigurationFault::Value(name, "a number of seconds"))?;
    Ok(Duration::from_secs(seconds))
}

/// More than the day for which an idempotency key is honoured.
pub(crate) async fn days(
    variables: &impl Variables,
    name: &'static str,
) -> Result<Duration, ConfigurationFault> {
    let text = variables::text(variables, name).await?;
    let days: Option<u32> = text.trim().parse().ok().filter(|days| *days > 1);
    let days = days.ok_or(ConfigurationFault::Value(name, "a number of days above 1"))?;
    Ok(Duration::from_secs(24 * 60 * 60) * days)
}
