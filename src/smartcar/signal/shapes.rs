//! From the JSON of a body to what it stands for.

use super::values::{
    AdditionalValue, AvailableCapacity, Cell, ChargeLimit, ChargeLimits, Closure, DriveMode, Grid,
    Location, NominalCapacity, Number, SignalValue, SystemStatus,
};
use crate::Shape;
use crate::fields::Fields;
use serde_json::value::RawValue;

impl<'a> SignalValue<'a> {
    /// Reads `body` as `shape`, or as what it looks like where no shape is known.
    pub(super) fn read(shape: Option<Shape>, body: &'a RawValue) -> Self {
        Fields::read(body.get())
            .and_then(|fields| fit(shape.or_else(|| own_shape(&fields))?, &fields))
            .unwrap_or(Self::Other(body))
    }
}

/// None where the members of the body are not those of the shape.
fn fit<'a>(shape: Shape, body: &Fields<'a>) -> Option<SignalValue<'a>> {
    Some(match shape {
        Shape::Number => SignalValue::Number(number(body)?),
        Shape::Boolean => SignalValue::Boolean(body.boolean("value")?),
        Shape::Text => SignalValue::Text(body.text("value")?),
        Shape::Location => SignalValue::Location(location(body)?),
        Shape::ChargeLimits => SignalValue::ChargeLimits(charge_limits(body)?),
        Shape::Grid => SignalValue::Grid(grid(body)?),
        Shape::Closure => SignalValue::Closure(closure(body)?),
        Shape::NominalCapacity => SignalValue::NominalCapacity(nominal_capacity(body)?),
        Shape::SystemStatus => SignalValue::SystemStatus(SystemStatus {
            status: body.text("status")?,
            description: body.text("description"),
        }),
        Shape::DriveMode => SignalValue::DriveMode(drive_mode(body)?),
        Shape::List => SignalValue::List(body.array("values")?),
    })
}

/// The shape that a body of an unknown signal seems to have.
fn own_shape(body: &Fields<'_>) -> Option<Shape> {
    let signs = [
        ("latitude", Shape::Location),
        ("activeLimit", Shape::ChargeLimits),
        ("rowCount", Shape::Grid),
        ("columnCount", Shape::Grid),
        ("values", Shape::List),
        ("availableCapacities", Shape::NominalCapacity),
        ("isOpen", Shape::Closure),
        ("isLocked", Shape::Closure),
        ("canonical", Shape::DriveMode),
        ("status", Shape::SystemStatus),
    ];
    if let Some(value) = body.get("value") {
        return match value.get().as_bytes().first()? {
            b't' | b'f' => Some(Shape::Boolean),
            b'"' => Some(Shape::Text),
            b'-' | b'0'..=b'9' => Some(Shape::Number),
            _ => None,
        };
    }
    signs
        .into_iter()
        .find(|(sign, _)| body.has(sign))
        .map(|(_, shape)| shape)
}

fn number<'a>(body: &Fields<'a>) -> Option<Number<'a>> {
    let additional = body.objects("additionalValues").unwrap_or_default();
    Some(Number {
        value: body.number("value")?,
        unit: body.text("unit"),
        kind: body.text("type"),
        additional: additional
            .iter()
            .map(|item| AdditionalValue {
                kind: item.text("type"),
                value: item.number("value"),
            })
            .collect(),
    })
}

fn location<'a>(body: &Fields<'a>) -> Option<Location<'a>> {
    Some(Location {
        latitude: body.number("latitude")?,
        longitude: body.number("longitude")?,
        heading: body.number("heading"),
        direction: body.text("direction"),
        location_type: body.text("locationType"),
    })
}

fn charge_limits<'a>(body: &Fields<'a>) -> Option<ChargeLimits<'a>> {
    let (values, active) = (body.objects("values"), body.number("activeLimit"));
    if values.is_none() && active.is_none() {
        return None;
    }
    Some(ChargeLimits {
        limits: values
            .unwrap_or_default()
            .iter()
            .map(|item| ChargeLimit {
                kind: item.text("type"),
                limit: item.number("limit"),
                condition: item.get("condition"),
            })
            .collect(),
        active,
        unit: body.text("unit"),
    })
}

fn grid<'a>(body: &Fields<'a>) -> Option<Grid<'a>> {
    // Real bodies have `values`; the examples of Smartcar's OpenAPI document have
    // `doors` and `windows` in its place.
    let cells = ["values", "doors", "windows"]
        .iter()
        .find_map(|name| body.objects(name))?;
    Some(Grid {
        cells: cells
            .iter()
            .map(|cell| Cell {
                row: cell.count("row"),
                column: cell.count("column"),
                is_open: cell.boolean("isOpen"),
                is_locked: cell.boolean("isLocked"),
                tire_pressure: cell.number("tirePressure"),
            })
            .collect(),
        row_count: body.count("rowCount"),
        column_count: body.count("columnCount"),
        unit: body.text("unit"),
    })
}

fn closure(body: &Fields<'_>) -> Option<Closure> {
    let has_state = ["isOpen", "isLocked"]
        .iter()
        .any(|name| body.boolean(name).is_some() || (body.has(name) && body.get(name).is_none()));
    has_state.then(|| Closure {
        is_open: body.boolean("isOpen"),
        is_locked: body.boolean("isLocked"),
    })
}

fn nominal_capacity<'a>(body: &Fields<'a>) -> Option<NominalCapacity<'a>> {
    let (capacity, available) = (body.number("capacity"), body.objects("availableCapacities"));
    if capacity.is_none() && available.is_none() {
        return None;
    }
    Some(NominalCapacity {
        capacity,
        source: body.text("source"),
        available: available
            .unwrap_or_default()
            .iter()
            .map(|item| AvailableCapacity {
                capacity: item.number("capacity"),
                description: item.text("description"),
            })
            .collect(),
        unit: body.text("unit"),
    })
}

fn drive_mode<'a>(body: &Fields<'a>) -> Option<DriveMode<'a>> {
    let mode = DriveMode {
        canonical: body.text("canonical"),
        oem_display_name: body.text("oemDisplayName"),
    };
    (mode.canonical.is_some() || mode.oem_display_name.is_some()).then_some(mode)
}

#[cfg(test)]
#[path = "shapes_tests.rs"]
mod tests;
