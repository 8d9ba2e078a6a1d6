//! Rows of the engines' results, and what they hold. Both engines select the same columns,
//! in the order in which the functions of a noun's file here read them.

pub(crate) mod actions;
pub(crate) mod arrivals;
pub(crate) mod calls;
pub(crate) mod configurations;
pub(crate) mod deliveries;
pub(crate) mod examinations;
pub(crate) mod lookups;
pub(crate) mod outbox;
pub(crate) mod quarantine;
pub(crate) mod signals;
pub(crate) mod tallies;
pub(crate) mod vehicles;

use smartcar::Timestamp;

/// A column of a row, as a library gives it.
pub trait Cell {
    /// The text in it, taken out; none where it holds none.
    fn take_text(&mut self) -> Option<String>;

    /// The bytes in it, taken out; none where it holds none.
    fn take_bytes(&mut self) -> Option<Vec<u8>>;

    /// The integer in it; none where it holds none.
    fn integer(&self) -> Option<i64>;

    /// Whether it holds true.
    fn is_true(&self) -> bool;
}

/// A row of a result.
#[derive(Debug)]
pub struct Row<C>(Vec<C>);

impl<C> Row<C> {
    /// A row of these columns.
    pub const fn new(columns: Vec<C>) -> Self {
        Self(columns)
    }

    /// A column.
    pub(crate) fn column(&mut self, column: usize) -> Option<&mut C> {
        self.0.get_mut(column)
    }
}

impl<C: Cell> Row<C> {
    /// The text in a column, taken out; none where it holds none.
    pub fn text(&mut self, column: usize) -> Option<String> {
        self.column(column)?.take_text()
    }

    /// The text in a column, taken out; empty where it holds none.
    pub fn string(&mut self, column: usize) -> String {
        self.text(column).unwrap_or_default()
    }

    /// The bytes in a column, taken out; none where it holds none.
    pub fn bytes(&mut self, column: usize) -> Option<Vec<u8>> {
        self.column(column)?.take_bytes()
    }

    /// The integer in a column; none where it holds none.
    pub fn integer(&self, column: usize) -> Option<i64> {
        self.0.get(column)?.integer()
    }

    /// The count in a column; 0 where it holds none.
    pub fn count(&self, column: usize) -> i64 {
        self.integer(column).unwrap_or_default()
    }

    /// The time in a column; none where it holds none.
    pub fn time(&self, column: usize) -> Option<Timestamp> {
        self.integer(column).map(Timestamp)
    }

    /// Whether a column holds true.
    pub fn is(&self, column: usize) -> bool {
        self.0.get(column).is_some_and(Cell::is_true)
    }
}

/// The texts in the first column of rows.
pub(crate) fn texts(rows: Vec<Row<impl Cell>>) -> Vec<String> {
    let texts = rows.into_iter().filter_map(|mut row| row.text(0));
    texts.collect()
}
