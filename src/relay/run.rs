//! A run: for each sink, on its own, what is due.

use crate::{
    attempt::Attempted,
    relay::{Relay, RelayStore, Settings},
    sink::Sinks,
};
use edge::{
    Platform,
    log::{self, Event, Level},
};
use futures::{
    StreamExt,
    future::{join, join_all},
    stream::FuturesUnordered,
};
use smartcar::Timestamp;
use std::time::Duration;
use store::{StoreError, outbox::RunReport};

/// How many events a sink is sent at the same time.
const TOGETHER: usize = 16;

/// So many failures in a row are the sink's and not an event's.
const IS_DOWN: i64 = 5;

/// How long a sink that is down is left alone.
const REST: Duration = Duration::from_secs(5);

/// The longest such rest, so that one which is back is soon found to be.
const LONGEST_REST: Duration = Duration::from_secs(60);

impl<P: Platform, S: RelayStore, K: Sinks> Relay<P, S, K> {
    /// Passes on what is due. A sink that is slow or dead holds up no other.
    /// What is left when its time is over is the next one's.
    pub(crate) async fn run(&self, settings: &Settings) -> Result<RunReport, StoreError> {
        let now = self.platform.now();
        let sinks = &*settings.sinks;
        let in_force = self.bring(sinks, now).await?;
        let ready = self.store.ready_sinks(now).await?;
        let until = now.after(settings.run_time);
        let reports = in_force
            .iter()
            .filter(|sink| ready.contains(&sink.name))
            .map(|sink| self.serve(&sink.name, until));
        let mut all = RunReport {
            sinks: sinks.len(),
            ..RunReport::default()
        };
        // One sink's trouble with the database cuts no other off.
        let (reports, upkeep) = join(join_all(reports), self.keep_up()).await;
        for report in reports {
            all += report?;
            all.ready += 1;
        }
        upkeep.map(|()| all)
    }

    async fn serve(&self, sink: &str, until: Timestamp) -> Result<RunReport, StoreError> {
        let mut report = RunReport::default();
        loop {
            let now = self.platform.now();
            if now >= until {
                break;
            }
            let due = self.store.claim(sink, now, TOGETHER).await?;
            if due.is_empty() {
                break;
            }
            let attempts = due.into_iter().map(|due| self.attempt(sink, due));
            let attempts: FuturesUnordered<_> = attempts.collect();
            let mut ended = attempts.ready_chunks(TOGETHER);
            let (mut batch, mut trouble) = (RunReport::default(), None);
            // What has ended is written down while the others go on: should a sink end
            // this instance, or take its time, that much is not sent again.
            while let Some(ended) = ended.next().await {
                if let Err(error) = self.note(sink, ended, &mut batch).await {
                    trouble = Some(error);
                }
            }
            report += batch;
            if let Some(error) = trouble {
                return Err(error);
            }
            if batch.delivered > 0 {
                self.store.sink_works(sink).await?;
            } else if batch.kept > 0 {
                // An event that is refused for good says nothing about the sink.
                self.rest(sink, batch.kept).await?;
            }
        }
        Ok(report)
    }

    /// Writes down what came of attempts.
    async fn note(
        &self,
        sink: &str,
        ended: Vec<Attempted>,
        report: &mut RunReport,
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
        let now = self.platform.now();
        self.store.delivered(&done).await?;
        self.store.keep(&kept, now).await?;
        let dead = kept.iter().filter(|kept| kept.is_dead).count();
        report.delivered += done.len();
        report.dead += dead;
        report.kept += kept.len() - dead;
        if let Some(why) = gone {
            self.store.switch_off(sink, &why).await?;
            log::line(&self.platform, Level::Error, Event::SinkGone)
                .with("sink", sink)
                .with("error", why)
                .write();
        }
        if let Some(time) = pause {
            self.store.pause_sink(sink, now, time).await?;
        }
        Ok(())
    }

    /// Leaves a sink alone that fails whatever it is sent.
    async fn rest(&self, sink: &str, failed: usize) -> Result<(), StoreError> {
        let more = i64::try_from(failed).unwrap_or(i64::MAX);
        let failures = self.store.sink_fails(sink, more).await?;
        if failures < IS_DOWN {
            return Ok(());
        }
        let times = u32::try_from(failures / IS_DOWN).unwrap_or(u32::MAX);
        let rest = REST.saturating_mul(times).min(LONGEST_REST);
        let now = self.platform.now();
        self.store.pause_sink(sink, now, rest).await
    }
}
