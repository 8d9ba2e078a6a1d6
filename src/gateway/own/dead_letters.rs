//! Events that no sink has taken: after a day, after twenty attempts, or because
//! the sink refused them for good.

use crate::{
    access::{admission, callers::Caller},
    actions::local,
    app::App,
    own::{
        list::{self, Window},
        relay,
    },
    request::{Inbound, invalid},
};
use edge::{
    Platform, Response,
    respond::{self, Code, Problem},
};
use http::StatusCode;
use serde_json::{json, value::RawValue};
use smartcar::{Timestamp, parse_time, write_time};
use store::{Store, outbox::DeadLetter};

/// The dead letters, a page at a time.
pub(crate) async fn read<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    inbound: &Inbound,
) -> Result<Response, Problem> {
    admit(caller)?;
    let window = Window::of(inbound)?;
    // After what is no dead letter nothing comes.
    let after = window.after.as_ref().map(|id| id.parse().unwrap_or(0_i64));
    let sink = inbound.parameter("filter[sink]")?;
    let store = app.store();
    let letters = app.stored(
        store
            .dead_letters(after, sink.as_deref(), window.limit())
            .await,
    )?;
    let data = letters.iter().map(shown).collect();
    Ok(list::page(inbound, "/v3/dead-letters", &window, data))
}

/// Sends one of them again.
pub(crate) async fn replay_one<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    inbound: &Inbound,
) -> Result<Response, Problem> {
    admit(caller)?;
    let seq = seq(inbound.parts.get("deadLetterId"))?;
    let path = format!("/v3/dead-letters/{seq}/replay");
    let work = async {
        if !app.stored(app.store().replay(seq, app.now()).await)? {
            let detail = "no dead letter has this id";
            return Err(Problem::new(Code::DeadLetterNotFound, detail));
        }
        Ok(accepted(app, 1))
    };
    local::run(app, caller, "replay-dead-letter", &path, work, |_| false).await
}

/// So many are replayed at a time that no one waits long for the lock.
const MOST: i64 = 1000;

/// Sends those again whose events were received in a while.
pub(crate) async fn replay_many<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    inbound: &Inbound,
) -> Result<Response, Problem> {
    admit(caller)?;
    let sink = inbound.parameter("filter[sink]")?;
    let from = time(inbound, "filter[from]")?;
    let to = time(inbound, "filter[to]")?;
    let path = format!("/v3/dead-letters/replay?{}", inbound.query);
    let work = async {
        let store = app.store();
        let replayed = app.stored(
            store
                .replay_received(sink.as_deref(), from, to, app.now(), MOST)
                .await,
        )?;
        Ok(accepted(app, replayed))
    };
    local::run(app, caller, "replay-dead-letters", &path, work, |_| false).await
}

/// The outbox holds events of all vehicles.
fn admit(caller: &Caller) -> Result<(), Problem> {
    caller.require("run_relay")?;
    admission::everything(caller, "the outbox")
}

fn accepted<P: Platform, S: Store>(app: &App<P, S>, replayed: usize) -> Response {
    relay::soon(app);
    let body = json!({"meta": {"replayed": replayed}}).to_string();
    respond::json(StatusCode::ACCEPTED, body)
}

fn seq(id: &str) -> Result<i64, Problem> {
    id.parse()
        .map_err(|_| invalid("a dead letter's id is a number"))
}

fn time(inbound: &Inbound, name: &str) -> Result<Timestamp, Problem> {
    let text = inbound.parameter(name)?;
    // Read as the other times of the API are: as JSON text.
    let time = text.and_then(|text| {
        let json = RawValue::from_string(json!(text).to_string()).ok()?;
        parse_time(&json)
    });
    time.ok_or_else(|| {
        invalid(format!(
            "{name} is a time such as 2026-01-31T12:00:00Z, and has to be there"
        ))
    })
}

fn shown(letter: &DeadLetter) -> serde_json::Value {
    json!({
        "id": letter.seq.to_string(),
        "type": "dead-letter",
        "attributes": {
            "sink": letter.sink,
            "eventId": letter.event_id,
            "eventType": letter.event_type,
            "vehicleId": letter.vehicle_id,
            "attempts": letter.attempts,
            "error": letter.error,
        },
        "meta": {
            "receivedAt": write_time(letter.received_at),
            "deadAt": write_time(letter.dead_at),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        reads_tests::{dead_letter, with_sink},
        testing::{Instance, SECOND, body, edge, error},
    };
    use serde_json::Value;

    #[test]
    fn dead_letter_shows_its_event_and_how_it_fared() {
        let letter = DeadLetter {
            seq: 7,
            sink: "a".to_owned(),
            event_id: "e-1".to_owned(),
            event_type: "VEHICLE_STATE".to_owned(),
            vehicle_id: Some("v-1".to_owned()),
            attempts: 3,
            error: Some("no".to_owned()),
            received_at: Timestamp(1000),
            dead_at: Timestamp(2000),
        };
        let expected = json!({
            "id": "7",
            "type": "dead-letter",
            "attributes": {"sink": "a", "eventId": "e-1", "eventType": "VEHICLE_STATE",
                "vehicleId": "v-1", "attempts": 3, "error": "no"},
            "meta": {"receivedAt": "1970-01-01T00:00:01.000Z", "deadAt": "1970-01-01T00:00:02.000Z"},
        });
        assert_eq!(shown(&letter), expected);
    }

    #[test]
    fn dead_letters_come_a_page_at_a_time_and_of_one_sink() {
        let instance = Instance::new();
        with_sink(&instance);
        let old = dead_letter(&instance).to_string();
        instance.fake.advance(SECOND);
        let new = dead_letter(&instance).to_string();
        let page = |path: &str| {
            let page = body(&instance.call("GET", path));
            let letters = page["data"].as_array().unwrap().iter();
            let ids: Vec<Value> = letters.map(|letter| letter["id"].clone()).collect();
            (ids, page["links"]["next"].as_str().map(str::to_owned))
        };
        let (ids, next) = page("/v3/dead-letters?filter[sink]=a&page[size]=1");
        assert_eq!(ids, [json!(new)]);
        let (ids, next) = page(&next.unwrap());
        assert_eq!((ids, next), (vec![json!(old)], None));
        assert_eq!(page("/v3/dead-letters?filter[sink]=b"), (vec![], None));
        let (none, _) = page("/v3/dead-letters?page[after]=x");
        assert!(none.is_empty());
    }

    #[test]
    fn dead_letters_are_replayed_of_one_sink_where_it_is_named() {
        let instance = Instance::new();
        with_sink(&instance);
        instance.fake.answer("/nudge", 204, "");
        dead_letter(&instance);
        let replay = |sink| {
            let while_ = "filter[from]=2020-01-01T00:00:00Z&filter[to]=2024-01-01T00:00:00Z";
            let path = format!("/v3/dead-letters/replay?{while_}&filter[sink]={sink}");
            body(&instance.call("POST", &path))["meta"]["replayed"].clone()
        };
        assert_eq!((replay("b"), replay("a")), (json!(0), json!(1)));
    }

    #[test]
    fn dead_letter_has_a_number_for_its_id() {
        let refused = Instance::new().call("POST", "/v3/dead-letters/x/replay");
        assert_eq!(error(&refused), edge(400, "INVALID_INPUT"));
    }
}
