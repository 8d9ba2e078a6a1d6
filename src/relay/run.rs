//! A run: for each sink, on its own, what is due.

use crate::{
    attempt::{Attempted, attempt},
    configuration, outbox, upkeep,
};
use edge::{
    Host,
    log::{self, Event, Level},
    sinks::Sink,
};
use futures::{
    StreamExt,
    future::{join, join_all},
    stream::FuturesUnordered,
};
use serde_json::json;
use smartcar::{Clock, Timestamp};
use std::{fmt, time::Duration};
use store::old::sqlite::{self, Store, StoreError};

/// How many events a sink is sent at the same time.
const TOGETHER: usize = 16;

/// For how long a run takes further events. What is left then is the next one's.
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
    /// Sinks that were neither off nor paused.
    ready: usize,
    delivered: usize,
    kept: usize,
    dead: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = json!({
            "sinks": self.sinks,
            "ready": self.ready,
            "delivered": self.delivered,
            "kept": self.kept,
            "dead": self.dead,
        });
        json.fmt(f)
    }
}

/// The sinks that can be sent something.
pub(crate) async fn ready() -> Result<Vec<String>, StoreError> {
    outbox::ready(sqlite::store().await?, Host.now()).await
}

/// Passes on what is due. A sink that is slow or dead holds up no other.
pub(crate) async fn run(sinks: &[Sink]) -> Result<Report, StoreError> {
    let store = sqlite::store().await?;
    let now = Host.now();
    let in_force = configuration::bring(store, sinks, now).await?;
    let ready = outbox::ready(store, now).await?;
    let until = now.after(LONGEST);
    let reports = in_force
        .iter()
        .filter(|sink| ready.contains(&sink.name))
        .map(|sink| serve(store, &sink.name, until));
    let mut all = Report {
        sinks: sinks.len(),
        ..Report::default()
    };
    // One sink's trouble with the database cuts no other off.
    let (reports, upkeep) = join(join_all(reports), upkeep::soon(store)).await;
    for report in reports {
        let report = report?;
        all.ready += 1;
        all.delivered += report.delivered;
        all.kept += report.kept;
        all.dead += report.dead;
    }
    upkeep.map(|()| all)
}

async fn serve(store: &Store, sink: &str, until: Timestamp) -> Result<Report, StoreError> {
    let mut report = Report::default();
    while Host.now() < until {
        let due = outbox::claim(store, sink, Host.now(), TOGETHER).await?;
        if due.is_empty() {
            break;
        }
        let attempts: FuturesUnordered<_> = due.into_iter().map(|due| attempt(sink, due)).collect();
        let mut ended = attempts.ready_chunks(TOGETHER);
        let (mut batch, mut trouble) = (Report::default(), None);
        // What has ended is written down while the others go on: should a sink end
        // this instance, or take its time, that much is not sent again.
        while let Some(ended) = ended.next().await {
            if let Err(error) = note(store, sink, ended, &mut batch).await {
                trouble = Some(error);
            }
        }
        report.delivered += batch.delivered;
        report.kept += batch.kept;
        report.dead += batch.dead;
        if let Some(error) = trouble {
            return Err(error);
        }
        if batch.delivered > 0 {
            outbox::healthy(store, sink).await?;
        } else if batch.kept > 0 {
            // An event that is refused for good says nothing about the sink.
            rest(store, sink, batch.kept).await?;
        }
    }
    Ok(report)
}

/// Writes down what came of attempts.
async fn note(
    store: &Store,
    sink: &str,
    ended: Vec<Attempted>,
    report: &mut Report,
) -> Result<(), StoreError> {
    let (mut done, mut kept) = (Vec::new(), Vec::new());
    let (mut pause, mut gone) = (None, None);
    for attempted in ended {
        match attempted {
            Attempted::Done(seq) => done.push(seq),
            Attempted::Kept(row) => kept.push(row),
            Attempted::Paused(row, time) => {
                kept.push(row);
                pause = pause.max(Some(time));
            }
            Attempted::Gone(row, why) => {
                kept.push(row);
                gone = Some(why);
            }
        }
    }
    let now = Host.now();
    outbox::done(store, &done).await?;
    outbox::keep(store, &kept, now).await?;
    let dead = kept.iter().filter(|kept| kept.is_dead).count();
    report.delivered += done.len();
    report.dead += dead;
    report.kept += kept.len() - dead;
    if let Some(why) = gone {
        outbox::switch_off(store, sink, &why).await?;
        log::line(&Host, Level::Error, Event::SinkGone)
            .with("sink", sink)
            .with("error", why)
            .write();
    }
    if let Some(time) = pause {
        outbox::pause(store, sink, now, time).await?;
    }
    Ok(())
}

/// Leaves a sink alone that fails whatever it is sent.
async fn rest(store: &Store, sink: &str, failed: usize) -> Result<(), StoreError> {
    let more = i64::try_from(failed).unwrap_or(i64::MAX);
    let failures = outbox::failing(store, sink, more).await?;
    if failures < IS_DOWN {
        return Ok(());
    }
    let times = u32::try_from(failures / IS_DOWN).unwrap_or(u32::MAX);
    let rest = REST.saturating_mul(times).min(LONGEST_REST);
    outbox::pause(store, sink, Host.now(), rest).await
}
