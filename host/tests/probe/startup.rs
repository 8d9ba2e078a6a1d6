//! What the host says when it starts, and when it cannot.

use crate::{
    running::{Answer, Running, altered_manifest, fails_to_start, probe_manifest},
    wire::Held,
};

#[test]
fn host_announces_its_address_and_routes() {
    let host = Running::start(&[]);
    assert!(!host.address.ends_with(":0"));
    host.says(&format!("  probe: http://{}/ (wildcard)", host.address));
    host.says("    The probe with every grant");
    host.says(&format!("  bare: http://{}/exact", host.address));
    assert_eq!(host.get("/.well-known/spin/health"), Answer::ok("OK"));
}

#[test]
fn busy_port_is_named_and_the_exit_code_is_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (status, said) = fails_to_start(&probe_manifest(), &["--listen", &address]);
    assert_eq!(status.code(), Some(1));
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains(&address), "{said}");
}

#[test]
fn sigterm_ends_the_host_at_once_and_cleanly() {
    let host = Running::start(&[]);
    let _held = Held::start(&host.address);
    assert_eq!(host.terminate().code(), Some(0));
}

/// The start fails with exit code 1 and one line that contains the text.
fn refused(replacements: &[(&str, &str)], arguments: &[&str], expected: &str) -> String {
    let (_directory, manifest) = altered_manifest(replacements);
    let arguments = [&["--listen", "127.0.0.1:0"], arguments].concat();
    let (status, said) = fails_to_start(&manifest, &arguments);
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains(expected), "{said}");
    said
}

#[test]
fn unsupported_key_is_named_with_its_path() {
    let role = "environment = { PROBE_ROLE = \"everything\" }";
    let files = "files = [\"*.html\"]";
    refused(
        &[(role, files)],
        &[],
        "component.probe.files: unknown field",
    );
    let private = "route = { private = true }";
    let executor = "route = { private = true }\nexecutor = { type = \"wagi\" }";
    refused(
        &[(private, executor)],
        &[],
        "trigger.http[4].executor: unknown field",
    );
}

#[test]
fn unsupported_host_is_refused_by_its_template() {
    let one = "http://localhost:1\"";
    let several = "http://localhost:1..9\"";
    let said = refused(&[(one, several)], &[], "\"http://localhost:1..9\"");
    assert!(
        said.contains("component.probe.allowed_outbound_hosts"),
        "{said}"
    );
}

#[test]
fn middleware_of_a_shared_component_is_refused() {
    refused(
        &[("component = \"guarded\"", "component = \"probe\"")],
        &[],
        "trigger.http[5].dependencies.middleware is not supported",
    );
}

#[test]
fn component_that_does_not_serve_http_is_refused() {
    let private = "route = { private = true }\ncomponent = \"private\"";
    let tally = "route = { private = true }\ncomponent = \"tally\"";
    refused(
        &[(private, tally)],
        &[],
        "\"tally\": it cannot serve HTTP: it must export wasi:http/handler@0.3",
    );
}

#[test]
fn store_that_only_a_runtime_config_could_define_is_refused() {
    let default = "sqlite_databases = [\"default\"]";
    let other = "sqlite_databases = [\"other\"]";
    refused(&[(default, other)], &[], "component.probe.sqlite_databases");
}

#[test]
fn required_variable_without_a_value_is_named() {
    let default = "greeting = { default = \"hello\" }";
    let required = "greeting = { required = true }";
    refused(&[(default, required)], &[], "\"greeting\" is required");
}

#[test]
fn inherit_configuration_with_an_unknown_name_is_refused() {
    let list = "inherit_configuration = [\"key_value_stores\"]";
    let misspelt = "inherit_configuration = [\"key_value_store\"]";
    let said = refused(&[(list, misspelt)], &[], "\"key_value_store\"");
    assert!(said.contains("inherit_configuration"), "{said}");
}

#[test]
fn import_that_nothing_satisfies_is_named() {
    let dependency =
        "dependencies = { \"probe:dependency/tally@0.1.0\" = { component = \"tally\" } }";
    refused(&[(dependency, "")], &[], "probe:dependency/tally@0.1.0");
}

#[test]
fn variable_value_appears_in_no_message() {
    let secret = "p1anted";
    let port = "http://127.0.0.1:{{ upstream_port }}";
    let host = "http://127.0.0.1:{{ secret }}";
    let set = format!("secret={secret}");
    let arguments = ["--variable", set.as_str()];
    let said = refused(&[(port, host)], &arguments, "allowed_outbound_hosts");
    assert!(!said.contains(secret), "{said}");
    let undeclared = format!("secert={secret}");
    let said = refused(&[], &["--variable", &undeclared], "secert");
    assert!(!said.contains(secret), "{said}");
}
