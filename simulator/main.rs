//! The simulator as a program: reads the flags, listens, serves until stopped.

use clap::Parser;
use http::Uri;
use simulator::{CLIENT_ID, CLIENT_SECRET, Config, Layout, MANAGEMENT_TOKEN, Server};
use std::{io::Write, net::SocketAddr, process::ExitCode, time::Duration};
use tokio::signal::unix::{SignalKind, signal};

/// A double of Smartcar: token endpoint, vehicle API v3, signed webhook deliveries.
#[derive(Parser)]
#[command(name = "smartcar-simulator", version)]
struct Flags {
    /// Address to listen on; port 0 takes a free port
    #[arg(long, default_value = "127.0.0.1:4010")]
    listen: SocketAddr,
    /// The webhook's callback URI; deliveries are sent there
    #[arg(long, value_name = "URL", value_parser = simulator::callback_uri)]
    deliver_to: Option<Uri>,
    /// Client id that may fetch tokens
    #[arg(long, default_value = CLIENT_ID)]
    client_id: String,
    /// Secret of that client
    #[arg(long, default_value = CLIENT_SECRET)]
    client_secret: String,
    /// Application management token: signs the deliveries
    #[arg(long, default_value = MANAGEMENT_TOKEN)]
    management_token: String,
    /// Life of an access token
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(..=31_536_000))]
    token_life: u64,
    /// Factor on the waits of 25 s, 50 s and 100 s between a delivery's attempts
    #[arg(long, value_name = "FLOAT", default_value = "1.0", value_parser = simulator::retry_scale)]
    retry_scale: f64,
    /// Layout of the deliveries
    #[arg(long, value_enum, default_value_t = Layout::Observed)]
    layout: Layout,
}

impl From<Flags> for Config {
    fn from(flags: Flags) -> Self {
        Self {
            listen: flags.listen,
            deliver_to: flags.deliver_to,
            client_id: flags.client_id,
            client_secret: flags.client_secret,
            management_token: flags.management_token,
            token_life: Duration::from_secs(flags.token_life),
            retry_scale: flags.retry_scale,
            layout: flags.layout,
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match serve(Flags::parse().into()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("smartcar-simulator: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(config: Config) -> Result<(), Box<dyn std::error::Error>> {
    let mut terminated = signal(SignalKind::terminate())?;
    let server = Server::bind(config).await?;
    // Whoever started the simulator waits for this line, so it must not stay
    // in a buffer when stdout is a pipe.
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "Simulator listening on http://{}", server.address())?;
    stdout.flush()?;
    drop(stdout);
    tokio::select! {
        never = server.run() => match never {},
        stopped = tokio::signal::ctrl_c() => stopped?,
        _ = terminated.recv() => {}
    }
    Ok(())
}
