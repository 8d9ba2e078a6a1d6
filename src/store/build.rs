//! Takes the migrations of each engine in, in the order of their names and without the
//! lines that are comments: those explain the files to their readers, and every component
//! would carry them, as would a database in its schema.

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    for engine in ["sqlite", "postgres"] {
        let folder = format!("{engine}/migrations");
        println!("cargo::rerun-if-changed={folder}");
        let mut files = fs::read_dir(folder)?
            .map(|file| Ok(file?.path()))
            .collect::<Result<Vec<PathBuf>, std::io::Error>>()?;
        files.sort();
        let steps = files
            .iter()
            .map(|file| Ok(without_comments(&fs::read_to_string(file)?)))
            .collect::<Result<Vec<String>, std::io::Error>>()?;
        let out = PathBuf::from(env::var("OUT_DIR")?);
        // The list as Rust writes it.
        fs::write(
            out.join(format!("{engine}-migrations.rs")),
            format!("{steps:?}"),
        )?;
    }
    Ok(())
}

/// The step, of whose lines that begin with `--` the separators `--;` alone remain.
fn without_comments(step: &str) -> String {
    step.lines()
        .filter(|line| *line == "--;" || !line.trim_start().starts_with("--"))
        .flat_map(|line| [line, "\n"])
        .collect()
}
