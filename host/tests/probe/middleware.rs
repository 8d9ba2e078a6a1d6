//! Components in front of others.

use crate::running::Running;

/// Status and body of a request with these headers.
fn send(host: &Running, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
    let url = format!("http://{}{path}", host.address);
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    let mut request = agent.post(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut response = request.send(body).unwrap();
    let passed = response.headers().get_all("passed").iter().count();
    let text = response.body_mut().read_to_string().unwrap();
    (
        response.status().as_u16(),
        format!("passed {passed}\n{text}"),
    )
}

#[test]
fn middleware_is_called_from_the_outside_in_and_sees_what_it_inherits() {
    let host = Running::start(&[]);
    let (status, said) = send(&host, "/guarded/echo", &[], "the body");
    assert_eq!(status, 200);
    assert!(said.starts_with("passed 2\n"), "{said}");
    assert!(said.ends_with("\n\nthe body"), "{said}");
    let seen: Vec<&str> = said
        .lines()
        .filter_map(|line| line.strip_prefix("probe-middleware: "))
        .collect();
    assert_eq!(seen, ["hello, !", "Error::Undefined(\"greeting\")"]);
    assert!(said.contains("\nspin-path-info: /echo\n"), "{said}");
}

#[test]
fn middleware_keeps_a_refused_request_from_the_component() {
    let host = Running::start(&[]);
    let (status, said) = send(&host, "/guarded/print?text=arrived", &[("refuse", "1")], "");
    assert_eq!((status, said.as_str()), (403, "passed 0\n"));
    assert!(!host.output().contains("arrived"));
}

#[test]
fn middleware_is_in_front_of_its_own_component_only() {
    let host = Running::start(&[]);
    let (status, said) = send(&host, "/echo", &[("refuse", "1")], "");
    assert_eq!(status, 200);
    assert!(said.starts_with("passed 0\n"), "{said}");
}
