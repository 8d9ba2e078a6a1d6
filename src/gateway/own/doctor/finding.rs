//! What the doctor can find, and what to do about it.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::{Value, json};

/// Makes [`Finding`] of its table: each with its code, its sentence and what to do.
macro_rules! findings {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $sentence:literal, $remedy:literal;)+) => {
        /// Something that is wrong. OPERATING.md has a section about each, whose heading is
        /// the sentence.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Finding {
            $($(#[$doc])* $name,)+
        }

        impl Finding {
            /// Every finding, in the order of the sections in OPERATING.md.
            const ALL: &[Self] = &[$(Self::$name,)+];

            /// A name that stays when the sentence is put in other words, for example
            /// `WEBHOOK_DISABLED`.
            pub(crate) const fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                }
            }

            /// What is wrong, for the operator.
            pub(crate) const fn sentence(self) -> &'static str {
                match self {
                    $(Self::$name => $sentence,)+
                }
            }

            /// What to do about it.
            pub(crate) const fn remedy(self) -> &'static str {
                match self {
                    $(Self::$name => $remedy,)+
                }
            }
        }
    };
}

findings! {
    /// Nothing can be asked.
    CredentialsMissing = "CREDENTIALS_MISSING",
        "There are no Smartcar credentials.",
        "Set smartcar_client_id and smartcar_client_secret: the API credential for v3 of \
         Smartcar's dashboard.";

    /// The client id is of another kind.
    ClientIdIsUuid = "CLIENT_ID_IS_UUID",
        "The client id is a UUID, which no client id of API v3 is.",
        "Set smartcar_client_id to the id of the API credential, which begins with client_. A \
         UUID is the Application ID, or a client id of API v2.";

    /// The secret is not one.
    ClientSecretIsId = "CLIENT_SECRET_IS_ID",
        "The client secret is an id.",
        "Set smartcar_client_secret to the secret that belongs to the client id; Smartcar's \
         dashboard shows it once.";

    /// The Application ID is of another kind.
    ApplicationIdIsClientId = "APPLICATION_ID_IS_CLIENT_ID",
        "The Application ID is a client id.",
        "Set smartcar_application_id to the Application ID of Smartcar's dashboard, a UUID; \
         Connect refuses anything else.";

    /// A management token is something else.
    ManagementTokenIsOther = "MANAGEMENT_TOKEN_IS_OTHER",
        "A management token is the client id, the client secret or the Application ID.",
        "Set management_tokens to the Application Management Token of Smartcar's dashboard: it \
         signs the deliveries, and is neither an id nor the client secret.";

    /// A call of the doctor's got no answer that it could use.
    NotAnswered = "NOT_ANSWERED",
        "Smartcar did not answer what the doctor asked.",
        "See details: path is what was asked, error is what came of it. Whatever else is found, \
         this part was not looked at; diagnosis in /status says what is wrong with the token or \
         the limits.";

    /// A listing was not read to its end.
    ListingIncomplete = "LISTING_INCOMPLETE",
        "A list of Smartcar's could not be read to its end.",
        "See details: path is what was asked. What depends on the whole list was not looked at. \
         An examination makes 20 calls at most, and begins none after 18 seconds.";

    /// There is no such webhook.
    WebhookMissing = "WEBHOOK_MISSING",
        "Smartcar has no such webhook.",
        "Make a webhook in Smartcar's dashboard, with this host's /webhooks as its callback URI, \
         or correct webhook_id.";

    /// The webhook leads to another place.
    WebhookElsewhere = "WEBHOOK_ELSEWHERE",
        "The callback URI of the webhook does not lead to this host.",
        "In Smartcar's dashboard, enter https://<this host>/webhooks and verify it. The host is \
         taken from connect_redirect_uri where that is set.";

    /// Nothing is delivered.
    WebhookDisabled = "WEBHOOK_DISABLED",
        "The webhook is disabled.",
        "Enable it in Smartcar's dashboard. While it is disabled, nothing is delivered or kept for \
         later; a first delivery follows.";

    /// Deliveries are empty.
    WebhookWithoutData = "WEBHOOK_WITHOUT_DATA",
        "The webhook has no data.",
        "In Smartcar's dashboard, add the signals that deliveries are to carry. Without any, \
         deliveries and reads of signals are empty.";

    /// Nothing causes a delivery.
    WebhookWithoutTriggers = "WEBHOOK_WITHOUT_TRIGGERS",
        "The webhook has no triggers.",
        "In Smartcar's dashboard, add the signals whose changes cause a delivery.";

    /// Errors are delivered to another place.
    ErrorUriElsewhere = "ERROR_URI_ELSEWHERE",
        "The error callback URI of the webhook does not lead to this host.",
        "In Smartcar's dashboard, remove the error callback URI or enter https://<this \
         host>/webhooks: until then VEHICLE_ERROR events go elsewhere, and openErrors of \
         /v3/vehicles shows none.";

    /// No one has let the application use a vehicle.
    NoConnections = "NO_CONNECTIONS",
        "No vehicle is connected to this application.",
        "Send an owner through /connect/start. If vehicles were connected, they are another \
         application's: compare the client id with Smartcar's dashboard.";

    /// Vehicles of which nothing is delivered.
    NotSubscribed = "NOT_SUBSCRIBED",
        "Vehicles are connected and not subscribed to the webhook.",
        "See details. Subscribe each with POST /v3/subscriptions, or in Smartcar's dashboard; \
         webhook_id has each vehicle subscribed when its owner comes back from Connect.";

    /// Owners may not have granted what keys are for.
    PermissionsMissing = "PERMISSIONS_MISSING",
        "Connections may lack permissions that API keys are for.",
        "See details. A change of Vehicle Access in the dashboard holds for new connections only: \
         have the owner come through Connect again. Smartcar may show what the application can \
         ask for and not what was granted.";

    /// Accesses have ended elsewhere.
    AccessEnded = "ACCESS_ENDED",
        "Vehicles are stored that Smartcar does not list any more.",
        "Nothing: their owners have taken the access back, or it was removed elsewhere. What is \
         stored of them is forgotten when they are missing again at least 55 minutes later.";

    /// The list may be of something else.
    NoneListed = "NONE_LISTED",
        "Smartcar lists none of the vehicles that are stored.",
        "Compare the client id with Smartcar's dashboard: these may be another application's \
         credentials, so nothing is forgotten. If the access has really ended, remove each user \
         with DELETE /v3/users/{userId}.";

    /// The clocks differ.
    ClockDiffers = "CLOCK_DIFFERS",
        "This host's clock and Smartcar's differ by more than two minutes.",
        "Have this host's clock set by NTP. Deliveries may be refused as stale, and the ages of \
         signals are wrong.";
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Finding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        let found = Self::ALL.iter().find(|finding| finding.code() == code);
        found
            .copied()
            .ok_or_else(|| D::Error::custom("a finding of another version"))
    }
}

/// What a finding is about. Vehicles are counted, and some are named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Details {
    /// How many vehicles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) vehicles: Option<usize>,
    /// The ids of the first few of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) vehicle_ids: Vec<String>,
    /// The permissions that one or the other lacks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) permissions: Vec<String>,
    /// What was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// By how much this host's clock is ahead of Smartcar's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seconds_ahead: Option<i64>,
}

/// How many vehicles a finding names.
const NAMED: usize = 5;

impl Details {
    /// So many vehicles, with the ids of the first few.
    pub(crate) fn of_vehicles<'a>(ids: impl IntoIterator<Item = &'a str>) -> Self {
        let ids: Vec<&str> = ids.into_iter().collect();
        Self {
            vehicles: Some(ids.len()),
            vehicle_ids: ids.into_iter().take(NAMED).map(str::to_owned).collect(),
            ..Self::default()
        }
    }
}

/// A finding with what it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Found {
    pub(crate) finding: Finding,
    pub(crate) details: Details,
}

impl Found {
    /// As `/v3/doctor` shows it.
    pub(crate) fn show(&self) -> Value {
        json!({
            "code": self.finding.code(),
            "sentence": self.finding.sentence(),
            "remedy": self.finding.remedy(),
            "details": self.details,
        })
    }
}

/// A finding that says all by itself.
impl From<Finding> for Found {
    fn from(finding: Finding) -> Self {
        Self {
            finding,
            details: Details::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The document that says what an operator does about each finding.
    const OPERATING: &str = include_str!("../../../../OPERATING.md");

    #[test]
    fn finding_has_a_section_of_its_own_in_its_order() {
        let (_, section) = OPERATING.split_once("\n## Doctor\n").unwrap();
        let (section, _) = section.split_once("\n## ").unwrap();
        let headings = section.lines().filter_map(|line| line.strip_prefix("### "));
        let sentences = Finding::ALL.iter().map(|finding| {
            let sentence = finding.sentence();
            sentence.strip_suffix('.').unwrap()
        });
        assert_eq!(headings.collect::<Vec<_>>(), sentences.collect::<Vec<_>>());
    }

    #[test]
    fn finding_has_a_code_of_its_own_and_is_known_by_it() {
        let codes: BTreeSet<&str> = Finding::ALL.iter().map(|finding| finding.code()).collect();
        assert_eq!(codes.len(), Finding::ALL.len());
        for finding in Finding::ALL {
            let code = json!(finding);
            assert_eq!(code, json!(finding.code()));
            let read: Finding = serde_json::from_value(code).unwrap();
            assert_eq!(read, *finding);
        }
        assert!(serde_json::from_value::<Finding>(json!("TOMORROW")).is_err());
    }

    #[test]
    fn finding_counts_all_vehicles_and_names_five() {
        let ids: Vec<String> = (0..7).map(|number| format!("v-{number}")).collect();
        let details = Details::of_vehicles(ids.iter().map(String::as_str));
        let expected = json!({"vehicles": 7, "vehicleIds": ["v-0", "v-1", "v-2", "v-3", "v-4"]});
        assert_eq!(json!(details), expected);
    }
}
