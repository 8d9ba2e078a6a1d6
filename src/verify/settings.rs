//! What the operator decided, read once by each instance. The variables are those
//! of the component that this one stands in front of.

use edge::{
    Host, OnceCell,
    log::{self, Event, Level, Seldom},
    respond::{Code, Problem},
    variables,
};
use smartcar::{Clock, ManagementToken};

/// Smartcar tries again 25 s after a failure.
const RETRY_AFTER: u32 = 25;

/// The configuration.
pub(crate) struct Settings {
    /// At least one; the one in use first.
    pub(crate) tokens: Vec<ManagementToken>,
    /// Whether VERIFY has to be signed too.
    pub(crate) require_signed_verify: bool,
}

static SETTINGS: OnceCell<Settings> = OnceCell::new();

/// The configuration. Without a management token nothing can be verified, and
/// nothing is passed on.
pub(crate) async fn settings() -> Result<&'static Settings, Problem> {
    let settings = SETTINGS.get_or_try_init(&Host, read);
    settings.await.map_err(|reason| {
        static LINE: Seldom = Seldom::a_minute();
        if LINE.is_due(Host.now()) {
            log::line(&Host, Level::Error, Event::NotConfigured)
                .with("reason", reason)
                .write();
        }
        let detail = "this webhook is not configured yet; its log says what is missing";
        Problem::new(Code::NotConfigured, detail).retry_after(RETRY_AFTER)
    })
}

async fn read() -> Result<Settings, String> {
    let tokens = variables::management_tokens(&Host).await.map_err(|error| {
        format!("{error}; the middleware has to inherit variables from a component that has it")
    })?;
    if tokens.is_empty() {
        return Err("the variable management_tokens is not set".to_owned());
    }
    let signed = variables::optional(&Host, "require_signed_verify")
        .await
        .map_err(|error| error.to_string())?;
    Ok(Settings {
        tokens,
        require_signed_verify: match signed.as_deref().map(str::trim) {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => {
                return Err("the variable require_signed_verify must be true or false".to_owned());
            }
        },
    })
}
