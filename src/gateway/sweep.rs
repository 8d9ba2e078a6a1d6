//! Forgetting what is no longer needed, in small steps after answers.

use crate::{app::App, database::Store};
use edge::{
    Platform,
    log::{self, Event, Level},
};
use smartcar::Timestamp;
use std::{sync::atomic::Ordering, time::Duration};
use store::{
    StoreError,
    action::KEY_LIFE,
    chore::{ROWS, is_ahead, steps},
};

/// How often an instance sweeps.
const EVERY: Duration = Duration::from_secs(30);

/// Sweeps after this answer, if it is time.
pub(crate) fn soon<P: Platform, S: Store>(app: &'static App<P, S>) {
    let next = app.next_sweep();
    let now = app.now();
    if is_ahead(Timestamp(next.load(Ordering::Relaxed)), now, EVERY) {
        return;
    }
    next.store(now.after(EVERY).0, Ordering::Relaxed);
    let records = now.before(app.audit_retention());
    app.platform().spawn(async move {
        match sweep(app, now.before(KEY_LIFE), records).await {
            // The next answer goes on.
            Ok(true) => next.store(0, Ordering::Relaxed),
            Ok(false) => {}
            // The next sweep does it.
            Err(error) => log::line(app.platform(), Level::Error, Event::Store)
                .with("error", error.to_string())
                .write(),
        }
    });
}

/// Forgets answers, records and arrivals of before then. Whether some may be left.
async fn sweep<P: Platform, S: Store>(
    app: &App<P, S>,
    answers: Timestamp,
    records: Timestamp,
) -> Result<bool, StoreError> {
    let store = app.store();
    let step = async || {
        let was_left = [
            store.forget_answers(answers, ROWS).await?,
            store.forget_actions(records, ROWS).await?,
            store.forget_arrivals(records, ROWS).await?,
        ];
        Ok(was_left.contains(&true))
    };
    steps(app.platform(), step).await
}
