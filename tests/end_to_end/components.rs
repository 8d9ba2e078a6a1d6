//! What is shipped.

#[test]
fn a_component_weighs_at_most_600_kb() {
    for component in ["receiver", "gateway"] {
        let path = format!("../target/wasm32-wasip2/release/{component}.wasm");
        let folder = env!("CARGO_MANIFEST_DIR");
        let bytes = std::fs::metadata(format!("{folder}/{path}")).unwrap().len();
        assert!(bytes <= 600_000, "{component} weighs {bytes} bytes");
    }
}
