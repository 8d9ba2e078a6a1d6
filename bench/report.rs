//! The figures as text: on the terminal and in BENCHMARKS.md.

use crate::{
    instructions::{CASES, Instructions},
    latency::Latency,
    load::Measured,
    repository,
};
use anyhow::{Context as _, Result};
use std::fmt::Write as _;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Case {
    /// A component that does nothing.
    Noop,
    /// The same, reading a body of 4 KB first.
    NoopReads,
    /// A delivery under a wrong signature.
    Forged,
    /// A delivery that is stored already.
    Duplicate,
    /// A new delivery, stored durably.
    Accepted,
    /// A signal from the store, through the gateway.
    Signal,
    /// [`Case::Duplicate`], on PostgreSQL.
    DuplicateOnPostgres,
    /// [`Case::Accepted`], on PostgreSQL.
    AcceptedOnPostgres {
        /// As many in a second, on SQLite.
        on_sqlite: f64,
    },
    /// [`Case::Signal`], on PostgreSQL.
    SignalOnPostgres,
    /// A new delivery that is for a sink that does not answer.
    AcceptedForDeadSink,
    /// The same, while a million events wait for it.
    AcceptedWhileMillionWaits {
        /// The p99 without them, in microseconds.
        p99: u64,
    },
}

impl Case {
    const fn name(self) -> &'static str {
        match self {
            Self::Noop => "no-op",
            Self::NoopReads => "no-op that reads 4 KB",
            Self::Forged => "forged, refused",
            Self::Duplicate => "duplicate",
            Self::Accepted => "accepted durably",
            Self::Signal => "signal read from the store",
            Self::DuplicateOnPostgres => "duplicate, on PostgreSQL",
            Self::AcceptedOnPostgres { .. } => "accepted durably, on PostgreSQL",
            Self::SignalOnPostgres => "signal read from the store, on PostgreSQL",
            Self::AcceptedForDeadSink => "accepted durably, for a dead sink",
            Self::AcceptedWhileMillionWaits { .. } => "the same, a million events waiting for it",
        }
    }
}

/// One measurement.
pub struct Row {
    /// What was measured.
    pub case: Case,
    /// Over how many connections.
    pub connections: usize,
    /// What came of it.
    pub measured: Measured,
    /// Its throughput, as a share of the no-op's over as many connections.
    pub ratio: f64,
}

impl Row {
    /// The targets, and whether they are met.
    fn targets(&self) -> Vec<(&'static str, bool)> {
        let at_least = |ratio| self.ratio >= ratio;
        let Measured {
            throughput,
            p50,
            p90,
            p99,
            ..
        } = self.measured;
        match (self.case, self.connections) {
            (Case::Forged, _) => vec![
                ("ratio ≥ 0.75", at_least(0.75)),
                ("p90 ≤ 2 × p50", p90 <= 2 * p50),
            ],
            (Case::Duplicate, _) => vec![("ratio ≥ 0.45", at_least(0.45))],
            (Case::Signal, _) => vec![("ratio ≥ 0.35", at_least(0.35))],
            (Case::Accepted, 64) => vec![
                ("ratio ≥ 0.20", at_least(0.20)),
                ("p99 ≤ 100 ms", p99 <= 100_000),
            ],
            (Case::AcceptedOnPostgres { on_sqlite }, 64) => vec![
                ("as many as on SQLite", throughput >= on_sqlite),
                ("p99 ≤ 120 ms", p99 <= 120_000),
            ],
            (Case::AcceptedWhileMillionWaits { p99: before }, _) => {
                vec![("p99 ≤ 1.5 × without them", 2 * p99 <= 3 * before)]
            }
            _ => Vec::new(),
        }
    }
}

/// Everything that one run measured.
pub struct Report {
    /// For how many seconds each load was sent.
    pub seconds: usize,
    /// Which host.
    pub host: &'static str,
    /// The measurements.
    pub rows: Vec<Row>,
    /// How long this disk takes to keep 4 KB (`fdatasync`), in microseconds.
    pub durable_write: u64,
    /// The instructions of one delivery.
    pub instructions: Instructions,
    /// How long single things take.
    pub latencies: Vec<Latency>,
}

/// Measurements as a table.
pub fn table(rows: &[Row]) -> String {
    let mut table = String::from(
        "| what | connections | per second | ratio | p50 ms | p90 ms | p99 ms | errors | target | met |\n\
             |---|---:|---:|---:|---:|---:|---:|---:|---|---|\n",
    );
    for row in rows {
        let (targets, met): (Vec<_>, Vec<_>) = row
            .targets()
            .into_iter()
            .map(|(target, is_met)| (target, if is_met { "yes" } else { "**no**" }))
            .unzip();
        let Measured {
            throughput,
            p50,
            p90,
            p99,
            errors,
            ..
        } = row.measured;
        // Writing into a string does not fail.
        let _ = writeln!(
            table,
            "| {} | {} | {throughput:.0} | {:.2} | {} | {} | {} | {errors} | {} | {} |",
            row.case.name(),
            row.connections,
            row.ratio,
            milliseconds(p50),
            milliseconds(p90),
            milliseconds(p99),
            targets.join("; "),
            met.join("; "),
        );
    }
    table
}

impl Report {
    /// Puts the figures into BENCHMARKS.md, between its two marks.
    ///
    /// # Errors
    /// The file or one of the marks is not there.
    pub fn write(&self) -> Result<()> {
        const BEGIN: &str = "<!-- figures: written by make bench -->\n";
        const END: &str = "<!-- end of figures -->\n";
        let file = repository().join("BENCHMARKS.md");
        let text = std::fs::read_to_string(&file).context("failed to read BENCHMARKS.md")?;
        let (before, rest) = text.split_once(BEGIN).context("BENCHMARKS.md: no mark")?;
        let (_, after) = rest.split_once(END).context("BENCHMARKS.md: no end mark")?;
        let figures = self.figures()?;
        std::fs::write(file, format!("{before}{BEGIN}\n{figures}\n{END}{after}"))?;
        Ok(())
    }

    fn figures(&self) -> Result<String> {
        let host = self.host;
        let mut text = format!(
            "`make bench BENCH_SECONDS={}` on {host}, {}. The no-op of each ratio is the mean of two runs, before and \
             after the others. A durable write of 4 KB (`fdatasync`) takes this disk {} ms.\n\n{}\n",
            self.seconds,
            machine(),
            milliseconds(self.durable_write),
            table(&self.rows),
        );
        text += "| one after the other | median ms | target | met |\n|---|---:|---|---|\n";
        for latency in &self.latencies {
            let Latency {
                what,
                median,
                target,
            } = latency;
            let (target, met) = match target {
                None => (String::new(), ""),
                Some(most) if median <= most => (format!("≤ {}", most / 1000.0), "yes"),
                Some(most) => (format!("≤ {}", most / 1000.0), "**no**"),
            };
            let median = median / 1000.0;
            let _ = writeln!(text, "| {what} | {median:.3} | {target} | {met} |");
        }
        text += "\n| component | bytes |\n|---|---:|\n";
        for component in ["receiver", "gateway", "relay", "http_sink", "bench_noop"] {
            let _ = writeln!(text, "| `{component}` | {} |", size(component)?);
        }
        text += "\n| instructions of one delivery | count |\n|---|---:|\n";
        for case in CASES {
            let count = self.instructions.get(case).copied().unwrap_or_default();
            let _ = writeln!(text, "| {case} | {count} |");
        }
        Ok(text)
    }
}

fn size(component: &str) -> Result<u64> {
    let file = format!("target/wasm32-wasip2/release/{component}.wasm");
    Ok(std::fs::metadata(repository().join(file))?.len())
}

/// The kind of machine: never its name.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes: Option<u64> = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.trim().split(' ').next()?.parse().ok());
    let system = std::env::consts::OS;
    let architecture = std::env::consts::ARCH;
    let memory = kilobytes.map_or(String::new(), |kilobytes| {
        format!(" and {} GB of memory", kilobytes >> 20)
    });
    format!("{system} on {architecture} with {cores} cores{memory}, which wrk shares")
}

#[allow(clippy::cast_precision_loss, reason = "the numbers are small")]
fn milliseconds(microseconds: u64) -> String {
    format!("{:.1}", microseconds as f64 / 1000.0)
}
