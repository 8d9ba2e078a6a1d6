//! How many instructions a delivery takes, as wasmtime counts them (its fuel).
//!
//! The number hardly depends on the machine and not on its load, so a test can
//! compare it with a committed one.

use crate::{deliveries::Delivery, host::Host};
use anyhow::{Context as _, Result, ensure};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// How often each is measured. The least counts: once a second, work that is
/// done after an answer (counters, the sweep) falls to one of the requests.
const ROUNDS: usize = 5;

/// What is measured in each round, in this order.
pub const CASES: [&str; 3] = ["accepted", "duplicate", "forged"];

/// The instructions of each case, by a warm instance of the receiver.
pub type Instructions = BTreeMap<String, u64>;

/// The numbers that were committed.
///
/// # Errors
/// The file is no JSON object of numbers.
pub fn committed() -> Result<Instructions> {
    serde_json::from_str(include_str!("instructions.json"))
        .context("failed to read bench/instructions.json")
}

/// Measures on the embedded host.
///
/// # Errors
/// The host is not built or does not answer as it should.
pub fn measure() -> Result<Instructions> {
    let host = Host::start_counting("spin.toml")?;
    // The first request of an instance opens the database.
    ensure!(host.deliver(&Delivery::new(0))?.0 == 200, "{}", host.said());
    for round in 1..=ROUNDS {
        let delivery = Delivery::new(round);
        let accepted = host.deliver(&delivery)?;
        let duplicate = host.deliver(&delivery)?;
        let forged = host.deliver(&delivery.forged())?;
        ensure!(accepted.1.contains("stored"), "{accepted:?}");
        ensure!(duplicate.1.contains("duplicate"), "{duplicate:?}");
        ensure!(forged.0 == 401, "{forged:?}");
    }
    let counted = counted(&host, 1 + ROUNDS * CASES.len())?;
    let rounds = counted.get(1..).unwrap_or_default().chunks(CASES.len());
    let mut least = Instructions::new();
    for (case, count) in rounds.flat_map(|round| CASES.iter().zip(round)) {
        let least = least.entry((*case).to_owned()).or_insert(*count);
        *least = (*least).min(*count);
    }
    Ok(least)
}

/// The instructions of the receiver's requests, in the order they were sent in.
/// The last one's are reported when the instance has been idle for a second.
fn counted(host: &Host, requests: usize) -> Result<Vec<u64>> {
    let started = Instant::now();
    loop {
        let said = host.said();
        let counts: BTreeMap<u64, u64> = said.lines().filter_map(line).collect();
        if counts.len() >= requests {
            return Ok(counts.into_values().collect());
        }
        let is_late = started.elapsed() > Duration::from_secs(30);
        ensure!(!is_late, "the host did not tell all it counted: {said}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// `edge-host: fuel component=receiver request=<number> consumed=<count>`
fn line(line: &str) -> Option<(u64, u64)> {
    let rest = line.strip_prefix("edge-host: fuel component=receiver request=")?;
    let (request, count) = rest.split_once(" consumed=")?;
    Some((request.parse().ok()?, count.parse().ok()?))
}
