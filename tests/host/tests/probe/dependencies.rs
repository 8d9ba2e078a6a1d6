//! Components composed into others.

use crate::running::{Answer, Running};

#[test]
fn an_inheriting_dependency_uses_its_users_store() {
    let host = Running::start(&[]);
    assert_eq!(host.get("/tally/count?name=x"), Answer::ok("1"));
    assert_eq!(host.get("/tally/count?name=x"), Answer::ok("2"));
    assert_eq!(host.get("/key-value/get?key=tally:x"), Answer::ok("2"));
}

#[test]
fn a_dependency_inherits_nothing_by_default() {
    let host = Running::start(&[]);
    // What needs no host works, and the component itself has its store.
    assert_eq!(host.get("/disinherited/tally/last"), Answer::ok("0"));
    assert_eq!(
        host.get("/disinherited/key-value/get?key=a"),
        Answer::ok("none")
    );
    let denied = Answer(500, String::new());
    assert_eq!(host.get("/disinherited/tally/count?name=x"), denied);
    host.says(
        "component \"disinherited\" trapped: the dependency \"probe:dependency/tally@0.1.0\" \
         called [static]store.open of spin:key-value/key-value@3.0.0, \
         which its inherit_configuration does not grant",
    );
}

#[test]
fn what_is_not_listed_is_not_inherited() {
    let host = Running::start(&[]);
    // The component may call itself; its dependency inherits key-value only.
    let own = "url=http://self.alt/instance";
    assert_eq!(host.get(&format!("/fetch?{own}")).0, 200);
    assert_eq!(host.get(&format!("/tally/fetch?{own}")).0, 500);
    host.says("called send of wasi:http/client@0.3.0");
}

#[test]
fn a_dependency_never_gets_more_than_its_user_has() {
    let host = Running::start(&[]);
    let counted = host.get("/bare/tally/count?name=x");
    assert_eq!(counted.1, "Error::AccessDenied");
    let fetched = host.get("/bare/tally/fetch?url=http://self.alt/");
    assert_eq!(fetched.1, "ErrorCode::HttpRequestDenied");
}

#[test]
fn a_dependency_may_be_a_file() {
    let host = Running::start(&[]);
    let answer = host.get("/fetch?url=http://private.spin.internal/tally/last");
    assert_eq!(answer, Answer::ok("200 0"));
}
