//! Signals as they are stored, in the shape of Smartcar's API.
//!
//! Source: <https://smartcar.com/docs/api-reference/get-signals>

use crate::{access::callers::Caller, app::App};
use edge::{
    Platform,
    respond::{Code, Problem},
};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use smartcar::{SignalCode, Timestamp, UserId, VehicleId, report::ErrorParts, write_time};
use std::{fmt, time::Duration};
use store::{
    CLOCKS_DIFFER, Store,
    signal::{StoredSignal, StoredSignals, StoredValue},
    vehicle::About,
};

/// For how long a list of Smartcar's says which signals a vehicle has. Smartcar fills
/// its own store about once a day where no webhook does
/// (<https://smartcar.com/docs/api-reference/intro>).
const LISTING_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// What is stored of a vehicle's signals, or of one of them: of one at least.
pub(crate) struct Stored {
    vehicle: VehicleId,
    is_list: bool,
    stored: StoredSignals,
}

/// Looks for the signals of a vehicle, or for one of them, as a user's connection
/// reported them, or the owner's where no user is named. None where nothing has been
/// reported yet.
pub(crate) async fn load<P: Platform, S: Store>(
    app: &App<P, S>,
    vehicle: &VehicleId,
    user: Option<&UserId>,
    code: Option<&SignalCode>,
) -> Result<Option<Stored>, Problem> {
    let store = app.store();
    let found = match code {
        None => store.signals(vehicle, user).await,
        Some(code) => store.signal(vehicle, user, code).await,
    };
    let Some(mut stored) = app.stored(found)? else {
        return Ok(None);
    };
    let is_list = code.is_none();
    let (reader, listed_at) = (stored.reader.as_deref(), stored.listed_at);
    stored.signals.retain_mut(|signal| {
        is_visible(signal, reader) && (!is_list || is_in_the_list(signal, listed_at, app.now()))
    });
    let is_there = !stored.signals.is_empty();
    Ok(is_there.then(|| Stored {
        vehicle: vehicle.clone(),
        is_list,
        stored,
    }))
}

/// Leaves of a signal what the reader's own connection reported: a value and an error can
/// be of different users. Whether that is anything.
fn is_visible(signal: &mut StoredSignal, reader: Option<&str>) -> bool {
    let is_of_reader = |user: &Option<String>| user.as_deref() == reader;
    signal.value.take_if(|value| !is_of_reader(&value.user));
    signal.error.take_if(|error| !is_of_reader(&error.user));
    signal.value.is_some() || signal.error.is_some()
}

/// Whether a signal was in the list that Smartcar gave last, or was reported since. One
/// that Smartcar lists no more has no place beside the others: the owner can have
/// withdrawn the permission for it. A list by a clock that was ahead says nothing.
fn is_in_the_list(signal: &StoredSignal, listed_at: Option<Timestamp>, now: Timestamp) -> bool {
    let reported_at = delivered_at(signal).max(error_at(signal));
    reported_at >= listed_at.filter(|at| *at <= now.after(CLOCKS_DIFFER))
}

fn delivered_at(signal: &StoredSignal) -> Option<Timestamp> {
    signal.value.as_ref().and_then(|value| value.delivered_at)
}

fn error_at(signal: &StoredSignal) -> Option<Timestamp> {
    signal.error.as_ref().map(|error| error.at)
}

impl Stored {
    /// The user whose connection reported them, if that is known.
    pub(crate) fn user(&self) -> Option<&str> {
        self.stored.reader.as_deref()
    }

    /// Whether this is all that there is, as far as Smartcar has ever said. A reader of a
    /// list could not see which ones are missing.
    pub(crate) fn is_complete(&self) -> bool {
        !self.is_list || self.stored.listed_at.is_some()
    }

    /// What of a list is fresh enough; none where nothing is.
    pub(crate) fn part(mut self, max_age: Duration, now: Timestamp) -> Option<Self> {
        let listed_at = self.stored.listed_at;
        let signals = &mut self.stored.signals;
        signals.retain(|signal| age_of(signal, listed_at, now) <= max_age);
        (self.is_list && !self.stored.signals.is_empty()).then_some(self)
    }

    /// Whether this is still all that there is, as far as Smartcar said.
    pub(crate) fn is_current(&self, now: Timestamp) -> bool {
        let is_recent = |at| since(at, now) <= LISTING_LIFE;
        !self.is_list || self.stored.listed_at.is_some_and(is_recent)
    }

    /// How long ago Smartcar reported them: the one that was reported the longest
    /// ago. Those of a list were reported when they were listed, or delivered since.
    pub(crate) fn age(&self, now: Timestamp) -> Duration {
        let listed_at = self.stored.listed_at.filter(|_| self.is_list);
        let signals = self.stored.signals.iter();
        let ages = signals.map(|signal| age_of(signal, listed_at, now));
        ages.max().unwrap_or(Duration::MAX)
    }

    /// When the vehicle recorded the oldest value that the caller may read, as far as that is
    /// known.
    pub(crate) fn recorded_at(&self, caller: &Caller) -> Option<Timestamp> {
        self.oldest(caller, |value| value.observed_at)
    }

    /// When Smartcar fetched the value that it has not fetched for the longest time, of those
    /// that the caller may read, as far as that is known.
    pub(crate) fn fetched_at(&self, caller: &Caller) -> Option<Timestamp> {
        self.oldest(caller, |value| value.retrieved_at)
    }

    fn oldest(
        &self,
        caller: &Caller,
        time: fn(&StoredValue) -> Option<Timestamp>,
    ) -> Option<Timestamp> {
        let signals = self.stored.signals.iter();
        let shown = signals.filter(|signal| caller.missing_for_signal(&signal.code).is_none());
        let times = shown.filter_map(|signal| signal.value.as_ref().and_then(time));
        times.min()
    }

    /// The body of an answer.
    pub(crate) fn show(&self, caller: &Caller) -> Vec<u8> {
        let vehicle = &self.vehicle;
        let signals = self.stored.signals.iter();
        let mut signals = signals.map(|signal| Signal::of(signal, vehicle, caller));
        let included = Included::of(&self.stored.about, vehicle);
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

/// How long ago Smartcar reported a signal, by itself or in a list.
fn age_of(signal: &StoredSignal, listed_at: Option<Timestamp>, now: Timestamp) -> Duration {
    let known = [delivered_at(signal), error_at(signal), listed_at];
    let ages = known.into_iter().flatten().map(|at| since(at, now));
    ages.min().unwrap_or(Duration::MAX)
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
    included: Included<'a>,
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
    included: Included<'a>,
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
    fn of(signal: &'a StoredSignal, vehicle: &'a VehicleId, caller: &Caller) -> Self {
        let code = signal.code.as_str();
        let missing = caller.missing_for_signal(code);
        let is_hidden = missing.is_some();
        let (value, error) = (signal.value.as_ref(), signal.error.as_ref());
        let (delivered_at, error_at) = (delivered_at(signal), error_at(signal));
        let failed = error.map_or_else(ErrorParts::default, |error| ErrorParts::read(&error.json));
        // An error newer than the value says that the value is old; the value is
        // shown all the same, as Smartcar's own API does.
        let reported = failed.status.filter(|_| error_at > delivered_at);
        let status = match (missing, reported) {
            // A signal that the caller may not read is shown as one that Smartcar
            // may not read: with an error in place of its value.
            (Some(scope), _) => Status::Hidden(Hidden::of(scope)),
            (None, Some(status)) => Status::Reported(status),
            (None, None) => Status::Success(Success { value: "SUCCESS" }),
        };
        let body = value.and_then(|value| serde_json::from_str(&value.body).ok());
        let time = |at: Option<Timestamp>| at.filter(|_| !is_hidden).and_then(write_time);
        Self {
            id: code,
            kind: "signal",
            attributes: Attributes {
                code,
                name: signal.name.as_deref(),
                group: signal.group.as_deref(),
                status,
                body: body.or(failed.body).filter(|_| !is_hidden),
            },
            meta: Meta {
                ingested_at: time(delivered_at.or(error_at)),
                retrieved_at: time(value.and_then(|value| value.retrieved_at)),
                oem_updated_at: time(value.and_then(|value| value.observed_at)),
            },
            links: Links {
                this: Path(vehicle, Some(code)),
            },
        }
    }
}

enum Status<'a> {
    Success(Success),
    /// As Smartcar reported it.
    Reported(&'a RawValue),
    Hidden(Hidden),
}

impl Serialize for Status<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Success(success) => success.serialize(serializer),
            Self::Reported(status) => status.serialize(serializer),
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
    fn of(about: &'a About, vehicle: &'a VehicleId) -> Self {
        Self {
            vehicle: Vehicle {
                id: vehicle.as_str(),
                kind: "vehicle",
                attributes: VehicleAttributes {
                    make: about.make.as_deref(),
                    model: about.model.as_deref(),
                    year: about.year,
                    powertrain_type: about.powertrain_type.as_deref(),
                    mode: about.mode.as_deref(),
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
mod tests;
