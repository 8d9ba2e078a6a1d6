//! What the variables show without a call: the three credentials of an application are
//! easily taken for each other, and Smartcar refuses them without a reason.

use crate::own::doctor::finding::Finding;
use edge::variables::{self, Variables, switch};
use secrecy::ExposeSecret;
use smartcar::{Credentials, ManagementToken};

/// What the doctor knows before it asks.
pub(crate) struct Setup {
    /// What is wrong with the variables.
    pub(crate) findings: Vec<Finding>,
    /// Whether Smartcar can be asked at all.
    pub(crate) can_ask: bool,
    /// Whether the doctor comes by itself.
    pub(crate) is_hourly: bool,
}

impl Setup {
    /// Reads the variables. Nothing of a token or a secret is kept.
    pub(crate) async fn read(
        variables: &impl Variables,
        credentials: &Credentials,
    ) -> Result<Self, String> {
        let secret = variables::secret(variables, "smartcar_client_secret").await?;
        let application = variables::text(variables, "smartcar_application_id").await?;
        let tokens = management_tokens(variables).await?;
        let client = credentials.client_id.0.as_str();
        let texts = Texts {
            client,
            secret: secret.expose_secret().trim(),
            application: application.trim(),
        };
        let can_ask = credentials.is_set();
        let is_hourly = switch(variables, "doctor").await?;
        Ok(Self {
            findings: texts.findings(can_ask, &tokens),
            can_ask,
            is_hourly: can_ask && is_hourly,
        })
    }
}

/// An application whose manifest does not give the tokens to this component has them not
/// compared.
async fn management_tokens(variables: &impl Variables) -> Result<Vec<ManagementToken>, String> {
    match variables::optional(variables, "management_tokens").await? {
        None => Ok(Vec::new()),
        Some(_) => Ok(variables::management_tokens(variables).await?),
    }
}

/// What was entered. Empty where it was not.
struct Texts<'a> {
    client: &'a str,
    secret: &'a str,
    application: &'a str,
}

impl Texts<'_> {
    fn findings(&self, is_complete: bool, tokens: &[ManagementToken]) -> Vec<Finding> {
        let Self {
            client,
            secret,
            application,
        } = self;
        let is_token = |text: &str| tokens.iter().any(|token| token.is(text));
        let client_is_uuid = is_uuid(client) || (!client.is_empty() && client == application);
        let checks = [
            (!is_complete, Finding::CredentialsMissing),
            (client_is_uuid, Finding::ClientIdIsUuid),
            (
                is_client_id(secret)
                    || (!secret.is_empty() && [client, application].contains(&secret)),
                Finding::ClientSecretIsId,
            ),
            (is_client_id(application), Finding::ApplicationIdIsClientId),
            (
                [client, secret, application]
                    .into_iter()
                    .any(|text| is_token(text)),
                Finding::ManagementTokenIsOther,
            ),
        ];
        let found = checks.into_iter().filter(|(is_wrong, _)| *is_wrong);
        found.map(|(_, finding)| finding).collect()
    }
}

/// Smartcar's client ids of API v3 begin so today. That is not promised, so that no other
/// beginning is wrong.
fn is_client_id(text: &str) -> bool {
    text.starts_with("client_")
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    groups == [8, 4, 4, 4, 12] && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "36AB27D0-0000-4000-8000-000000000001";

    fn of(client: &str, secret: &str, application: &str, token: &str) -> Vec<Finding> {
        let texts = Texts {
            client,
            secret,
            application,
        };
        let is_complete = !client.is_empty() && !secret.is_empty();
        let tokens = [ManagementToken::new("other"), ManagementToken::new(token)];
        texts.findings(is_complete, &tokens)
    }

    #[test]
    fn setup_of_three_different_credentials_is_fine() {
        assert!(of("client_1", "secret", UUID, "token").is_empty());
        // Connect may not be used, and the prefix of a client id is not promised.
        assert!(of("my-client", "secret", "", "token").is_empty());
    }

    #[test]
    fn setup_names_the_credential_that_is_another_one() {
        for (entered, finding) in [
            (["", "secret", UUID, "t"], Finding::CredentialsMissing),
            (["client_1", "", "", "t"], Finding::CredentialsMissing),
            ([UUID, "secret", "", "t"], Finding::ClientIdIsUuid),
            ([UUID, "secret", UUID, "t"], Finding::ClientIdIsUuid),
            (["a-1", "secret", "a-1", "t"], Finding::ClientIdIsUuid),
            (
                ["client_1", "client_1", UUID, "t"],
                Finding::ClientSecretIsId,
            ),
            (["client_1", UUID, UUID, "t"], Finding::ClientSecretIsId),
            (
                ["client_1", "secret", "client_2", "t"],
                Finding::ApplicationIdIsClientId,
            ),
            (
                ["client_1", "secret", UUID, "client_1"],
                Finding::ManagementTokenIsOther,
            ),
            (
                ["client_1", "secret", UUID, "secret"],
                Finding::ManagementTokenIsOther,
            ),
            (
                ["client_1", "secret", UUID, UUID],
                Finding::ManagementTokenIsOther,
            ),
        ] {
            let [client, secret, application, token] = entered;
            let found = of(client, secret, application, token);
            assert_eq!(found, [finding], "{entered:?}");
        }
    }
}
