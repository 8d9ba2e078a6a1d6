//! The newest signals of a vehicle.

use super::{Cell, Row, vehicles::about};
use crate::signal::{StoredSignal, StoredSignalError, StoredSignals, StoredValue};

pub(crate) fn stored_signals(mut rows: Vec<Row<impl Cell>>) -> Option<StoredSignals> {
    let first = rows.first_mut()?;
    Some(StoredSignals {
        about: about(first, 11),
        reader: first.text(16),
        listed_at: first.time(17),
        signals: rows.into_iter().map(signal).collect(),
    })
}

fn signal(mut row: Row<impl Cell>) -> StoredSignal {
    let value = row.text(3).map(|body| StoredValue {
        body,
        observed_at: row.time(4),
        retrieved_at: row.time(5),
        delivered_at: row.time(6),
        user: row.text(7),
    });
    let error = row.time(9).map(|at| StoredSignalError {
        json: row.string(8),
        at,
        user: row.text(10),
    });
    StoredSignal {
        code: row.string(0),
        name: row.text(1),
        group: row.text(2),
        value,
        error,
    }
}
