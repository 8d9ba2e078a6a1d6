//! What calls about a vehicle cost: they are counted by the month, and not made where the plan
//! at Smartcar, or the ceiling of this application, does not allow them.
//!
//! Smartcar says neither which answers it bills nor how many calls are left. Counted is each
//! call about a vehicle that Smartcar answered, unless it refused the token (401), a limit (429)
//! or the plan (430): an estimate.
//!
//! Source: <https://smartcar.com/docs/help/api-limits>

use crate::{
    answer::{is_from_smartcar, problem},
    app::App,
};
use edge::{
    Platform,
    respond::{Code, Problem},
};
use http::{HeaderMap, StatusCode};
use smartcar::{ApiError, Call, Error, Month, Response, StreamingResponse, Timestamp};
use std::time::Duration;
use store::{Store, call::Refusal};

/// Smartcar's code where a vehicle has used up its calls of the month.
pub(crate) const USED_UP: &str = "VEHICLE_REQUEST_LIMIT";

/// How long any other refusal is believed, and after which time one call is made although the
/// month has not ended: the plan can have been raised, and no one says so.
const BELIEVED_FOR: Duration = Duration::from_secs(60 * 60);

/// How many calls about a vehicle may be made in a month. 0: as many as Smartcar allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ceiling(u32);

impl Ceiling {
    /// The variable `vehicle_request_ceiling`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    /// The whole of it, where there is one.
    pub(crate) fn whole(self) -> Option<i64> {
        (self.0 > 0).then_some(self.0.into())
    }

    /// At how many calls reads are refused, so that commands still pass: 90 %, rounded up.
    pub(crate) fn of_reads(self) -> Option<i64> {
        self.whole().map(|whole| whole - whole / 10)
    }
}

/// Refuses a call about a vehicle that Smartcar would refuse, or that the ceiling does not
/// allow. Where the store cannot say, Smartcar does.
///
/// Once an hour a call is made although Smartcar has said that the month's calls are used up.
/// It is one that a caller asks for, so that a command is sent as often as it is asked for.
pub(crate) async fn admit<P: Platform, S: Store>(
    app: &App<P, S>,
    call: &Call,
) -> Result<(), Problem> {
    let Some(vehicle) = call.vehicle() else {
        return Ok(());
    };
    let (store, now) = (app.store(), app.now());
    let month = Month::of(now);
    let known = store.known_calls(vehicle, month.begins).await;
    let Some(known) = app.note(known) else {
        return Ok(());
    };
    let ceiling = app.ceiling();
    let allowed = if call.is_read() {
        ceiling.of_reads()
    } else {
        ceiling.whole()
    };
    if allowed.is_some_and(|allowed| known.count >= allowed) {
        return Err(above_ceiling(month, now));
    }
    let Some(refusal) = known.refusal.filter(|refusal| refusal.holds(now)) else {
        return Ok(());
    };
    if now.since(refusal.at) >= BELIEVED_FOR {
        let asked = store.question_refusal(vehicle, month.begins, refusal.at, now);
        if app.note(asked.await) == Some(true) {
            return Ok(());
        }
    }
    Err(refused(&refusal, now))
}

fn above_ceiling(month: Month, now: Timestamp) -> Problem {
    let detail = "this vehicle has had the calls of this month that the operator allows: reads \
                  end before commands do; read what was delivered, or wait for the next month";
    Problem::new(Code::VehicleCeiling, detail).retry_after(seconds(month.ends.since(now)))
}

/// The refusal as Smartcar gave it, which is how callers know it.
fn refused(refusal: &Refusal, now: Timestamp) -> Problem {
    let detail = if refusal.code == USED_UP {
        "this vehicle has used up the calls of this month that the plan at Smartcar allows; \
         Smartcar was not asked: it is once an hour, and when the month ends"
    } else {
        "Smartcar has refused calls about this vehicle for the plan or the account; it was not \
         asked again and is after an hour"
    };
    let left = seconds(refusal.until.since(now));
    problem(&Error::Api(Box::new(ApiError {
        status: 430,
        kind: "BILLING".to_owned(),
        code: Some(refusal.code.clone()),
        detail: detail.to_owned(),
        retry_after: Some(Duration::from_secs(left.into())),
        ..ApiError::default()
    })))
}

/// Whole seconds until something is over.
fn seconds(left: Duration) -> u32 {
    u32::try_from(left.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}

/// Makes a call, and takes account of it.
pub(crate) async fn call<P: Platform, S: Store>(
    app: &App<P, S>,
    call: &Call,
) -> Result<Response, Error> {
    let sent_at = app.now();
    let answer = app.client().call(call).await?;
    account(app, call, sent_at, answer.status, &answer.headers);
    refuse(app, call, sent_at, &answer);
    Ok(answer)
}

/// Makes a call whose answer is read later, and takes account of it.
pub(crate) async fn open<P: Platform, S: Store>(
    app: &App<P, S>,
    call: &Call,
) -> Result<StreamingResponse<P::Body>, Error> {
    let sent_at = app.now();
    let opened = app.client().open(call).await?;
    account(app, call, sent_at, opened.status, &opened.headers);
    if opened.status.as_u16() != 430 {
        return Ok(opened);
    }
    let answer = opened.read().await?;
    refuse(app, call, sent_at, &answer);
    Ok(answer.into())
}

/// Counts an answered call, in the month in which it was sent.
fn account<P: Platform, S: Store>(
    app: &App<P, S>,
    call: &Call,
    sent_at: Timestamp,
    status: StatusCode,
    headers: &HeaderMap,
) {
    let is_free = matches!(status.as_u16(), 401 | 429 | 430) || !is_from_smartcar(headers);
    let Some(vehicle) = call.vehicle().filter(|_| !is_free).cloned() else {
        return;
    };
    let (store, month) = (app.store(), Month::of(sent_at).begins);
    app.later(async move { store.count_call(&vehicle, month, status.is_success()).await });
}

/// Remembers a refusal for the plan or the account: of the vehicle, since Smartcar says nothing
/// of others, and in the month in which it was asked. A 430 that does not say what it is about
/// closes nothing.
fn refuse<P: Platform, S: Store>(
    app: &App<P, S>,
    call: &Call,
    sent_at: Timestamp,
    answer: &Response,
) {
    if answer.status.as_u16() != 430 {
        return;
    }
    let error = ApiError::from_response(answer);
    let (Some(vehicle), Some(code), "BILLING") =
        (call.vehicle().cloned(), error.code, &*error.kind)
    else {
        return;
    };
    let (store, month) = (app.store(), Month::of(sent_at));
    let until = if code == USED_UP {
        month.ends
    } else {
        sent_at.after(BELIEVED_FOR)
    };
    let at = sent_at;
    let refusal = Refusal { code, at, until };
    app.later(async move { store.refuse_calls(&vehicle, month.begins, &refusal).await });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceiling_ends_reads_before_commands() {
        let of = |text| {
            let ceiling = Ceiling::parse(text).unwrap();
            (ceiling.of_reads(), ceiling.whole())
        };
        assert_eq!(of("0"), (None, None));
        assert_eq!(of("1"), (Some(1), Some(1)));
        assert_eq!(of("10"), (Some(9), Some(10)));
        assert_eq!(of("500"), (Some(450), Some(500)));
        assert_eq!(of("4294967295"), (Some(3_865_470_566), Some(4_294_967_295)));
        for bad in ["", "-1", "1.5", "many", "4294967296"] {
            assert_eq!(Ceiling::parse(bad), None, "{bad}");
        }
    }
}
