//! Group commit: deliveries that arrive while one is being written go out
//! together in the next statement.
//!
//! A durable write waits for the disk, and the disk takes as long for one row as
//! for fifty. Each delivery still waits for its own result, and a row that cannot
//! be stored costs no other.

use edge::{
    Bell, Ring, bell,
    sqlite::{self, StoreError, Value},
};
use std::{
    collections::BTreeSet,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// SQLite takes 32,766 parameters in a statement. So many deliveries an instance
/// never holds at the same time; this bounds the statement's text.
const MOST: usize = 64;

const COLUMNS: &str = "(event_id, event_type, mode, vehicle_id, user_id, delivered_at, \
     received_at, body)";

/// A delivery as it is stored.
pub(crate) struct Row {
    pub(crate) event_id: String,
    pub(crate) rest: [Value; 7],
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
    match insert(&batch).await {
        Ok(mut new) => {
            for waiting in batch {
                // Of two rows of one event, one was new.
                let outcome = if new.remove(&waiting.row.event_id) {
                    Outcome::Stored
                } else {
                    Outcome::Duplicate
                };
                waiting.tell(outcome);
            }
        }
        // A lock is nobody's fault, and a single row has no neighbours.
        Err(error) if batch.len() == 1 || matches!(error, StoreError::Locked) => {
            for waiting in batch {
                waiting.tell(Outcome::Failed(error.to_string()));
            }
        }
        Err(_) => {
            for waiting in batch.drain(..) {
                let alone = [waiting];
                let result = insert(&alone).await;
                let [waiting] = alone;
                waiting.tell(match result {
                    Ok(new) if new.is_empty() => Outcome::Duplicate,
                    Ok(_) => Outcome::Stored,
                    Err(error) => Outcome::Failed(error.to_string()),
                });
            }
        }
    }
}

/// The events that were new. Triggers bring the vehicles' state up to date in
/// the same statement.
async fn insert(batch: &[Waiting]) -> Result<BTreeSet<String>, StoreError> {
    let row = "(?, ?, ?, ?, ?, ?, ?, ?)";
    let rows = vec![row; batch.len()].join(", ");
    let sql = format!(
        "INSERT INTO delivery {COLUMNS} VALUES {rows} \
         ON CONFLICT (event_id) DO NOTHING RETURNING event_id"
    );
    let parameters: Vec<Value> = batch
        .iter()
        .flat_map(|Waiting { row, .. }| {
            std::iter::once(Value::from(row.event_id.as_str())).chain(row.rest.iter().cloned())
        })
        .collect();
    let new = sqlite::store().await?.query(&sql, parameters).await?;
    Ok(new
        .iter()
        .filter_map(|row| row.text(0).map(str::to_owned))
        .collect())
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
