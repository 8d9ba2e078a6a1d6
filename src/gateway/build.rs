//! Packs the description of the API: it says much of it often, and a small
//! component starts fast.

use std::{env, fs, io, path::PathBuf};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=openapi.json");
    let packed = lz4_flex::compress_prepend_size(&fs::read("openapi.json")?);
    let out = env::var_os("OUT_DIR")
        .map(PathBuf::from)
        .unwrap_or_default();
    fs::write(out.join("openapi.lz4"), packed)
}
