//! Group commit: deliveries that arrive while one is being written go out
//! together in the next statement.
//!
//! A durable write waits for the disk, and the disk takes as long for one row as
//! for fifty. Each delivery still waits for its own result, and a row that cannot
//! be stored costs no other.

use edge::{
    Bell, Host, Ring, bell,
    sqlite::{self, Store, StoreError, Value, Wait},
};
use smartcar::Random;
use std::{
    mem,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

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

/// A row that waits for its turn, and where its outcome is put.
struct Waiting {
    row: Row,
    slot: Slot,
    /// Dropped when there is something in the slot.
    bell: Option<Bell>,
}

type Slot = Arc<Mutex<Option<Word>>>;

/// What a waiting task is told.
enum Word {
    /// Its row's outcome.
    Outcome(Outcome),
    /// To write the next batch, its own row among them.
    Lead(Vec<Waiting>),
}

#[derive(Default)]
struct Queue {
    is_writing: bool,
    waiting: Vec<Waiting>,
}

static QUEUE: Mutex<Queue> = Mutex::new(Queue {
    is_writing: false,
    waiting: Vec::new(),
});

/// Stores a row together with those that arrive at the same time.
pub(crate) async fn store(row: Row) -> Outcome {
    let slot = Slot::default();
    let batch = match enter(row, &slot) {
        Ok(batch) => batch,
        Err(ring) => {
            ring.heard().await;
            match take(&slot) {
                Some(Word::Outcome(outcome)) => return outcome,
                Some(Word::Lead(batch)) => batch,
                None => return Outcome::Failed("the writing task ended".to_owned()),
            }
        }
    };
    let lead = Lead;
    write(batch).await;
    drop(lead);
    match take(&slot) {
        Some(Word::Outcome(outcome)) => outcome,
        _ => Outcome::Failed("the row was left out".to_owned()),
    }
}

/// The batch to write, if nobody is writing; else waits in the queue.
fn enter(row: Row, slot: &Slot) -> Result<Vec<Waiting>, Ring> {
    let mut queue = queue();
    let slot = Arc::clone(slot);
    if !mem::replace(&mut queue.is_writing, true) {
        let bell = None;
        return Ok(vec![Waiting { row, slot, bell }]);
    }
    let (bell, ring) = bell();
    let bell = Some(bell);
    queue.waiting.push(Waiting { row, slot, bell });
    Err(ring)
}

/// The right to write. Whoever ends, for whatever reason, passes it on.
struct Lead;

impl Drop for Lead {
    fn drop(&mut self) {
        pass_on();
    }
}

/// Hands the next batch to the first of those who wait.
fn pass_on() {
    let mut queue = queue();
    // Who is gone cannot lead, and needs no answer: the event will come again.
    queue
        .waiting
        .retain(|waiting| Arc::strong_count(&waiting.slot) > 1);
    let many = queue.waiting.len().min(MOST);
    let mut batch: Vec<Waiting> = queue.waiting.drain(..many).collect();
    let Some(first) = batch.first_mut() else {
        queue.is_writing = false;
        return;
    };
    let bell = first.bell.take();
    let slot = Arc::clone(&first.slot);
    drop(queue);
    put(&slot, Word::Lead(batch));
    drop(bell);
}

/// Writes the rows, each with its own outcome.
async fn write(mut batch: Vec<Waiting>) {
    let Err(error) = settle(&mut batch, MOST).await else {
        return;
    };
    // A lock is nobody's fault, and a single row has no neighbours.
    if batch.len() == 1 || matches!(error, StoreError::Locked) {
        return fail(batch, &error);
    }
    for waiting in batch {
        let mut alone = vec![waiting];
        if let Err(error) = settle(&mut alone, 1).await {
            fail(alone, &error);
        }
    }
}

fn fail(batch: Vec<Waiting>, error: &StoreError) {
    for waiting in batch {
        waiting.tell(Outcome::Failed(error.to_string()));
    }
}

/// Duplicates come in runs: what was not acknowledged in time is sent again. An
/// instance begins with a look, since looking takes no lock.
static IS_REPEATED: AtomicBool = AtomicBool::new(true);

/// Stores the rows that are new, tells those that are not, and leaves in the
/// batch what it could not store. While it waits for the write lock the batch
/// grows up to `most`.
///
/// The INSERT returns no rows. They would be read one by one, and until the last
/// of them has been read SQLite does not commit: the lock would be held for many
/// trips between the host and this instance. So where an event is stored already
/// the whole statement fails, and a look, which takes no lock, tells which.
async fn settle(batch: &mut Vec<Waiting>, most: usize) -> Result<(), StoreError> {
    let store = sqlite::store().await?;
    if IS_REPEATED.load(Ordering::Relaxed) {
        tell_duplicates(store, batch).await?;
    }
    let mut wait = Wait::begin();
    while !batch.is_empty() {
        let (sql, parameters) = insert(batch);
        match store.attempt(sql, parameters).await {
            Ok(()) => {
                if wait.times() > 1 && batch.len() < FEW && Host.unit() < 0.5 {
                    edge::prefer_others();
                }
                for waiting in batch.drain(..) {
                    waiting.tell(Outcome::Stored);
                }
            }
            Err(StoreError::Locked) if wait.again().await => join(batch, most),
            Err(error @ StoreError::Locked) => return Err(error),
            // Whatever the database says of it: a duplicate is none of its failures.
            Err(error) => {
                let many = batch.len();
                tell_duplicates(store, batch).await?;
                if batch.len() == many {
                    return Err(error);
                }
            }
        }
    }
    Ok(())
}

/// Takes in those that have come meanwhile.
fn join(batch: &mut Vec<Waiting>, most: usize) {
    let mut queue = queue();
    let many = queue.waiting.len().min(most.saturating_sub(batch.len()));
    batch.extend(queue.waiting.drain(..many));
}

/// The statement that stores the rows; triggers bring the vehicles' state up to
/// date in the same statement. Its text is always the same, since SQLite prepares
/// each text once and that takes longer than a row: places that are not needed
/// are NULL.
fn insert(batch: &[Waiting]) -> (&'static str, Vec<Value>) {
    static INSERT: LazyLock<String> = LazyLock::new(|| {
        let rows = [PLACES; MOST].join(", ");
        format!(
            "INSERT INTO received {COLUMNS} SELECT * FROM (VALUES {rows}) \
             WHERE column1 IS NOT NULL"
        )
    });
    let mut parameters = Vec::with_capacity(9 * MOST);
    for Waiting { row, .. } in batch {
        parameters.push(Value::from(row.event_id.as_str()));
        parameters.extend(row.rest.iter().cloned());
    }
    parameters.resize(9 * MOST, Value::Null);
    (&INSERT, parameters)
}

/// Tells those whose event is stored already, and takes them out of the batch.
async fn tell_duplicates(store: &Store, batch: &mut Vec<Waiting>) -> Result<(), StoreError> {
    /// A bit for each event: one row to read, however many there are.
    static LOOK: LazyLock<String> = LazyLock::new(|| {
        let (mut cases, mut places) = (String::new(), Vec::new());
        for place in 1..=MOST {
            cases += &format!(" WHEN ?{place} THEN {}", 1 << (place - 1));
            places.push(format!("?{place}"));
        }
        let places = places.join(", ");
        format!("SELECT sum(CASE event_id{cases} END) FROM delivery WHERE event_id IN ({places})")
    });
    let events = batch
        .iter()
        .map(|waiting| Value::from(waiting.row.event_id.as_str()));
    let mut parameters: Vec<Value> = events.collect();
    parameters.resize(MOST, Value::Null);
    let sum = store.first(&LOOK, parameters).await?;
    let stored = sum.and_then(|row| row.integer(0)).unwrap_or(0);
    IS_REPEATED.store(stored != 0, Ordering::Relaxed);
    for (place, waiting) in mem::take(batch).into_iter().enumerate() {
        if stored >> place & 1 == 1 {
            waiting.tell(Outcome::Duplicate);
        } else {
            batch.push(waiting);
        }
    }
    Ok(())
}

impl Waiting {
    fn tell(self, outcome: Outcome) {
        put(&self.slot, Word::Outcome(outcome));
        drop(self.bell);
    }
}

fn queue() -> MutexGuard<'static, Queue> {
    QUEUE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn put(slot: &Slot, word: Word) {
    *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(word);
}

fn take(slot: &Slot) -> Option<Word> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}
