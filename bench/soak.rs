//! `make soak`: the whole application under a steady load for a while, with
//! everything that is unkind to it going on beside, and whether its memory and
//! its stores stay as they are.

use crate::{host, repository};
use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use simulator::{FIRST_USER, FIRST_VEHICLE};
use std::{
    fmt::Write as _,
    io::Write as _,
    net::TcpStream,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};
use support::{App, Options, Sink, signal, vehicle_state};

/// How many connections send half a body and then nothing.
const IDLE: usize = 1000;

/// Cars that deliver.
const VEHICLES: u64 = 50;

/// How many of each a second.
const DELIVERIES: u32 = 40;
const READS: u32 = 20;
const COMMANDS: u32 = 2;
const FLOODS: u32 = 5;

/// What is counted.
#[derive(Default)]
struct Counts {
    deliveries: AtomicU64,
    duplicates: AtomicU64,
    reads: AtomicU64,
    commands: AtomicU64,
    floods: AtomicU64,
    failures: AtomicU64,
}

/// Runs for so many seconds, prints what it sees, and writes it to BENCHMARKS.md.
///
/// # Errors
/// The application did not stay as it should.
pub fn run(seconds: u64) -> Result<()> {
    let sink = Sink::start();
    let app = App::start_with(Options {
        variables: vec![
            ("SINKS", json!([sink.configuration("soak")]).to_string()),
            ("SINK_HOSTS", "http://127.0.0.1:*".to_owned()),
        ],
        ..Options::default()
    });
    let idle = hold(&app)?;
    println!("{} connections wait with half a body", idle.len());
    let counts = Counts::default();
    let is_over = AtomicBool::new(false);
    let mut memory = Vec::new();
    let mut keys = Vec::new();
    thread::scope(|scope| {
        for (rate, work) in [
            (DELIVERIES, deliver as fn(&App, &Counts, u64)),
            (READS, read),
            (COMMANDS, command),
            (FLOODS, flood),
        ] {
            // Two each, so that one slow answer does not slow the load down.
            for half in 0..2 {
                let (app, counts, is_over) = (&app, &counts, &is_over);
                scope.spawn(move || {
                    pace(rate, half, is_over, |number| work(app, counts, number));
                });
            }
        }
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(seconds) {
            thread::sleep(Duration::from_secs(1));
            memory.push(app.memory().unwrap_or(0));
            keys.push(app.key_value().count_keys());
            if memory.len() % 15 == 0 {
                println!(
                    "{} s: {} MB, {} keys, {} failures",
                    memory.len(),
                    memory.last().map_or(0, |kilobytes| kilobytes / 1024),
                    keys.last().copied().unwrap_or(0),
                    counts.failures.load(Ordering::Relaxed)
                );
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    drop(idle);
    let fifth = (memory.len() / 5).max(1);
    let early = median(memory.iter().skip(fifth).take(fifth));
    let late = median(memory.iter().rev().take(fifth));
    let most = memory.iter().copied().max().unwrap_or(0);
    let (first_keys, last_keys) = (
        keys.get(fifth).copied().unwrap_or(0),
        keys.last().copied().unwrap_or(0),
    );
    let text = report(
        seconds,
        host::name()?,
        &counts,
        [early, late, most],
        [first_keys, last_keys],
    );
    println!("{text}");
    write(&text)?;
    let failures = counts.failures.load(Ordering::Relaxed);
    ensure!(
        failures == 0,
        "{failures} requests were not answered as they should be"
    );
    ensure!(
        late <= early + early / 10 + 16 * 1024,
        "the memory grew from {early} to {late} KB"
    );
    ensure!(
        last_keys <= first_keys,
        "keys grew from {first_keys} to {last_keys}"
    );
    Ok(())
}

/// Connections that send the beginning of a delivery and then nothing.
fn hold(app: &App) -> Result<Vec<TcpStream>> {
    let head = b"POST /webhooks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{";
    (0..IDLE)
        .map(|number| {
            let mut stream = TcpStream::connect(app.address())
                .with_context(|| format!("connection {number}; see `ulimit -n`"))?;
            stream.write_all(head)?;
            Ok(stream)
        })
        .collect()
}

/// Does `work` at half of `rate` a second until it is over.
fn pace(rate: u32, half: u64, is_over: &AtomicBool, mut work: impl FnMut(u64)) {
    let step = Duration::from_secs(2) / rate;
    let mut next = Instant::now();
    let mut number = half;
    while !is_over.load(Ordering::Relaxed) {
        work(number);
        number += 2;
        next += step;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

fn deliver(app: &App, counts: &Counts, number: u64) {
    // Every fifth is sent twice.
    let event = number - u64::from(number % 5 == 4) * 2;
    let at = 1_790_000_000_000 + i64::try_from(event).unwrap_or(0);
    let vehicle = format!("vehicle-{}", event % VEHICLES);
    let signals: Vec<_> = (0..8)
        .map(|code| signal(&format!("soak-signal{code}"), at, at, at))
        .collect();
    let body = vehicle_state(&format!("event-{event}"), &vehicle, at, &signals);
    let answer = app.try_deliver(&body);
    let counter = if event == number {
        &counts.deliveries
    } else {
        &counts.duplicates
    };
    count(
        counts,
        counter,
        answer.is_some_and(|answer| answer.status == 200),
    );
}

fn read(app: &App, counts: &Counts, number: u64) {
    let vehicle = number % VEHICLES;
    let path = format!("/v3/vehicles/vehicle-{vehicle}/signals/soak-signal0");
    let known = app.call("GET", &path, &[("cache-control", "only-if-cached")], "");
    // In the beginning not every car has delivered.
    count(counts, &counts.reads, [200, 504].contains(&known.status));
}

fn command(app: &App, counts: &Counts, number: u64) {
    let key = format!("soak-{number}");
    let path = format!("/v3/vehicles/{FIRST_VEHICLE}/commands/security/lock");
    let headers = [
        ("sc-user-id", FIRST_USER),
        ("idempotency-key", key.as_str()),
    ];
    let answer = app.call("POST", &path, &headers, "");
    // Of two at the same time, one waits its turn.
    count(
        counts,
        &counts.commands,
        [200, 409].contains(&answer.status),
    );
}

fn flood(app: &App, counts: &Counts, _: u64) {
    let body = vec![b'x'; 64 * 1024 + 1];
    let answer = app.deliver(&"0".repeat(64), &body);
    count(counts, &counts.floods, answer.status == 413);
}

fn count(counts: &Counts, counter: &AtomicU64, is_good: bool) {
    counter.fetch_add(1, Ordering::Relaxed);
    if !is_good {
        counts.failures.fetch_add(1, Ordering::Relaxed);
    }
}

fn median<'a>(of: impl Iterator<Item = &'a u64>) -> u64 {
    let mut of: Vec<u64> = of.copied().collect();
    of.sort_unstable();
    of.get(of.len() / 2).copied().unwrap_or(0)
}

fn report(seconds: u64, host: &str, counts: &Counts, memory: [u64; 3], keys: [i64; 2]) -> String {
    let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let [early, late, most] = memory.map(|kilobytes| kilobytes / 1024);
    let [first, last] = keys;
    let mut text = format!(
        "`make soak SOAK_SECONDS={seconds}` on {host}: {IDLE} connections that wait with half a body, and meanwhile\n\n\
         | what | a second | sent |\n|---|---:|---:|\n"
    );
    for (what, rate, sent) in [
        (
            "new deliveries of 8 signals, passed on to a sink",
            DELIVERIES * 4 / 5,
            of(&counts.deliveries),
        ),
        ("duplicates", DELIVERIES / 5, of(&counts.duplicates)),
        ("signals", READS, of(&counts.reads)),
        (
            "commands, each under a key of its own",
            COMMANDS,
            of(&counts.commands),
        ),
        ("bodies of 64 KiB and a byte", FLOODS, of(&counts.floods)),
    ] {
        // Writing into a string does not fail.
        let _ = writeln!(text, "| {what} | {rate} | {sent} |");
    }
    let _ = write!(
        text,
        "\nNot answered as they should be: {}. The host's memory was {early} MB in the second fifth of the time and \
         {late} MB in the last ({most} MB at most); the key-value store held {first} keys, then {last}.\n",
        of(&counts.failures)
    );
    text
}

/// Puts the report into BENCHMARKS.md, between its two marks.
fn write(report: &str) -> Result<()> {
    const BEGIN: &str = "<!-- soak: written by make soak -->\n";
    const END: &str = "<!-- end of soak -->\n";
    let file = repository().join("BENCHMARKS.md");
    let text = std::fs::read_to_string(&file).context("failed to read BENCHMARKS.md")?;
    let (before, rest) = text.split_once(BEGIN).context("BENCHMARKS.md: no mark")?;
    let (_, after) = rest.split_once(END).context("BENCHMARKS.md: no end mark")?;
    std::fs::write(file, format!("{before}{BEGIN}\n{report}\n{END}{after}"))?;
    Ok(())
}
