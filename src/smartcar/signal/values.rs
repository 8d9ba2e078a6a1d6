//! What the body of a signal stands for.
//!
//! Which form a signal has is said by [`CATALOGUE`](crate::CATALOGUE). Units are
//! as the body has them, never filled in or converted: a fuel level of
//! 0.77 without a unit was seen where 77 percent was meant.

use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The body of a [`Signal`](crate::Signal), borrowed from it.
///
/// ```
/// use smartcar::{Signal, SignalValue};
///
/// let doors: Signal = serde_json::from_str(
///     r#"{"code": "closure-doors", "body": {"rowCount": 1, "columnCount": 2, "values": [
///         {"row": 0, "column": 0, "isOpen": false, "isLocked": true},
///         {"row": 0, "column": 1, "isOpen": true, "isLocked": false}]}}"#,
/// )?;
/// let Some(SignalValue::Grid(grid)) = doors.value() else { panic!("doors stand in a grid") };
/// assert!(grid.cells.iter().any(|door| door.is_open == Some(true)));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum SignalValue<'a> {
    /// For example a state of charge.
    Number(Number<'a>),
    /// For example whether the vehicle charges.
    Boolean(bool),
    /// For example a VIN. Where Smartcar names the possible values, others were
    /// seen too: `green` for `GREEN`.
    Text(Cow<'a, str>),
    /// Where the vehicle is.
    Location(Location<'a>),
    /// How full the battery is to be charged.
    ChargeLimits(ChargeLimits<'a>),
    /// Doors, windows or tires.
    Grid(Grid<'a>),
    /// A trunk, hood or roof.
    Closure(Closure),
    /// What the battery holds.
    NominalCapacity(NominalCapacity<'a>),
    /// What one of the vehicle's systems says about itself.
    SystemStatus(SystemStatus<'a>),
    /// How the vehicle drives.
    DriveMode(DriveMode<'a>),
    /// Texts or records, each as it was written: charge and service records,
    /// charge timers, trouble codes, packages, permissions.
    List(Vec<&'a RawValue>),
    /// A body that does not fit the form of its signal, as it was written.
    Other(&'a RawValue),
}

/// `{value, unit?, type?, additionalValues?}`
#[derive(Clone, Debug, PartialEq)]
pub struct Number<'a> {
    /// In `unit`.
    pub value: f64,
    /// As the body tells it: `percent`, `km`, `watts`, …
    pub unit: Option<Cow<'a, str>>,
    /// What a range means, for example `DEFAULT`.
    pub kind: Option<Cow<'a, str>>,
    /// Other meanings of a range, in the same unit; empty for other signals.
    pub additional: Vec<AdditionalValue<'a>>,
}

/// `{type, value}`
#[derive(Clone, Debug, PartialEq)]
pub struct AdditionalValue<'a> {
    /// `IDEAL_CONDITIONS`, `ESTIMATED`, `RATED` or another.
    pub kind: Option<Cow<'a, str>>,
    /// In the unit of the number it belongs to.
    pub value: Option<f64>,
}

/// `{latitude, longitude, heading?, direction?, locationType?}`
///
/// Source: <https://smartcar.com/docs/api-reference/signals/location>
#[derive(Clone, PartialEq)]
pub struct Location<'a> {
    /// Degrees, north positive.
    pub latitude: f64,
    /// Degrees, east positive.
    pub longitude: f64,
    /// Degrees, clockwise from north.
    pub heading: Option<f64>,
    /// `N`, `NE`, `E`, …
    pub direction: Option<Cow<'a, str>>,
    /// `CURRENT`, or `LAST_PARKED` where it is reported only for a vehicle at rest.
    pub location_type: Option<Cow<'a, str>>,
}

/// `{values: [{type, limit, condition?}], activeLimit, unit}`
///
/// Source: <https://smartcar.com/docs/api-reference/signals/charge>
#[derive(Clone, Debug)]
pub struct ChargeLimits<'a> {
    /// The limits; there may be none.
    pub limits: Vec<ChargeLimit<'a>>,
    /// The limit in force, if the vehicle reports it.
    pub active: Option<f64>,
    /// `percent` was seen.
    pub unit: Option<Cow<'a, str>>,
}

/// `{type, limit, condition?}`
#[derive(Clone)]
pub struct ChargeLimit<'a> {
    /// `GLOBAL`, `LOCATION` or `CONNECTOR`; in lower case in Smartcar's docs.
    pub kind: Option<Cow<'a, str>>,
    /// In the unit of the limits.
    pub limit: Option<f64>,
    /// Where the limit applies, as it was written: `{name?, address?, latitude?,
    /// longitude?, connectorType?}`.
    pub condition: Option<&'a RawValue>,
}

/// `{values: [{row, column, …}], rowCount, columnCount, unit?}`
///
/// Sources: <https://smartcar.com/docs/api-reference/signals/closure>,
/// <https://smartcar.com/docs/api-reference/signals/wheel>
#[derive(Clone, Debug, PartialEq)]
pub struct Grid<'a> {
    /// In Smartcar's order, which need not be that of rows and columns.
    pub cells: Vec<Cell>,
    /// Rows, from front to back.
    pub row_count: Option<u32>,
    /// Columns, from left to right.
    pub column_count: Option<u32>,
    /// The unit of tire pressures. `bar` was seen with values that can only be kPa.
    pub unit: Option<Cow<'a, str>>,
}

/// A door, window or tire: `{row, column, isOpen?, isLocked?, tirePressure?}`
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cell {
    /// The row, from 0 at the front.
    pub row: Option<u32>,
    /// The column, from 0 at the left.
    pub column: Option<u32>,
    /// Whether a door or window is open.
    pub is_open: Option<bool>,
    /// Whether a door is locked.
    pub is_locked: Option<bool>,
    /// The pressure of a tire, in the unit of the grid.
    pub tire_pressure: Option<f64>,
}

/// `{isOpen, isLocked?}`; either can be null.
///
/// Source: <https://smartcar.com/docs/api-reference/signals/closure>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closure {
    /// None where the vehicle does not tell.
    pub is_open: Option<bool>,
    /// None where the vehicle does not tell.
    pub is_locked: Option<bool>,
}

/// `{capacity, source, availableCapacities: [{capacity, description}], unit}`
///
/// Source: <https://smartcar.com/docs/api-reference/signals/tractionbattery>
#[derive(Clone, Debug, PartialEq)]
pub struct NominalCapacity<'a> {
    /// None where the vehicle's model leaves several possible.
    pub capacity: Option<f64>,
    /// `SMARTCAR`, or `USER_SELECTED` where the owner chose one of the available.
    pub source: Option<Cow<'a, str>>,
    /// What vehicles of the model can have.
    pub available: Vec<AvailableCapacity<'a>>,
    /// `kWh` was seen.
    pub unit: Option<Cow<'a, str>>,
}

/// `{capacity, description}`
#[derive(Clone, Debug, PartialEq)]
pub struct AvailableCapacity<'a> {
    /// In the unit of the nominal capacity.
    pub capacity: Option<f64>,
    /// Engine type and trim, for example `BEV:Long Range`.
    pub description: Option<Cow<'a, str>>,
}

/// `{status, description?}`
///
/// Source: <https://smartcar.com/docs/api-reference/signals/diagnostics>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemStatus<'a> {
    /// `OK`, `ALERT` or another.
    pub status: Cow<'a, str>,
    /// The manufacturer's words.
    pub description: Option<Cow<'a, str>>,
}

/// `{canonical, oemDisplayName}`
///
/// Source: <https://smartcar.com/docs/api-reference/signals/transmission>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriveMode<'a> {
    /// The same for all makes, for example `NORMAL`.
    pub canonical: Option<Cow<'a, str>>,
    /// What the manufacturer calls it.
    pub oem_display_name: Option<Cow<'a, str>>,
}

/// What can tell a place or a VIN is left out.
impl fmt::Debug for SignalValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(value) => value.fmt(f),
            Self::Boolean(value) => f.debug_tuple("Boolean").field(value).finish(),
            Self::Text(_) => f.write_str("Text(..)"),
            Self::Location(value) => value.fmt(f),
            Self::ChargeLimits(value) => value.fmt(f),
            Self::Grid(value) => value.fmt(f),
            Self::Closure(value) => value.fmt(f),
            Self::NominalCapacity(value) => value.fmt(f),
            Self::SystemStatus(value) => value.fmt(f),
            Self::DriveMode(value) => value.fmt(f),
            Self::List(_) => f.write_str("List(..)"),
            Self::Other(_) => f.write_str("Other(..)"),
        }
    }
}

impl fmt::Debug for Location<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Location(..)")
    }
}

impl fmt::Debug for ChargeLimit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChargeLimit")
            .field("kind", &self.kind)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
