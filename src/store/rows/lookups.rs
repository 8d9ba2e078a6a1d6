//! Look-ups of a vehicle's owner that found none.

use super::{Cell, Row};
use crate::lookup::{KnownLookups, NoOwner};

pub(crate) fn known_lookups(mut row: Row<impl Cell>) -> KnownLookups {
    let reason = row.text(0);
    let is = |why: &NoOwner| reason.as_deref() == Some(why.as_str());
    KnownLookups {
        no_owner: NoOwner::ALL.into_iter().find(is),
        count: row.count(1),
        first_at: row.time(2),
    }
}
