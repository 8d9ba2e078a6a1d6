//! How this application stands to Smartcar Connect, as its variables say.

use edge::{
    client::origin,
    variables::{VariableError, Variables, parsed, switch},
};
use http::Uri;
use smartcar::{ApplicationId, ConnectMode, Credentials, InvalidId, WebhookId};

/// What the variables about Connect say.
pub(crate) struct ConnectSettings {
    credentials: Credentials,
    application: Option<ApplicationId>,
    redirect_uri: Option<String>,
    host: Option<Uri>,
    /// Where Connect is.
    pub(crate) origin: String,
    /// Which vehicles are offered where the start does not say.
    pub(crate) mode: ConnectMode,
    /// Where a browser goes in the end.
    pub(crate) return_url: Option<String>,
    /// What each vehicle is subscribed to.
    pub(crate) webhook: Option<WebhookId>,
    /// Whether only holders of a key may begin.
    pub(crate) requires_key: bool,
    /// How many users who come back are looked up in ten minutes.
    pub(crate) lookups: i64,
}

/// The variable that is not set, without which users cannot be sent to Connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unset(pub(crate) &'static str);

impl ConnectSettings {
    /// Reads the variables. None of them has to be set where Connect is not
    /// used.
    pub(crate) async fn read(
        variables: &impl Variables,
        credentials: Credentials,
    ) -> Result<Self, String> {
        let mode = "live or simulated";
        let redirect_uri = url(variables, "connect_redirect_uri").await?;
        Ok(Self {
            credentials,
            application: id(variables, "smartcar_application_id", ApplicationId::parse).await?,
            host: redirect_uri.as_deref().and_then(|uri| uri.parse().ok()),
            redirect_uri,
            origin: origin(variables, "smartcar_connect_origin").await?,
            mode: parsed(variables, "connect_mode", mode, ConnectMode::parse).await?,
            return_url: url(variables, "connect_return_url").await?,
            webhook: id(variables, "webhook_id", WebhookId::parse).await?,
            requires_key: switch(variables, "connect_requires_key").await?,
            lookups: lookups(variables, "connect_lookups").await?,
        })
    }

    /// The application, as Connect knows it.
    pub(crate) fn application(&self) -> Result<&ApplicationId, Unset> {
        let application = self.application.as_ref();
        application.ok_or(Unset("smartcar_application_id"))
    }

    /// Where Connect sends a browser back to.
    pub(crate) fn redirect_uri(&self) -> Result<&str, Unset> {
        let redirect_uri = self.redirect_uri.as_deref();
        redirect_uri.ok_or(Unset("connect_redirect_uri"))
    }

    /// What a state is sealed with. A secret that is not set would be one that
    /// everyone knows.
    pub(crate) fn credentials(&self) -> Result<&Credentials, Unset> {
        if self.credentials.is_set() {
            Ok(&self.credentials)
        } else {
            Err(Unset("smartcar_client_id or smartcar_client_secret"))
        }
    }

    /// A URL of this application's, where one is known: no request names the host that
    /// others know, behind a proxy.
    pub(crate) fn host(&self) -> Option<&Uri> {
        self.host.as_ref()
    }

    /// Whether browsers reach this application by HTTPS.
    pub(crate) fn is_https(&self) -> bool {
        let scheme = self.redirect_uri.as_deref().and_then(scheme);
        scheme.as_deref() == Some("https")
    }
}

/// Those who begin without a key have half of it.
async fn lookups(variables: &impl Variables, name: &'static str) -> Result<i64, VariableError> {
    let number = |text: &str| text.parse().ok().filter(|number: &u16| *number > 1);
    let number = parsed(variables, name, "a whole number from 2 to 65535", number).await?;
    Ok(number.into())
}

async fn id<T>(
    variables: &impl Variables,
    name: &'static str,
    parse: fn(&str) -> Result<T, InvalidId>,
) -> Result<Option<T>, VariableError> {
    let id = |text: &str| match text {
        "" => Some(None),
        text => parse(text).ok().map(Some),
    };
    parsed(variables, name, "an id", id).await
}

/// The URL of a page that a browser can be sent to, with parameters added.
async fn url(
    variables: &impl Variables,
    name: &'static str,
) -> Result<Option<String>, VariableError> {
    let url = |text: &str| match text {
        "" => Some(None),
        text => is_url(text).then(|| Some(text.to_owned())),
    };
    let expected = "a URL with http or https and without a fragment";
    parsed(variables, name, expected, url).await
}

fn is_url(text: &str) -> bool {
    // The parser accepts bytes that a URL cannot have, and drops a fragment.
    let is_plain = text.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
    is_plain && matches!(scheme(text).as_deref(), Some("http" | "https"))
}

fn scheme(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    uri.scheme_str().map(str::to_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_is_absolute_and_a_browser_s() {
        for good in [
            "https://example.com",
            "http://127.0.0.1:3000/connect/callback",
            "HTTPS://example.com/a?b=c&d",
        ] {
            assert!(is_url(good), "{good}");
        }
        for bad in [
            "/connect/callback",
            "example.com/a",
            "javascript:alert(1)",
            "//example.com",
            "https://",
            "https://example.com/#done",
            "https://example.com/\r\nset-cookie: a",
            "https://example.com/ä",
            "ftp://example.com/",
        ] {
            assert!(!is_url(bad), "{bad}");
        }
    }
}
