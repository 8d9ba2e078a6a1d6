//! What is shipped.

#[test]
fn a_component_is_as_small_as_was_promised() {
    // The gateway carries all of Smartcar's API and its own description.
    for (component, most) in [("receiver", 600_000), ("gateway", 900_000)] {
        let path = format!("../target/wasm32-wasip2/release/{component}.wasm");
        let folder = env!("CARGO_MANIFEST_DIR");
        let bytes = std::fs::metadata(format!("{folder}/{path}")).unwrap().len();
        assert!(bytes <= most, "{component} weighs {bytes} bytes");
    }
}
