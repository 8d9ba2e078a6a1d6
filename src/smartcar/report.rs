//! What a delivery or an answer reports of a vehicle, taken apart into plain rows.
//!
//! Here it is decided what Smartcar's JSON means and which of two reports counts.
//! A store keeps the rows and compares their ranks; it reads none of that JSON.

mod rank;
mod reauthentication;
mod signals;
mod usable;

pub use rank::Rank;
pub use reauthentication::{NOT_THE_OWNER_S, needs_reauthentication};
pub use signals::{Content, ErrorParts, SignalReport};
pub use usable::SKEW;

use crate::{
    Timestamp,
    cursor::{self, Cursor},
};
use std::borrow::Cow;
use usable::usable;

/// Everything that is reported of one vehicle at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report<'a> {
    /// When it was reported: when Smartcar says that it delivered it, else when it was
    /// received.
    pub reported_at: Timestamp,
    /// When it was received, as the clock of the host says.
    pub received_at: Timestamp,
    /// What the vehicle is.
    pub vehicle: VehicleReport<'a>,
    /// Its signals. What is no signal is left out and costs no other.
    pub signals: Vec<SignalReport<'a>>,
    /// What Smartcar says is wrong with it.
    pub errors: Vec<ErrorReport<'a>>,
}

/// What a vehicle is, as far as a report says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VehicleReport<'a> {
    /// For example `TESLA`.
    pub make: Option<Cow<'a, str>>,
    /// For example `Model 3`.
    pub model: Option<Cow<'a, str>>,
    /// The model year.
    pub year: Option<u32>,
    /// For example `BEV`.
    pub powertrain_type: Option<Cow<'a, str>>,
    /// `live` or `simulated`.
    pub mode: Option<Cow<'a, str>>,
}

/// An error of a vehicle that Smartcar says has begun or has ended (`VEHICLE_ERROR`).
///
/// Nothing in it says when it began: `deliveredAt` is the time of an attempt to deliver
/// it, and an attempt that is repeated can come after the next event.
///
/// Source: <https://smartcar.com/docs/api-reference/webhooks/events/vehicle-error>
#[derive(Clone, PartialEq, Eq)]
pub struct ErrorReport<'a> {
    /// For example `VEHICLE_STATE`.
    pub kind: Cow<'a, str>,
    /// For example `UNREACHABLE`; empty where Smartcar says null.
    pub code: Cow<'a, str>,
    /// Whether it has ended.
    pub is_resolved: bool,
    /// The error as it was written; null where it is nested too deep.
    pub json: &'a str,
}

/// Its sentences are Smartcar's and can name what the vehicle's owner wrote.
impl std::fmt::Debug for ErrorReport<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ErrorReport")
            .field("kind", &self.kind)
            .field("code", &self.code)
            .field("is_resolved", &self.is_resolved)
            .finish_non_exhaustive()
    }
}

impl<'a> Report<'a> {
    /// A report that says nothing yet.
    pub fn new(delivered_at: Option<Timestamp>, received_at: Timestamp) -> Self {
        Self {
            reported_at: usable(delivered_at, received_at).unwrap_or(received_at),
            received_at,
            vehicle: VehicleReport::default(),
            signals: Vec::new(),
            errors: Vec::new(),
        }
    }
}

impl<'a> VehicleReport<'a> {
    /// Notes a member of this name.
    pub(crate) fn note(&mut self, name: &str, cursor: &mut Cursor<'a>) {
        let member = match name {
            "make" => &mut self.make,
            "model" => &mut self.model,
            "powertrainType" => &mut self.powertrain_type,
            "mode" => &mut self.mode,
            "year" => {
                self.year = cursor.value().parse().ok();
                return;
            }
            _ => return,
        };
        *member = cursor::text(cursor.value());
    }
}

impl<'a> ErrorReport<'a> {
    /// None for what is no object, or has no type.
    pub(crate) fn read(cursor: &mut Cursor<'a>) -> Option<Self> {
        let json = cursor.value();
        let (mut kind, mut code, mut state) = (None, None, None);
        Cursor::of_valid(json).object(&mut |cursor, name| {
            let member = match name {
                "type" => &mut kind,
                "code" => &mut code,
                "state" => &mut state,
                _ => return,
            };
            *member = cursor::text(cursor.value());
        });
        Some(Self {
            kind: kind?,
            code: code.unwrap_or_default(),
            is_resolved: state.as_deref() == Some("RESOLVED"),
            json: if cursor::is_deep(json) { "null" } else { json },
        })
    }
}

#[cfg(test)]
mod tests;
