//! What the engine asks of a PostgreSQL library: Spin's interface in a component, the crate
//! `postgres` in tests.

use crate::{
    StoreError,
    rows::{self, Cell},
};
use smartcar::Timestamp;
use std::mem;

/// Opens connections to a database.
#[allow(
    async_fn_in_trait,
    reason = "a component has one thread, so no future needs to be Send"
)]
pub trait Connect {
    /// What it opens.
    type Connection: Connection;

    /// Opens a connection.
    async fn connect(&self) -> Result<Self::Connection, Failure>;
}

/// A connection to a database. Statements of several requests can be under way at a time;
/// they are carried out one after the other.
#[allow(
    async_fn_in_trait,
    reason = "a component has one thread, so no future needs to be Send"
)]
pub trait Connection {
    /// Runs one statement and returns its rows.
    async fn query(&self, sql: &str, parameters: Vec<Value>) -> Result<Vec<Row>, Failure>;

    /// Runs one statement and returns how many rows it wrote.
    async fn execute(&self, sql: &str, parameters: Vec<Value>) -> Result<u64, Failure>;
}

/// Why a statement failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The server refused it, with an SQLSTATE
    /// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
    Refused {
        /// Five characters, for example `23505`.
        code: String,
        /// The server's words.
        text: String,
    },
    /// The connection broke. Whether the statement was carried out is not known.
    Disconnected(String),
    /// It took too long. Whether the statement was carried out is not known, and what comes
    /// after it on this connection would wait for it.
    Late,
    /// There is no connection.
    Unreachable(String),
    /// A newer version of this application was here.
    NewerSchema {
        /// The version of the schema.
        found: i64,
        /// The newest one that this application knows.
        known: i64,
    },
    /// Anything else.
    Other(String),
}

impl Failure {
    fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }

    /// Whether others were in the way: `serialization_failure`, `deadlock_detected` or
    /// `lock_not_available`. Nothing was carried out.
    pub fn is_conflict(&self) -> bool {
        matches!(self.code(), Some("40001" | "40P01" | "55P03"))
    }

    /// Whether the connection is of no use any more: it broke, or the server is going down
    /// (class 57P) or has ended it.
    pub fn is_end_of_connection(&self) -> bool {
        match self {
            Self::Disconnected(_) | Self::Late => true,
            Self::Refused { code, .. } => code.starts_with("57P") || code.starts_with("08"),
            _ => false,
        }
    }

    /// Whether a table that the statement names is not there.
    pub fn is_undefined_table(&self) -> bool {
        self.code() == Some("42P01")
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        if failure.is_conflict() {
            return Self::Busy;
        }
        match failure {
            Failure::Refused { code, text } => match code.as_str() {
                "23505" => Self::Taken(text),
                "53100" => Self::Full,
                _ => Self::Unavailable(format!("{text} ({code})")),
            },
            Failure::NewerSchema { found, known } => Self::NewerSchema { found, known },
            Failure::Late => Self::Unavailable("it does not answer".to_owned()),
            Failure::Disconnected(text) | Failure::Unreachable(text) | Failure::Other(text) => {
                Self::Unavailable(text)
            }
        }
    }
}

/// A parameter or a column, of the types that the engine uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// `boolean`
    Boolean(bool),
    /// `bigint`
    Integer(i64),
    /// `text`
    Text(String),
    /// `bytea`
    Bytes(Vec<u8>),
    /// `bigint[]`
    Integers(Vec<Option<i64>>),
    /// `text[]`
    Texts(Vec<Option<String>>),
}

/// A text as PostgreSQL can hold it: without the character NUL.
pub(super) fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(storable(text))
    }
}

impl From<i64> for Value {
    fn from(integer: i64) -> Self {
        Self::Integer(integer)
    }
}

impl From<bool> for Value {
    fn from(boolean: bool) -> Self {
        Self::Boolean(boolean)
    }
}

impl From<Timestamp> for Value {
    fn from(time: Timestamp) -> Self {
        Self::Integer(time.0)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl Value {
    /// A list of texts.
    pub(super) fn texts<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::optional_texts(texts.into_iter().map(Some))
    }

    /// A list of texts, some of which are missing.
    pub(super) fn optional_texts<T: AsRef<str>>(
        texts: impl IntoIterator<Item = Option<T>>,
    ) -> Self {
        let texts = texts.into_iter();
        Self::Texts(
            texts
                .map(|text| text.map(|text| storable(text.as_ref())))
                .collect(),
        )
    }

    /// A list of integers.
    pub(super) fn integers(integers: impl IntoIterator<Item = i64>) -> Self {
        Self::Integers(integers.into_iter().map(Some).collect())
    }
}

/// A row of a result.
pub type Row = rows::Row<Value>;

impl Cell for Value {
    fn take_text(&mut self) -> Option<String> {
        match self {
            Self::Text(text) => Some(mem::take(text)),
            _ => None,
        }
    }

    fn take_bytes(&mut self) -> Option<Vec<u8>> {
        match self {
            Self::Bytes(bytes) => Some(mem::take(bytes)),
            _ => None,
        }
    }

    fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(integer) => Some(*integer),
            _ => None,
        }
    }

    fn is_true(&self) -> bool {
        *self == Self::Boolean(true)
    }
}

impl Row {
    /// The texts in a column, taken out; none where it holds none.
    pub(super) fn texts(&mut self, column: usize) -> Vec<String> {
        match self.column(column) {
            Some(Value::Texts(texts)) => mem::take(texts).into_iter().flatten().collect(),
            _ => Vec::new(),
        }
    }
}
