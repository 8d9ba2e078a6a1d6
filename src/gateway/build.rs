//! Compresses the description of the API: it repeats itself a lot, and a small component
//! starts fast.

use flate2::{Compression, write::GzEncoder};
use std::{
    env, fs,
    io::{self, Write as _},
    path::PathBuf,
};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=openapi.json");
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&fs::read("openapi.json")?)?;
    let out = env::var_os("OUT_DIR")
        .map(PathBuf::from)
        .unwrap_or_default();
    fs::write(out.join("openapi.json.gz"), encoder.finish()?)
}
