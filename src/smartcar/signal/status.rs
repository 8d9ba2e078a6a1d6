//! How Smartcar got a signal, and why it did not.

use crate::{Resolution, fields::Fields, open_set::open_set};

open_set! {
    /// Whether Smartcar got a signal from the vehicle.
    ///
    /// Source: <https://smartcar.com/docs/api-reference/get-signal>
    SignalStatus {
        /// The body is what the vehicle reported.
        Success = "SUCCESS",
        /// The error says why; a body is the last one known.
        Error = "ERROR",
        /// The vehicle has reported nothing yet.
        Unavailable = "UNAVAILABLE",
    }
}

/// Why Smartcar did not get a signal from the vehicle. Type and code are open
/// sets: compare them with the values you know and expect others.
///
/// A delivery tells type and code only.
///
/// Source: <https://smartcar.com/docs/api-reference/api-errors>
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignalError {
    /// Smartcar's `type`, for example `COMPATIBILITY`; empty where missing.
    pub kind: String,
    /// For example `VEHICLE_NOT_CAPABLE`. Some errors have none.
    pub code: Option<String>,
    /// A sentence for developers.
    pub detail: Option<String>,
    /// What Smartcar suggests. `UNKNOWN_RESOLUTION_TYPE` was seen too.
    pub resolution: Option<Resolution>,
}

impl SignalError {
    /// Reads the member `error` of a status; None where that is no object.
    pub(super) fn read(status: &Fields<'_>) -> Option<Self> {
        let error = Fields::read(status.get("error")?.get())?;
        let text = |name| error.text(name).map(String::from);
        Some(Self {
            kind: text("type").unwrap_or_default(),
            code: text("code"),
            // `description` says "Deprecated. Use detail" wherever there is a detail.
            detail: text("detail")
                .or_else(|| text("description"))
                .or_else(|| text("title")),
            resolution: error
                .object("resolution")
                .text("type")
                .map(String::from)
                .map(Resolution),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_written_as_it_was_read() {
        for text in ["SUCCESS", "ERROR", "UNAVAILABLE", "TOMORROW"] {
            assert_eq!(SignalStatus::from(text).as_str(), text);
        }
    }

    #[test]
    fn error_keeps_what_can_be_read() {
        let status = r#"{"error":{"type":["?"],"code":"ASLEEP","title":"Asleep","resolution":{"type":null}}}"#;
        let error = SignalError::read(&Fields::read(status).unwrap()).unwrap();
        assert_eq!(
            error,
            SignalError {
                code: Some("ASLEEP".into()),
                detail: Some("Asleep".into()),
                ..SignalError::default()
            }
        );
    }
}
