//! Examinations.

use super::{Cell, Row};
use crate::examination::Examination;

pub(crate) fn examination(mut row: Row<impl Cell>) -> Option<Examination> {
    Some(Examination {
        ran_at: row.time(0)?,
        report: row.text(1)?,
    })
}
