//! Calls about vehicles.

use super::{Cell, Row};
use crate::call::{CallFigures, KnownCalls, Refusal};

/// The calls of a month, by the four columns from this one on.
pub(crate) fn known_calls(row: &mut Row<impl Cell>, from: usize) -> KnownCalls {
    let code = row.text(from + 1);
    let times = row.time(from + 2).zip(row.time(from + 3));
    let refusal = code.zip(times);
    KnownCalls {
        count: row.count(from),
        refusal: refusal.map(|(code, (at, until))| Refusal { code, at, until }),
    }
}

/// A row for each code of a refusal that holds, and one for all vehicles without one.
pub(crate) fn call_figures(rows: Vec<Row<impl Cell>>) -> CallFigures {
    let mut figures = CallFigures::default();
    for mut row in rows {
        figures.count += row.count(1);
        figures.at_ceiling += row.count(2);
        let vehicles = row.count(3);
        let code = row.text(0);
        figures.refused.extend(code.map(|code| (code, vehicles)));
    }
    figures
}

pub(crate) fn vehicle_calls(mut row: Row<impl Cell>) -> (String, i64) {
    (row.string(0), row.count(1))
}
