//! The client of Smartcar's API, set up from the application's variables.

use crate::variables::{self, VariableError, Variables};
use secrecy::ExposeSecret;
use smartcar::{Client, ClientId, ClientSecret, Credentials, Origins, SharedLeases, TokenCache};

/// A client with the credentials in `smartcar_client_id` and
/// `smartcar_client_secret`, and Smartcar's hosts in `smartcar_…_origin`. Without
/// credentials there is a client too; its calls fail and say so. Its token is fetched by
/// whom `leases` let ([`TokenCache::new`]).
pub async fn from_variables<P>(
    platform: P,
    leases: Option<SharedLeases>,
) -> Result<Client<P>, VariableError>
where
    P: smartcar::Platform + Variables,
{
    let credentials = credentials(&platform).await?;
    let origins = Origins {
        iam: origin(&platform, "smartcar_iam_origin").await?,
        vehicle: origin(&platform, "smartcar_vehicle_origin").await?,
        management: origin(&platform, "smartcar_management_origin").await?,
        compatibility: origin(&platform, "smartcar_compatibility_origin").await?,
    };
    let tokens = TokenCache::new(credentials, &origins.iam, leases);
    Ok(Client::new(platform, tokens, origins))
}

/// The application's credentials; empty where they are not set.
pub async fn credentials(variables: &impl Variables) -> Result<Credentials, VariableError> {
    let client_id = variables::text(variables, "smartcar_client_id").await?;
    let client_secret = variables::secret(variables, "smartcar_client_secret").await?;
    Ok(Credentials {
        client_id: ClientId(client_id.trim().to_owned()),
        client_secret: ClientSecret::new(client_secret.expose_secret().trim()),
    })
}

/// A variable that holds an origin: a scheme and a host.
pub async fn origin(
    variables: &impl Variables,
    name: &'static str,
) -> Result<String, VariableError> {
    let expected = "an origin, for example https://host";
    variables::parsed(variables, name, expected, parse_origin).await
}

fn parse_origin(text: &str) -> Option<String> {
    let uri: http::Uri = text.parse().ok()?;
    let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
    let is_origin = is_web && uri.path() == "/" && uri.query().is_none();
    is_origin.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use smartcar::{Call, endpoints::GET_VEHICLE, testing::Fake};

    fn configured() -> Fake {
        let fake = Fake::new();
        for (name, value) in [
            ("smartcar_client_id", " client\n"),
            ("smartcar_client_secret", " secret\n"),
            ("smartcar_iam_origin", "https://iam.example.com\n"),
            ("smartcar_vehicle_origin", "https://vehicle.example.com/"),
            ("smartcar_management_origin", "http://127.0.0.1:4010"),
            ("smartcar_compatibility_origin", "https://c.example.com"),
        ] {
            fake.set_variable(name, value);
        }
        fake
    }

    #[test]
    fn client_gets_its_token_with_the_configured_credentials() {
        let fake = configured();
        fake.answer("/v3/vehicles/v1", 404, "{}");
        fake.run(async {
            let client = from_variables(fake.clone(), None).await.unwrap();
            let call = Call::at(&GET_VEHICLE, &["v1"]).unwrap();
            let _ = client.call(&call).await;
        });
        let [token, call] = &fake.requests()[..] else {
            panic!("{:?}", fake.requests());
        };
        assert_eq!(token.uri(), "https://iam.example.com/oauth2/token");
        let form = std::str::from_utf8(token.body()).unwrap();
        for field in ["client_id=client", "client_secret=secret"] {
            assert!(form.split('&').any(|given| given == field), "{form}");
        }
        assert_eq!(call.uri(), "https://vehicle.example.com/v3/vehicles/v1");
    }

    #[test]
    fn client_without_an_origin_is_not_configured() {
        let flaw = |value: &str| {
            let fake = configured();
            fake.set_variable("smartcar_vehicle_origin", value);
            let client = fake.run(from_variables(fake.clone(), None));
            client.err().map(|error| error.to_string())
        };
        assert_eq!(flaw("https://vehicle.example.com"), None);
        for bad in [
            "",
            "vehicle.example.com",
            "ftp://a",
            "https://a/b",
            "https://a?b",
        ] {
            let message = "the variable smartcar_vehicle_origin must be an origin, for example \
                https://host";
            assert_eq!(flaw(bad).as_deref(), Some(message), "{bad}");
        }
    }

    #[test]
    fn client_whose_variables_are_not_given_is_not_configured() {
        let fake = Fake::new();
        let error = fake.run(from_variables(fake.clone(), None)).err().unwrap();
        let message = "failed to read the variable smartcar_client_id: spin.toml does not give \
            it to this component";
        assert_eq!(error.to_string(), message);
    }
}
