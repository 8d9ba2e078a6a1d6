//! PostgreSQL itself, for tests: the same statements without a host.

use super::{Connect, Connection, Failure, Postgres, Row, Value};
use ::postgres::{
    Client, NoTls,
    types::{FromSql, IsNull, ToSql, Type, private::BytesMut},
};
use smartcar::testing::Fake;
use std::{
    error::Error,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

/// A schema of its own in the server that all tests share. Copies are the same one, and
/// each opens connections of its own, as instances do.
#[derive(Clone, Debug)]
pub(crate) struct Native {
    url: String,
    schema: String,
}

/// The engine of a test.
pub(crate) type NativeStore = Postgres<Native, Fake>;

impl Native {
    /// An empty database.
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let server = postgresql::shared().unwrap();
        let schema = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let url = server.url("postgres");
        let mut client = Client::connect(&url, NoTls).unwrap();
        client
            .batch_execute(&format!("CREATE SCHEMA {schema}"))
            .unwrap();
        Self {
            url: format!(
                "{url}?options=-csearch_path%3D{schema}%20-cclient_min_messages%3Dwarning"
            ),
            schema,
        }
    }

    /// A store on it, as one instance has it.
    pub(crate) fn store(&self, clock: &Fake) -> NativeStore {
        Postgres::new(self.clone(), clock.clone())
    }

    /// The name of its schema, which its connections have too.
    pub(crate) fn schema(&self) -> &str {
        &self.schema
    }

    /// A connection of its own, to look at rows.
    pub(crate) fn raw(&self) -> Client {
        Client::connect(&self.url, NoTls).unwrap()
    }
}

/// A connection of a test.
pub(crate) struct NativeConnection(Mutex<Client>);

impl std::fmt::Debug for NativeConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NativeConnection")
    }
}

impl Connect for Native {
    type Connection = NativeConnection;

    async fn connect(&self) -> Result<NativeConnection, Failure> {
        let url = format!("{}&application_name={}", self.url, self.schema);
        let client = Client::connect(&url, NoTls);
        let client = client.map_err(|error| match failure(&error) {
            Failure::Refused { code, text } => Failure::Unreachable(format!("{text} ({code})")),
            _ => Failure::Unreachable(error.to_string()),
        })?;
        Ok(NativeConnection(Mutex::new(client)))
    }
}

fn failure(error: &::postgres::Error) -> Failure {
    if let Some(error) = error.as_db_error() {
        return Failure::Refused {
            code: error.code().code().to_owned(),
            text: error.message().to_owned(),
        };
    }
    let is_io = |cause: &(dyn Error + 'static)| cause.is::<std::io::Error>();
    if error.is_closed() || error.source().is_some_and(is_io) {
        return Failure::Disconnected(error.to_string());
    }
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    Failure::Other(format!("{error}: {cause}"))
}

impl NativeConnection {
    /// As Spin runs it: every statement is prepared again.
    fn run<T>(
        &self,
        sql: &str,
        parameters: &[Value],
        run: impl FnOnce(&mut Client, &str, &[&(dyn ToSql + Sync)]) -> Result<T, ::postgres::Error>,
    ) -> Result<T, Failure> {
        let parameters: Vec<&(dyn ToSql + Sync)> = parameters
            .iter()
            .map(|parameter| parameter as &(dyn ToSql + Sync))
            .collect();
        let mut client = self.0.lock().unwrap();
        run(&mut client, sql, &parameters).map_err(|error| failure(&error))
    }
}

impl Connection for NativeConnection {
    async fn query(&self, sql: &str, parameters: Vec<Value>) -> Result<Vec<Row>, Failure> {
        let rows = self.run(sql, &parameters, |client, sql, parameters| {
            client.query(sql, parameters)
        })?;
        let values = |row: ::postgres::Row| {
            let columns = 0..row.len();
            Row::new(columns.map(|column| row.get::<_, Value>(column)).collect())
        };
        Ok(rows.into_iter().map(values).collect())
    }

    async fn execute(&self, sql: &str, parameters: Vec<Value>) -> Result<u64, Failure> {
        self.run(sql, &parameters, |client, sql, parameters| {
            client.execute(sql, parameters)
        })
    }
}

/// As strict as Spin's host: no type is turned into another one.
impl ToSql for Value {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Boolean(boolean) if *ty == Type::BOOL => boolean.to_sql(ty, out),
            Self::Integer(integer) if *ty == Type::INT8 => integer.to_sql(ty, out),
            Self::Text(text) if *ty == Type::TEXT => text.to_sql(ty, out),
            Self::Bytes(bytes) if *ty == Type::BYTEA => bytes.to_sql(ty, out),
            Self::Integers(integers) if *ty == Type::INT8_ARRAY => integers.to_sql(ty, out),
            Self::Texts(texts) if *ty == Type::TEXT_ARRAY => texts.to_sql(ty, out),
            _ => Err(format!("the statement takes {ty}, not {self:?}").into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    ::postgres::types::to_sql_checked!();
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(match *ty {
            Type::BOOL => Self::Boolean(FromSql::from_sql(ty, raw)?),
            Type::INT8 => Self::Integer(FromSql::from_sql(ty, raw)?),
            Type::TEXT => Self::Text(FromSql::from_sql(ty, raw)?),
            Type::BYTEA => Self::Bytes(FromSql::from_sql(ty, raw)?),
            Type::INT8_ARRAY => Self::Integers(FromSql::from_sql(ty, raw)?),
            Type::TEXT_ARRAY => Self::Texts(FromSql::from_sql(ty, raw)?),
            Type::VOID => Self::Null,
            _ => return Err(format!("the engine reads no {ty}").into()),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl crate::contract::Engine for Native {
    type Store = NativeStore;
    type Address = (String, String);

    fn is_installed() -> bool {
        postgresql::shared().is_some()
    }

    fn new() -> Self {
        Self::new()
    }

    fn address(&self) -> (String, String) {
        (self.url.clone(), self.schema.clone())
    }

    fn at((url, schema): (String, String)) -> Self {
        Self { url, schema }
    }

    fn store(&self, clock: &Fake) -> NativeStore {
        self.store(clock)
    }
}
