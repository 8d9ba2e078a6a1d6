//! What is shipped.

#[test]
fn component_is_as_small_as_promised() {
    // The gateway carries all of Smartcar's API and its own description.
    // The client carries most of it for other applications.
    for (component, most) in [
        ("receiver", 600_000),
        ("gateway", 1_050_000),
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
