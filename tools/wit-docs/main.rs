//! `wit-docs WIT OUT`: the documentation of the worlds that others implement or
//! compose, as Markdown and HTML.

use anyhow::{Context as _, Result};
use std::path::PathBuf;
use wit_bindgen_core::{Files, wit_parser::Resolve};

/// Between them they have every interface.
const WORLDS: [&str; 2] = ["client", "event-sink"];

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (wit, out) = arguments
        .next()
        .zip(arguments.next())
        .context("usage: wit-docs WIT OUT")?;
    std::fs::create_dir_all(&out)?;
    for world in WORLDS {
        let mut contract = Resolve::default();
        let (package, _) = contract.push_dir(&wit)?;
        let world = contract.select_world(&[package], Some(world))?;
        let mut files = Files::default();
        let mut markdown = wit_bindgen_markdown::Opts::default().build();
        markdown.generate(&mut contract, world, &mut files)?;
        for (name, content) in files.iter() {
            let file = out.join(name);
            std::fs::write(&file, content)
                .with_context(|| format!("failed to write {}", file.display()))?;
            println!("{}", file.display());
        }
    }
    Ok(())
}
