//! What is shipped.

use support::Engine;

#[test]
fn component_is_as_small_as_promised() {
    // The gateway carries all of Smartcar's API and its own description.
    // The client carries most of it for other applications.
    for (component, most) in [
        ("receiver", 600_000),
        ("gateway", 1_300_000),
        ("client", 650_000),
        ("verify", 400_000),
        ("print_sink", 100_000),
    ] {
        let path = format!("../target/wasm32-wasip2/release/{component}.wasm");
        let folder = env!("CARGO_MANIFEST_DIR");
        let bytes = std::fs::metadata(format!("{folder}/{path}")).unwrap().len();
        assert!(bytes <= most, "{component} weighs {bytes} bytes");
    }
}

/// Which databases of a host a built component can ask for.
fn databases(path: &str) -> Vec<&'static str> {
    let folder = env!("CARGO_MANIFEST_DIR");
    let bytes = std::fs::read(format!("{folder}/../target/{path}.wasm")).unwrap();
    // An import stands in the file by its name.
    let names = ["spin:sqlite/", "spin:postgres/"];
    let is_there = |name: &&str| {
        bytes
            .windows(name.len())
            .any(|part| part == name.as_bytes())
    };
    names.into_iter().filter(is_there).collect()
}

#[test]
fn component_imports_the_engine_that_it_was_built_for_alone() {
    let (folder, engine) = match Engine::chosen() {
        Engine::Sqlite => ("wasm32-wasip2/release", "spin:sqlite/"),
        // A host that has no SQLite refuses a component that imports it.
        Engine::Postgres => ("postgres/wasm32-wasip2/release", "spin:postgres/"),
    };
    for component in ["receiver", "gateway", "relay"] {
        let databases = databases(&format!("{folder}/{component}"));
        assert_eq!(databases, [engine], "{component}");
    }
    for component in ["http_sink", "client", "verify", "print_sink"] {
        let databases = databases(&format!("wasm32-wasip2/release/{component}"));
        assert_eq!(databases, [""; 0], "{component}");
    }
}
