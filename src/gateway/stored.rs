//! Signals as they are stored, in the shape of Smartcar's API.
//!
//! Source: <https://smartcar.com/docs/api-reference/get-signals>

use crate::{
    app::App,
    callers::Caller,
    database::{self, Store},
    scopes,
};
use edge::{
    Platform,
    respond::{Code, Problem},
};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use smartcar::{SignalCode, Timestamp, UserId, VehicleId, write_time};
use std::{fmt, time::Duration};
use store::{
    CLOCKS_DIFFER,
    old::sqlite::{Row, Value},
};

/// For how long a list of Smartcar's says which signals a vehicle has. Smartcar fills
/// its own store about once a day where no webhook does
/// (<https://smartcar.com/docs/api-reference/intro>).
const LISTING_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// What is known of a vehicle and of its signals, a signal a row, for the user `?2` or
/// the owner where that is null. Whose each value and error is, is looked at in
/// [`visible`]: conditions on `?2` would have SQLite prepare the statement each time.
macro_rules! signals {
    ($listed_at:literal, $listing:literal, $which:literal) => {
        concat!(
            "SELECT code, name, group_name, body, observed_at, retrieved_at,
                signal.delivered_at, json_extract(error, '$.status'),
                json_extract(error, '$.body'), error_at,
                make, model, year, powertrain_type, mode,
                coalesce(?2, vehicle.user_id), ",
            $listed_at,
            ", coalesce(signal.user_id, vehicle.user_id),
                coalesce(error_user_id, vehicle.user_id)
            FROM vehicle JOIN signal ON signal.vehicle_id = vehicle.id ",
            $listing,
            " WHERE vehicle.id = ?1 ",
            $which
        )
    };
}

/// All of them, and when they were listed.
const SIGNALS: &str = signals!(
    "listing.listed_at",
    "LEFT JOIN listing ON listing.vehicle_id = vehicle.id
        AND listing.user_id = coalesce(?2, vehicle.user_id)",
    "ORDER BY code"
);

/// The one of the code `?3`.
const SIGNAL: &str = signals!("NULL", "", "AND code = ?3");

/// A listing of the codes `?4`, at `?3`. Where another user's word of one of them is the
/// newest, or one was not stored then, what is stored is not this user's whole list.
const LISTED: &str = "INSERT INTO listing (vehicle_id, user_id, listed_at)
    SELECT ?1, ?2, ?3
    WHERE NOT EXISTS (
        SELECT 1 FROM json_each(?4) AS listed WHERE NOT EXISTS (
            SELECT 1 FROM signal LEFT JOIN vehicle ON vehicle.id = vehicle_id
            WHERE vehicle_id = ?1 AND code = listed.value
                AND coalesce(signal.user_id, vehicle.user_id) = ?2
                AND max(coalesce(signal.delivered_at, 0), coalesce(error_at, 0)) >= ?3
        )
    )
    ON CONFLICT (vehicle_id, user_id) DO UPDATE SET listed_at = excluded.listed_at";

/// The columns of [`SIGNALS`] and [`SIGNAL`].
mod column {
    pub(super) const CODE: usize = 0;
    pub(super) const NAME: usize = 1;
    pub(super) const GROUP: usize = 2;
    pub(super) const BODY: usize = 3;
    pub(super) const OBSERVED_AT: usize = 4;
    pub(super) const RETRIEVED_AT: usize = 5;
    pub(super) const DELIVERED_AT: usize = 6;
    pub(super) const ERROR_STATUS: usize = 7;
    pub(super) const ERROR_BODY: usize = 8;
    pub(super) const ERROR_AT: usize = 9;
    pub(super) const MAKE: usize = 10;
    pub(super) const MODEL: usize = 11;
    pub(super) const YEAR: usize = 12;
    pub(super) const POWERTRAIN_TYPE: usize = 13;
    pub(super) const MODE: usize = 14;
    pub(super) const READER: usize = 15;
    pub(super) const LISTED_AT: usize = 16;
    pub(super) const REPORTER: usize = 17;
    pub(super) const ERROR_REPORTER: usize = 18;
}

/// What is stored of a vehicle's signals, or of one of them: a row at least.
pub(crate) struct Stored {
    vehicle: VehicleId,
    is_list: bool,
    rows: Vec<Row>,
}

/// Looks for the signals of a vehicle, or for one of them, as a user's connection
/// reported them, or the owner's where no user is named. None where nothing has been
/// reported yet, and for a list where Smartcar has never listed them all: nobody
/// would see which ones are missing.
pub(crate) async fn load<P: Platform, S: Store>(
    app: &App<P, S>,
    vehicle: &VehicleId,
    user: Option<&UserId>,
    code: Option<&SignalCode>,
) -> Result<Option<Stored>, Problem> {
    let vehicle_id = Value::from(vehicle.as_str());
    let user = Value::from(user.map(UserId::as_str));
    let rows = match code {
        None => {
            let rows = database::query(app, SIGNALS, [vehicle_id, user]).await?;
            let now = app.now();
            let rows = rows.into_iter().filter_map(visible);
            rows.filter(|row| is_in_the_list(row, now)).collect()
        }
        Some(code) => {
            let parameters = [vehicle_id, user, Value::from(code.as_str())];
            let row = database::first(app, SIGNAL, parameters).await?;
            row.and_then(visible).into_iter().collect()
        }
    };
    let stored = Stored {
        vehicle: vehicle.clone(),
        is_list: code.is_none(),
        rows,
    };
    let is_there = !stored.rows.is_empty() && (!stored.is_list || stored.listed_at().is_some());
    Ok(is_there.then_some(stored))
}

/// What the reader's own connection reported of a signal: a value and an error can be of
/// different users. None where that is nothing.
fn visible(mut row: Row) -> Option<Row> {
    use column::{
        BODY, DELIVERED_AT, ERROR_AT, ERROR_BODY, ERROR_REPORTER, ERROR_STATUS, OBSERVED_AT,
        READER, REPORTER, RETRIEVED_AT,
    };
    let is_of_reader = |reporter| row.text(reporter) == row.text(READER);
    let has_value = row.text(BODY).is_some() && is_of_reader(REPORTER);
    let has_error = row.integer(ERROR_AT).is_some() && is_of_reader(ERROR_REPORTER);
    if !has_value {
        row.clear(&[BODY, OBSERVED_AT, RETRIEVED_AT, DELIVERED_AT]);
    }
    if !has_error {
        row.clear(&[ERROR_STATUS, ERROR_BODY, ERROR_AT]);
    }
    (has_value || has_error).then_some(row)
}

/// Whether a signal was in the list that Smartcar gave last, or was reported since. One
/// that Smartcar lists no more has no place beside the others: the owner can have
/// withdrawn the permission for it. A list by a clock that was ahead says nothing.
fn is_in_the_list(row: &Row, now: Timestamp) -> bool {
    let value = time(row, column::DELIVERED_AT);
    let reported_at = value.max(time(row, column::ERROR_AT));
    let listed_at = time(row, column::LISTED_AT);
    reported_at >= listed_at.filter(|at| *at <= now.after(CLOCKS_DIFFER))
}

/// Remembers that all signals of a vehicle were listed on behalf of a user, and are
/// stored.
pub(crate) async fn remember_listing<P: Platform, S: Store>(
    app: &App<P, S>,
    vehicle: &VehicleId,
    user: &UserId,
    codes: &[&str],
    at: Timestamp,
) {
    // Serialising text into memory does not fail.
    let codes = serde_json::to_string(codes).unwrap_or_default();
    let parameters = [
        Value::from(vehicle.as_str()),
        Value::from(user.as_str()),
        Value::from(at.0),
        Value::from(codes.as_str()),
    ];
    // The failure is in the log.
    let _ = database::execute(app, LISTED, parameters).await;
}

impl Stored {
    /// The user whose connection reported them, if that is known.
    pub(crate) fn user(&self) -> Option<&str> {
        self.rows.first()?.text(column::READER)
    }

    /// When Smartcar listed all of them.
    fn listed_at(&self) -> Option<Timestamp> {
        time(self.rows.first()?, column::LISTED_AT)
    }

    /// Whether this is still all that there is, as far as Smartcar said.
    pub(crate) fn is_current(&self, now: Timestamp) -> bool {
        let is_recent = |at| since(at, now) <= LISTING_LIFE;
        !self.is_list || self.listed_at().is_some_and(is_recent)
    }

    /// How long ago Smartcar reported them: the one that was reported the longest
    /// ago. Those of a list were reported when they were listed, or delivered since.
    pub(crate) fn age(&self, now: Timestamp) -> Duration {
        let at = |row: &Row, column| time(row, column).map(|at| since(at, now));
        let listed = self.listed_at().filter(|_| self.is_list);
        let listed = listed.map(|at| since(at, now));
        let ages = self.rows.iter().map(|row| {
            let value = at(row, column::DELIVERED_AT);
            let error = at(row, column::ERROR_AT);
            let known = [value, error, listed].into_iter().flatten();
            known.min().unwrap_or(Duration::MAX)
        });
        ages.max().unwrap_or(Duration::MAX)
    }

    /// The body of an answer.
    pub(crate) fn show(&self, caller: &Caller) -> Vec<u8> {
        let vehicle = &self.vehicle;
        let signals = self.rows.iter();
        let mut signals = signals.filter_map(|row| Signal::of(row, vehicle, caller));
        let included = self.rows.first().map(|row| Included::of(row, vehicle));
        let body = if self.is_list {
            let data: Vec<Signal<'_>> = signals.collect();
            let path = Path(vehicle, Some(""));
            serde_json::to_vec(&List {
                meta: ListMeta {
                    page_number: 1,
                    page_size: data.len(),
                    total_count: data.len(),
                },
                links: ListLinks {
                    this: path,
                    first: path,
                    last: path,
                    prev: (),
                    next: (),
                },
                data,
                included,
            })
        } else {
            let data = signals.next();
            serde_json::to_vec(&One { data, included })
        };
        // Serialising what was read into memory does not fail.
        body.unwrap_or_default()
    }
}

fn time(row: &Row, column: usize) -> Option<Timestamp> {
    row.integer(column).map(Timestamp)
}

/// How long ago a time was. What a clock wrote that was ahead is as old as can be.
fn since(at: Timestamp, now: Timestamp) -> Duration {
    if at > now.after(CLOCKS_DIFFER) {
        Duration::MAX
    } else {
        now.since(at)
    }
}

#[derive(Serialize)]
struct List<'a> {
    data: Vec<Signal<'a>>,
    meta: ListMeta,
    links: ListLinks<'a>,
    included: Option<Included<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListMeta {
    page_number: usize,
    page_size: usize,
    total_count: usize,
}

#[derive(Serialize)]
struct ListLinks<'a> {
    #[serde(rename = "self")]
    this: Path<'a>,
    first: Path<'a>,
    last: Path<'a>,
    prev: (),
    next: (),
}

#[derive(Serialize)]
struct One<'a> {
    data: Option<Signal<'a>>,
    included: Option<Included<'a>>,
}

#[derive(Serialize)]
struct Signal<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    attributes: Attributes<'a>,
    meta: Meta,
    links: Links<'a>,
}

#[derive(Serialize)]
struct Attributes<'a> {
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    status: Status<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a RawValue>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    #[serde(skip_serializing_if = "Option::is_none")]
    ingested_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retrieved_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oem_updated_at: Option<String>,
}

#[derive(Serialize)]
struct Links<'a> {
    #[serde(rename = "self")]
    this: Path<'a>,
}

impl<'a> Signal<'a> {
    fn of(row: &'a Row, vehicle: &'a VehicleId, caller: &Caller) -> Option<Self> {
        let raw = |column| serde_json::from_str(row.text(column)?).ok();
        let code = row.text(column::CODE)?;
        let missing = scopes::missing_for_signal(caller, code);
        let is_hidden = missing.is_some();
        let delivered_at = time(row, column::DELIVERED_AT);
        let error_at = time(row, column::ERROR_AT);
        // An error newer than the value says that the value is old; the value is
        // shown all the same, as Smartcar's own API does.
        let error: Option<&RawValue> =
            raw(column::ERROR_STATUS).filter(|_| error_at > delivered_at);
        let status = match (missing, error) {
            // A signal that the caller may not read is shown as one that Smartcar
            // may not read: with an error in place of its value.
            (Some(scope), _) => Status::Hidden(Hidden::of(scope)),
            (None, Some(error)) => Status::Told(error),
            (None, None) => Status::Success(Success { value: "SUCCESS" }),
        };
        let time = |at: Option<Timestamp>| at.filter(|_| !is_hidden).and_then(write_time);
        Some(Self {
            id: code,
            kind: "signal",
            attributes: Attributes {
                code,
                name: row.text(column::NAME),
                group: row.text(column::GROUP),
                status,
                body: raw(column::BODY)
                    .or_else(|| raw(column::ERROR_BODY))
                    .filter(|_| !is_hidden),
            },
            meta: Meta {
                ingested_at: time(delivered_at.or(error_at)),
                retrieved_at: time(self::time(row, column::RETRIEVED_AT)),
                oem_updated_at: time(self::time(row, column::OBSERVED_AT)),
            },
            links: Links {
                this: Path(vehicle, Some(code)),
            },
        })
    }
}

enum Status<'a> {
    Success(Success),
    /// As Smartcar told it.
    Told(&'a RawValue),
    Hidden(Hidden),
}

impl Serialize for Status<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Success(success) => success.serialize(serializer),
            Self::Told(status) => status.serialize(serializer),
            Self::Hidden(hidden) => hidden.serialize(serializer),
        }
    }
}

#[derive(Serialize)]
struct Success {
    value: &'static str,
}

/// The status of a signal that the caller may not read.
#[derive(Serialize)]
pub(crate) struct Hidden {
    value: &'static str,
    error: HiddenError,
}

#[derive(Serialize)]
struct HiddenError {
    #[serde(rename = "type")]
    kind: &'static str,
    code: &'static str,
    detail: String,
}

impl Hidden {
    pub(crate) fn of(scope: &str) -> Self {
        Self {
            value: "ERROR",
            error: HiddenError {
                kind: "EDGE",
                code: Code::MissingScope.as_str(),
                detail: format!("this key lacks the scope {scope}"),
            },
        }
    }
}

/// The vehicle's attributes, which come with every answer of Smartcar's.
#[derive(Serialize)]
struct Included<'a> {
    vehicle: Vehicle<'a>,
}

#[derive(Serialize)]
struct Vehicle<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    attributes: VehicleAttributes<'a>,
    links: Links<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VehicleAttributes<'a> {
    make: Option<&'a str>,
    model: Option<&'a str>,
    year: Option<i64>,
    powertrain_type: Option<&'a str>,
    mode: Option<&'a str>,
}

impl<'a> Included<'a> {
    fn of(row: &'a Row, vehicle: &'a VehicleId) -> Self {
        Self {
            vehicle: Vehicle {
                id: vehicle.as_str(),
                kind: "vehicle",
                attributes: VehicleAttributes {
                    make: row.text(column::MAKE),
                    model: row.text(column::MODEL),
                    year: row.integer(column::YEAR),
                    powertrain_type: row.text(column::POWERTRAIN_TYPE),
                    mode: row.text(column::MODE),
                },
                links: Links {
                    this: Path(vehicle, None),
                },
            },
        }
    }
}

/// The path of a vehicle, of its signals, or of one of them.
#[derive(Clone, Copy)]
struct Path<'a>(&'a VehicleId, Option<&'a str>);

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(vehicle, signal) = self;
        match signal {
            None => write!(f, "/v3/vehicles/{vehicle}"),
            Some("") => write!(f, "/v3/vehicles/{vehicle}/signals"),
            Some(code) => write!(f, "/v3/vehicles/{vehicle}/signals/{code}"),
        }
    }
}

impl Serialize for Path<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signal_is_in_the_list_where_it_was_reported_then_or_since() {
        let is_in = |value: Option<i64>, error: Option<i64>, listed: Option<i64>| {
            let mut row = vec![Value::Null; column::LISTED_AT + 1];
            for (column, at) in [
                (column::DELIVERED_AT, value),
                (column::ERROR_AT, error),
                (column::LISTED_AT, listed),
            ] {
                row[column] = Value::from(at);
            }
            is_in_the_list(&Row::from(row), Timestamp(5))
        };
        assert!(is_in(Some(5), None, Some(5)) && is_in(Some(6), None, Some(5)));
        assert!(is_in(None, Some(5), Some(5)) && is_in(Some(1), Some(5), Some(5)));
        assert!(!is_in(Some(4), None, Some(5)) && !is_in(None, Some(4), Some(5)));
        assert!(!is_in(Some(4), Some(3), Some(5)) && !is_in(None, None, Some(5)));
        assert!(is_in(Some(4), None, None) && is_in(None, None, None));
        assert!(is_in(Some(4), None, Some(300_006)) && !is_in(Some(4), None, Some(300_005)));
    }

    #[test]
    fn signal_shows_the_value_and_the_error_of_the_reader_s_own_connection() {
        let shown = |reader: Option<&str>, reporter: Option<&str>, error_reporter: Option<&str>| {
            let mut row = vec![Value::Null; column::ERROR_REPORTER + 1];
            row[column::BODY] = Value::from("{}");
            row[column::ERROR_AT] = Value::from(1);
            row[column::READER] = Value::from(reader);
            row[column::REPORTER] = Value::from(reporter);
            row[column::ERROR_REPORTER] = Value::from(error_reporter);
            let row = visible(Row::from(row))?;
            Some((
                row.text(column::BODY).is_some(),
                row.integer(column::ERROR_AT).is_some(),
            ))
        };
        let (a, b) = (Some("a"), Some("b"));
        assert_eq!(shown(a, a, a), Some((true, true)));
        assert_eq!(shown(a, a, b), Some((true, false)));
        assert_eq!(shown(a, b, a), Some((false, true)));
        assert_eq!(shown(a, b, b), None);
        // A vehicle without an owner shows what nobody's connection reported.
        assert_eq!(shown(None, None, None), Some((true, true)));
        assert_eq!(shown(None, a, a), None);
    }
}
