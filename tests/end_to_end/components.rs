//! What is shipped.

use end_to_end::shell;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

#[test]
fn a_component_is_as_small_as_was_promised() {
    // The gateway carries all of Smartcar's API and its own description.
    // The client carries most of it for other applications.
    for (component, most) in [
        ("receiver", 600_000),
        ("gateway", 900_000),
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

#[test]
fn what_is_packaged_is_what_was_built() {
    let out = TempDir::new().unwrap();
    let out = out.path();
    let said = shell(&format!(
        "cd .. && PACKAGE_DIR={} sh scripts/package.sh client verify",
        out.display()
    ));
    let manifest: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}"));
    assert_eq!(manifest["contract"], "smartcar:edge@0.1.0");
    let components = manifest["components"].as_array().unwrap();
    assert_eq!(components.len(), 2);
    for component in components {
        let text = |name: &str| component[name].as_str().unwrap().to_owned();
        let folder = env!("CARGO_MANIFEST_DIR");
        let built = format!(
            "{folder}/../target/wasm32-wasip2/release/{}.wasm",
            text("name")
        );
        let bytes = std::fs::read(out.join(text("file"))).unwrap();
        assert_eq!(bytes, std::fs::read(built).unwrap());
        assert_eq!(component["size"], bytes.len());
        assert_eq!(text("sha256"), hex::encode(Sha256::digest(&bytes)));
        assert!(text("file").ends_with("-0.1.0.wasm"), "{component}");
    }
}
