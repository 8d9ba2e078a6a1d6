//! `edge-host`: serves the components of a `spin.toml` (see the library).

use clap::Parser as _;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    match edge_host::run(edge_host::Options::parse()).await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("edge-host: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
