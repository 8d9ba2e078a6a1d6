//! Examinations in PostgreSQL.

use super::{Connect, Postgres, Value};
use crate::{Examinations, StoreError, examination::Examination, rows};
use edge::Platform;

const LAST: &str = "SELECT ran_at, report FROM examination";

const KEEP: &str = "INSERT INTO examination (id, ran_at, report) VALUES (1, $1, $2)
    ON CONFLICT (id) DO UPDATE SET ran_at = excluded.ran_at, report = excluded.report";

impl<C: Connect, P: Platform> Examinations for Postgres<C, P> {
    async fn last_examination(&self) -> Result<Option<Examination>, StoreError> {
        let row = self.first(LAST, []).await?;
        Ok(row.and_then(rows::examinations::examination))
    }

    async fn keep_examination(&self, examination: &Examination) -> Result<(), StoreError> {
        let parameters = [
            Value::from(examination.ran_at),
            Value::from(examination.report.as_str()),
        ];
        self.execute(KEEP, parameters).await.map(drop)
    }
}
