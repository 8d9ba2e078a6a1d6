//! What an instance of the gateway keeps between requests: the place where it runs, the
//! store, its configuration and the client with the token. Caches only; truth is in the
//! stores.

use crate::{
    access::callers::Callers,
    billing::Ceiling,
    connect::settings::ConnectSettings,
    own::doctor::{self, setup::Setup},
};
use edge::{
    OnceCell, Platform,
    log::{self, Event, Level, Seldom},
    respond::{Code, Problem},
    variables::{self, parsed, switch},
};
use secrecy::ExposeSecret;
use smartcar::{Call, Client, SharedLeases, Timestamp};
use std::{sync::atomic::AtomicI64, time::Duration};
use store::{Store, StoreError, chore::Chore};

/// How often the relay is run without a key at most, by all instances together.
pub(crate) const CRON_EVERY: Duration = Duration::from_secs(20);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// An instance of the gateway.
pub(crate) struct Gateway<P: Platform, S: Store> {
    platform: P,
    pub(crate) store: S,
    /// By what instances agree which of them fetches the access token.
    leases: fn() -> Option<SharedLeases>,
    app: OnceCell<App<P, S>>,
    lines: Lines,
    /// When answers and records are to be swept next.
    next_sweep: AtomicI64,
    /// Runs of the relay that no key asks for.
    cron: Chore,
    /// Examinations by the doctor.
    doctor: Chore,
}

/// What is logged once in a while.
pub(crate) struct Lines {
    pub(crate) not_configured: Seldom,
    pub(crate) store: Seldom,
    pub(crate) connect_refused: Seldom,
    pub(crate) connect_busy: Seldom,
    pub(crate) connect_not_set_up: Seldom,
}

/// The gateway's configuration and its client.
pub(crate) struct App<P: Platform, S: Store> {
    gateway: &'static Gateway<P, S>,
    callers: Result<Callers, String>,
    client: Client<P>,
    connect: ConnectSettings,
    setup: Setup,
    requires_idempotency_key: bool,
    signals_max_age: Duration,
    audit_retention: Duration,
    ceiling: Ceiling,
    command_deadline: Duration,
    runs_without_key: bool,
}

impl<P: Platform, S: Store> Gateway<P, S> {
    /// An instance that no request has reached yet.
    pub(crate) const fn new(platform: P, store: S, leases: fn() -> Option<SharedLeases>) -> Self {
        Self {
            platform,
            store,
            leases,
            app: OnceCell::new(),
            lines: Lines {
                not_configured: Seldom::a_minute(),
                // While the database is down, each request fails several times over.
                store: Seldom::new(Duration::from_secs(1)),
                connect_refused: Seldom::new(Duration::from_secs(1)),
                connect_busy: Seldom::a_minute(),
                connect_not_set_up: Seldom::new(Duration::from_secs(60 * 60)),
            },
            next_sweep: AtomicI64::new(0),
            cron: Chore::new("cron", CRON_EVERY),
            doctor: Chore::new("doctor", doctor::EVERY),
        }
    }

    /// What the first request sets up and all share.
    pub(crate) async fn app(&'static self) -> Result<&'static App<P, S>, Problem> {
        let app = self
            .app
            .get_or_try_init(&self.platform, async || self.set_up().await);
        app.await
            .map_err(|reason: String| self.not_configured(reason))
    }

    async fn set_up(&'static self) -> Result<App<P, S>, String> {
        let platform = &self.platform;
        let client = edge::client::from_variables(platform.clone(), (self.leases)()).await?;
        let callers = variables::secret(platform, "api_keys").await?;
        let callers = Callers::parse(callers.expose_secret());
        let credentials = edge::client::credentials(platform).await?;
        let setup = Setup::read(platform, &credentials).await?;
        let connect = ConnectSettings::read(platform, credentials).await?;
        let seconds = |text: &str| text.parse().ok().map(Duration::from_secs);
        // More than the day for which an idempotency key is honoured.
        let days = |text: &str| text.parse().ok().filter(|days: &u32| *days > 1);
        let in_time = |text: &str| {
            let time = seconds(text);
            time.filter(|time| (Duration::from_secs(1)..=Call::LONGEST).contains(time))
        };
        let deadline = parsed(
            platform,
            "command_deadline",
            "a number of seconds from 1 to 310",
            in_time,
        );
        let max_age = parsed(platform, "signals_max_age", "a number of seconds", seconds);
        let retention = parsed(
            platform,
            "audit_retention_days",
            "a number of days above 1",
            days,
        );
        let ceiling = parsed(
            platform,
            "vehicle_request_ceiling",
            "a whole number from 0 to 4294967295",
            Ceiling::parse,
        );
        Ok(App {
            gateway: self,
            callers,
            client,
            connect,
            setup,
            requires_idempotency_key: switch(platform, "require_idempotency_key").await?,
            signals_max_age: max_age.await?,
            audit_retention: DAY * retention.await?,
            ceiling: ceiling.await?,
            command_deadline: deadline.await?,
            runs_without_key: switch(platform, "run_without_key").await?,
        })
    }

    /// Tells the operator what is missing, once a minute, and the caller that something is.
    fn not_configured(&self, reason: impl Into<String>) -> Problem {
        // Anyone can ask, and one line a minute is enough.
        if self.lines.not_configured.is_due(self.platform.now()) {
            log::line(&self.platform, Level::Error, Event::NotConfigured)
                .with("reason", reason.into())
                .write();
        }
        let detail = "this gateway is not configured yet; its log says what is missing";
        Problem::new(Code::NotConfigured, detail)
    }

    fn log_store(&self, error: &StoreError) {
        if self.lines.store.is_due(self.platform.now()) {
            log::line(&self.platform, Level::Error, Event::Store)
                .with("error", error.to_string())
                .write();
        }
    }
}

impl<P: Platform, S: Store> App<P, S> {
    /// The place where this runs.
    pub(crate) fn platform(&self) -> &'static P {
        &self.gateway.platform
    }

    /// What is kept.
    pub(crate) fn store(&self) -> &'static S {
        &self.gateway.store
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.gateway.platform.now()
    }

    /// What is logged once in a while.
    pub(crate) fn lines(&self) -> &'static Lines {
        &self.gateway.lines
    }

    /// When answers and records are to be swept next.
    pub(crate) fn next_sweep(&self) -> &'static AtomicI64 {
        &self.gateway.next_sweep
    }

    /// The callers that have a key; an error where no valid keys are configured.
    pub(crate) fn callers(&self) -> Result<&Callers, Problem> {
        self.callers
            .as_ref()
            .map_err(|reason| self.gateway.not_configured(reason.as_str()))
    }

    /// Whether every change has to carry an `Idempotency-Key`.
    pub(crate) fn requires_idempotency_key(&self) -> bool {
        self.requires_idempotency_key
    }

    /// Whether a run of the relay needs no key.
    pub(crate) fn runs_without_key(&self) -> bool {
        self.runs_without_key
    }

    /// Runs of the relay that no key asks for.
    pub(crate) fn cron(&self) -> &'static Chore {
        &self.gateway.cron
    }

    /// Examinations by the doctor.
    pub(crate) fn doctor(&self) -> &'static Chore {
        &self.gateway.doctor
    }

    /// What the doctor knows before it asks.
    pub(crate) fn setup(&self) -> &Setup {
        &self.setup
    }

    /// How long a caller waits for what comes of a command.
    pub(crate) fn command_deadline(&self) -> Duration {
        self.command_deadline
    }

    /// How old a stored signal may be where the caller does not say.
    pub(crate) fn signals_max_age(&self) -> Duration {
        self.signals_max_age
    }

    /// How many calls about a vehicle may be made in a month.
    pub(crate) fn ceiling(&self) -> Ceiling {
        self.ceiling
    }

    /// How long the record of what callers had done is kept.
    pub(crate) fn audit_retention(&self) -> Duration {
        self.audit_retention
    }

    /// What the store answers. Where it cannot, the log says why and the caller has to try
    /// again.
    pub(crate) fn stored<T>(&self, answer: Result<T, StoreError>) -> Result<T, Problem> {
        answer.map_err(|error| {
            self.gateway.log_store(&error);
            let detail = "the database could not be read: try again";
            Problem::new(Code::StoreUnavailable, detail).retry_after(5)
        })
    }

    /// What the store answers, where the work goes on without it. The log says why it could
    /// not.
    pub(crate) fn note<T>(&self, answer: Result<T, StoreError>) -> Option<T> {
        let gateway = self.gateway;
        answer.inspect_err(|error| gateway.log_store(error)).ok()
    }

    /// Writes what no answer waits for. The log says why that could not be done.
    pub(crate) fn later(&self, write: impl Future<Output = Result<(), StoreError>> + 'static) {
        let gateway = self.gateway;
        gateway.platform.spawn(async move {
            if let Err(error) = write.await {
                gateway.log_store(&error);
            }
        });
    }

    /// How this application stands to Smartcar Connect.
    pub(crate) fn connect(&self) -> &ConnectSettings {
        &self.connect
    }

    /// The client of Smartcar's API.
    pub(crate) fn client(&self) -> &Client<P> {
        &self.client
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Instance, SECOND, edge, error};

    #[test]
    fn gateway_that_is_not_configured_says_so_once_a_minute() {
        let instance = Instance::new();
        instance.fake.set_variable("signals_max_age", "soon");
        for _ in 0..2 {
            let refused = instance.call("GET", "/v3/audit");
            assert_eq!(error(&refused), edge(503, "NOT_CONFIGURED"));
        }
        let lines = instance.fake.lines_about("not_configured");
        assert_eq!(lines.len(), 1);
        let reason = "the variable signals_max_age must be a number of seconds";
        assert_eq!(lines[0]["reason"], reason);
        instance.fake.advance(60 * SECOND);
        instance.call("GET", "/v3/audit");
        assert_eq!(instance.fake.lines_about("not_configured").len(), 2);
        // Whether it answers is another question.
        for path in ["/healthz", "/openapi.json"] {
            assert_eq!(instance.call("GET", path).status(), 200, "{path}");
        }
        // What was wrong is read again by the next request.
        instance.fake.set_variable("signals_max_age", "300");
        assert_eq!(instance.call("GET", "/v3/audit").status(), 200);
    }

    #[test]
    fn gateway_with_a_variable_that_cannot_be_used_is_not_configured() {
        for (name, value, fault) in [
            ("require_idempotency_key", "yes", "true or false"),
            ("doctor", "hourly", "true or false"),
            ("audit_retention_days", "1", "a number of days above 1"),
            (
                "vehicle_request_ceiling",
                "-1",
                "a whole number from 0 to 4294967295",
            ),
            (
                "command_deadline",
                "311",
                "a number of seconds from 1 to 310",
            ),
            ("connect_lookups", "1", "a whole number from 2 to 65535"),
            ("connect_mode", "test", "live or simulated"),
            ("webhook_id", "a/b", "an id"),
        ] {
            let instance = Instance::new();
            instance.fake.set_variable(name, value);
            let refused = instance.call("GET", "/v3/audit");
            assert_eq!(error(&refused), edge(503, "NOT_CONFIGURED"), "{name}");
            let lines = instance.fake.lines_about("not_configured");
            assert_eq!(
                lines[0]["reason"],
                format!("the variable {name} must be {fault}")
            );
        }
    }

    #[test]
    fn gateway_without_keys_is_not_configured() {
        let instance = Instance::new();
        instance.fake.set_variable("api_keys", "");
        let refused = instance.call("GET", "/v3/audit");
        assert_eq!(error(&refused), edge(503, "NOT_CONFIGURED"));
        let lines = instance.fake.lines_about("not_configured");
        assert_eq!(lines[0]["reason"], "the variable api_keys is not set");
    }
}
