//! Reading the database, or saying that it cannot be read.

use edge::{
    log::{self, Level},
    respond::Problem,
    sqlite::{self, Row, Value},
};
use http::StatusCode;

/// The rows of a statement.
pub(crate) async fn query(
    sql: &str,
    parameters: impl Into<Vec<Value>>,
) -> Result<Vec<Row>, Problem> {
    let rows = async { sqlite::store().await?.query(sql, parameters).await };
    rows.await.map_err(|error: sqlite::StoreError| {
        log::line(Level::Error, "store")
            .with("error", error.to_string())
            .write();
        let detail = "the database could not be read: try again";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Problem::new(status, "STORE_UNAVAILABLE", detail).retry_after(5)
    })
}
