//! How long single things take, one after the other on an idle host.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use simulator::{CLIENT_ID, CLIENT_SECRET, FIRST_USER, FIRST_VEHICLE};
use std::time::{Duration, Instant};
use support::{App, KEY, Options, Sink, vehicle_state};
use ureq::Agent;

/// How often each is done.
const TIMES: usize = 300;

/// A median and its targets.
pub struct Latency {
    /// What was measured.
    pub what: &'static str,
    /// The median, in microseconds.
    pub median: f64,
    /// The most that it may be, in microseconds, if anyone says so.
    pub target: Option<f64>,
}

/// Measures everything.
///
/// # Errors
/// Something was not answered as it should be.
pub fn measure() -> Result<Vec<Latency>> {
    let mut all = commands()?;
    all.push(event()?);
    all.push(composed()?);
    Ok(all)
}

/// A command by way of the gateway and without it, in turns.
fn commands() -> Result<Vec<Latency>> {
    let app = App::start();
    let origin = app.smartcar.origin();
    let agent = agent();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT_ID),
        ("client_secret", CLIENT_SECRET),
    ];
    let mut granted = agent
        .post(format!("{origin}/oauth2/token"))
        .send_form(form)?;
    let granted: Value = serde_json::from_str(&granted.body_mut().read_to_string()?)?;
    let token = granted.get("access_token").and_then(Value::as_str);
    let token = token.context("no token")?;
    let path = format!("/v3/vehicles/{FIRST_VEHICLE}/commands/security/lock");
    let lock = |origin: &str, bearer: &str| -> Result<f64> {
        let started = Instant::now();
        let mut answer = agent
            .post(format!("{origin}{path}"))
            .header("authorization", format!("Bearer {bearer}"))
            .header("sc-user-id", FIRST_USER)
            .send_empty()?;
        let body = answer.body_mut().read_to_string()?;
        let took = started.elapsed();
        ensure!(answer.status() == 200, "{body}");
        Ok(microseconds(took))
    };
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        without.push(lock(&origin, token)?);
        with.push(lock(&app.url(""), KEY)?);
    }
    let (without, with) = (median(without), median(with));
    let of = |what, median, target| Latency {
        what,
        median,
        target,
    };
    Ok(vec![
        of("a command to the double of Smartcar", without, None),
        of("the same by way of the gateway", with, None),
        of("what the gateway adds", with - without, Some(1000.0)),
    ])
}

/// From the first byte of a delivery to the moment its event is at a sink.
fn event() -> Result<Latency> {
    let sink = Sink::start();
    let app = App::start_with(Options {
        variables: vec![
            ("SINKS", json!([sink.configuration("bench")]).to_string()),
            ("SINK_HOSTS", "http://127.0.0.1:*".to_owned()),
        ],
        ..Options::default()
    });
    let mut times = Vec::new();
    for number in 0..TIMES {
        let event = format!("event-{number}");
        let body = vehicle_state(&event, "vehicle", 1_790_000_000_000, &[]);
        let started = Instant::now();
        let answer = app.try_deliver(&body).context("no answer")?;
        ensure!(answer.status == 200, "{answer:?}");
        let at = loop {
            let posted = sink.posted();
            if let Some(posted) = posted.iter().find(|posted| posted.id() == event) {
                break posted.at;
            }
            ensure!(
                started.elapsed() < Duration::from_secs(10),
                "it did not come"
            );
            std::thread::sleep(Duration::from_millis(1));
        };
        times.push(microseconds(at.duration_since(started)));
        // Each for itself: what comes at the same time is passed on together.
        std::thread::sleep(Duration::from_millis(30));
    }
    Ok(Latency {
        what: "from a delivery to its sink",
        median: median(times),
        target: Some(10_000.0),
    })
}

/// A call into a component that is composed in, as the caller's clock sees it.
fn composed() -> Result<Latency> {
    let host = crate::host::Host::start("host/probe/spin.toml")?;
    let mut times = Vec::new();
    for _ in 0..20 {
        let (status, nanoseconds) = host.get("/tally/cost?calls=1000")?;
        ensure!(status == 200, "{nanoseconds}");
        times.push(nanoseconds.trim().parse::<f64>()? / 1000.0);
    }
    Ok(Latency {
        what: "a call into a composed component, over one within it",
        median: median(times),
        target: Some(5.0),
    })
}

fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(60)))
        .build()
        .into()
}

fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}
