//! `dev up | example | conformance`: the application in front of Smartcar's double, for a
//! developer. The Makefile builds what each of them needs first.

mod conformance;
mod example;
mod up;

use anyhow::{Result, bail};
use std::{env, process::ExitCode};

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let done = match arguments.next().as_deref() {
        Some("up") => up::run(),
        Some("example") => example::run(),
        Some("conformance") => conformance::run(arguments),
        _ => usage(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> Result<()> {
    bail!("usage: dev up | dev example | dev conformance [OPTIONS OF schemathesis]")
}
