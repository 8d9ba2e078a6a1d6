//! What the operator decided, read once by each instance.

use edge::{Variables, variables};
use smartcar::{ManagementToken, Timestamp};
use std::time::Duration;
use store::retention;

/// What is wrong with the variable `quarantine`.
const QUARANTINE: &str = "the variable quarantine must be a whole number from 0 to 1000";

/// How many deliveries may be in quarantine. Each is 64 KiB at most, so all are 64 MB.
fn quarantine(text: &str) -> Option<i64> {
    text.parse().ok().filter(|many| (0..=1000).contains(many))
}

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
    /// How many deliveries that failed only by their signature are kept aside.
    pub(crate) quarantine: i64,
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
        let quarantine = match variables::optional(platform, "quarantine").await? {
            Some(text) => quarantine(text.trim()).ok_or(QUARANTINE)?,
            None => 0,
        };
        Ok(Self {
            tokens,
            require_signed_verify,
            max_age,
            retention,
            quarantine,
        })
    }

    /// Whether what was sent then is refused by now.
    pub(crate) fn is_stale(&self, sent_at: Timestamp, now: Timestamp) -> bool {
        sent_at.after(self.max_age) < now
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
        assert_eq!(settings.quarantine, 0);
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
            (
                "quarantine",
                "on",
                "the variable quarantine must be a whole number from 0 to 1000",
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
    fn quarantine_is_a_number_up_to_a_thousand() {
        let quarantine = |text: &str| read(&[("quarantine", text)]).map(|read| read.quarantine);
        assert_eq!(quarantine(" 1\n"), Ok(1));
        assert_eq!(quarantine("1000"), Ok(1000));
        for bad in ["", "-1", "1001", "1.5", "true"] {
            assert!(quarantine(bad).is_err(), "{bad}");
        }
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
