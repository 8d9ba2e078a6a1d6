//! Forgetting what is no longer needed, in small steps after answers.

use crate::app::App;
use edge::{
    Platform,
    log::{self, Event, Level},
};
use smartcar::Timestamp;
use std::{sync::atomic::Ordering, time::Duration};
use store::{
    Store, StoreError,
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

/// Forgets answers, records, arrivals and calls of before then. Whether some may be left.
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
            store.forget_calls(records, ROWS).await?,
        ];
        Ok(was_left.contains(&true))
    };
    steps(app.platform(), step).await
}

#[cfg(test)]
mod tests {
    use crate::testing::{ALL, DAY, Instance, SECOND, request, with};
    use smartcar::{Clock, ConnectFailure};
    use store::{Arrivals, arrival::FailedArrival};

    #[test]
    fn sweep_forgets_an_answer_with_its_key_and_keeps_the_record() {
        let instance = Instance::new();
        let lock = "/v3/vehicles/v-1/commands/security/lock";
        instance.owner("v-1", "u-1");
        let done = r#"{"data":{"id":"e-1","attributes":{"status":{"value":"SUCCESS"}}}}"#;
        instance.fake.answer(lock, 200, done);
        let answer = instance.send(with(request(ALL, "POST", lock), ("idempotency-key", "k-1")));
        let kept = || instance.count("action WHERE answer IS NOT NULL");
        instance.fake.advance(DAY - SECOND);
        instance.call("GET", "/v3/signals");
        assert_eq!(kept(), 1);
        instance.fake.advance(SECOND * 31);
        instance.call("GET", "/v3/signals");
        assert_eq!(kept(), 0);
        assert_eq!(instance.record(&answer)["outcome"], "succeeded");
    }

    #[test]
    fn sweep_goes_on_after_the_next_answer_where_much_is_left() {
        let instance = Instance::new();
        let old = instance.fake.now().before(DAY * 366);
        instance.fake.run(async {
            for number in 0..2050 {
                let failed = FailedArrival {
                    nonce: &number.to_string(),
                    at: old,
                    failure: &ConnectFailure::default(),
                    vehicle: None,
                    since: old,
                    most: i64::MAX,
                };
                assert!(instance.store().fail_arrival(failed).await.unwrap());
            }
        });
        instance.call("GET", "/v3/signals");
        assert_eq!(instance.count("arrival"), 50);
        instance.call("GET", "/v3/signals");
        assert_eq!(instance.count("arrival"), 0);
    }
}
