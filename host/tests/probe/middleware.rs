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
fn the_outer_one_is_asked_first_and_each_sees_what_it_inherits() {
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
fn what_it_refuses_does_not_arrive() {
    let host = Running::start(&[]);
    let (status, said) = send(&host, "/guarded/print?text=arrived", &[("refuse", "1")], "");
    assert_eq!((status, said.as_str()), (403, "passed 0\n"));
    assert!(!host.output().contains("arrived"));
}

#[test]
fn another_trigger_of_the_same_component_has_none() {
    let host = Running::start(&[]);
    let (status, said) = send(&host, "/echo", &[("refuse", "1")], "");
    assert_eq!(status, 200);
    assert!(said.starts_with("passed 0\n"), "{said}");
}
