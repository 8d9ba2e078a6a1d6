//! Group commit: deliveries that arrive while one is being written go out
//! together in the next statement.
//!
//! A durable write waits for the disk, and the disk takes as long for one row as
//! for fifty. Each delivery still waits for its own result, and a row that cannot
//! be stored costs no other, and neither does a request that is dropped while it
//! waits or writes.

use edge::{Backpressure, Bell, Bells, Host, Ring};
use smartcar::{Clock, Random};
use std::{
    collections::VecDeque,
    mem,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use store::old::sqlite::{self, StoreError, Value, Wait};

/// The most that go out together: as many as Spin has an instance serve at the
/// same time.
const MOST: usize = 16;

/// Fewer than these are not worth a commit of their own while others wait for
/// theirs. A burst of requests starts many instances, the host spreads what
/// follows over all of them, and each would commit a row or two: so every other
/// one that finds itself in this place lets its neighbours have the requests.
const FEW: usize = 4;

const COLUMNS: &str = "(event_id, event_type, mode, vehicle_id, user_id, delivered_at, \
     received_at, body, report)";

const PLACES: &str = "(?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// A delivery as it is stored.
pub(crate) struct Row {
    pub(crate) event_id: String,
    pub(crate) rest: [Value; 8],
}

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

/// What a batch needs of the database and of the host.
trait Platform: Sync + Sized + 'static {
    /// Wakes the task that has the ring, by being dropped.
    type Bell: Send;
    /// What a task sleeps on.
    type Ring;

    fn bell(&self) -> (Self::Bell, Self::Ring);

    /// Waits until the bell is dropped.
    async fn heard(&self, ring: Self::Ring);

    fn now(&self) -> Instant;

    async fn sleep(&self, time: Duration);

    /// Stores all of the rows or none of them. Fails at once where another connection
    /// is writing.
    async fn insert(&self, rows: &[&Row]) -> Result<(), StoreError>;

    /// The rows whose event is stored already: a bit for each, the lowest for the first.
    async fn stored(&self, rows: &[&Row]) -> Result<i64, StoreError>;

    /// Another instance may as well have the next requests.
    fn prefer_others(&self);
}

/// A row that waits for its turn, and where its outcome is put.
struct Waiting<P: Platform> {
    row: Row,
    /// When it arrived. From then on it waits for a lock, for five seconds at most.
    since: Instant,
    /// Whether a statement that it was part of could not be executed. It is then
    /// written by itself.
    is_alone: bool,
    /// The task has the slot; where the task was dropped there is none.
    slot: Weak<Slot<P>>,
    /// Dropped when there is something in the slot. The task that leads the batch
    /// sleeps on none.
    bell: Option<P::Bell>,
}

type Slot<P> = Mutex<Option<Word<P>>>;

/// What a waiting task gets.
enum Word<P: Platform> {
    /// Its row's outcome.
    Outcome(Outcome),
    /// The right to write, and a batch with its own row.
    Lead(Lead<P>),
}

struct Queue<P: Platform> {
    is_writing: bool,
    waiting: VecDeque<Waiting<P>>,
}

/// The deliveries of an instance, written in batches.
struct Batches<P: Platform> {
    platform: P,
    queue: Mutex<Queue<P>>,
    /// Duplicates come in runs: what was not acknowledged in time is sent again. An
    /// instance begins with a look, since looking takes no lock.
    is_repeated: AtomicBool,
}

static BATCHES: Batches<Spin> = Batches::new(Spin);

/// Stores a row together with those that arrive at the same time.
pub(crate) async fn store(row: Row) -> Outcome {
    BATCHES.store(row).await
}

impl<P: Platform> Batches<P> {
    const fn new(platform: P) -> Self {
        Self {
            platform,
            queue: Mutex::new(Queue {
                is_writing: false,
                waiting: VecDeque::new(),
            }),
            is_repeated: AtomicBool::new(true),
        }
    }

    async fn store(&'static self, row: Row) -> Outcome {
        let slot = Arc::default();
        let lead = match self.enter(row, &slot) {
            Ok(lead) => lead,
            Err(ring) => {
                self.platform.heard(ring).await;
                match take(&slot) {
                    Some(Word::Outcome(outcome)) => return outcome,
                    Some(Word::Lead(lead)) => lead,
                    None => return Outcome::Failed("the writing task ended".to_owned()),
                }
            }
        };
        lead.write().await;
        match take(&slot) {
            Some(Word::Outcome(outcome)) => outcome,
            _ => Outcome::Failed("the row was left out".to_owned()),
        }
    }

    /// Takes the right to write if no task has it; else puts the row into the queue.
    fn enter(&'static self, row: Row, slot: &Arc<Slot<P>>) -> Result<Lead<P>, P::Ring> {
        let mut waiting = Waiting {
            row,
            since: self.platform.now(),
            is_alone: false,
            slot: Arc::downgrade(slot),
            bell: None,
        };
        let mut queue = self.queue();
        if !mem::replace(&mut queue.is_writing, true) {
            let batch = vec![waiting];
            return Ok(Lead {
                batches: self,
                batch,
            });
        }
        let (bell, ring) = self.platform.bell();
        waiting.bell = Some(bell);
        queue.waiting.push_back(waiting);
        Err(ring)
    }

    fn queue(&self) -> MutexGuard<'_, Queue<P>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: Platform> Queue<P> {
    /// Takes up to `most` rows to write together.
    fn batch(&mut self, most: usize) -> Vec<Waiting<P>> {
        // A task that was dropped cannot lead, and nobody hears its row's outcome:
        // Smartcar sends the event again.
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
struct Lead<P: Platform> {
    batches: &'static Batches<P>,
    batch: Vec<Waiting<P>>,
}

impl<P: Platform> Drop for Lead<P> {
    fn drop(&mut self) {
        let mut queue = self.batches.queue();
        self.put_back(&mut queue);
        let mut batch = queue.batch(MOST);
        let Some(first) = batch.first_mut() else {
            queue.is_writing = false;
            return;
        };
        let (slot, bell) = (Weak::clone(&first.slot), first.bell.take());
        drop(queue);
        let batches = self.batches;
        put(&slot, Word::Lead(Lead { batches, batch }));
        drop(bell);
    }
}

impl<P: Platform> Lead<P> {
    /// Writes until this task's own row has its outcome, and the others that are
    /// settled with it.
    async fn write(mut self) {
        while let Err(error) = self.settle().await {
            // A lock is no row's fault, and a single row has no neighbours.
            if self.batch.len() == 1 || matches!(error, StoreError::Locked) {
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
                .partition(|waiting| waiting.bell.is_none());
            self.batch = others;
            self.put_back(&mut self.batches.queue());
            self.batch = own;
        }
    }

    /// Stores the rows that are new and settles those that are stored already. Leaves in
    /// the batch what it could not store, and what is left when this task's own row has
    /// its outcome.
    ///
    /// The INSERT returns no rows. They would be read one by one, and until the last
    /// of them has been read SQLite does not commit: the lock would be held for many
    /// trips between the host and this instance. So where an event is stored already
    /// the whole statement fails, and a look, which takes no lock, tells which.
    async fn settle(&mut self) -> Result<(), StoreError> {
        let Batches {
            platform,
            is_repeated,
            ..
        } = self.batches;
        if is_repeated.load(Ordering::Relaxed) {
            self.settle_duplicates().await?;
        }
        let mut times = 0;
        while self.has_own() {
            match platform.insert(&self.rows()).await {
                Ok(()) => {
                    if times > 1 && self.batch.len() < FEW {
                        platform.prefer_others();
                    }
                    for waiting in self.batch.drain(..) {
                        waiting.settle(Outcome::Stored);
                    }
                }
                Err(StoreError::Locked) => {
                    times += 1;
                    self.wait_for_lock().await;
                }
                // Whatever the database says of it: a duplicate is none of its failures.
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
        let platform = &self.batches.platform;
        let now = platform.now();
        let waited = |waiting: &Waiting<P>| now.duration_since(waiting.since);
        let (over, batch): (Vec<_>, Vec<_>) = mem::take(&mut self.batch)
            .into_iter()
            .partition(|waiting| waited(waiting) >= Wait::PATIENCE);
        self.batch = batch;
        for waiting in over {
            waiting.settle(Outcome::Failed(StoreError::Locked.to_string()));
        }
        if !self.has_own() {
            return;
        }
        let longest = self.batch.iter().map(waited).max().unwrap_or_default();
        platform.sleep(Wait::pause(longest)).await;
        if self.batch.iter().all(|waiting| !waiting.is_alone) {
            let more = MOST.saturating_sub(self.batch.len());
            let joining = self.batches.queue().batch(more);
            self.batch.extend(joining);
        }
    }

    /// Settles the rows whose event is stored already, and takes them out of the batch.
    async fn settle_duplicates(&mut self) -> Result<(), StoreError> {
        let stored = self.batches.platform.stored(&self.rows()).await?;
        let is_repeated = &self.batches.is_repeated;
        is_repeated.store(stored != 0, Ordering::Relaxed);
        for (place, waiting) in mem::take(&mut self.batch).into_iter().enumerate() {
            if stored >> place & 1 == 1 {
                waiting.settle(Outcome::Duplicate);
            } else {
                self.batch.push(waiting);
            }
        }
        Ok(())
    }

    fn rows(&self) -> Vec<&Row> {
        self.batch.iter().map(|waiting| &waiting.row).collect()
    }

    /// Whether this task's own row has no outcome yet.
    fn has_own(&self) -> bool {
        self.batch.iter().any(|waiting| waiting.bell.is_none())
    }

    /// Puts the rows of other tasks back to where they were: at the front of the queue.
    /// Of a statement that was interrupted the database may have them already; then
    /// they are duplicates.
    fn put_back(&mut self, queue: &mut Queue<P>) {
        let others = self.batch.drain(..).filter(|row| row.bell.is_some());
        for waiting in others.rev() {
            queue.waiting.push_front(waiting);
        }
    }
}

impl<P: Platform> Waiting<P> {
    fn settle(self, outcome: Outcome) {
        put(&self.slot, Word::Outcome(outcome));
        drop(self.bell);
    }
}

fn put<P: Platform>(slot: &Weak<Slot<P>>, word: Word<P>) {
    if let Some(slot) = slot.upgrade() {
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(word);
    }
}

fn take<P: Platform>(slot: &Slot<P>) -> Option<Word<P>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// The statement that stores the rows; triggers bring the vehicles' state up to
/// date in the same statement. Its text is always the same, since SQLite prepares
/// each text once and that takes longer than a row: places that are not needed
/// are NULL.
fn insert(batch: &[&Row]) -> (&'static str, Vec<Value>) {
    static INSERT: LazyLock<String> = LazyLock::new(|| {
        let rows = [PLACES; MOST].join(", ");
        format!(
            "INSERT INTO received {COLUMNS} SELECT * FROM (VALUES {rows}) \
             WHERE column1 IS NOT NULL"
        )
    });
    let mut parameters = Vec::with_capacity(9 * MOST);
    for row in batch {
        parameters.push(Value::from(row.event_id.as_str()));
        parameters.extend(row.rest.iter().cloned());
    }
    parameters.resize(9 * MOST, Value::Null);
    (&INSERT, parameters)
}

/// The query for which of the rows are stored. It gives a bit for each: one row to
/// read, however many there are.
fn look(batch: &[&Row]) -> (&'static str, Vec<Value>) {
    static LOOK: LazyLock<String> = LazyLock::new(|| {
        let (mut cases, mut places) = (String::new(), Vec::new());
        for place in 1..=MOST {
            cases += &format!(" WHEN ?{place} THEN {}", 1 << (place - 1));
            places.push(format!("?{place}"));
        }
        let places = places.join(", ");
        format!("SELECT sum(CASE event_id{cases} END) FROM delivery WHERE event_id IN ({places})")
    });
    let events = batch.iter().map(|row| Value::from(row.event_id.as_str()));
    let mut parameters: Vec<Value> = events.collect();
    parameters.resize(MOST, Value::Null);
    (&LOOK, parameters)
}

/// The host's database, and the host.
struct Spin;

impl Platform for Spin {
    type Bell = Bell;
    type Ring = Ring;

    fn bell(&self) -> (Bell, Ring) {
        Host.bell()
    }

    async fn heard(&self, ring: Ring) {
        Host.heard(ring).await;
    }

    fn now(&self) -> Instant {
        Instant::now()
    }

    async fn sleep(&self, time: Duration) {
        Host.sleep(time).await;
    }

    async fn insert(&self, rows: &[&Row]) -> Result<(), StoreError> {
        let (sql, parameters) = insert(rows);
        sqlite::store().await?.attempt(sql, parameters).await
    }

    async fn stored(&self, rows: &[&Row]) -> Result<i64, StoreError> {
        let (sql, parameters) = look(rows);
        let sum = sqlite::store().await?.first(sql, parameters).await?;
        Ok(sum.and_then(|row| row.integer(0)).unwrap_or(0))
    }

    fn prefer_others(&self) {
        if Host.unit() < 0.5 {
            Host.prefer_others();
        }
    }
}

#[cfg(test)]
mod tests;
