//! What the operator decided, read once by each instance.

use edge::{
    Host, Once,
    log::{self, Event, Level, Seldom},
    respond::{Code, Problem},
    variables::{self, VariableError},
};
use smartcar::{Clock, ManagementToken};
use std::time::Duration;
use store::old::retention;

/// The receiver's configuration.
pub(crate) struct Settings {
    /// At least one; the one in use first.
    pub(crate) tokens: Vec<ManagementToken>,
    /// Whether VERIFY has to be signed too.
    pub(crate) require_signed_verify: bool,
    /// A delivery that was sent longer ago is refused.
    pub(crate) max_age: Duration,
    /// A delivery is kept this long: longer than it could be replayed.
    pub(crate) retention: Duration,
}

static SETTINGS: Once<Settings> = Once::new();

/// The configuration. Without a management token nothing can be verified.
pub(crate) async fn settings() -> Result<&'static Settings, Problem> {
    let settings = SETTINGS.get_or_try_init(&Host, read);
    settings.await.map_err(|reason| {
        static LINE: Seldom = Seldom::a_minute();
        if LINE.is_due(Host.now()) {
            log::line(&Host, Level::Error, Event::NotConfigured)
                .with("reason", reason)
                .write();
        }
        let detail = "this receiver is not configured yet; its log says what is missing";
        Problem::new(Code::NotConfigured, detail).retry_after(crate::RETRY_AFTER)
    })
}

async fn read() -> Result<Settings, String> {
    let said = |error: VariableError| error.to_string();
    let tokens = variables::management_tokens(&Host).await.map_err(said)?;
    if tokens.is_empty() {
        return Err("the variable management_tokens is not set".to_owned());
    }
    let signed = variables::text(&Host, "require_signed_verify")
        .await
        .map_err(said)?;
    let max_age = variables::text(&Host, "max_delivery_age")
        .await
        .map_err(said)?;
    let max_age = Duration::from_secs(positive("max_delivery_age", &max_age)?);
    let retention = retention::configured().await?;
    if retention <= max_age {
        // A replay must not outlive the memory of what was received.
        return Err("the variable max_delivery_age must be less than retention_days".to_owned());
    }
    Ok(Settings {
        tokens,
        require_signed_verify: switch("require_signed_verify", &signed)?,
        max_age,
        retention,
    })
}

fn positive(name: &str, value: &str) -> Result<u64, String> {
    let number = value.trim().parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("the variable {name} must be a whole number above 0"))
}

fn switch(name: &str, value: &str) -> Result<bool, String> {
    match value.trim() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("the variable {name} must be true or false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_above_zero_and_switches_are_words() {
        assert_eq!(positive("n", " 7 "), Ok(7));
        for bad in ["", "0", "-1", "1.5", "seven"] {
            assert!(positive("n", bad).is_err(), "{bad}");
        }
        assert_eq!(
            (switch("s", "true"), switch("s", " false\n")),
            (Ok(true), Ok(false))
        );
        assert!(switch("s", "yes").is_err() && switch("s", "").is_err());
    }
}
