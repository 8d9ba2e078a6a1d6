//! `to-postgres SQLITE_FILE DATABASE_URL`: moves what the application has stored in SQLite
//! to an empty PostgreSQL database, in one transaction, and compares the numbers of rows.
//!
//! The application has been started once on both, so that both have the newest schema, and
//! runs on neither meanwhile.

mod tables;

use anyhow::{Context as _, Result, bail, ensure};
use postgres::{
    Client, NoTls, Transaction,
    binary_copy::BinaryCopyInWriter,
    types::{ToSql, Type},
};
use rusqlite::{Connection, OpenFlags, types::ValueRef};
use std::{env, process::ExitCode};
use tables::{Column, Kind, TABLES, Table};

/// The schema versions that this program knows.
const SQLITE_VERSION: i64 = 14;
const POSTGRES_VERSION: i64 = 6;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let moved = match &*arguments {
        [file, url] => run(file, url),
        _ => Err(anyhow::anyhow!(
            "usage: to-postgres SQLITE_FILE DATABASE_URL"
        )),
    };
    match moved {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("to-postgres: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(file: &str, url: &str) -> Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let from = Connection::open_with_flags(file, flags)
        .with_context(|| format!("failed to open {file}"))?;
    // Of one moment, should the application run after all.
    from.execute_batch("BEGIN")?;
    let version: i64 = from
        .query_row("SELECT user_version FROM pragma_user_version", [], |row| {
            row.get(0)
        })
        .with_context(|| format!("failed to read {file}"))?;
    ensure!(
        version == SQLITE_VERSION,
        "{file} has schema version {version}, not {SQLITE_VERSION}: start this version of the \
         application on it once"
    );
    // No error repeats the address, which holds a password.
    let mut to = match Client::connect(url, NoTls) {
        Ok(client) => client,
        Err(error) => bail!("failed to connect to the database: {error}"),
    };
    let mut to = to.transaction()?;
    is_new(&mut to)?;
    for table in &TABLES {
        let moved = move_table(&from, &mut to, table)
            .with_context(|| format!("failed to move the table {}", table.name))?;
        println!("{}: {moved}", table.name);
    }
    finish(&from, &mut to)?;
    to.commit()?;
    Ok(())
}

/// Refuses a database that the application has not made, or has used.
fn is_new(to: &mut Transaction<'_>) -> Result<()> {
    let versions = to.query("SELECT version FROM schema_version", &[]);
    let versions = versions.map_err(|_| {
        anyhow::anyhow!("the database has no schema: start the application on it once")
    })?;
    let version = versions.first().map_or(0, |row| row.get::<_, i64>(0));
    ensure!(
        version == POSTGRES_VERSION,
        "the database has schema version {version}, not {POSTGRES_VERSION}: start this version \
         of the application on it once"
    );
    for table in ["delivery", "action", "vehicle", "outbox", "arrival"] {
        ensure!(
            count(to, table)? == 0,
            "the database is in use: its table {table} is not empty"
        );
    }
    Ok(())
}

fn count(to: &mut Transaction<'_>, table: &str) -> Result<i64> {
    let row = to.query_one(&format!("SELECT count(*) FROM {table}"), &[])?;
    Ok(row.get(0))
}

/// Moves the rows of a table as they are; what follows from them has been moved too, so no
/// trigger runs. Returns how many there are.
fn move_table(from: &Connection, to: &mut Transaction<'_>, table: &Table) -> Result<i64> {
    let name = table.name;
    to.batch_execute(&format!(
        "ALTER TABLE {name} DISABLE TRIGGER USER; DELETE FROM {name}"
    ))?;
    let columns: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    let types: Vec<Type> = table
        .columns
        .iter()
        .map(|column| column.kind.of_postgres())
        .collect();
    let copy = format!(
        "COPY {name} ({}) FROM STDIN (FORMAT binary)",
        columns.join(", ")
    );
    let mut writer = BinaryCopyInWriter::new(to.copy_in(&copy)?, &types);
    let expressions: Vec<&str> = table.columns.iter().map(Column::in_sqlite).collect();
    let select = format!("SELECT {} FROM {name}", expressions.join(", "));
    let mut statement = from.prepare(&select)?;
    let mut rows = statement.query([])?;
    let mut moved: i64 = 0;
    while let Some(row) = rows.next()? {
        let values = table
            .columns
            .iter()
            .enumerate()
            .map(|(place, column)| value(column.kind, row.get_ref(place)?))
            .collect::<Result<Vec<_>>>()?;
        let values = values.iter().map(|value| &**value as &(dyn ToSql + Sync));
        writer.write(&values.collect::<Vec<_>>())?;
        moved += 1;
    }
    writer.finish()?;
    to.batch_execute(&format!("ALTER TABLE {name} ENABLE TRIGGER USER"))?;
    let there = count(to, name)?;
    ensure!(there == moved, "{moved} rows were read and {there} written");
    Ok(moved)
}

/// A value of SQLite's as PostgreSQL holds it. A text there has no character NUL.
fn value(kind: Kind, value: ValueRef<'_>) -> Result<Box<dyn ToSql + Sync>> {
    if value == ValueRef::Null {
        return Ok(match kind {
            Kind::Text => Box::new(None::<String>),
            Kind::Integer => Box::new(None::<i64>),
            Kind::Boolean => Box::new(None::<bool>),
            Kind::Bytes => Box::new(None::<Vec<u8>>),
            Kind::Texts => Box::new(None::<Vec<String>>),
        });
    }
    Ok(match kind {
        Kind::Text => Box::new(value.as_str()?.replace('\0', "\u{fffd}")),
        Kind::Integer => Box::new(value.as_i64()?),
        Kind::Boolean => Box::new(value.as_i64()? != 0),
        Kind::Bytes => Box::new(value.as_bytes()?.to_vec()),
        Kind::Texts => Box::new(serde_json::from_str::<Vec<String>>(value.as_str()?)?),
    })
}

/// What PostgreSQL counts on its own.
fn finish(from: &Connection, to: &mut Transaction<'_>) -> Result<()> {
    to.batch_execute(
        "DELETE FROM backlog;
        INSERT INTO backlog (sink, shard, waiting, dead)
        SELECT sink, 0, count(*) FILTER (WHERE dead_at IS NULL),
            count(*) FILTER (WHERE dead_at IS NOT NULL)
        FROM outbox GROUP BY sink",
    )?;
    // No number of the outbox is given twice, not even that of a row that is gone.
    let last = from.query_row(
        "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'outbox'",
        [],
        |row| row.get::<_, i64>(0),
    )?;
    let next = last.saturating_add(1);
    to.execute(
        "SELECT setval(pg_get_serial_sequence('outbox', 'seq'), $1, false)",
        &[&next],
    )?;
    Ok(())
}
