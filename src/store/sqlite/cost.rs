//! What a statement costs, for tests.

use rusqlite::{Connection, Params, StatementStatus};

/// How much SQLite works for a statement: instructions of its virtual machine, and
/// rows that it visits beyond those that an index leads to.
pub(super) fn effort(database: &Connection, sql: &str, parameters: impl Params) -> (i32, i32) {
    let mut statement = database.prepare(sql).unwrap();
    let mut rows = statement.query(parameters).unwrap();
    while rows.next().unwrap().is_some() {}
    drop(rows);
    (
        statement.get_status(StatementStatus::VmStep),
        statement.get_status(StatementStatus::FullscanStep),
    )
}

/// How SQLite goes about a statement.
pub(super) fn plan(database: &Connection, sql: &str) -> String {
    let mut statement = database
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap();
    let many = statement.parameter_count();
    let rows = statement.query_map(
        rusqlite::params_from_iter(vec![rusqlite::types::Null; many]),
        |row| row.get::<_, String>(3),
    );
    rows.unwrap()
        .map(Result::unwrap)
        .collect::<Vec<_>>()
        .join("\n")
}
