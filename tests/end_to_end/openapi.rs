//! The description of the API, and whether the application keeps to it.

use support::{App, Options};

#[test]
fn openapi_document_is_open_and_every_path_in_it_leads_somewhere() {
    let app = App::start();
    let answer = app.send("GET", "/openapi.json", &[], b"");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.body, include_str!("../../src/gateway/openapi.json"));
    let wrong = [("authorization", "Bearer wrong")];
    assert_eq!(app.send("GET", "/openapi.json", &wrong, b"").status, 200);
    assert_eq!(app.send("HEAD", "/openapi.json", &[], b"").body, "");
    let post = app.send("POST", "/openapi.json", &[], b"");
    assert_eq!(
        (post.status, &post.headers["allow"]),
        (405, &"GET, HEAD".parse().unwrap())
    );

    let document = answer.json();
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() >= 30, "{}", paths.len());
    for (path, item) in paths {
        let path = path.replace(['{', '}'], "");
        for (method, operation) in item.as_object().unwrap() {
            let answer = app.send(&method.to_uppercase(), &path, &[], b"");
            // A delivery has no key either, and is refused for want of a signature.
            if operation["security"].is_null() || path == "/webhooks" {
                assert_eq!(answer.status, 401, "{method} {path}: {answer:?}");
            }
            let described = operation["responses"].get(answer.status.to_string());
            assert!(described.is_some(), "{method} {path}: {answer:?}");
        }
    }
}

#[test]
fn openapi_scope_is_the_one_that_is_required() {
    // printf '%s' nothing-key | openssl dgst -sha256
    let keys = r#"[{"name":"nothing","scopes":["nothing"],
        "sha256":"7e0228d8b2dcc4558869ac4e2488b81c449404649445eb03e42b3b90d6a3337d"}]"#;
    let app = App::start_with(Options {
        variables: vec![("API_KEYS", keys.into())],
        ..Options::default()
    });
    let document = app.send("GET", "/openapi.json", &[], b"").json();
    let bearer = [("authorization", "Bearer nothing-key")];
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(scope) = operation["x-scope"]
                .as_str()
                .filter(|scope| !scope.contains([' ', '*']))
            else {
                continue;
            };
            let path = path.replace(['{', '}'], "");
            let answer = app.send(&method.to_uppercase(), &path, &bearer, b"{}");
            let (status, _, code) = answer.error();
            assert_eq!((status, code.as_str()), (403, "MISSING_SCOPE"), "{path}");
            assert!(answer.body.contains(scope), "{scope}: {answer:?}");
        }
    }
}
