//! Signals, as the contract tells them.

use crate::{
    lists,
    wit::vehicles::{
        AdditionalValue, AvailableCapacity, Cell, ChargeLimit, ChargeLimits, Closure, DriveMode,
        Grid, Location, NominalCapacity, Number, Signal, SignalError, SignalStatus, SignalValue,
        SystemStatus,
    },
};
use smartcar::values;
use std::borrow::Cow;

/// A signal with its value and the unit that its body tells.
pub(crate) fn signal(signal: &smartcar::Signal) -> Signal {
    let (value, unit) = signal.value().map(value).unzip();
    Signal {
        code: signal.code.clone(),
        name: signal.name.clone(),
        group: signal.group.clone(),
        status: signal.status.as_ref().map(status),
        value,
        unit: unit.flatten(),
        observed_at: lists::time(signal.observed_at),
        retrieved_at: lists::time(signal.retrieved_at),
        error: signal.error.as_ref().map(error),
        raw: signal.raw().get().to_owned(),
    }
}

fn status(status: &smartcar::SignalStatus) -> SignalStatus {
    match status {
        smartcar::SignalStatus::Success => SignalStatus::Success,
        smartcar::SignalStatus::Error => SignalStatus::Error,
        smartcar::SignalStatus::Unavailable => SignalStatus::Unavailable,
        smartcar::SignalStatus::Other(other) => SignalStatus::Other(other.clone()),
    }
}

fn error(error: &smartcar::SignalError) -> SignalError {
    let resolution = error.resolution.as_ref();
    SignalError {
        type_: error.kind.clone(),
        code: error.code.clone(),
        detail: error.detail.clone(),
        resolution: resolution.map(|resolution| resolution.0.clone()),
    }
}

fn owned(text: Option<Cow<'_, str>>) -> Option<String> {
    text.map(Cow::into_owned)
}

fn value(value: smartcar::SignalValue<'_>) -> (SignalValue, Option<String>) {
    use smartcar::SignalValue as Of;
    let plain = match value {
        Of::Number(number) => {
            let unit = owned(number.unit.clone());
            return (SignalValue::Number(self::number(number)), unit);
        }
        Of::ChargeLimits(limits) => {
            let unit = owned(limits.unit.clone());
            return (SignalValue::ChargeLimits(charge_limits(limits)), unit);
        }
        Of::Grid(grid) => {
            let unit = owned(grid.unit.clone());
            return (SignalValue::Grid(self::grid(&grid)), unit);
        }
        Of::NominalCapacity(capacity) => {
            let unit = owned(capacity.unit.clone());
            let capacity = nominal_capacity(capacity);
            return (SignalValue::NominalCapacity(capacity), unit);
        }
        Of::Boolean(is) => SignalValue::Boolean(is),
        Of::Text(text) => SignalValue::Text(text.into_owned()),
        Of::Location(location) => SignalValue::Location(self::location(location)),
        Of::Closure(closure) => SignalValue::Closure(Closure {
            is_open: closure.is_open,
            is_locked: closure.is_locked,
        }),
        Of::SystemStatus(status) => SignalValue::SystemStatus(SystemStatus {
            status: status.status.into_owned(),
            description: owned(status.description),
        }),
        Of::DriveMode(mode) => SignalValue::DriveMode(DriveMode {
            canonical: owned(mode.canonical),
            oem_display_name: owned(mode.oem_display_name),
        }),
        Of::List(items) => {
            let items = items.iter().map(|item| item.get().to_owned());
            SignalValue::List(items.collect())
        }
        Of::Other(body) => SignalValue::Other(body.get().to_owned()),
        // A form that the contract does not have yet: see the signal's raw JSON.
        _ => SignalValue::Other("null".to_owned()),
    };
    (plain, None)
}

fn number(number: values::Number<'_>) -> Number {
    let additional = number.additional.into_iter().map(|other| AdditionalValue {
        kind: owned(other.kind),
        value: other.value,
    });
    Number {
        value: number.value,
        kind: owned(number.kind),
        additional: additional.collect(),
    }
}

fn location(location: values::Location<'_>) -> Location {
    Location {
        latitude: location.latitude,
        longitude: location.longitude,
        heading: location.heading,
        direction: owned(location.direction),
        location_type: owned(location.location_type),
    }
}

fn charge_limits(limits: values::ChargeLimits<'_>) -> ChargeLimits {
    let tell = |limit: values::ChargeLimit<'_>| ChargeLimit {
        kind: owned(limit.kind),
        limit: limit.limit,
        condition: limit.condition.map(|condition| condition.get().to_owned()),
    };
    ChargeLimits {
        limits: limits.limits.into_iter().map(tell).collect(),
        active: limits.active,
    }
}

fn grid(grid: &values::Grid<'_>) -> Grid {
    let cells = grid.cells.iter().map(|cell| Cell {
        row: cell.row,
        column: cell.column,
        is_open: cell.is_open,
        is_locked: cell.is_locked,
        tire_pressure: cell.tire_pressure,
    });
    Grid {
        cells: cells.collect(),
        row_count: grid.row_count,
        column_count: grid.column_count,
    }
}

fn nominal_capacity(capacity: values::NominalCapacity<'_>) -> NominalCapacity {
    let tell = |one: values::AvailableCapacity<'_>| AvailableCapacity {
        capacity: one.capacity,
        description: owned(one.description),
    };
    NominalCapacity {
        capacity: capacity.capacity,
        source: owned(capacity.source),
        available: capacity.available.into_iter().map(tell).collect(),
    }
}
