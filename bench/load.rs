//! Load by wrk (<https://github.com/wg/wrk>), and what came of it.

use crate::{deliveries, host::Host};
use anyhow::{Context as _, Result, ensure};
use std::process::Command;

/// One thread of wrk sends far more than a host on the same machine answers.
const THREADS: &str = "1";

/// What every answer has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A status below 400.
    Success,
    /// A status of 400 or above.
    Refusal,
}

/// How requests are sent.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// How many connections send at the same time.
    pub connections: usize,
    /// For how many seconds new requests are sent.
    pub seconds: usize,
    /// Whether each request is sent only once.
    pub once: bool,
    /// What counts as an error is what is not this.
    pub expected: Expected,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Requests that were sent.
    pub sent: u64,
    /// Answers, of whatever status.
    pub answers: u64,
    /// Answers of another status than expected, broken connections, time-outs.
    pub errors: u64,
    /// Answers in a second.
    pub throughput: f64,
    /// Half of the answers came in so many microseconds.
    pub p50: u64,
    /// Nine of ten did.
    pub p90: u64,
    /// Ninety-nine of a hundred did.
    pub p99: u64,
}

impl Load {
    /// Sends these requests to a host.
    ///
    /// # Errors
    /// wrk failed, or there were too few requests for sending each only once.
    pub fn send(
        self,
        host: &Host,
        requests: impl IntoIterator<Item = Vec<u8>>,
    ) -> Result<Measured> {
        let file = host.file("requests");
        let length = deliveries::write(&file, requests)?;
        let output = Command::new("wrk")
            .args(["--threads", THREADS, "--timeout", "10s"])
            .args(["--connections", &self.connections.to_string()])
            // A second more: for the last answers.
            .args(["--duration", &format!("{}s", self.seconds + 1)])
            .args([
                "--script",
                concat!(env!("CARGO_MANIFEST_DIR"), "/drive.lua"),
            ])
            .arg(format!("http://{}", host.address))
            .arg("--")
            .arg(&file)
            .args([length.to_string(), self.seconds.to_string()])
            .arg(if self.once { "once" } else { "again" })
            .output()
            .context("failed to run wrk")?;
        std::fs::remove_file(&file)?;
        let said = String::from_utf8_lossy(&output.stdout);
        let line = said.lines().find_map(|line| line.strip_prefix("measured "));
        let line = line.with_context(|| {
            let complaint = String::from_utf8_lossy(&output.stderr);
            format!("wrk measured nothing: {said}{complaint}")
        })?;
        self.read(line)
    }

    /// Reads the line that drive.lua prints.
    fn read(self, line: &str) -> Result<Measured> {
        let number = |name: &str| -> Result<u64> {
            let word = line
                .split(' ')
                .find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            let word = word.with_context(|| format!("wrk does not tell {name}: {line}"))?;
            Ok(word.parse()?)
        };
        ensure!(
            number("missing")? == 0,
            "there were too few requests for this machine: {line}"
        );
        let answers = number("answers")?;
        let refusals = number("refusals")?;
        let unexpected = match self.expected {
            Expected::Success => refusals,
            Expected::Refusal => answers.saturating_sub(refusals),
        };
        #[allow(clippy::cast_precision_loss, reason = "the numbers are small")]
        let throughput = answers as f64 / self.seconds as f64;
        Ok(Measured {
            sent: number("sent")?,
            answers,
            errors: unexpected + number("broken")?,
            throughput,
            p50: number("p50")?,
            p90: number("p90")?,
            p99: number("p99")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOAD: Load = Load {
        connections: 32,
        seconds: 5,
        once: true,
        expected: Expected::Refusal,
    };

    #[test]
    fn answer_that_is_not_as_expected_is_an_error() {
        let line = "sent=1000 missing=0 answers=1000 refusals=998 broken=1 p50=10 p90=20 p99=30";
        let measured = LOAD.read(line).unwrap();
        assert_eq!((measured.errors, measured.p99), (3, 30));
        assert!((measured.throughput - 200.0).abs() < f64::EPSILON);
        let expected = Expected::Success;
        assert_eq!(Load { expected, ..LOAD }.read(line).unwrap().errors, 999);
    }

    #[test]
    fn too_few_requests_are_no_measurement() {
        let line = "sent=10 missing=1 answers=10 refusals=0 broken=0 p50=1 p90=1 p99=1";
        assert!(LOAD.read(line).is_err());
        assert!(LOAD.read("sent=10").is_err());
    }
}
