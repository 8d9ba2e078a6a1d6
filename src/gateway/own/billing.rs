//! The calls that the plan at Smartcar counts, as they are shown.

use crate::{
    access::callers::Caller,
    app::App,
    own::diagnosis::{self, Diagnosis},
};
use edge::Platform;
use serde_json::{Value, json};
use smartcar::{Month, Timestamp, write_time};
use store::{Store, StoreError, call::KnownCalls};

/// How many of the vehicles with the most calls are named.
const NAMED: i64 = 5;

/// The calls of this month, and what is wrong with them. Which vehicles have the most is shown
/// to a key that is for every one.
pub(crate) async fn status<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    now: Timestamp,
) -> Result<(Value, Vec<Diagnosis>), StoreError> {
    let (store, month, ceiling) = (app.store(), Month::of(now), app.ceiling());
    let many = ceiling.of_reads().unwrap_or(i64::MAX);
    let figures = store.call_figures(month.begins, now, many).await?;
    let most = if caller.is_for_all() {
        store.most_called(month.begins, NAMED).await?
    } else {
        Vec::new()
    };
    let refused = figures.refused.iter();
    let shown = json!({
        "since": write_time(month.begins),
        "until": write_time(month.ends),
        "calls": figures.count,
        "ceiling": ceiling.whole(),
        "atCeiling": figures.at_ceiling,
        "refused": refused
            .map(|(code, vehicles)| json!({"code": code, "vehicles": vehicles}))
            .collect::<Value>(),
        "mostCalled": most
            .iter()
            .map(|(vehicle, calls)| json!({"vehicleId": vehicle, "calls": calls}))
            .collect::<Value>(),
    });
    Ok((shown, diagnosis::of_billing(&figures)))
}

/// What Smartcar refuses of a vehicle, and until when; null where that is nothing.
pub(crate) fn shown(calls: &KnownCalls, now: Timestamp) -> Value {
    let refusal = calls.refusal.as_ref().filter(|refusal| refusal.holds(now));
    refusal.map_or(
        Value::Null,
        |refusal| json!({"code": refusal.code, "until": write_time(refusal.until)}),
    )
}
