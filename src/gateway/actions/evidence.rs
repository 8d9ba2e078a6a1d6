//! What a vehicle reported of the signal that shows whether an action was carried
//! out, and what that says.
//!
//! It is settled once. The first report of what was asked for, up to 330 s after the
//! start, says that it was carried out: within that time a report of anything else can
//! be from before the vehicle acted. Without one, the first report after that time
//! decides, whatever the vehicle does later.

use crate::app::App;
use edge::{Platform, respond::Problem};
use smartcar::{Evidence, Timestamp};
use store::{Store, action::AwaitedReport};

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
    let reports = app.stored(app.store().awaited_reports(id).await)?;
    Ok(settle(evidence, reports))
}

/// The reports come in the order in which they count.
fn settle(evidence: &Evidence, reports: Vec<AwaitedReport>) -> Option<Settled> {
    reports.into_iter().find_map(|report| {
        let is_carried_out = evidence.is_met(&report.body)?;
        (report.is_late || is_carried_out).then_some(Settled {
            is_carried_out,
            observed_at: report.observed_at,
            user: report.user,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(reports: &[(bool, &str, i64)]) -> Option<(bool, i64)> {
        let evidence = Evidence::parse("closure-islocked=true").unwrap();
        let reports = reports.iter().map(|(is_late, body, at)| AwaitedReport {
            is_late: *is_late,
            body: (*body).to_owned(),
            observed_at: Timestamp(*at),
            user: None,
        });
        let settled = settle(&evidence, reports.collect())?;
        Some((settled.is_carried_out, settled.observed_at.0))
    }

    const LOCKED: &str = r#"{"value":true}"#;
    const OPEN: &str = r#"{"value":false}"#;

    #[test]
    fn evidence_is_the_first_match_in_time_or_else_the_first_report_after_it() {
        assert_eq!(settled(&[]), None);
        // The vehicle may act after it has reported the old state.
        assert_eq!(settled(&[(false, OPEN, 1)]), None);
        assert_eq!(
            settled(&[(false, OPEN, 1), (false, LOCKED, 2)]),
            Some((true, 2))
        );
        let unlocked_later = [(false, LOCKED, 2), (false, OPEN, 3), (true, OPEN, 9)];
        assert_eq!(settled(&unlocked_later), Some((true, 2)));
        assert_eq!(
            settled(&[(false, OPEN, 1), (true, OPEN, 9)]),
            Some((false, 9))
        );
        assert_eq!(settled(&[(true, LOCKED, 9)]), Some((true, 9)));
        // What does not say settles nothing.
        assert_eq!(
            settled(&[(false, "{}", 1), (true, r#"{"value":1}"#, 9)]),
            None
        );
    }
}
