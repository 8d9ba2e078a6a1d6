//! `make bench`: see BENCHMARKS.md.

use anyhow::{Context as _, Result, bail, ensure};
use bench::{
    backlog,
    deliveries::{Delivery, VEHICLES, get, vehicle},
    host::{self, Host, KEY},
    instructions, latency,
    load::{Expected, Load, Measured},
    report::{Case, Report, Row, table},
    repository, soak,
};
use std::{io::Write as _, process::ExitCode, time::Instant};
use support::Engine;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("make bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The seconds that a variable of the environment asks for.
fn seconds(name: &str, otherwise: usize) -> Result<usize> {
    match std::env::var(name).unwrap_or_default().as_str() {
        "" => Ok(otherwise),
        text => text
            .parse()
            .ok()
            .filter(|seconds| *seconds > 0)
            .with_context(|| {
                format!("the variable {name} must be a whole number of seconds above 0")
            }),
    }
}

fn run() -> Result<()> {
    if std::env::args().nth(1).as_deref() == Some("soak") {
        return soak::run(u64::try_from(seconds("SOAK_SECONDS", 600)?)?);
    }
    let seconds = seconds("BENCH_SECONDS", 5)?;
    if std::env::args().nth(1).as_deref() == Some("backlog") {
        println!("{}", table(&dead_sink(32, seconds, 1.0)?));
        return Ok(());
    }
    if std::env::args().nth(1).as_deref() == Some("round") {
        println!("{}", table(&round(64, seconds)?));
        return Ok(());
    }
    let mut rows = Vec::new();
    for connections in [32, 64] {
        rows.extend(round(connections, seconds)?);
    }
    println!("latencies");
    let latencies = latency::measure()?;
    let report = Report {
        seconds,
        host: host::name()?,
        rows,
        durable_write: durable_write()?,
        instructions: instructions::measure()?,
        latencies,
    };
    println!("{}", table(&report.rows));
    report.write()
}

/// Everything, over so many connections, on stores that were empty before.
fn round(connections: usize, seconds: usize) -> Result<Vec<Row>> {
    let noop = Host::start("bench/noop/spin.toml")?;
    let app = Host::start_app(Engine::Sqlite)?;
    let on_postgres = if postgresql::programs().is_some() {
        Some(Host::start_app(Engine::Postgres)?)
    } else {
        println!("left out: PostgreSQL, which is not installed");
        None
    };
    let load = Load {
        connections,
        seconds,
        once: false,
        expected: Expected::Success,
    };
    let refused = Load {
        expected: Expected::Refusal,
        ..load
    };
    let nothing = || [get("/", "")];
    let stored = Delivery::new(0);
    let forged = stored.clone().forged();
    expect(&app.deliver(&forged)?, 401, "SIGNATURE_MISMATCH")?;
    // Caches, connections and the processor's clock settle first.
    Load { seconds: 1, ..load }.send(&noop, nothing())?;
    for app in [Some(&app), on_postgres.as_ref()].into_iter().flatten() {
        let shortly = Load {
            seconds: 1,
            ..refused
        };
        shortly.send(app, [forged.request()])?;
    }

    say(connections, "no-op");
    let before = load.send(&noop, nothing())?;
    let reads = load.send(&noop, [stored.request()])?;
    say(connections, "forged");
    let forged = refused.send(&app, [forged.request()])?;
    let sqlite = on_store(&app, load, before.throughput)?;
    let postgres = match &on_postgres {
        Some(app) => Some(on_store(app, load, before.throughput)?),
        None => None,
    };
    let after = load.send(&noop, nothing())?;
    holds_no_trap(&noop)?;

    let base = f64::midpoint(before.throughput, after.throughput);
    let row = |case, measured: Measured| Row {
        case,
        connections,
        measured,
        ratio: measured.throughput / base,
    };
    let mut rows = vec![
        row(Case::Noop, before),
        row(Case::Noop, after),
        row(Case::NoopReads, reads),
        row(Case::Forged, forged),
        row(Case::Duplicate, sqlite.duplicates),
        row(Case::Accepted, sqlite.accepted),
        row(Case::Signal, sqlite.signals),
    ];
    if let Some(postgres) = postgres {
        let on_sqlite = sqlite.accepted.throughput;
        let accepted = Case::AcceptedOnPostgres { on_sqlite };
        rows.push(row(Case::DuplicateOnPostgres, postgres.duplicates));
        rows.push(row(accepted, postgres.accepted));
        rows.push(row(Case::SignalOnPostgres, postgres.signals));
    }
    if connections == 32 {
        rows.extend(dead_sink(connections, seconds, base)?);
    }
    Ok(rows)
}

/// What depends on the store.
struct OnStore {
    duplicates: Measured,
    accepted: Measured,
    signals: Measured,
}

fn on_store(app: &Host, load: Load, most: f64) -> Result<OnStore> {
    let stored = Delivery::new(0);
    expect(&app.deliver(&stored)?, 200, "stored")?;
    expect(&app.deliver(&stored)?, 200, "duplicate")?;
    say(load.connections, "duplicates");
    let duplicates = load.send(app, [stored.request()])?;
    say(load.connections, "accepted");
    let accepted = accepted(app, load, 1, most)?;
    say(load.connections, "signals");
    let signals = load.send(app, signals())?;
    holds_no_trap(app)?;
    Ok(OnStore {
        duplicates,
        accepted,
        signals,
    })
}

fn holds_no_trap(host: &Host) -> Result<()> {
    let said = host.said();
    let trap = said.lines().find(|line| line.contains("trapped"));
    ensure!(trap.is_none(), "a component trapped: {trap:?}");
    Ok(())
}

/// Deliveries for a sink that does not answer, before and while a million events wait.
fn dead_sink(connections: usize, seconds: usize, base: f64) -> Result<[Row; 2]> {
    let app = backlog::start()?;
    let load = Load {
        connections,
        seconds,
        once: true,
        expected: Expected::Success,
    };
    let first = Delivery::new(0);
    expect(&app.deliver(&first)?, 200, "stored")?;
    // Caches, connections and the relay's configuration settle first.
    let again = Load {
        seconds: 1,
        once: false,
        ..load
    };
    again.send(&app, [first.request()])?;
    say(connections, "accepted for a dead sink");
    let before = accepted(&app, load, 1, MOST)?;
    say(connections, "a million events for it");
    backlog::fill(&app)?;
    again.send(&app, [first.request()])?;
    say(connections, "accepted while they wait");
    let next = 1 + usize::try_from(before.sent)?;
    let while_they_wait = accepted(&app, load, next, MOST)?;
    let p99 = before.p99;
    let row = |case, measured: Measured| Row {
        case,
        connections,
        measured,
        ratio: measured.throughput / base,
    };
    Ok([
        row(Case::AcceptedForDeadSink, before),
        row(Case::AcceptedWhileMillionWaits { p99 }, while_they_wait),
    ])
}

/// More than any host answers in a second.
const MOST: f64 = 20_000.0;

/// Sends deliveries that are all new, and holds the store to its word: as many
/// are stored as were answered with 200.
fn accepted(app: &Host, load: Load, first: usize, most: f64) -> Result<Measured> {
    let before = app.stored()?;
    let seconds = u32::try_from(load.seconds)?;
    // Reading a body and storing it takes more than half of the time.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of requests"
    )]
    let enough = (most * f64::from(seconds) * 0.6) as usize;
    let requests = (first..first + enough).map(|number| Delivery::new(number).request());
    let once = Load { once: true, ..load };
    let measured = once.send(app, requests)?;
    let stored = app.stored()? - before;
    let Measured {
        sent,
        answers,
        errors,
        ..
    } = measured;
    if sent == answers && errors == 0 {
        ensure!(
            stored == answers,
            "{answers} deliveries were acknowledged and {stored} are stored"
        );
        println!("  {answers} acknowledged, {stored} stored");
    } else {
        // What was not acknowledged may or may not be stored.
        let acknowledged = answers.saturating_sub(errors);
        ensure!(
            (acknowledged..=sent).contains(&stored),
            "{acknowledged} deliveries were acknowledged, {stored} are stored"
        );
        println!("  {sent} sent, {acknowledged} acknowledged, {stored} stored");
    }
    Ok(measured)
}

/// A request for a signal of each car.
fn signals() -> impl Iterator<Item = Vec<u8>> {
    (0..VEHICLES).map(|number| {
        let vehicle = vehicle(number);
        let path = format!("/v3/vehicles/{vehicle}/signals/tractionbattery-stateofcharge");
        get(&path, &format!("Authorization: Bearer {KEY}\r\n"))
    })
}

fn expect(answer: &(u16, String), status: u16, word: &str) -> Result<()> {
    if answer.0 == status && answer.1.contains(word) {
        return Ok(());
    }
    bail!("expected {status} with {word}: {answer:?}")
}

fn say(connections: usize, what: &str) {
    println!("{connections} connections: {what}");
}

/// How long it takes to keep 4 KB so that they survive a power cut, in
/// microseconds: the median of a hundred.
fn durable_write() -> Result<u64> {
    let mut file = tempfile::tempfile_in(repository().join("target"))?;
    let mut times = Vec::new();
    for _ in 0..101 {
        let started = Instant::now();
        file.write_all(&[1; 4096])?;
        file.sync_data()?;
        times.push(started.elapsed());
    }
    times.sort();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    Ok(u64::try_from(median.as_micros())?)
}
