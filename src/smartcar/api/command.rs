//! What a vehicle can be told to do.
//!
//! Source: <https://smartcar.com/docs/api-reference/commands/overview>

use crate::{
    endpoints::{self, Endpoint},
    fields::Fields,
};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};
use std::{fmt, marker::PhantomData};

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

    /// The kind that an endpoint takes.
    pub fn of(endpoint: &Endpoint) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.endpoint().name == endpoint.name)
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

    /// The signal by which the vehicle tells whether it did this, and the value
    /// that it then has.
    pub fn evidence(&self) -> Option<Evidence> {
        let (signal, expected) = match self {
            Self::Lock => ("closure-islocked", Expected::Is(true)),
            Self::Unlock => ("closure-islocked", Expected::Is(false)),
            Self::StartCharge => ("charge-ischarging", Expected::Is(true)),
            Self::StopCharge => ("charge-ischarging", Expected::Is(false)),
            Self::SetChargeLimit(percent) => ("charge-chargelimits", Expected::Limit(percent.0)),
            Self::SetDestination(_) | Self::OpenChargePort | Self::CloseChargePort => return None,
        };
        Some(Evidence { signal, expected })
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

/// What shows that a command was carried out. As text it can be kept and read
/// again: `closure-islocked=true`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The code of the signal.
    pub signal: &'static str,
    expected: Expected,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Is(bool),
    Limit(i64),
}

impl Evidence {
    /// Reads what [`Display`](fmt::Display) wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let (signal, expected) = text.split_once('=')?;
        let (signal, expected) = match signal {
            "closure-islocked" => ("closure-islocked", Expected::Is(expected.parse().ok()?)),
            "charge-ischarging" => ("charge-ischarging", Expected::Is(expected.parse().ok()?)),
            "charge-chargelimits" => (
                "charge-chargelimits",
                Expected::Limit(expected.parse().ok()?),
            ),
            _ => return None,
        };
        Some(Self { signal, expected })
    }

    /// Whether the body of the signal, told after the command, says that it was
    /// carried out; nothing where it does not say.
    pub fn is_met(&self, body: &str) -> Option<bool> {
        let body = Fields::read(body)?;
        match self.expected {
            Expected::Is(expected) => Some(body.boolean("value")? == expected),
            Expected::Limit(percent) => {
                let limits = body.objects("values").unwrap_or_default();
                // A location can have a limit of its own; a command sets the one
                // that holds everywhere.
                let everywhere = limits.iter().filter(|limit| {
                    let kind = limit.text("type");
                    kind.is_none_or(|kind| kind.eq_ignore_ascii_case("global"))
                });
                let told = everywhere
                    .filter_map(|limit| limit.number("limit"))
                    .chain(body.number("activeLimit"));
                let mut told = told.peekable();
                told.peek()?;
                #[allow(clippy::cast_precision_loss, reason = "a percentage fits")]
                let percent = percent as f64;
                Some(told.any(|limit| (limit - percent).abs() < 0.5))
            }
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.expected {
            Expected::Is(is) => write!(f, "{}={is}", self.signal),
            Expected::Limit(percent) => write!(f, "{}={percent}", self.signal),
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
impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
    data: Object<Data<T>>,
}

#[derive(Serialize, Deserialize)]
struct Data<T> {
    attributes: Object<T>,
}

/// A JSON object. A derived struct would take an array in its place.
#[derive(Serialize)]
#[serde(transparent)]
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Object<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(Members(PhantomData))
    }
}

#[derive(Serialize, Deserialize)]
struct Limit {
    #[serde(deserialize_with = "whole")]
    percent: i64,
}

#[derive(Serialize, Deserialize)]
struct Place {
    latitude: f64,
    longitude: f64,
}

#[derive(Deserialize)]
struct Empty {}

/// A whole number. JSON has one kind of number: 80.0 is 80, and Python writes it so.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let number = f64::deserialize(deserializer)?;
    if number.fract() == 0.0 && number.abs() < 1e15 {
        #[allow(clippy::cast_possible_truncation, reason = "within what an f64 counts")]
        return Ok(number as i64);
    }
    Err(serde::de::Error::custom("no whole number"))
}

fn attributes<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, CommandError> {
    serde_json::from_slice::<Object<Envelope<T>>>(body)
        .map(|envelope| envelope.0.data.0.attributes.0)
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
    if body.is_empty() || serde_json::from_slice::<Object<Empty>>(body).is_ok() {
        Ok(())
    } else {
        Err(CommandError::NoBody)
    }
}

fn json<T: Serialize>(attributes: T) -> Vec<u8> {
    // Serialising numbers into memory does not fail.
    serde_json::to_vec(&Envelope {
        data: Object(Data {
            attributes: Object(attributes),
        }),
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
        for good in ["80.0", "8e1"] {
            assert_eq!(limit(good), Ok(Command::SetChargeLimit(Percent(80))));
        }
        for bad in ["49", "101", "-80", "99999999999"] {
            assert_eq!(limit(bad), Err(CommandError::Percent), "{bad}");
        }
        for bad in ["[[[80]]]", r#"{"data":[[80]]}"#] {
            let parsed = CommandKind::SetChargeLimit.parse(bad.as_bytes());
            assert!(matches!(parsed, Err(CommandError::Body(_))), "{bad}");
        }
        for bad in ["80.5", "\"80\"", "null", "true", "1e99", ""] {
            assert!(matches!(limit(bad), Err(CommandError::Body(_))), "{bad}");
        }
    }

    #[test]
    fn a_body_that_is_no_command_is_told_what_it_lacks() {
        for (body, what) in [
            ("{", "it is not valid JSON"),
            ("{}", "a field is missing or of the wrong type"),
        ] {
            let error = CommandKind::SetChargeLimit.parse(body.as_bytes());
            let error = error.unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
        assert_eq!(Percent::new(80).map(Percent::get), Ok(80));
    }

    #[test]
    fn each_endpoint_of_a_command_knows_its_kind_and_no_other_has_one() {
        for kind in CommandKind::ALL {
            assert_eq!(CommandKind::of(kind.endpoint()), Some(kind));
        }
        assert_eq!(CommandKind::of(&endpoints::DELETE_CONNECTION), None);
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
        for bad in ["lock", "7", "\"{}\"", "{", "[]"] {
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

    #[test]
    fn a_signal_shows_whether_a_command_was_carried_out() {
        let limit = Command::SetChargeLimit(Percent::new(80).unwrap());
        for (command, body, met) in [
            (&Command::Lock, r#"{"value":true}"#, Some(true)),
            (&Command::Lock, r#"{"value":false}"#, Some(false)),
            (&Command::Unlock, r#"{"value":false}"#, Some(true)),
            (&Command::StartCharge, r#"{"value":true}"#, Some(true)),
            (&Command::StopCharge, r#"{"value":true}"#, Some(false)),
            (&Command::StopCharge, r#"{"value":"no"}"#, None),
            (&limit, r#"{"values":[],"activeLimit":80}"#, Some(true)),
            (
                &limit,
                r#"{"values":[{"type":"GLOBAL","limit":80.0}]}"#,
                Some(true),
            ),
            (
                &limit,
                r#"{"values":[{"type":"LOCATION","limit":80}],"activeLimit":90}"#,
                Some(false),
            ),
            (&limit, r#"{"values":[],"activeLimit":80.5}"#, Some(false)),
            (&limit, r#"{"values":[]}"#, None),
        ] {
            let evidence = command.evidence().unwrap();
            assert_eq!(evidence.is_met(body), met, "{command:?} {body}");
            // What is kept as text is read again as what it was.
            assert_eq!(Evidence::parse(&evidence.to_string()), Some(evidence));
        }
        assert_eq!(Command::OpenChargePort.evidence(), None);
        for bad in [
            "",
            "closure-islocked",
            "closure-islocked=80",
            "odometer-traveleddistance=1",
        ] {
            assert_eq!(Evidence::parse(bad), None, "{bad}");
        }
    }
}
