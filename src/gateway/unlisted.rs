//! What Smartcar has and this version does not know. It is handed on for keys whose scopes
//! name that, and on the record.

use crate::{
    access::{admission, callers::Caller},
    actions::{
        self, idempotency,
        outcome::Judgement,
        record::{self, Claim, Kept, New},
        reply,
    },
    answer::Reply,
    app::App,
    reads,
    request::{Inbound, bearer, invalid},
};
use edge::{Platform, respond::Problem};
use http::{Method, StatusCode};
use smartcar::{VehicleId, endpoints::Endpoint};
use store::{Store, action::Outcome};

/// Hands a request on. A key without the scope is answered as if the path did not exist.
pub(crate) async fn answer<P: Platform, S: Store>(
    app: &'static App<P, S>,
    endpoint: &'static Endpoint,
    inbound: &Inbound,
) -> Result<Reply, Problem> {
    let caller = app.callers()?.identify(bearer(&inbound.headers)?);
    let caller = caller
        .ok()
        .filter(|caller| caller.has(endpoint.scope))
        .ok_or_else(routes::nothing_there)?;
    admission::everything(caller, "what this gateway does not know")?;
    // A second spelling of an id would have limits and a place on the record of its own.
    for part in inbound.parts.get(routes::PATH).split('/').skip(1) {
        VehicleId::from_caller(part).map_err(|error| invalid(error.to_string()))?;
    }
    if endpoint.method == Method::GET {
        read(app, caller, endpoint, inbound).await
    } else {
        actions::run(app, caller, endpoint, inbound).await
    }
}

/// Reads, with a record of it.
async fn read<P: Platform, S: Store>(
    app: &App<P, S>,
    caller: &Caller,
    endpoint: &'static Endpoint,
    inbound: &Inbound,
) -> Result<Reply, Problem> {
    let user = inbound.user()?;
    let call = inbound.call(endpoint, user.clone())?;
    let fingerprint = idempotency::fingerprint(&[call.path().as_bytes()]);
    let new = New {
        vehicle: call.vehicle(),
        user: user.as_ref(),
        ..New::plain(caller.name(), endpoint.name, call.path(), &fingerprint)
    };
    let running = match record::claim(app, new).await? {
        Claim::Begun(running) => running,
        // Only what has a key was done before, and only commands hold a vehicle.
        Claim::Before(_) | Claim::Held(_) | Claim::Contended => {
            return Err(reply::contended());
        }
    };
    let reply = reads::read(app, caller, endpoint, inbound).await;
    let (status, judgement) = match &reply {
        Ok(reply) => (reply.status(), of(reply.status())),
        Err(problem) => (problem.status, Judgement::refused(problem.code)),
    };
    let kept = Kept::status(status);
    running.complete(app, &judgement, None, None, &kept).await;
    reply
}

fn of(status: StatusCode) -> Judgement {
    Judgement::of(if status.is_success() {
        Outcome::Succeeded
    } else {
        Outcome::Failed
    })
}

#[cfg(test)]
mod tests {
    use crate::testing::{Instance, body, edge, error, key, request, restricted_key, with};
    use serde_json::json;

    const EXECUTION: &str = "/v3/command-executions/exec_1";
    const CLIMATE: &str = "/v3/vehicles/v-1/commands/climate/start";

    fn instance() -> Instance {
        let mut restricted = restricted_key("restricted", "vehicles", &["v-1"]);
        restricted["scopes"] = json!(["raw_read", "raw_write"]);
        let instance = Instance::with_keys(&[
            key("reader", &["raw_read"]),
            key("writer", &["raw_*"]),
            restricted,
        ]);
        instance.fake.answer(EXECUTION, 200, r#"{"data":{}}"#);
        instance.fake.answer(CLIMATE, 200, r#"{"data":{"id":"x"}}"#);
        instance
    }

    #[test]
    fn path_that_is_not_known_is_handed_on_for_keys_that_name_the_scope() {
        let instance = instance();
        let asked = with(
            request("reader", "GET", &format!("{EXECUTION}?page[number]=2")),
            ("sc-user-id", "u-1"),
        );
        let read = instance.send(asked);
        assert_eq!(body(&read), json!({"data": {}}));
        let sent = instance.fake.requests().pop().unwrap();
        assert_eq!(sent.headers()["sc-user-id"], "u-1");
        assert_eq!(sent.uri().query(), Some("page[number]=2"));
        let not_found = edge(404, "PATH_NOT_FOUND");
        let asked = instance.fake.requests().len();
        // A star is no name, and neither key nor scope shows what there is.
        for (name, method, path) in [
            ("all", "GET", EXECUTION),
            ("unknown", "GET", EXECUTION),
            ("reader", "POST", CLIMATE),
            ("writer", "GET", "/v3/x%2fy"),
            ("writer", "GET", "/v4/x"),
        ] {
            let refused = instance.send(request(name, method, path));
            assert_eq!(error(&refused), not_found, "{name} {method} {path}");
        }
        let bare = http::Request::get(EXECUTION).body("").unwrap();
        assert_eq!(error(&instance.send(bare)), not_found);
        let refused = instance.send(request("restricted", "GET", EXECUTION));
        assert_eq!(error(&refused), edge(403, "KEY_RESTRICTED"));
        assert_eq!(instance.fake.requests().len(), asked);
    }

    #[test]
    fn change_that_is_not_known_is_made_once_and_on_the_record() {
        let instance = instance();
        let change = || {
            let sent = request("writer", "POST", CLIMATE);
            instance.send(with(sent, ("idempotency-key", "k-1")))
        };
        assert_eq!(body(&change()), json!({"data": {"id": "x"}}));
        assert_eq!(change().headers()["idempotent-replayed"], "true");
        assert_eq!(instance.fake.requests_to(CLIMATE), 1);
        instance.send(request("writer", "GET", EXECUTION));
        let audit = body(&instance.call("GET", "/v3/audit"));
        let rows = audit["data"].as_array().unwrap().iter();
        let rows = rows.map(|row| {
            let row = &row["attributes"];
            ["kind", "path", "vehicleId", "outcome"].map(|name| row[name].clone())
        });
        let expected = [
            [
                json!("raw-read"),
                json!(EXECUTION),
                json!(null),
                json!("succeeded"),
            ],
            [
                json!("raw-write"),
                json!(CLIMATE),
                json!("v-1"),
                json!("succeeded"),
            ],
        ];
        assert_eq!(rows.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn change_that_is_not_known_ends_as_its_answer_says() {
        for (status, body, outcome) in [
            (
                202,
                r#"{"data":{"id":"exec_1","attributes":{"status":{"value":"FAILURE"}}}}"#,
                "failed",
            ),
            (
                202,
                r#"{"data":{"attributes":{"status":{"value":"PENDING"}}}}"#,
                "unknown",
            ),
            (
                200,
                r#"{"data":{"attributes":{"status":{"value":"SUCCESS"}}}}"#,
                "succeeded",
            ),
            (201, r#"{"data":{"id":"w-1"}}"#, "succeeded"),
            (204, "", "succeeded"),
            (409, r#"{"errors":[{"type":"VEHICLE_STATE"}]}"#, "failed"),
        ] {
            let instance = Instance::with_keys(&[key("writer", &["raw_write"])]);
            instance.fake.answer(CLIMATE, status, body);
            instance.send(with(
                request("writer", "POST", CLIMATE),
                ("sc-user-id", "u-1"),
            ));
            let audit = crate::testing::body(&instance.call("GET", "/v3/audit"));
            let row = &audit["data"][0]["attributes"];
            assert_eq!(
                (&row["outcome"], &row["userId"]),
                (&json!(outcome), &json!("u-1")),
                "{body}"
            );
        }
    }

    #[test]
    fn change_that_is_known_is_made_under_its_own_name_alone() {
        let instance = instance();
        for path in [
            "/v3/vehicles/v-1/commands/security/unlock/",
            "/v3/Vehicles/v-1/commands/security/unlock",
            "/v3/vehicles/v-1/commands/security/UNLOCK",
            "/v3/vehicles/v-1/commands/security/%75nlock",
            "/v3/audit/x/..",
        ] {
            let refused = instance.send(request("writer", "POST", path));
            let code = error(&refused);
            assert!(
                code == edge(404, "PATH_NOT_FOUND") || code == edge(403, "MISSING_SCOPE"),
                "{path}: {code:?}"
            );
        }
        let capitals = "/v3/vehicles/7A3F6C1E-0000-4000-8000-00000000000A/commands/climate/start";
        let refused = instance.send(request("writer", "POST", capitals));
        assert_eq!(error(&refused), edge(400, "INVALID_INPUT"));
        let refused = instance.send(request("writer", "PUT", "/v3/vehicles/v-1/signals"));
        assert_eq!(error(&refused), edge(405, "METHOD_NOT_ALLOWED"));
        assert_eq!(instance.fake.requests().len(), 0);
    }
}
