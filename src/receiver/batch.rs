//! Group commit: deliveries that arrive while one is being written go out
//! together in the next statement.
//!
//! A durable write waits for the disk, and the disk takes as long for one row as
//! for fifty. Each delivery still waits for its own result, and a row that cannot
//! be stored costs no other, and neither does a request that is dropped while it
//! waits or writes.

use edge::Platform;
use std::{
    collections::VecDeque,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use store::{Deliveries, StoreError};

/// Fewer than these are not worth a commit of their own while others wait for
/// theirs. A burst of requests starts many instances, the host spreads what
/// follows over all of them, and each would commit a row or two: so every other
/// one that finds itself in this place lets its neighbours have the requests.
const SMALL_BATCH: usize = 4;

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is new, and stored.
    Stored,
    /// Its event is stored already.
    Duplicate,
    /// It is not stored; why.
    Failed(String),
}

/// A row that waits for its turn, and where its outcome is put.
struct Waiting<P: Platform, S: Deliveries + 'static> {
    row: S::Prepared,
    /// When it arrived. From then on it waits for a lock, for five seconds at most.
    since: Duration,
    /// Whether a statement that it was part of could not be executed. It is then
    /// written by itself.
    is_alone: bool,
    /// The task has the slot; where the task was dropped there is none.
    slot: Weak<Slot<P, S>>,
    /// Dropped when there is something in the slot. The task that leads the batch
    /// sleeps on none.
    notifier: Option<P::Notifier>,
}

type Slot<P, S> = Mutex<Option<Message<P, S>>>;

/// What a waiting task gets.
enum Message<P: Platform, S: Deliveries + 'static> {
    /// Its row's outcome.
    Outcome(Outcome),
    /// The right to write, and a batch with its own row.
    Lead(Lead<P, S>),
}

struct Queue<P: Platform, S: Deliveries + 'static> {
    is_writing: bool,
    waiting: VecDeque<Waiting<P, S>>,
}

/// The deliveries of an instance, written in batches.
pub(crate) struct Batches<P: Platform, S: Deliveries + 'static> {
    platform: &'static P,
    store: &'static S,
    queue: Mutex<Queue<P, S>>,
    /// Duplicates come in runs: what was not acknowledged in time is sent again. An
    /// instance begins with a look, since looking takes no lock.
    is_repeated: AtomicBool,
}

impl<P: Platform, S: Deliveries> Batches<P, S> {
    pub(crate) const fn new(platform: &'static P, store: &'static S) -> Self {
        Self {
            platform,
            store,
            queue: Mutex::new(Queue {
                is_writing: false,
                waiting: VecDeque::new(),
            }),
            is_repeated: AtomicBool::new(true),
        }
    }

    /// Stores a row together with those that arrive at the same time.
    pub(crate) async fn store(&'static self, row: S::Prepared) -> Outcome {
        let slot = Arc::default();
        let lead = match self.enter(row, &slot) {
            Ok(lead) => lead,
            Err(notified) => {
                self.platform.notified(notified).await;
                match take(&slot) {
                    Some(Message::Outcome(outcome)) => return outcome,
                    Some(Message::Lead(lead)) => lead,
                    None => return Outcome::Failed("the writing task ended".to_owned()),
                }
            }
        };
        lead.write().await;
        match take(&slot) {
            Some(Message::Outcome(outcome)) => outcome,
            _ => Outcome::Failed("the row was left out".to_owned()),
        }
    }

    /// Takes the right to write if no task has it; else puts the row into the queue.
    fn enter(
        &'static self,
        row: S::Prepared,
        slot: &Arc<Slot<P, S>>,
    ) -> Result<Lead<P, S>, P::Notified> {
        let mut waiting = Waiting {
            row,
            since: self.platform.monotonic(),
            is_alone: false,
            slot: Arc::downgrade(slot),
            notifier: None,
        };
        let mut queue = self.queue();
        if !mem::replace(&mut queue.is_writing, true) {
            let batch = vec![waiting];
            return Ok(Lead {
                batches: self,
                batch,
            });
        }
        let (notifier, notified) = self.platform.notifier();
        waiting.notifier = Some(notifier);
        queue.waiting.push_back(waiting);
        Err(notified)
    }

    fn queue(&self) -> MutexGuard<'_, Queue<P, S>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: Platform, S: Deliveries> Queue<P, S> {
    /// Takes up to `most` rows to write together.
    fn batch(&mut self, most: usize) -> Vec<Waiting<P, S>> {
        // A task that was dropped cannot lead, and needs no outcome of its row: Smartcar
        // sends the event again.
        self.waiting
            .retain(|waiting| waiting.slot.strong_count() > 0);
        let many = match self.waiting.front() {
            Some(first) if first.is_alone => most.min(1),
            _ => most.min(self.waiting.len()),
        };
        self.waiting.drain(..many).collect()
    }
}

/// The right to write, and what is to be written. It is passed on, with the rows that
/// are left, when it is dropped: whether its task is done, or was dropped while it
/// wrote, or before it began.
struct Lead<P: Platform, S: Deliveries + 'static> {
    batches: &'static Batches<P, S>,
    batch: Vec<Waiting<P, S>>,
}

impl<P: Platform, S: Deliveries> Drop for Lead<P, S> {
    fn drop(&mut self) {
        let mut queue = self.batches.queue();
        self.put_back(&mut queue);
        let mut batch = queue.batch(S::BATCH);
        let Some(first) = batch.first_mut() else {
            queue.is_writing = false;
            return;
        };
        let (slot, notifier) = (Weak::clone(&first.slot), first.notifier.take());
        drop(queue);
        let batches = self.batches;
        put(&slot, Message::Lead(Lead { batches, batch }));
        drop(notifier);
    }
}

impl<P: Platform, S: Deliveries> Lead<P, S> {
    /// Writes until this task's own row has its outcome, and the others that are
    /// settled with it.
    async fn write(mut self) {
        while let Err(error) = self.settle().await {
            // A lock is no row's fault, and a single row has no neighbours.
            if self.batch.len() == 1 || matches!(error, StoreError::Busy) {
                for waiting in self.batch.drain(..) {
                    waiting.settle(Outcome::Failed(error.to_string()));
                }
                return;
            }
            for waiting in &mut self.batch {
                waiting.is_alone = true;
            }
            let (own, others) = mem::take(&mut self.batch)
                .into_iter()
                .partition(|waiting| waiting.notifier.is_none());
            self.batch = others;
            self.put_back(&mut self.batches.queue());
            self.batch = own;
        }
    }

    /// Stores the rows that are new and settles those that are stored already. Leaves in
    /// the batch what it could not store, and what is left when this task's own row has
    /// its outcome.
    ///
    /// Where an event is stored already, the insert of the whole batch fails. A look, which
    /// waits for no write, finds which one it is.
    async fn settle(&mut self) -> Result<(), StoreError> {
        let batches = self.batches;
        if batches.is_repeated.load(Ordering::Relaxed) {
            self.settle_duplicates().await?;
        }
        let mut times = 0;
        while self.has_own() {
            match batches.store.insert(&self.rows()).await {
                Ok(()) => {
                    if times > 1 && self.batch.len() < SMALL_BATCH && batches.platform.unit() < 0.5
                    {
                        batches.platform.prefer_others();
                    }
                    for waiting in self.batch.drain(..) {
                        waiting.settle(Outcome::Stored);
                    }
                }
                Err(StoreError::Busy) => {
                    times += 1;
                    self.wait_for_lock().await;
                }
                // Whatever the error: it may be due to a duplicate.
                Err(error) => {
                    let many = self.batch.len();
                    self.settle_duplicates().await?;
                    if self.batch.len() == many {
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }

    /// Pauses while another connection writes. The rows that have waited long enough
    /// fail; those that have come meanwhile join, up to a full batch.
    async fn wait_for_lock(&mut self) {
        let platform = self.batches.platform;
        let now = platform.monotonic();
        let waited = |waiting: &Waiting<P, S>| now.saturating_sub(waiting.since);
        let (over, batch): (Vec<_>, Vec<_>) = mem::take(&mut self.batch)
            .into_iter()
            .partition(|waiting| waited(waiting) >= StoreError::PATIENCE);
        self.batch = batch;
        for waiting in over {
            waiting.settle(Outcome::Failed(StoreError::Busy.to_string()));
        }
        if !self.has_own() {
            return;
        }
        let longest = self.batch.iter().map(waited).max().unwrap_or_default();
        platform.sleep(StoreError::pause(longest)).await;
        if self.batch.iter().all(|waiting| !waiting.is_alone) {
            let more = S::BATCH.saturating_sub(self.batch.len());
            let joining = self.batches.queue().batch(more);
            self.batch.extend(joining);
        }
    }

    /// Settles the rows whose event is stored already, and takes them out of the batch.
    async fn settle_duplicates(&mut self) -> Result<(), StoreError> {
        let known = self.batches.store.known(&self.rows()).await?;
        let is_repeated = &self.batches.is_repeated;
        is_repeated.store(known.contains(&true), Ordering::Relaxed);
        for (place, waiting) in mem::take(&mut self.batch).into_iter().enumerate() {
            if known.get(place) == Some(&true) {
                waiting.settle(Outcome::Duplicate);
            } else {
                self.batch.push(waiting);
            }
        }
        Ok(())
    }

    fn rows(&self) -> Vec<&S::Prepared> {
        self.batch.iter().map(|waiting| &waiting.row).collect()
    }

    /// Whether this task's own row has no outcome yet.
    fn has_own(&self) -> bool {
        self.batch.iter().any(|waiting| waiting.notifier.is_none())
    }

    /// Puts the rows of other tasks back to where they were: at the front of the queue.
    /// Of a statement that was interrupted the database may have them already; then
    /// they are duplicates.
    fn put_back(&mut self, queue: &mut Queue<P, S>) {
        let others = self.batch.drain(..).filter(|row| row.notifier.is_some());
        for waiting in others.rev() {
            queue.waiting.push_front(waiting);
        }
    }
}

impl<P: Platform, S: Deliveries> Waiting<P, S> {
    fn settle(self, outcome: Outcome) {
        put(&self.slot, Message::Outcome(outcome));
        drop(self.notifier);
    }
}

fn put<P: Platform, S: Deliveries>(slot: &Weak<Slot<P, S>>, word: Message<P, S>) {
    if let Some(slot) = slot.upgrade() {
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(word);
    }
}

fn take<P: Platform, S: Deliveries>(slot: &Slot<P, S>) -> Option<Message<P, S>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

#[cfg(test)]
mod tests;
