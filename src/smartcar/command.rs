//! What a vehicle can be told to do.
//!
//! Source: <https://smartcar.com/docs/api-reference/commands/overview>

use crate::endpoints::{self, Endpoint};
use serde::{Deserialize, Serialize};

/// A kind of command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandKind {
    /// Start charging.
    StartCharge,
    /// Stop charging.
    StopCharge,
    /// Set the state of charge at which charging stops.
    SetChargeLimit,
    /// Lock the doors.
    Lock,
    /// Unlock the doors.
    Unlock,
    /// Send a destination to the navigation system.
    SetDestination,
    /// Open the charge port.
    OpenChargePort,
    /// Close the charge port.
    CloseChargePort,
}

impl CommandKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::StartCharge,
        Self::StopCharge,
        Self::SetChargeLimit,
        Self::Lock,
        Self::Unlock,
        Self::SetDestination,
        Self::OpenChargePort,
        Self::CloseChargePort,
    ];

    /// The endpoint that takes this kind of command.
    pub const fn endpoint(self) -> &'static Endpoint {
        match self {
            Self::StartCharge => &endpoints::START_CHARGE,
            Self::StopCharge => &endpoints::STOP_CHARGE,
            Self::SetChargeLimit => &endpoints::SET_CHARGE_LIMIT,
            Self::Lock => &endpoints::LOCK,
            Self::Unlock => &endpoints::UNLOCK,
            Self::SetDestination => &endpoints::SET_DESTINATION,
            Self::OpenChargePort => &endpoints::OPEN_CHARGE_PORT,
            Self::CloseChargePort => &endpoints::CLOSE_CHARGE_PORT,
        }
    }

    /// Reads the body of a request for this kind of command.
    ///
    /// Smartcar documents no body for most kinds; none and any JSON object are
    /// both fine there. Fields that this crate does not know are no error: who
    /// forwards a body forwards the bytes as they came, so that a field which
    /// Smartcar adds tomorrow arrives.
    pub fn parse(self, body: &[u8]) -> Result<Command, CommandError> {
        match self {
            Self::StartCharge => empty(body).map(|()| Command::StartCharge),
            Self::StopCharge => empty(body).map(|()| Command::StopCharge),
            Self::Lock => empty(body).map(|()| Command::Lock),
            Self::Unlock => empty(body).map(|()| Command::Unlock),
            Self::OpenChargePort => empty(body).map(|()| Command::OpenChargePort),
            Self::CloseChargePort => empty(body).map(|()| Command::CloseChargePort),
            Self::SetChargeLimit => {
                let Limit { percent } = attributes(body)?;
                Percent::new(percent).map(Command::SetChargeLimit)
            }
            Self::SetDestination => {
                let Place {
                    latitude,
                    longitude,
                } = attributes(body)?;
                Destination::new(latitude, longitude).map(Command::SetDestination)
            }
        }
    }
}

/// A command, complete and within Smartcar's limits.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Start charging. The vehicle has to be plugged in.
    StartCharge,
    /// Stop charging.
    StopCharge,
    /// Stop charging by itself at this state of charge.
    SetChargeLimit(Percent),
    /// Lock the doors.
    Lock,
    /// Unlock the doors.
    Unlock,
    /// Send a destination to the navigation system.
    SetDestination(Destination),
    /// Open the charge port.
    OpenChargePort,
    /// Close the charge port.
    CloseChargePort,
}

impl Command {
    /// The kind of this command.
    pub const fn kind(&self) -> CommandKind {
        match self {
            Self::StartCharge => CommandKind::StartCharge,
            Self::StopCharge => CommandKind::StopCharge,
            Self::SetChargeLimit(_) => CommandKind::SetChargeLimit,
            Self::Lock => CommandKind::Lock,
            Self::Unlock => CommandKind::Unlock,
            Self::SetDestination(_) => CommandKind::SetDestination,
            Self::OpenChargePort => CommandKind::OpenChargePort,
            Self::CloseChargePort => CommandKind::CloseChargePort,
        }
    }

    /// The request body that Smartcar expects; empty where it expects none.
    pub fn body(&self) -> Vec<u8> {
        match self {
            Self::SetChargeLimit(percent) => json(Limit { percent: percent.0 }),
            Self::SetDestination(place) => json(Place {
                latitude: place.latitude,
                longitude: place.longitude,
            }),
            _ => Vec::new(),
        }
    }
}

/// A charge limit in percent of the battery's capacity, 50 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percent(i64);

impl Percent {
    /// Checks the range.
    pub fn new(percent: i64) -> Result<Self, CommandError> {
        if (50..=100).contains(&percent) {
            Ok(Self(percent))
        } else {
            Err(CommandError::Percent)
        }
    }

    /// The limit in percent.
    pub fn get(self) -> i64 {
        self.0
    }
}

/// A place on earth, in degrees (WGS 84).
#[derive(Clone, Copy, PartialEq)]
pub struct Destination {
    latitude: f64,
    longitude: f64,
}

impl Destination {
    /// Checks the ranges: latitude -90 to 90, longitude -180 to 180.
    pub fn new(latitude: f64, longitude: f64) -> Result<Self, CommandError> {
        if !(-90.0..=90.0).contains(&latitude) {
            return Err(CommandError::Latitude);
        }
        if !(-180.0..=180.0).contains(&longitude) {
            return Err(CommandError::Longitude);
        }
        Ok(Self {
            latitude,
            longitude,
        })
    }
}

/// Where somebody is going belongs in no log.
impl std::fmt::Debug for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Destination(..)")
    }
}

/// A request body that is no command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The body is not the documented JSON. Tells where, not what was there.
    #[error("the body is not the JSON that this command takes: {0}")]
    Body(String),
    /// The charge limit is out of range.
    #[error("data.attributes.percent must be an integer from 50 to 100")]
    Percent,
    /// The latitude is out of range.
    #[error("data.attributes.latitude must be a number of degrees from -90 to 90")]
    Latitude,
    /// The longitude is out of range.
    #[error("data.attributes.longitude must be a number of degrees from -180 to 180")]
    Longitude,
    /// The command takes no parameters.
    #[error("this command takes no body, or a JSON object")]
    NoBody,
}

#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    data: Data<T>,
}

#[derive(Serialize, Deserialize)]
struct Data<T> {
    attributes: T,
}

#[derive(Serialize, Deserialize)]
struct Limit {
    percent: i64,
}

#[derive(Serialize, Deserialize)]
struct Place {
    latitude: f64,
    longitude: f64,
}

#[derive(Deserialize)]
struct Empty {}

fn attributes<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, CommandError> {
    serde_json::from_slice::<Envelope<T>>(body)
        .map(|e| e.data.attributes)
        .map_err(|error| {
            // serde_json's own sentence can quote the value, which may be a coordinate.
            let what = match error.classify() {
                serde_json::error::Category::Data => "a field is missing or of the wrong type",
                _ => "it is not valid JSON",
            };
            CommandError::Body(format!(
                "{what} (line {}, column {})",
                error.line(),
                error.column()
            ))
        })
}

fn empty(body: &[u8]) -> Result<(), CommandError> {
    if body.is_empty() || serde_json::from_slice::<Empty>(body).is_ok() {
        Ok(())
    } else {
        Err(CommandError::NoBody)
    }
}

fn json<T: Serialize>(attributes: T) -> Vec<u8> {
    // Serialising numbers into memory does not fail.
    serde_json::to_vec(&Envelope {
        data: Data { attributes },
    })
    .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(percent: &str) -> Result<Command, CommandError> {
        let body = format!(r#"{{"data":{{"attributes":{{"percent":{percent}}}}}}}"#);
        CommandKind::SetChargeLimit.parse(body.as_bytes())
    }

    #[test]
    fn a_charge_limit_is_an_integer_from_50_to_100() {
        for good in [50, 80, 100] {
            let command = limit(&good.to_string()).unwrap();
            assert_eq!(command, Command::SetChargeLimit(Percent(good)));
        }
        for bad in ["49", "101", "-80", "99999999999"] {
            assert_eq!(limit(bad), Err(CommandError::Percent), "{bad}");
        }
        for bad in ["80.5", "\"80\"", "null", "true", "1e2", ""] {
            assert!(matches!(limit(bad), Err(CommandError::Body(_))), "{bad}");
        }
    }

    #[test]
    fn a_destination_is_on_earth_and_in_no_message() {
        let parse = |body: &str| CommandKind::SetDestination.parse(body.as_bytes());
        let place = |lat: &str, lon: &str| {
            parse(&format!(
                r#"{{"data":{{"attributes":{{"latitude":{lat},"longitude":{lon}}}}}}}"#
            ))
        };
        assert!(place("12.5", "-180").is_ok());
        assert_eq!(place("90.001", "0"), Err(CommandError::Latitude));
        assert_eq!(place("0", "-181"), Err(CommandError::Longitude));
        let error = place("\"12.3456\"", "0").unwrap_err().to_string();
        assert!(!error.contains("12.3456"), "{error}");
        assert!(!format!("{:?}", place("12.3456", "0")).contains("12.3456"));
    }

    #[test]
    fn a_command_without_parameters_takes_no_body_or_an_object() {
        for good in ["", "{}", r#"{"data":{"tomorrow":1}}"#] {
            assert_eq!(
                CommandKind::Lock.parse(good.as_bytes()),
                Ok(Command::Lock),
                "{good}"
            );
        }
        for bad in ["lock", "7", "\"{}\"", "{"] {
            let parsed = CommandKind::Lock.parse(bad.as_bytes());
            assert_eq!(parsed, Err(CommandError::NoBody), "{bad}");
        }
    }

    #[test]
    fn what_is_sent_is_what_was_understood() {
        for (kind, body) in [
            (
                CommandKind::SetChargeLimit,
                r#"{"data":{"attributes":{"percent":80}}}"#,
            ),
            (
                CommandKind::SetDestination,
                r#"{"data":{"attributes":{"latitude":1.5,"longitude":-2.25}}}"#,
            ),
            (CommandKind::Unlock, ""),
        ] {
            let command = kind.parse(body.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(command.body()).unwrap(), body);
            assert_eq!(command.kind(), kind);
        }
    }
}
