//! `make example`: Smartcar's double and examples/night-lock in front of it, on free ports;
//! calls it twice and ends.

use anyhow::Result;
use support::{Composed, send};

pub(crate) fn run() -> Result<()> {
    // A night that lasts all day.
    let night = [("NIGHT_FROM", "00:00"), ("NIGHT_TO", "00:00")];
    let app = Composed::start("examples/night-lock/spin.toml", &night);
    println!(
        "One of three simulated cars reports that it is unlocked. It is night: POST /run locks it."
    );
    println!("{}", app.send("POST", "/run", &[], b"").body);
    println!("The second time there is nothing to do.");
    println!("{}", app.send("POST", "/run", &[], b"").body);
    println!("What Smartcar's double was asked: one access token for everything, one lock.");
    let requests = format!("{}/_simulator/requests", app.smartcar.origin());
    println!("{}", send("GET", &requests, &[], b"").body);
    Ok(())
}
