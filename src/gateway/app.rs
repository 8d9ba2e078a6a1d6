//! What an instance of the gateway keeps between requests: its configuration and
//! the client with the token. Caches only; truth is in the stores.

use crate::{callers::Callers, connect_settings::ConnectSettings};
use edge::{
    Host, Once,
    client::ConfigurationError,
    log::{self, Event, Level, Seldom},
    respond::{Code, Problem},
    variables::{self, VariableError},
};
use secrecy::ExposeSecret;
use smartcar::{Client, Clock};
use std::time::Duration;

/// The gateway's configuration and its client.
pub(crate) struct App {
    callers: Result<Callers, String>,
    client: Client<Host>,
    connect: ConnectSettings,
    requires_idempotency_key: bool,
    signals_max_age: Duration,
    audit_retention: Duration,
}

/// What the gateway cannot be set up with.
pub(crate) enum Flaw {
    Variable(VariableError),
    /// A variable, and what is wrong with its value.
    Value(&'static str, &'static str),
    Client(ConfigurationError),
}

impl From<VariableError> for Flaw {
    fn from(error: VariableError) -> Self {
        Self::Variable(error)
    }
}

impl From<ConfigurationError> for Flaw {
    fn from(error: ConfigurationError) -> Self {
        Self::Client(error)
    }
}

static APP: Once<App> = Once::new();

/// The gateway of this instance, set up by its first request.
pub(crate) async fn app() -> Result<&'static App, Problem> {
    let app = APP.get_or_try_init(&Host, set_up);
    app.await.map_err(|flaw| {
        not_configured(match flaw {
            Flaw::Variable(error) => error.to_string(),
            Flaw::Client(error) => error.to_string(),
            Flaw::Value(name, fault) => format!("the variable {name} is {fault}"),
        })
    })
}

pub(crate) async fn switch(name: &'static str) -> Result<bool, Flaw> {
    let text = variables::text(&Host, name).await?;
    let fault = "neither true nor false";
    text.trim().parse().map_err(|_| Flaw::Value(name, fault))
}

async fn seconds(name: &'static str) -> Result<Duration, Flaw> {
    let text = variables::text(&Host, name).await?;
    let seconds = text.trim().parse();
    let seconds = seconds.map_err(|_| Flaw::Value(name, "no number of seconds"))?;
    Ok(Duration::from_secs(seconds))
}

/// More than the day for which an idempotency key is honoured.
async fn days(name: &'static str) -> Result<Duration, Flaw> {
    let text = variables::text(&Host, name).await?;
    let days: Option<u32> = text.trim().parse().ok().filter(|days| *days > 1);
    let days = days.ok_or(Flaw::Value(name, "no number of days above 1"))?;
    Ok(Duration::from_secs(24 * 60 * 60) * days)
}

async fn set_up() -> Result<App, Flaw> {
    let client = edge::client::from_variables(Host).await?;
    let callers = Callers::parse(variables::secret(&Host, "api_keys").await?.expose_secret());
    let connect = ConnectSettings::read(edge::client::credentials(&Host).await?).await?;
    Ok(App {
        callers,
        client,
        connect,
        requires_idempotency_key: switch("require_idempotency_key").await?,
        signals_max_age: seconds("signals_max_age").await?,
        audit_retention: days("audit_retention_days").await?,
    })
}

impl App {
    /// Who has a key. Without valid keys nobody has one.
    pub(crate) fn callers(&self) -> Result<&Callers, Problem> {
        self.callers
            .as_ref()
            .map_err(|reason| not_configured(reason.as_str()))
    }

    /// Whether every change has to carry an `Idempotency-Key`.
    pub(crate) fn requires_idempotency_key(&self) -> bool {
        self.requires_idempotency_key
    }

    /// How old a stored signal may be where the caller does not say.
    pub(crate) fn signals_max_age(&self) -> Duration {
        self.signals_max_age
    }

    /// How long the record of what callers had done is kept.
    pub(crate) fn audit_retention(&self) -> Duration {
        self.audit_retention
    }

    /// How this application stands to Smartcar Connect.
    pub(crate) fn connect(&self) -> &ConnectSettings {
        &self.connect
    }

    /// The client of Smartcar's API.
    pub(crate) fn client(&self) -> &Client<Host> {
        &self.client
    }
}

/// Tells the operator what is missing, once a minute, and the caller that something is.
pub(crate) fn not_configured(reason: impl Into<String>) -> Problem {
    // Anybody can ask, and nobody needs to be told each time.
    static LINE: Seldom = Seldom::a_minute();
    if LINE.is_due(Host.now()) {
        log::line(&Host, Level::Error, Event::NotConfigured)
            .with("reason", reason.into())
            .write();
    }
    let detail = "this gateway is not configured yet; its log says what is missing";
    Problem::new(Code::NotConfigured, detail)
}
