//! What a vehicle reported of the signal that shows whether an action was carried
//! out, and what that says.
//!
//! It is settled once. The first report of what was asked for, up to 330 s after the
//! start, says that it was carried out: within that time a report of anything else can
//! be from before the vehicle acted. Without one, the first report after that time
//! decides, whatever the vehicle does later.

use crate::{
    app::App,
    database::{self, Store},
};
use edge::{Platform, respond::Problem};
use smartcar::{Evidence, Timestamp};
use store::old::sqlite::{Row, Value};

/// In the order in which they count. The columns are those of [`settle`].
const REPORTS: &str = "SELECT is_late, body, observed_at, user_id FROM action_signal
    WHERE action_id = ?1 ORDER BY is_late, observed_at";

/// What the vehicle's reports say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) is_carried_out: bool,
    /// When the report that says so was observed.
    pub(crate) observed_at: Timestamp,
    /// Whose connection reported it; None for the user of the action.
    pub(crate) user: Option<String>,
}

/// What the vehicle's reports say of an action, as far as they do.
pub(crate) async fn of<P: Platform, S: Store>(
    app: &App<P, S>,
    id: &str,
    evidence: &Evidence,
) -> Result<Option<Settled>, Problem> {
    let reports = database::query(app, REPORTS, [Value::from(id)]).await?;
    Ok(settle(evidence, &reports))
}

fn settle(evidence: &Evidence, reports: &[Row]) -> Option<Settled> {
    reports.iter().find_map(|report| {
        let is_late = report.integer(0) == Some(1);
        let is_carried_out = evidence.is_met(report.text(1)?)?;
        let observed_at = Timestamp(report.integer(2)?);
        (is_late || is_carried_out).then_some(Settled {
            is_carried_out,
            observed_at,
            user: report.text(3).map(str::to_owned),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(reports: &[(i64, &str, i64)]) -> Option<(bool, i64)> {
        let evidence = Evidence::parse("closure-islocked=true").unwrap();
        let reports: Vec<Row> = reports
            .iter()
            .map(|(is_late, body, at)| {
                let body = Value::Text((*body).to_owned());
                Row::from(vec![Value::Integer(*is_late), body, Value::Integer(*at)])
            })
            .collect();
        let settled = settle(&evidence, &reports)?;
        Some((settled.is_carried_out, settled.observed_at.0))
    }

    const LOCKED: &str = r#"{"value":true}"#;
    const OPEN: &str = r#"{"value":false}"#;

    #[test]
    fn evidence_is_the_first_match_in_time_or_else_the_first_report_after_it() {
        assert_eq!(settled(&[]), None);
        // The vehicle may act after it has reported the old state.
        assert_eq!(settled(&[(0, OPEN, 1)]), None);
        assert_eq!(settled(&[(0, OPEN, 1), (0, LOCKED, 2)]), Some((true, 2)));
        let unlocked_later = [(0, LOCKED, 2), (0, OPEN, 3), (1, OPEN, 9)];
        assert_eq!(settled(&unlocked_later), Some((true, 2)));
        assert_eq!(settled(&[(0, OPEN, 1), (1, OPEN, 9)]), Some((false, 9)));
        assert_eq!(settled(&[(1, LOCKED, 9)]), Some((true, 9)));
        // What does not say settles nothing.
        assert_eq!(settled(&[(0, "{}", 1), (1, r#"{"value":1}"#, 9)]), None);
    }
}
