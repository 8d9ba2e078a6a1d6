//! Which errors of a vehicle end when its owner authenticates again.

use crate::fields::Fields;

/// Types of errors that ask the owner to authenticate, and do not end by it: what a car or the
/// application cannot do (<https://github.com/wbyoung/smartcar/issues/51>).
pub const NOT_THE_OWNER_S: [&str; 2] = ["COMPATIBILITY", "PERMISSION"];

/// A key that was never paired is not paired by it either.
const NOT_PAIRED: &str = "DEVICE_PAIRING_REQUIRED";

/// Whether an error of this type and code ends when the owner authenticates again; `json` is
/// the error as it was delivered.
///
/// Source: <https://smartcar.com/docs/api-reference/webhooks/events/vehicle-error>
pub fn needs_reauthentication(kind: &str, code: Option<&str>, json: &str) -> bool {
    if NOT_THE_OWNER_S.contains(&kind) || code == Some(NOT_PAIRED) {
        return false;
    }
    let resolution = || {
        let error = Fields::read(json)?;
        Some(error.object("resolution").text("type")? == "REAUTHENTICATE")
    };
    code == Some("AUTHENTICATION_FAILED") || resolution() == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKS: &str = r#"{"resolution": {"type": "REAUTHENTICATE"}}"#;

    #[test]
    fn error_needs_reauthentication_where_that_ends_it() {
        for (kind, code, json, needs) in [
            (
                "CONNECTED_SERVICES_ACCOUNT",
                Some("AUTHENTICATION_FAILED"),
                "{}",
                true,
            ),
            ("CONNECTED_SERVICES_ACCOUNT", Some("PERMISSION"), ASKS, true),
            (
                "CONNECTED_SERVICES_ACCOUNT",
                Some("NO_VEHICLES"),
                "{}",
                false,
            ),
            ("CONNECTED_SERVICES_ACCOUNT", None, ASKS, true),
            // These say so and do not mean it.
            ("COMPATIBILITY", Some("VEHICLE_NOT_CAPABLE"), ASKS, false),
            ("PERMISSION", None, ASKS, false),
            (
                "VEHICLE_STATE",
                Some("DEVICE_PAIRING_REQUIRED"),
                ASKS,
                false,
            ),
            // Whatever it is, it is no resolution.
            ("ODD", None, r#"{"resolution": "REAUTHENTICATE"}"#, false),
            ("ODD", None, "null", false),
            ("ODD", None, "", false),
            // The last member of a name counts, and no other one costs it.
            (
                "ODD",
                None,
                r#"{"a": "\ud800\u0000", "resolution": {"type": 1, "type": "REAUTHENTICATE"}}"#,
                true,
            ),
        ] {
            assert_eq!(
                needs_reauthentication(kind, code, json),
                needs,
                "{kind} {code:?} {json}"
            );
        }
    }
}
