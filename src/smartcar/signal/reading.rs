//! One reading of a signal.

use super::status::{SignalError, SignalStatus};
use super::values::SignalValue;
use crate::cursor::{self, Cursor};
use crate::fields::Fields;
use crate::{SignalInfo, Timestamp, signal_info};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// One reading of a signal, from an answer of the API or from a delivery.
///
/// | | API | delivery |
/// |---|---|---|
/// | form | `{id, type: "signal", attributes: {code, name, group, status, body}, meta, links}` | `{code, name, group, status, body, meta}` |
/// | times in `meta` | ISO 8601 | milliseconds since 1970, 0 for unknown |
///
/// Both forms are read alike, and the JSON is kept as it came: a signal
/// serialises to the very bytes it was read from, with all that this crate does
/// not know. A field of an unexpected shape is none and costs no other field.
///
/// ```
/// use smartcar::{Signal, SignalStatus, SignalValue};
///
/// let json = r#"{"code": "charge-wattage", "name": "Wattage", "group": "Charge",
///     "body": {"value": 7200, "unit": "watts"},
///     "status": {"value": "ERROR", "error": {"type": "VEHICLE_STATE", "code": "NOT_CHARGING"}},
///     "meta": {"oemUpdatedAt": 1783157415000}}"#;
/// let signal: Signal = serde_json::from_str(json)?;
///
/// // The vehicle does not charge now; when it last did, it was with 7200 W.
/// assert_eq!(signal.status, Some(SignalStatus::Error));
/// assert_eq!(signal.error.as_ref().and_then(|e| e.code.as_deref()), Some("NOT_CHARGING"));
/// assert!(matches!(signal.value(), Some(SignalValue::Number(n)) if n.value == 7200.0));
/// assert_eq!(serde_json::to_string(&signal)?, json);
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// Sources: <https://smartcar.com/docs/api-reference/get-signal>,
/// <https://smartcar.com/docs/api-reference/webhooks/events/vehicle-state>
#[derive(Clone)]
pub struct Signal {
    /// For example `charge-wattage`. Taken from the resource's `id` or from group
    /// and name where the code itself is missing.
    pub code: String,
    /// For example `Wattage`.
    pub name: Option<String>,
    /// For example `Charge`.
    pub group: Option<String>,
    /// None where nothing is said, as in older deliveries: then the body counts.
    pub status: Option<SignalStatus>,
    /// Why there is no newer body. It can be true of a signal that has one.
    pub error: Option<SignalError>,
    /// The body as it was written. With an error it is the last one known, and
    /// can be days old.
    pub body: Option<Box<RawValue>>,
    /// When the vehicle said so: `oemUpdatedAt`.
    pub observed_at: Option<Timestamp>,
    /// When Smartcar asked: `retrievedAt`, or `fetchedAt` in Smartcar's docs.
    pub retrieved_at: Option<Timestamp>,
    /// When Smartcar stored it: `ingestedAt`, in answers of the API only.
    pub ingested_at: Option<Timestamp>,
    raw: Box<RawValue>,
}

impl Signal {
    /// Reads a signal of either form. None for what is no object, or says in no
    /// way which signal it is.
    pub fn read(json: &RawValue) -> Option<Self> {
        let parts = Parts::read(&mut Cursor::of_valid(json.get()))?;
        let status = parts.status.and_then(Fields::read).unwrap_or_default();
        Some(Self {
            status: status.text("value").as_deref().map(SignalStatus::from),
            error: SignalError::read(&status),
            body: parts.body.and_then(raw).map(ToOwned::to_owned),
            observed_at: parts.times.observed_at,
            retrieved_at: parts.times.retrieved_at,
            ingested_at: parts.times.ingested_at,
            code: parts.code.into_owned(),
            name: parts.name.map(Cow::into_owned),
            group: parts.group.map(Cow::into_owned),
            raw: json.to_owned(),
        })
    }

    /// The status as it was written, with all that Smartcar says of an error.
    pub fn raw_status(&self) -> Option<&RawValue> {
        let parts = Parts::read(&mut Cursor::of_valid(self.raw.get()))?;
        parts.status.and_then(raw)
    }

    /// Whether the body is what the vehicle says now, as far as Smartcar knows.
    /// False where an error or another status makes it an old one.
    pub fn is_success(&self) -> bool {
        match &self.status {
            Some(status) => *status == SignalStatus::Success,
            None => self.error.is_none(),
        }
    }

    /// The body as what it stands for; None where there is no body.
    ///
    /// Which form is expected is said by [`CATALOGUE`](crate::CATALOGUE), and for
    /// a code that is not in there by the body itself. A body that does not fit
    /// is [`SignalValue::Other`].
    pub fn value(&self) -> Option<SignalValue<'_>> {
        let body = self.body.as_deref()?;
        Some(SignalValue::read(self.info().map(|info| info.shape), body))
    }

    /// What is known about signals of this code.
    pub fn info(&self) -> Option<&'static SignalInfo> {
        signal_info(&self.code)
    }

    /// The whole signal as it was written.
    pub fn raw(&self) -> &RawValue {
        &self.raw
    }
}

/// A signal of either form, borrowed from its JSON: which it is, and the text of its
/// members. What is null is missing.
#[derive(Clone)]
pub(crate) struct Parts<'a> {
    pub(crate) code: Cow<'a, str>,
    pub(crate) name: Option<Cow<'a, str>>,
    pub(crate) group: Option<Cow<'a, str>>,
    pub(crate) status: Option<&'a str>,
    pub(crate) body: Option<&'a str>,
    pub(crate) times: Times,
}

/// When a signal's value was observed, and so on.
#[derive(Clone, Default)]
pub(crate) struct Times {
    pub(crate) observed_at: Option<Timestamp>,
    pub(crate) retrieved_at: Option<Timestamp>,
    pub(crate) ingested_at: Option<Timestamp>,
}

/// The members of a signal, or of its attributes.
#[derive(Clone, Copy, Default)]
struct Members<'a> {
    id: &'a str,
    code: &'a str,
    name: &'a str,
    group: &'a str,
    status: &'a str,
    body: &'a str,
    meta: &'a str,
}

impl<'a> Members<'a> {
    /// Notes a member of this name.
    fn note(&mut self, name: &str, cursor: &mut Cursor<'a>) {
        let member = match name {
            "id" => &mut self.id,
            "code" => &mut self.code,
            "name" => &mut self.name,
            "group" => &mut self.group,
            "status" => &mut self.status,
            "body" => &mut self.body,
            "meta" => &mut self.meta,
            _ => return,
        };
        *member = cursor.value();
    }
}

impl<'a> Parts<'a> {
    /// None for what is no object, or says in no way which signal it is.
    pub(crate) fn read(cursor: &mut Cursor<'a>) -> Option<Self> {
        let (mut top, mut attributes) = (Members::default(), Members::default());
        cursor.object(&mut |cursor, name| {
            if name == "attributes" {
                attributes = Members::default();
                cursor.object(&mut |cursor, name| attributes.note(name, cursor));
            } else {
                top.note(name, cursor);
            }
        });
        // In the API's form a member is one of the attributes; in the other it is beside
        // them.
        let member = |of: fn(&Members<'a>) -> &'a str| {
            let missing = |json: &&str| !matches!(*json, "" | "null");
            let of_attributes = Some(of(&attributes)).filter(missing);
            of_attributes.or_else(|| Some(of(&top)).filter(missing))
        };
        let text = |of| {
            let text = member(of).and_then(cursor::text);
            text.filter(|text| !text.is_empty())
        };
        let (name, group) = (text(|of| of.name), text(|of| of.group));
        let code = text(|of| of.code)
            .or_else(|| text(|of| of.id))
            .or_else(|| {
                let code = format!("{}-{}", group.as_ref()?, name.as_ref()?);
                Some(Cow::Owned(code.to_lowercase()))
            })?;
        Some(Self {
            code,
            name,
            group,
            status: member(|of| of.status),
            body: member(|of| of.body),
            times: member(|of| of.meta).map(Times::read).unwrap_or_default(),
        })
    }

    /// The member `value` of the status.
    pub(crate) fn status_value(&self) -> Option<Cow<'a, str>> {
        let mut value = "";
        Cursor::of_valid(self.status?).object(&mut |cursor, name| {
            if name == "value" {
                value = cursor.value();
            }
        });
        cursor::text(value)
    }
}

impl Times {
    fn read(meta: &str) -> Self {
        let (mut times, mut fetched_at) = (Self::default(), None);
        Cursor::of_valid(meta).object(&mut |cursor, name| {
            let time = match name {
                "oemUpdatedAt" => &mut times.observed_at,
                "retrievedAt" => &mut times.retrieved_at,
                "fetchedAt" => &mut fetched_at,
                "ingestedAt" => &mut times.ingested_at,
                _ => return,
            };
            *time = cursor::time(cursor.value());
        });
        times.retrieved_at = times.retrieved_at.or(fetched_at);
        times
    }
}

impl Serialize for Signal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Signal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::read(&raw).ok_or_else(|| D::Error::custom("expected a signal with a code"))
    }
}

fn raw(json: &str) -> Option<&RawValue> {
    serde_json::from_str(json).ok()
}

/// A body can hold where a vehicle stands, or its VIN.
impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal")
            .field("code", &self.code)
            .field("status", &self.status)
            .field("error", &self.error)
            .field("body", &self.body.as_ref().map(|_| format_args!("(..)")))
            .field("observed_at", &self.observed_at)
            .field("retrieved_at", &self.retrieved_at)
            .field("ingested_at", &self.ingested_at)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Resolution;

    fn signal(json: &str) -> Signal {
        serde_json::from_str(json).unwrap()
    }

    const OF_THE_API: &str = r#"{"id":"charge-chargerate","type":"signal","attributes":{
        "code":"charge-chargerate","name":"ChargeRate","group":"Charge",
        "status":{"value":"ERROR","error":{"type":"VEHICLE_STATE","code":"NOT_CHARGING",
            "title":"Not Charging","detail":"It stands still.","description":"Deprecated. Use detail",
            "resolution":{"type":"RETRY_LATER"}}},
        "body":{"value":31,"unit":"km/h"}},
        "meta":{"ingestedAt":"2026-07-04T09:40:00Z","retrievedAt":"2026-07-04T09:31:00Z",
            "oemUpdatedAt":"2026-07-04T09:30:15Z"},
        "links":{"self":"https://example.invalid/signals/charge-chargerate"}}"#;

    #[test]
    fn error_of_the_api_keeps_its_old_body() {
        let signal = signal(OF_THE_API);
        assert_eq!(signal.code, "charge-chargerate");
        assert_eq!(signal.name.as_deref(), Some("ChargeRate"));
        assert_eq!(signal.group.as_deref(), Some("Charge"));
        assert_eq!(signal.status, Some(SignalStatus::Error));
        assert!(!signal.is_success());
        let error = signal.error.as_ref().unwrap();
        assert_eq!(
            (error.kind.as_str(), error.code.as_deref()),
            ("VEHICLE_STATE", Some("NOT_CHARGING"))
        );
        assert_eq!(error.detail.as_deref(), Some("It stands still."));
        assert_eq!(error.resolution, Some(Resolution("RETRY_LATER".into())));
        assert_eq!(
            signal.body.as_ref().unwrap().get(),
            r#"{"value":31,"unit":"km/h"}"#
        );
        // date -u -d '2026-07-04T09:30:15Z' +%s → 1783157415
        assert_eq!(signal.observed_at, Some(Timestamp(1_783_157_415_000)));
        assert_eq!(signal.retrieved_at, Some(Timestamp(1_783_157_460_000)));
        assert_eq!(signal.ingested_at, Some(Timestamp(1_783_158_000_000)));
    }

    #[test]
    fn delivered_signal_reads_the_same_with_its_times_in_milliseconds() {
        let signal = signal(
            r#"{"code":"odometer-traveleddistance","name":"TraveledDistance","group":"Odometer",
                "body":{"value":4711.5,"unit":"km"},"status":{"value":"SUCCESS"},
                "meta":{"oemUpdatedAt":0,"fetchedAt":1783157460000}}"#,
        );
        assert!(signal.is_success() && signal.error.is_none());
        assert_eq!(signal.observed_at, None);
        assert_eq!(signal.retrieved_at, Some(Timestamp(1_783_157_460_000)));
        assert_eq!(signal.ingested_at, None);
    }

    #[test]
    fn signal_without_a_status_succeeds_unless_it_has_an_error() {
        assert!(signal(r#"{"code":"charge-ischarging","body":{"value":true}}"#).is_success());
        let failed = signal(
            r#"{"code":"charge-ischarging","status":{"error":{"type":"PERMISSION","code":null}}}"#,
        );
        assert!(!failed.is_success());
        let error = failed.error.unwrap();
        assert_eq!((error.kind.as_str(), error.code), ("PERMISSION", None));
        assert!(failed.body.is_none());
        let unavailable =
            signal(r#"{"code":"charge-ischarging","status":{"value":"UNAVAILABLE"}}"#);
        assert_eq!(unavailable.status, Some(SignalStatus::Unavailable));
        assert!(!unavailable.is_success());
    }

    #[test]
    fn field_of_another_shape_costs_only_itself() {
        let signal = signal(
            r#"{"code":"wheel-tires","name":7,"group":["Wheel"],"body":"flat",
                "status":{"value":"TOMORROW","error":"none"},
                "meta":{"oemUpdatedAt":{},"retrievedAt":"soon","fetchedAt":1783157460000}}"#,
        );
        assert_eq!(
            (
                signal.name.as_ref(),
                signal.group.as_ref(),
                signal.error.as_ref()
            ),
            (None, None, None)
        );
        assert_eq!(signal.status, Some(SignalStatus::Other("TOMORROW".into())));
        assert_eq!(signal.body.as_ref().unwrap().get(), "\"flat\"");
        assert_eq!(signal.observed_at, None);
        assert_eq!(signal.retrieved_at, Some(Timestamp(1_783_157_460_000)));
        for odd in [
            r#"{"code":"x-y","attributes":7,"meta":[1],"status":"ERROR"}"#,
            r#"{"code":"x-y","attributes":["charge-voltage"],"meta":null,"status":{"value":{}}}"#,
        ] {
            let signal = self::signal(odd);
            assert_eq!(
                (signal.code.as_str(), signal.status),
                ("x-y", None),
                "{odd}"
            );
        }
    }

    #[test]
    fn signal_is_known_by_its_id_or_its_name_where_the_code_is_missing() {
        assert_eq!(
            signal(r#"{"id":"hvac-x","attributes":{"code":8}}"#).code,
            "hvac-x"
        );
        assert_eq!(
            signal(r#"{"code":"","group":"Charge","name":"Voltage"}"#).code,
            "charge-voltage"
        );
        for nameless in ["{}", r#"{"code":null,"name":"Voltage"}"#, "[]", "7", "null"] {
            assert!(
                serde_json::from_str::<Signal>(nameless).is_err(),
                "{nameless}"
            );
        }
    }

    #[test]
    fn signal_serialises_to_the_bytes_it_was_read_from() {
        let tomorrow = r#"{ "code":"tomorrow-new", "body": {"value":1.50,"unit":"furlong"},"colour":[ 1e2 ] }"#;
        for json in [OF_THE_API, tomorrow] {
            assert_eq!(serde_json::to_string(&signal(json)).unwrap(), json);
            assert_eq!(signal(json).raw().get(), json);
        }
    }

    #[test]
    fn log_line_has_neither_place_nor_vin() {
        let signal = signal(
            r#"{"code":"location-preciselocation","body":{"latitude":12.345,"longitude":54.321},
                "vin":"WVWZZZ00000000000"}"#,
        );
        let line = format!("{signal:?}");
        assert!(line.contains("location-preciselocation"), "{line}");
        assert!(
            !line.contains("345") && !line.contains("321") && !line.contains("WVW"),
            "{line}"
        );
    }
}
