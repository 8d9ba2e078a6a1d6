//! Identifiers that must not be mixed up.

use std::fmt;

/// A string that is no identifier of the kind asked for.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} must be {rule}")]
pub struct InvalidId {
    kind: &'static str,
    rule: &'static str,
}

/// Smartcar's identifiers are UUIDs today, which is not promised. This alphabet
/// holds them and cannot change the meaning of a URL's path or of a header.
pub(crate) fn check(kind: &'static str, id: &str) -> Result<(), InvalidId> {
    let fits = (1..=128).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        && id.bytes().any(|b| b != b'.');
    if fits {
        Ok(())
    } else {
        let rule = "1 to 128 characters of A-Z a-z 0-9 . _ -";
        Err(InvalidId { kind, rule })
    }
}

/// A UUID can be written in capitals too (RFC 9562, 4). Smartcar writes lower
/// case, and what is kept by an identifier is kept by that spelling.
pub(crate) fn check_spelling(kind: &'static str, id: &str) -> Result<(), InvalidId> {
    let is_uuid = id.len() == 36
        && id.bytes().enumerate().all(|(place, b)| match place {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        });
    if is_uuid && id.bytes().any(|b| b.is_ascii_uppercase()) {
        let rule = "in lower case, as Smartcar writes UUIDs";
        return Err(InvalidId { kind, rule });
    }
    Ok(())
}

/// An identifier, which fits into a path and cannot leave its place in it.
pub trait Id: sealed::Sealed {
    /// The identifier as text.
    fn as_str(&self) -> &str;
}

mod sealed {
    /// Only what was checked is an identifier.
    pub trait Sealed {}
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Checks that `id` is one.
            pub fn parse(id: &str) -> Result<Self, InvalidId> {
                check($kind, id)?;
                Ok(Self(id.to_owned()))
            }

            /// Checks that `id` is one, as Smartcar spells it: a UUID in lower case.
            /// For what callers send: whether Smartcar takes two spellings for one
            /// id is not documented, and here they would be two.
            pub fn from_caller(id: &str) -> Result<Self, InvalidId> {
                let id = Self::parse(id)?;
                check_spelling($kind, id.as_str())?;
                Ok(id)
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl sealed::Sealed for $name {}

        impl Id for $name {
            fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// A vehicle, as Smartcar names it. It stays the same when its owner reconnects.
    VehicleId, "a vehicle id"
}
id! {
    /// A user: the vehicle owner who gave consent in Smartcar Connect.
    UserId, "a user id"
}

id! {
    /// A connection: one user's consent for one vehicle. A reconnect gives a new one.
    ConnectionId, "a connection id"
}
id! {
    /// A webhook, made in Smartcar's dashboard.
    WebhookId, "a webhook id"
}
id! {
    /// A subscription of a vehicle to a webhook.
    SubscriptionId, "a subscription id"
}
id! {
    /// A charge schedule.
    ScheduleId, "a schedule id"
}
id! {
    /// An application of the account.
    ApplicationId, "an application id"
}
id! {
    /// A signal, by its code: `tractionbattery-stateofcharge`.
    SignalCode, "a signal code"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_cannot_leave_its_place_in_a_path_or_a_header() {
        for bad in [
            "",
            ".",
            "..",
            "a/b",
            "a%2fb",
            "a b",
            "a?b",
            "a\r\nb",
            "ä",
            &"a".repeat(129),
        ] {
            assert!(VehicleId::parse(bad).is_err(), "{bad:?}");
        }
        for good in ["7a3f6c1e-0000-4000-8000-000000000001", "vehicle_1", "a.b"] {
            assert_eq!(
                VehicleId::parse(good).map(|id| id.to_string()).as_deref(),
                Ok(good)
            );
        }
    }

    #[test]
    fn id_of_a_caller_is_a_uuid_in_lower_case_or_no_uuid() {
        let upper = "7A3F6C1E-0000-4000-8000-00000000000A";
        let refused = VehicleId::from_caller(upper).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "a vehicle id must be in lower case, as Smartcar writes UUIDs"
        );
        assert!(UserId::from_caller("7a3f6c1e-0000-4000-8000-00000000000A").is_err());
        // A delivery is stored as it came.
        assert!(VehicleId::parse(upper).is_ok());
        for good in [&upper.to_lowercase(), "Vehicle-1", &upper[1..], "a.B"] {
            assert!(VehicleId::from_caller(good).is_ok(), "{good}");
        }
        assert!(VehicleId::from_caller("a/b").is_err());
    }
}
