//! Smartcar Connect: the pages on which an owner lets an application use their
//! vehicles. A browser is sent there and comes back with the user's id.
//!
//! Sources: <https://smartcar.com/docs/connect/redirect-to-connect>,
//! <https://smartcar.com/docs/connect/handle-the-response>

pub(crate) mod reauthentication;
pub(crate) mod state;

use crate::{ApplicationId, InvalidId, UserId, VehicleId, VehicleMode};

/// Which vehicles Connect offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectMode {
    /// Vehicles on the road.
    Live,
    /// Vehicles that were made in Smartcar's dashboard.
    Simulated,
}

impl ConnectMode {
    /// Reads the parameter `mode`.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Live, Self::Simulated]
            .into_iter()
            .find(|mode| mode.as_str() == text)
    }

    /// As the parameter `mode` has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Simulated => "simulated",
        }
    }

    /// The mode of the vehicles that are connected this way.
    pub const fn of_vehicles(self) -> VehicleMode {
        match self {
            Self::Live => VehicleMode::Live,
            Self::Simulated => VehicleMode::Simulated,
        }
    }
}

/// A query that is not one of Connect's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConnect {
    /// Of two values, one reader could take the first and another the second.
    #[error("the parameter {0} appears more than once")]
    Twice(&'static str),
    /// The parameter is missing.
    #[error("the parameter {0} is missing")]
    Missing(&'static str),
    /// The parameter is not what Smartcar documents.
    #[error("the parameter {0} is not {1}")]
    Value(&'static str, &'static str),
    /// Smartcar documents no such parameter, or it is not the caller's to set. The second
    /// is the list of those that can be given.
    #[error("the parameter {0} cannot be given; {known} can", known = .1.join(", "))]
    Unknown(String, &'static [&'static str]),
    /// The id of the user or the vehicle is not a valid one.
    #[error(transparent)]
    Id(#[from] InvalidId),
}

/// How Connect is to look, as far as it differs from what the dashboard says.
///
/// ```
/// use smartcar::{ConnectMode, ConnectOptions};
///
/// let options = ConnectOptions::read("mode=simulated&flags=country:DE")?;
/// assert_eq!(options.mode, Some(ConnectMode::Simulated));
/// # Ok::<(), smartcar::InvalidConnect>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ConnectOptions {
    /// Which vehicles are offered.
    pub mode: Option<ConnectMode>,
    /// The permissions to ask for, separated by spaces; `required:` in front of one
    /// keeps the owner from refusing it.
    pub scope: Option<String>,
    /// The application's own id of the user. Smartcar keeps it with the user, and
    /// lists their connections by it (`filter[user.externalId]`).
    pub external_id: Option<String>,
    /// The brand, which is then not asked for.
    pub make: Option<String>,
    /// Whether the owner can choose one vehicle only.
    pub single_select: Option<bool>,
    /// The only vehicle that the owner can choose, by its VIN; [`ConnectOptions::make`] counts
    /// no more then.
    pub single_select_vin: Option<String>,
    /// Whether an owner who has consented before is asked once more.
    pub approval_prompt: Option<ApprovalPrompt>,
    /// For example `country:DE`; several are separated by spaces.
    pub flags: Option<String>,
    /// Whether the browser ends at a page of Smartcar's and does not come back
    /// (`response_type=none`).
    pub ends_at_smartcar: bool,
}

/// When Connect asks an owner who has consented before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApprovalPrompt {
    /// Where something new is asked for.
    Auto,
    /// Each time.
    Force,
}

impl ApprovalPrompt {
    /// Reads the parameter `approval_prompt`.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Auto, Self::Force]
            .into_iter()
            .find(|prompt| prompt.as_str() == text)
    }

    /// As the parameter `approval_prompt` has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Force => "force",
        }
    }
}

/// An application's own id of a user can be an e-mail address, and a VIN names a car.
impl std::fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("mode", &self.mode)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

impl ConnectOptions {
    /// The parameters that are read.
    pub const NAMES: &'static [&'static str] = &[
        "mode",
        "scope",
        "external_id",
        "make",
        "single_select",
        "single_select_vin",
        "approval_prompt",
        "flags",
        "response_type",
    ];

    /// Reads them from a query that names them as Smartcar does.
    ///
    /// # Errors
    ///
    /// [`InvalidConnect`] for a value that Smartcar does not document, a second one, and a
    /// parameter of another name: what is asked for is never left out in silence.
    pub fn read(query: &str) -> Result<Self, InvalidConnect> {
        only(query, Self::NAMES)?;
        let text = |name, expected, longest, fits| text(query, name, expected, longest, fits);
        let mode = parameter(query, "mode")?.map(|mode| {
            let bad = InvalidConnect::Value("mode", "live or simulated");
            ConnectMode::parse(&mode).ok_or(bad)
        });
        let single_select = parameter(query, "single_select")?.map(|select| {
            let bad = InvalidConnect::Value("single_select", "true or false");
            select.parse().map_err(|_| bad)
        });
        let approval_prompt = parameter(query, "approval_prompt")?.map(|prompt| {
            let bad = InvalidConnect::Value("approval_prompt", "auto or force");
            ApprovalPrompt::parse(&prompt).ok_or(bad)
        });
        let single_select = single_select.transpose()?;
        let expected = "a VIN, of the only vehicle that can be chosen";
        let vin = text("single_select_vin", expected, 17, |c| {
            c.is_ascii_alphanumeric()
        })?;
        if vin
            .as_ref()
            .is_some_and(|vin| vin.len() != 17 || single_select == Some(false))
        {
            return Err(InvalidConnect::Value("single_select_vin", expected));
        }
        let external_id = external_id(query)?;
        // To Smartcar this is the wish to forget the id that it has.
        // https://smartcar.com/docs/connect/re-auth/redirect-to-connect
        if external_id.as_deref() == Some(NO_EXTERNAL_ID) {
            let expected = "an id of a user: to Smartcar, null means none";
            return Err(InvalidConnect::Value("external_id", expected));
        }
        Ok(Self {
            mode: mode.transpose()?,
            scope: text("scope", "a list of permissions", 2000, |c| {
                c.is_ascii_lowercase() || "_: ".contains(c)
            })?,
            external_id,
            make: text("make", "a make", 64, |c| {
                c.is_ascii_alphanumeric() || "_- ".contains(c)
            })?,
            // Smartcar looks at a VIN with it alone.
            single_select: single_select.or(vin.as_ref().map(|_| true)),
            single_select_vin: vin,
            approval_prompt: approval_prompt.transpose()?,
            flags: text("flags", "a list of flags such as country:DE", 500, |c| {
                c.is_ascii_alphanumeric() || "_-: ".contains(c)
            })?,
            ends_at_smartcar: ends_at_smartcar(query, "code", "code or none")?,
        })
    }
}

/// As Smartcar writes that a user has no external id.
const NO_EXTERNAL_ID: &str = "null";

/// Refuses a parameter of another name than these.
fn only(query: &str, names: &'static [&'static str]) -> Result<(), InvalidConnect> {
    let mut given = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
    let Some(unknown) = given.find(|name| !names.contains(&&**name)) else {
        return Ok(());
    };
    let shown = unknown.chars().filter(char::is_ascii_graphic);
    Err(InvalidConnect::Unknown(shown.take(64).collect(), names))
}

/// The parameter `name`, of up to so many characters that fit.
fn text(
    query: &str,
    name: &'static str,
    expected: &'static str,
    longest: usize,
    fits: fn(char) -> bool,
) -> Result<Option<String>, InvalidConnect> {
    let is_one = |value: &String| {
        !value.is_empty() && value.chars().count() <= longest && value.chars().all(fits)
    };
    match parameter(query, name)? {
        Some(value) if !is_one(&value) => Err(InvalidConnect::Value(name, expected)),
        value => Ok(value),
    }
}

fn external_id(query: &str) -> Result<Option<String>, InvalidConnect> {
    text(
        query,
        "external_id",
        "1 to 128 printable characters",
        128,
        |c| !c.is_control(),
    )
}

/// Whether `response_type` is `none` and not `usual`, which it is where it is left out.
fn ends_at_smartcar(
    query: &str,
    usual: &str,
    expected: &'static str,
) -> Result<bool, InvalidConnect> {
    match parameter(query, "response_type")?.as_deref() {
        None => Ok(false),
        Some("none") => Ok(true),
        Some(given) if given == usual => Ok(false),
        Some(_) => Err(InvalidConnect::Value("response_type", expected)),
    }
}

/// How a browser comes back from Connect. Without one, it ends at a page of Smartcar's.
#[derive(Clone, Copy)]
pub struct WayBack<'a> {
    /// One of the redirect URIs that are registered in the dashboard.
    pub redirect_uri: &'a str,
    /// What comes back with the browser, as it is.
    pub state: &'a str,
}

impl WayBack<'_> {
    fn append(way: Option<Self>, query: &mut form_urlencoded::Serializer<'_, String>) {
        if let Some(way) = way {
            query
                .append_pair("redirect_uri", way.redirect_uri)
                .append_pair("state", way.state);
        }
    }
}

/// The way to Connect.
#[derive(Clone, Copy)]
pub struct ConnectRequest<'a> {
    /// The Application ID of the dashboard; not the id of the API credential.
    pub application: &'a ApplicationId,
    /// Where Connect sends the browser back to, if it is to come back.
    pub way_back: Option<WayBack<'a>>,
    /// Which vehicles are offered, whatever the options say.
    pub mode: ConnectMode,
    /// Whatever else is asked for.
    pub options: &'a ConnectOptions,
}

impl ConnectRequest<'_> {
    /// The URL of Connect at `origin`, for example <https://connect.smartcar.com>.
    pub fn url(&self, origin: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("response_type", self.way_back.map_or("none", |_| "code"))
            .append_pair("application_id", self.application.as_str())
            .append_pair("mode", self.mode.as_str());
        WayBack::append(self.way_back, &mut query);
        let single_select = self.options.single_select.map(|select| select.to_string());
        let prompt = self.options.approval_prompt;
        let prompt = prompt.map(|prompt| prompt.as_str().to_owned());
        for (name, value) in [
            ("scope", &self.options.scope),
            ("external_id", &self.options.external_id),
            ("make", &self.options.make),
            ("single_select", &single_select),
            ("single_select_vin", &self.options.single_select_vin),
            ("approval_prompt", &prompt),
            ("flags", &self.options.flags),
        ] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        url(origin, "authorize", &mut query)
    }
}

/// A page of Connect's.
fn url(origin: &str, page: &str, query: &mut form_urlencoded::Serializer<'_, String>) -> String {
    // Every reader of a query knows %20, and not every one knows the plus of forms. A plus
    // that is meant is %2B here.
    let query = query.finish().replace('+', "%20");
    format!("{}/oauth/{page}?{query}", origin.trim_end_matches('/'))
}

/// What a browser brings back from Connect.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectReturn {
    /// The state that it was sent with. Nothing else in here is worth anything
    /// before this is known to be ours.
    pub state: String,
    /// How it went.
    pub outcome: ConnectOutcome,
}

/// How it went in Connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectOutcome {
    /// It went well. Only the browser says so: someone who came through Connect can put
    /// another's id here.
    Returned {
        /// The user who gave access to vehicles.
        user: Option<UserId>,
        /// The vehicle whose owner authenticated again.
        vehicle: Option<VehicleId>,
    },
    /// It did not.
    Failed(ConnectFailure),
}

/// Why Connect came to nothing, and which vehicle it could not connect, where it was about
/// one.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ConnectFailure {
    /// For example `access_denied`.
    pub error: String,
    /// A sentence about it.
    pub description: Option<String>,
    /// The vehicle identification number.
    pub vin: Option<String>,
    /// For example `TESLA`.
    pub make: Option<String>,
    /// For example `Model 3`.
    pub model: Option<String>,
    /// The model year.
    pub year: Option<String>,
}

/// A VIN names a car.
impl std::fmt::Debug for ConnectFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectFailure")
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

impl ConnectReturn {
    /// Reads the query that Connect gives to the redirect URI. The user's id is
    /// `user_id` in Smartcar's documentation today and was `userId` in an earlier
    /// one.
    ///
    /// # Errors
    ///
    /// [`InvalidConnect`] where there is no state, or neither a user, a vehicle nor an error.
    pub fn read(query: &str) -> Result<Self, InvalidConnect> {
        let state = parameter(query, "state")?.ok_or(InvalidConnect::Missing("state"))?;
        if let Some(error) = parameter(query, "error")? {
            let failure = ConnectFailure {
                error,
                description: parameter(query, "error_description")?,
                vin: parameter(query, "vin")?,
                make: parameter(query, "make")?,
                model: parameter(query, "model")?,
                year: parameter(query, "year")?,
            };
            let outcome = ConnectOutcome::Failed(failure);
            return Ok(Self { state, outcome });
        }
        let user = match (parameter(query, "user_id")?, parameter(query, "userId")?) {
            (Some(one), Some(other)) if one != other => {
                return Err(InvalidConnect::Twice("user_id"));
            }
            (one, other) => one.or(other),
        };
        let user = user.map(|user| UserId::parse(&user)).transpose()?;
        let vehicle = parameter(query, "vehicle_id")?;
        let vehicle = vehicle
            .map(|vehicle| VehicleId::parse(&vehicle))
            .transpose()?;
        if user.is_none() && vehicle.is_none() {
            return Err(InvalidConnect::Missing("user_id"));
        }
        Ok(Self {
            state,
            outcome: ConnectOutcome::Returned { user, vehicle },
        })
    }
}

/// The parameter `name` of a query, decoded.
fn parameter(query: &str, name: &'static str) -> Result<Option<String>, InvalidConnect> {
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(known, _)| known == name);
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(InvalidConnect::Twice(name)),
        (value, None) => Ok(value.map(|(_, value)| value.into_owned())),
    }
}

#[cfg(test)]
mod tests;
