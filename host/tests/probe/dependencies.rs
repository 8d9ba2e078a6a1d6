//! Components composed into others.

use crate::running::{Answer, Running};

#[test]
fn dependency_that_inherits_uses_the_store_of_its_user() {
    let host = Running::start(&[]);
    assert_eq!(host.get("/tally/count?name=x"), Answer::ok("1"));
    assert_eq!(host.get("/tally/count?name=x"), Answer::ok("2"));
    assert_eq!(host.get("/key-value/get?key=tally:x"), Answer::ok("2"));
}

#[test]
fn dependency_inherits_nothing_by_default() {
    let host = Running::start(&[]);
    // What needs no host works, and the component itself has its store.
    assert_eq!(host.get("/disinherited/tally/last"), Answer::ok("0"));
    assert_eq!(
        host.get("/disinherited/key-value/get?key=a"),
        Answer::ok("none")
    );
    let counted = host.get("/disinherited/tally/count?name=x");
    assert_eq!(counted, Answer(500, "Error::AccessDenied".to_owned()));
}

#[test]
fn dependency_inherits_only_the_listed_sets() {
    let host = Running::start(&[]);
    // The component may call itself; its dependency inherits key-value only.
    let own = "url=http://self.alt/instance";
    assert_eq!(host.get(&format!("/fetch?{own}")).0, 200);
    let denied = host.get(&format!("/tally/fetch?{own}"));
    let said = "ErrorCode::InternalError(Some(\"\\\"wasi:http/client\\\" is not permitted\"))";
    assert_eq!(denied, Answer(500, said.to_owned()));
}

#[test]
fn dependency_never_gets_more_than_its_user_has() {
    let host = Running::start(&[]);
    let counted = host.get("/bare/tally/count?name=x");
    assert_eq!(counted.1, "Error::AccessDenied");
    let fetched = host.get("/bare/tally/fetch?url=http://self.alt/");
    assert_eq!(fetched.1, "ErrorCode::HttpRequestDenied");
}

#[test]
fn dependency_may_be_a_file() {
    let host = Running::start(&[]);
    let answer = host.get("/fetch?url=http://private.spin.internal/tally/last");
    assert_eq!(answer, Answer::ok("200 0"));
}
