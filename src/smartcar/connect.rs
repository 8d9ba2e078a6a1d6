//! Smartcar Connect: the pages on which an owner lets an application use their
//! vehicles. A browser is sent there and comes back with the user's id.
//!
//! Sources: <https://smartcar.com/docs/connect/redirect-to-connect>,
//! <https://smartcar.com/docs/connect/handle-the-response>

pub(crate) mod state;

use crate::{ApplicationId, InvalidId, UserId, VehicleMode};

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
    /// The user's id is none.
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
    /// For example `country:DE`; several are separated by spaces.
    pub flags: Option<String>,
}

/// An application's own id of a user can be an e-mail address.
impl std::fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("mode", &self.mode)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

impl ConnectOptions {
    /// Reads them from a query that names them as Smartcar does. What has another
    /// name is none of them.
    ///
    /// # Errors
    ///
    /// [`InvalidConnect`] for a value that Smartcar does not document, or a second
    /// one.
    pub fn read(query: &str) -> Result<Self, InvalidConnect> {
        let text = |name, expected, longest, fits: fn(char) -> bool| {
            let value = parameter(query, name)?;
            let is_one = |value: &String| {
                !value.is_empty() && value.chars().count() <= longest && value.chars().all(fits)
            };
            match value {
                Some(value) if !is_one(&value) => Err(InvalidConnect::Value(name, expected)),
                value => Ok(value),
            }
        };
        let mode = parameter(query, "mode")?.map(|mode| {
            let bad = InvalidConnect::Value("mode", "live or simulated");
            ConnectMode::parse(&mode).ok_or(bad)
        });
        let single_select = parameter(query, "single_select")?.map(|select| {
            let bad = InvalidConnect::Value("single_select", "true or false");
            select.parse().map_err(|_| bad)
        });
        let external_id = text("external_id", "1 to 128 printable characters", 128, |c| {
            !c.is_control()
        })?;
        // To Smartcar this is the wish to forget the id that it has.
        // https://smartcar.com/docs/connect/re-auth/redirect-to-connect
        if external_id.as_deref() == Some("null") {
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
            single_select: single_select.transpose()?,
            flags: text("flags", "a list of flags such as country:DE", 500, |c| {
                c.is_ascii_alphanumeric() || "_-: ".contains(c)
            })?,
        })
    }
}

/// The way to Connect.
#[derive(Clone, Copy)]
pub struct ConnectRequest<'a> {
    /// The Application ID of the dashboard; not the id of the API credential.
    pub application: &'a ApplicationId,
    /// Where Connect sends the browser back to: one of the redirect URIs that are
    /// registered in the dashboard.
    pub redirect_uri: &'a str,
    /// Which vehicles are offered, whatever the options say.
    pub mode: ConnectMode,
    /// What comes back with the browser, as it is.
    pub state: &'a str,
    /// Whatever else is asked for.
    pub options: &'a ConnectOptions,
}

impl ConnectRequest<'_> {
    /// The URL of Connect at `origin`, for example <https://connect.smartcar.com>.
    pub fn url(&self, origin: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("response_type", "code")
            .append_pair("application_id", self.application.as_str())
            .append_pair("redirect_uri", self.redirect_uri)
            .append_pair("mode", self.mode.as_str())
            .append_pair("state", self.state);
        let single_select = self.options.single_select.map(|select| select.to_string());
        for (name, value) in [
            ("scope", &self.options.scope),
            ("external_id", &self.options.external_id),
            ("make", &self.options.make),
            ("single_select", &single_select),
            ("flags", &self.options.flags),
        ] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        // Every reader of a query knows %20, and not every one knows the plus of
        // forms. A plus that is meant is %2B here.
        let query = query.finish().replace('+', "%20");
        format!("{}/oauth/authorize?{query}", origin.trim_end_matches('/'))
    }
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
    /// This user gave access to vehicles. Only the browser says so:
    /// someone who came through Connect can put another user's id here.
    User(UserId),
    /// They did not, or could not.
    Failed {
        /// For example `access_denied`.
        error: String,
        /// A sentence about it.
        description: Option<String>,
    },
}

impl ConnectReturn {
    /// Reads the query that Connect gives to the redirect URI. The user's id is
    /// `user_id` in Smartcar's documentation today and was `userId` in an earlier
    /// one.
    ///
    /// # Errors
    ///
    /// [`InvalidConnect`] where there is no state, or neither a user nor an error.
    pub fn read(query: &str) -> Result<Self, InvalidConnect> {
        let state = parameter(query, "state")?.ok_or(InvalidConnect::Missing("state"))?;
        if let Some(error) = parameter(query, "error")? {
            let description = parameter(query, "error_description")?;
            return Ok(Self {
                state,
                outcome: ConnectOutcome::Failed { error, description },
            });
        }
        let user = match (parameter(query, "user_id")?, parameter(query, "userId")?) {
            (Some(one), Some(other)) if one != other => {
                return Err(InvalidConnect::Twice("user_id"));
            }
            (one, other) => one.or(other),
        };
        let user = user.ok_or(InvalidConnect::Missing("user_id"))?;
        Ok(Self {
            state,
            outcome: ConnectOutcome::User(UserId::parse(&user)?),
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
