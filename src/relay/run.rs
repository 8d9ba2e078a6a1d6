//! A run: for each sink, on its own, what is due.

use crate::{
    attempt::{Attempted, attempt},
    outbox,
};
use edge::{
    Host,
    log::{self, Level},
    sinks::Sink,
    sqlite::{self, Store, StoreError},
};
use futures::future::join_all;
use serde_json::json;
use smartcar::{Clock, Timestamp};
use std::{fmt, time::Duration};

/// How many events a sink is sent at the same time.
const TOGETHER: i64 = 16;

/// How long a run goes on at the most. What is left then is the next one's.
const LONGEST: Duration = Duration::from_secs(30);

/// So many failures in a row are the sink's and not an event's.
const IS_DOWN: i64 = 5;

/// How long a sink that is down is left alone.
const REST: Duration = Duration::from_secs(5);

/// The longest such rest, so that one which is back is soon found to be.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// What a run did.
#[derive(Default)]
pub(crate) struct Report {
    sinks: usize,
    delivered: usize,
    kept: usize,
    dead: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = json!({
            "sinks": self.sinks,
            "delivered": self.delivered,
            "kept": self.kept,
            "dead": self.dead,
        });
        json.fmt(f)
    }
}

/// Passes on what is due. A sink that is slow or dead holds up no other.
pub(crate) async fn run(sinks: &[Sink]) -> Result<Report, StoreError> {
    let store = sqlite::store().await?;
    outbox::configure(store, sinks).await?;
    let until = Host.now().after(LONGEST);
    let reports = sinks.iter().map(|sink| serve(store, &sink.name, until));
    let mut all = Report {
        sinks: sinks.len(),
        ..Report::default()
    };
    // One sink's trouble with the database cuts no other off.
    for report in join_all(reports).await {
        let report = report?;
        all.delivered += report.delivered;
        all.kept += report.kept;
        all.dead += report.dead;
    }
    Ok(all)
}

async fn serve(store: &Store, sink: &str, until: Timestamp) -> Result<Report, StoreError> {
    outbox::expire(store, sink, Host.now()).await?;
    let mut report = Report::default();
    while Host.now() < until {
        let due = outbox::claim(store, sink, Host.now(), TOGETHER).await?;
        if due.is_empty() {
            break;
        }
        let attempts = due.into_iter().map(|due| attempt(sink, due));
        let (mut done, mut kept, mut gone) = (Vec::new(), Vec::new(), None);
        for attempted in join_all(attempts).await {
            match attempted {
                Attempted::Done(seq) => done.push(seq),
                Attempted::Kept(row) => kept.push(row),
                Attempted::Gone(row, why) => {
                    kept.push(row);
                    gone = Some(why);
                }
            }
        }
        outbox::done(store, sink, &done).await?;
        outbox::keep(store, &kept, Host.now()).await?;
        let dead = kept.iter().filter(|kept| kept.is_dead).count();
        report.delivered += done.len();
        report.dead += dead;
        report.kept += kept.len() - dead;
        if let Some(why) = gone {
            outbox::switch_off(store, sink, &why).await?;
            log::line(Level::Error, "sink_gone")
                .with("sink", sink)
                .with("error", why)
                .write();
            break;
        }
        // An event that is refused for good says nothing about the sink.
        let failed = kept.len() - dead;
        if done.is_empty() && failed > 0 && rest(store, sink, failed).await? {
            break;
        }
    }
    Ok(report)
}

/// Leaves a sink alone that fails whatever it is sent.
async fn rest(store: &Store, sink: &str, failed: usize) -> Result<bool, StoreError> {
    let more = i64::try_from(failed).unwrap_or(i64::MAX);
    let failures = outbox::failing(store, sink, more).await?;
    if failures < IS_DOWN {
        return Ok(false);
    }
    let times = u32::try_from(failures / IS_DOWN).unwrap_or(u32::MAX);
    let rest = REST.saturating_mul(times).min(LONGEST_REST);
    outbox::pause(store, sink, Host.now().after(rest)).await?;
    Ok(true)
}
