//! The three secrets of a Smartcar application, each of a type of its own.
//!
//! None of them shows itself in `Debug`, none implements `Display`, and each is
//! overwritten in memory when it is dropped.

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name(SecretString);

        impl $name {
            /// Takes the secret into custody.
            pub fn new(secret: impl Into<String>) -> Self {
                Self(SecretString::from(secret.into()))
            }

            pub(crate) fn expose(&self) -> &str {
                self.0.expose_secret()
            }
        }
    };
}

secret! {
    /// The secret of an API credential. Only the identity server gets to see it.
    ClientSecret
}
secret! {
    /// A bearer token for every vehicle and user of the application.
    AccessToken
}
secret! {
    /// An Application Management Token: the key of the webhook signatures.
    ManagementToken
}

impl ManagementToken {
    /// Whether the token is this text, which an operator may have taken for it. Both are
    /// ours, so nothing is revealed by the time that this takes.
    pub fn is(&self, text: &str) -> bool {
        self.expose() == text
    }
}

impl AccessToken {
    /// Whether both are the same token. Both are ours, so nothing is revealed
    /// by the time that this takes.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }

    /// What tells this token from others without being one. Tokens are too long
    /// to be guessed from it.
    pub(crate) fn sha256(&self) -> String {
        hex::encode(Sha256::digest(self.expose()))
    }
}

/// The identifier of an API credential: `client_…`. Not the Application ID (a
/// UUID, used for Connect) and not a v2 client id (a UUID as well).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientId(pub String);

/// An API credential, by which an application gets its token.
///
/// Source: <https://smartcar.com/docs/api-reference/authorization/request-access-token>
#[derive(Clone, Debug)]
pub struct Credentials {
    /// `client_…`
    pub client_id: ClientId,
    /// Shown once by Smartcar's dashboard.
    pub client_secret: ClientSecret,
}

impl Credentials {
    /// Whether there is an id and a secret at all.
    pub fn is_set(&self) -> bool {
        !self.client_id.0.is_empty() && !self.client_secret.expose().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let credentials = Credentials {
            client_id: ClientId("client_1".into()),
            client_secret: ClientSecret::new("planted-secret"),
        };
        let shown = format!("{credentials:?} {:?}", AccessToken::new("planted-token"));
        assert!(
            shown.contains("client_1") && !shown.contains("planted"),
            "{shown}"
        );
    }
}
