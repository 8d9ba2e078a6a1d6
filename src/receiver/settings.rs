//! What the operator decided, read once by each instance.

use edge::{Variables, variables};
use smartcar::ManagementToken;
use std::time::Duration;
use store::retention;

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

impl Settings {
    /// The configuration. Without a management token nothing can be verified.
    ///
    /// # Errors
    /// What is missing or wrong, in a sentence.
    pub(crate) async fn read(platform: &impl Variables) -> Result<Self, String> {
        let tokens = variables::management_tokens(platform).await?;
        if tokens.is_empty() {
            return Err("the variable management_tokens is not set".to_owned());
        }
        let require_signed_verify = variables::switch(platform, "require_signed_verify").await?;
        let seconds = |text: &str| text.parse().ok().filter(|seconds| *seconds > 0);
        let expected = "a whole number above 0";
        let max_age = variables::parsed(platform, "max_delivery_age", expected, seconds);
        let max_age = Duration::from_secs(max_age.await?);
        let retention = retention::configured(platform).await?;
        if retention <= max_age {
            // A replay must not outlive the memory of what was received.
            let flaw = "the variable max_delivery_age must be less than retention_days";
            return Err(flaw.to_owned());
        }
        Ok(Self {
            tokens,
            require_signed_verify,
            max_age,
            retention,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smartcar::testing::Fake;

    fn read(changes: &[(&str, &str)]) -> Result<Settings, String> {
        let fake = Fake::new();
        for (name, value) in [
            ("management_tokens", "new-token, old-token"),
            ("require_signed_verify", "false"),
            ("max_delivery_age", "172800"),
            ("retention_days", "7"),
        ]
        .iter()
        .chain(changes)
        {
            fake.set_variable(name, value);
        }
        fake.run(Settings::read(&fake))
    }

    #[test]
    fn settings_are_those_of_the_variables() {
        let settings = read(&[("require_signed_verify", " true\n")]).unwrap();
        assert_eq!(settings.tokens.len(), 2);
        assert!(settings.require_signed_verify);
        assert_eq!(settings.max_age, Duration::from_hours(48));
        assert_eq!(settings.retention, Duration::from_hours(7 * 24));
    }

    #[test]
    fn settings_name_the_variable_that_is_wrong() {
        for (name, value, flaw) in [
            (
                "management_tokens",
                " ,\n",
                "the variable management_tokens is not set",
            ),
            (
                "require_signed_verify",
                "yes",
                "the variable require_signed_verify must be true or false",
            ),
            (
                "max_delivery_age",
                "1.5",
                "the variable max_delivery_age must be a whole number above 0",
            ),
            (
                "retention_days",
                "0",
                "the variable retention_days must be a whole number above 0",
            ),
            (
                "retention_days",
                "2",
                "the variable max_delivery_age must be less than retention_days",
            ),
        ] {
            assert_eq!(read(&[(name, value)]).err().as_deref(), Some(flaw));
        }
        let unset = Fake::new();
        assert_eq!(
            unset.run(Settings::read(&unset)).err().as_deref(),
            Some(
                "failed to read the variable management_tokens: spin.toml does not give it to \
                 this component"
            )
        );
    }

    #[test]
    fn delivery_age_is_a_number_above_zero() {
        let age = |text: &str| read(&[("max_delivery_age", text)]);
        assert_eq!(age(" 7 ").unwrap().max_age, Duration::from_secs(7));
        for bad in ["", "0", "-1", "1.5", "seven"] {
            assert!(age(bad).is_err(), "{bad}");
        }
    }
}
