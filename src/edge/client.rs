//! The client of Smartcar's API, set up from the application's variables.

use crate::{
    Host,
    variables::{self, VariableError},
};
use secrecy::ExposeSecret;
use smartcar::{Client, ClientId, ClientSecret, Credentials, Origins, TokenCache};

/// What a client cannot be set up with.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// A variable cannot be read.
    #[error(transparent)]
    Variable(#[from] VariableError),
    /// A variable that is to hold an origin holds something else.
    #[error("the variable {0} is no origin, for example https://host")]
    Origin(&'static str),
}

/// A client with the credentials in `smartcar_client_id` and
/// `smartcar_client_secret`, and Smartcar's hosts in `smartcar_…_origin`. Without
/// credentials there is a client too; its calls fail and say so.
pub async fn from_variables() -> Result<Client<Host>, ConfigurationError> {
    let credentials = credentials().await?;
    let origins = Origins {
        iam: origin("smartcar_iam_origin").await?,
        vehicle: origin("smartcar_vehicle_origin").await?,
        management: origin("smartcar_management_origin").await?,
        compatibility: origin("smartcar_compatibility_origin").await?,
    };
    let tokens = TokenCache::new(credentials, &origins.iam);
    Ok(Client::new(Host, tokens, origins))
}

/// The application's credentials; empty where they are not set.
pub async fn credentials() -> Result<Credentials, VariableError> {
    let client_id = variables::text("smartcar_client_id").await?;
    let client_secret = variables::secret("smartcar_client_secret").await?;
    Ok(Credentials {
        client_id: ClientId(client_id.trim().to_owned()),
        client_secret: ClientSecret::new(client_secret.expose_secret().trim()),
    })
}

/// A variable that holds an origin: a scheme and a host.
pub async fn origin(name: &'static str) -> Result<String, ConfigurationError> {
    let text = variables::text(name).await?;
    let uri: Option<http::Uri> = text.trim().parse().ok();
    let is_origin = uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.path() == "/"
            && uri.query().is_none()
    });
    if is_origin {
        Ok(text.trim().to_owned())
    } else {
        Err(ConfigurationError::Origin(name))
    }
}
