//! Commands: what a vehicle can be asked to do, in one table.
//!
//! Source: <https://smartcar.com/docs/api-reference/commands/overview>

mod evidence;
mod parameters;

pub use evidence::Evidence;
pub use parameters::{CommandError, Destination, Percent};

use crate::endpoints::{self, Endpoint};
use parameters::{Parameters, empty};

macro_rules! commands {
    ($(
        #[doc = $summary:literal]
        $kind:ident $(($parameters:ident))? at $endpoint:ident
            $(, shown by $signal:literal $(= $value:literal)?)?;
    )+) => {
        /// A kind of command.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum CommandKind {
            $(
                #[doc = $summary]
                $kind
            ),+
        }

        impl CommandKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// The endpoint that takes this kind of command.
            pub const fn endpoint(self) -> &'static Endpoint {
                match self {
                    $(Self::$kind => &endpoints::$endpoint),+
                }
            }

            /// Reads the body of a request for this kind of command.
            ///
            /// Smartcar documents no body for most kinds; an empty body and any JSON object
            /// are accepted there. Unknown fields are not errors: a caller that forwards a
            /// body forwards its bytes, so that a field which Smartcar adds tomorrow arrives.
            pub fn parse(self, body: &[u8]) -> Result<Command, CommandError> {
                match self {
                    $(Self::$kind => commands!(@parse body, $kind $($parameters)?)),+
                }
            }
        }

        /// A command, complete and within Smartcar's limits.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Command {
            $(
                #[doc = $summary]
                $kind $(($parameters))?
            ),+
        }

        impl Command {
            /// The kind of this command.
            pub const fn kind(&self) -> CommandKind {
                match self {
                    $(Self::$kind { .. } => CommandKind::$kind),+
                }
            }

            fn parameters(&self) -> Option<&dyn Parameters> {
                $($(
                    if let Self::$kind(parameters) = self {
                        let parameters: &$parameters = parameters;
                        return Some(parameters);
                    }
                )?)+
                None
            }
        }

        /// The signal that shows whether a command of this kind was carried out, and the truth
        /// value that it then has; none where its value is the command's parameter.
        const fn signal(kind: CommandKind) -> Option<(&'static str, Option<bool>)> {
            match kind {
                $(CommandKind::$kind => commands!(@signal $($signal $($value)?)?)),+
            }
        }

        /// Those signals, and whether each has a truth value.
        const SIGNALS: &[(&str, bool)] = &[
            $($(($signal, commands!(@is $($value)?)),)?)+
        ];
    };
    (@parse $body:ident, $kind:ident) => { empty($body).map(|()| Command::$kind) };
    (@parse $body:ident, $kind:ident $parameters:ident) => {
        $parameters::read($body).map(Command::$kind)
    };
    (@signal) => { None };
    (@signal $signal:literal) => { Some(($signal, None)) };
    (@signal $signal:literal $value:literal) => { Some(($signal, Some($value))) };
    (@is) => { false };
    (@is $value:literal) => { true };
}

commands! {
    /// Start charging. The vehicle has to be plugged in.
    StartCharge at START_CHARGE, shown by "charge-ischarging" = true;
    /// Stop charging.
    StopCharge at STOP_CHARGE, shown by "charge-ischarging" = false;
    /// Set the state of charge at which charging stops.
    SetChargeLimit(Percent) at SET_CHARGE_LIMIT, shown by "charge-chargelimits";
    /// Lock the doors.
    Lock at LOCK, shown by "closure-islocked" = true;
    /// Unlock the doors.
    Unlock at UNLOCK, shown by "closure-islocked" = false;
    /// Send a destination to the navigation system.
    SetDestination(Destination) at SET_DESTINATION;
    /// Open the charge port.
    OpenChargePort at OPEN_CHARGE_PORT, shown by "charge-ischargingportflapopen" = true;
    /// Close the charge port.
    CloseChargePort at CLOSE_CHARGE_PORT, shown by "charge-ischargingportflapopen" = false;
}

impl CommandKind {
    /// The kind that an endpoint takes.
    pub fn of(endpoint: &Endpoint) -> Option<Self> {
        let mut kinds = Self::ALL.iter().copied();
        kinds.find(|kind| kind.endpoint().name == endpoint.name)
    }
}

impl Command {
    /// The signal that shows whether the vehicle did this, and the value that it then has.
    pub fn evidence(&self) -> Option<Evidence> {
        let (signal, is) = signal(self.kind())?;
        let percent = self.parameters().and_then(Parameters::percent);
        Evidence::new(signal, is, percent)
    }

    /// The request body that Smartcar expects; empty where it expects none.
    pub fn body(&self) -> Vec<u8> {
        self.parameters().map(Parameters::body).unwrap_or_default()
    }
}

impl Evidence {
    /// Reads what [`Display`](std::fmt::Display) wrote.
    pub fn parse(text: &str) -> Option<Self> {
        Self::read(SIGNALS, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(percent: &str) -> Result<Command, CommandError> {
        let body = format!(r#"{{"data":{{"attributes":{{"percent":{percent}}}}}}}"#);
        CommandKind::SetChargeLimit.parse(body.as_bytes())
    }

    #[test]
    fn charge_limit_is_an_integer_from_50_to_100() {
        for good in [50, 80, 100] {
            let command = limit(&good.to_string()).unwrap();
            assert_eq!(
                command,
                Command::SetChargeLimit(Percent::new(good).unwrap())
            );
        }
        for good in ["80.0", "8e1"] {
            assert_eq!(
                limit(good),
                Ok(Command::SetChargeLimit(Percent::new(80).unwrap()))
            );
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
    fn command_error_says_what_the_body_lacks() {
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
    fn command_kind_is_known_for_each_endpoint_of_a_command() {
        for kind in CommandKind::ALL.iter().copied() {
            assert_eq!(CommandKind::of(kind.endpoint()), Some(kind));
        }
        assert_eq!(CommandKind::of(&endpoints::DELETE_CONNECTION), None);
    }

    #[test]
    fn destination_is_on_earth_and_in_no_message() {
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
    fn command_without_parameters_takes_no_body_or_an_object() {
        for good in ["", "{}", r#"{"data":{"tomorrow":1}}"#] {
            assert_eq!(
                CommandKind::Lock.parse(good.as_bytes()),
                Ok(Command::Lock),
                "{good}"
            );
        }
        for bad in ["lock", "7", "\"{}\"", "{", "[]"] {
            let parsed = CommandKind::Lock.parse(bad.as_bytes());
            assert_eq!(parsed, Err(CommandError::UnexpectedBody), "{bad}");
        }
    }

    #[test]
    fn command_is_sent_as_it_was_read() {
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
    fn evidence_shows_whether_a_command_was_carried_out() {
        let limit = Command::SetChargeLimit(Percent::new(80).unwrap());
        for (command, body, met) in [
            (&Command::Lock, r#"{"value":true}"#, Some(true)),
            (&Command::Lock, r#"{"value":false}"#, Some(false)),
            (&Command::Unlock, r#"{"value":false}"#, Some(true)),
            (&Command::StartCharge, r#"{"value":true}"#, Some(true)),
            (&Command::StopCharge, r#"{"value":true}"#, Some(false)),
            (&Command::StopCharge, r#"{"value":"no"}"#, None),
            (&Command::OpenChargePort, r#"{"value":true}"#, Some(true)),
            (&Command::CloseChargePort, r#"{"value":true}"#, Some(false)),
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
        let destination = Destination::new(1.5, 2.5).unwrap();
        assert_eq!(Command::SetDestination(destination).evidence(), None);
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
