//! Runs one statement and writes its result as text.

use spin_sdk::sqlite::{Connection, Value};
use std::{cell::OnceCell, rc::Rc};

thread_local! {
    /// One connection of an instance, as components keep it.
    static CONNECTION: OnceCell<Rc<Connection>> = const { OnceCell::new() };
}

/// The columns joined by commas, then one line a row, its values joined by bars.
pub(crate) async fn execute(statement: String) -> Result<String, String> {
    let connection = connection().await?;
    let result = connection
        .execute(statement, [])
        .await
        .map_err(super::text)?;
    let mut lines = vec![result.columns().join(",")];
    for row in result.collect().await.map_err(super::text)? {
        let values: Vec<String> = row.values.iter().map(literal).collect();
        lines.push(values.join("|"));
    }
    Ok(lines.join("\n"))
}

async fn connection() -> Result<Rc<Connection>, String> {
    if let Some(open) = CONNECTION.with(|cell| cell.get().cloned()) {
        return Ok(open);
    }
    let opened = Rc::new(Connection::open_default().await.map_err(super::text)?);
    Ok(CONNECTION.with(|cell| cell.get_or_init(|| opened).clone()))
}

fn literal(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => format!("{number:?}"),
        Value::Text(text) => format!("'{text}'"),
        Value::Blob(bytes) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("x'{hex}'")
        }
        Value::Null => "null".to_owned(),
    }
}
