//! The command line, with Spin's names and defaults where Spin has them.

use std::{convert::Infallible, net::SocketAddr, path::PathBuf, time::Duration};

/// Serves the HTTP components of a Spin manifest without Spin.
#[derive(clap::Parser)]
#[command(name = "edge-host", version)]
pub struct Options {
    /// The manifest to serve, or the directory that it is in.
    #[arg(long, default_value = "spin.toml")]
    pub from: PathBuf,

    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:3000")]
    pub listen: SocketAddr,

    /// Where key-value and SQLite files live [default: `.spin` beside the manifest].
    #[arg(long)]
    pub state_dir: Option<PathBuf>,

    /// Where compiled components are kept [default: `edge-host-cache` in the state directory].
    #[arg(long)]
    pub cache_dir: Option<PathBuf>,

    /// How many requests one instance serves before it is dropped.
    #[arg(long, default_value_t = 128, value_parser = at_least_one)]
    pub max_instance_reuse_count: usize,

    /// How many requests one instance serves at the same time.
    #[arg(long, default_value_t = 16, value_parser = at_least_one)]
    pub max_instance_concurrent_reuse_count: usize,

    /// How long an instance may stay without a request, such as `1s` or `250ms`.
    #[arg(long, default_value = "1s", value_parser = duration)]
    pub idle_instance_timeout: Duration,

    /// Print the instructions (wasmtime's fuel) that each request takes, on
    /// standard error. For tests; counting makes components slower.
    #[arg(long)]
    pub count_fuel: bool,

    /// A variable of the application; wins over `SPIN_VARIABLE_NAME`.
    #[arg(long = "variable", value_name = "NAME=VALUE", value_parser = assignment)]
    pub variables: Vec<Assignment>,
}

/// One `--variable NAME=VALUE`, split at the first equals sign.
#[derive(Clone)]
pub struct Assignment {
    /// The variable's name as the manifest has it.
    pub name: String,
    /// The variable's value, or `None` where the equals sign is missing.
    pub value: Option<String>,
}

// Never fails: clap would print its argument, which may be the value of a variable
// and must not appear in any output. `Variables` refuses it.
fn assignment(text: &str) -> Result<Assignment, Infallible> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, None),
    };
    Ok(Assignment {
        name: name.to_owned(),
        value,
    })
}

fn at_least_one(text: &str) -> Result<usize, &'static str> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a number of at least 1"),
        Ok(count) => Ok(count),
    }
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    let unit_at = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let number: u64 = number
        .parse()
        .map_err(|_| "expected a duration such as 1s or 250ms")?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number.saturating_mul(60))),
        _ => Err("expected a duration in ms, s or m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[test]
    fn options_have_the_defaults_of_spin() {
        let options = Options::parse_from(["edge-host"]);
        assert_eq!(options.listen.to_string(), "127.0.0.1:3000");
        assert_eq!(options.max_instance_reuse_count, 128);
        assert_eq!(options.max_instance_concurrent_reuse_count, 16);
        assert_eq!(options.idle_instance_timeout, Duration::from_secs(1));
    }

    #[test]
    fn duration_has_a_unit() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert!(duration("1").is_err());
        assert!(duration("s").is_err());
    }

    #[test]
    fn variable_may_contain_an_equals_sign() {
        let options = Options::parse_from(["edge-host", "--variable", "token=a=b"]);
        assert_eq!(options.variables[0].name, "token");
        assert_eq!(options.variables[0].value.as_deref(), Some("a=b"));
    }
}
