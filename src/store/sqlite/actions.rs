//! What callers had done.

use super::{Connect, Sqlite, Value};
use crate::{
    Actions, StoreError,
    action::{
        Action, ActionCount, ActionPage, AwaitedReport, ClaimedAction, Completion, Holder,
        KEY_LIFE, NewAction, Outcome, Removal, claim, least_id, running_since,
    },
    kept_headers::pack,
    rows,
};
use edge::Platform;
use smartcar::{Evidence, Timestamp, UserId, VehicleId};

/// The outcome that is known now. `?1` and `?2` are those of [`running_since`].
macro_rules! outcome {
    () => {
        "CASE WHEN outcome = 'running' AND started_at NOT BETWEEN ?1 AND ?2 THEN 'unknown'
            ELSE outcome END"
    };
}

const BEGIN: &str = "INSERT INTO action
        (id, kind, path, caller, vehicle_id, user_id, idempotency_key, fingerprint, claim,
         is_exclusive, is_holding, insisted, evidence, awaits, started_at, outcome)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?11, ?12, ?13, ?14, 'running')";

const CLAIMED: &str = concat!(
    "SELECT id, fingerprint, ",
    outcome!(),
    ", status, answer_headers, answer, user_id
    FROM action WHERE claim = ?3 AND started_at > ?4"
);

const HOLDER: &str = concat!(
    "SELECT id, kind, caller, ",
    outcome!(),
    ", started_at, evidence FROM action WHERE vehicle_id = ?3 AND is_holding = 1"
);

const RELEASE: &str = "UPDATE action SET is_holding = 0 WHERE id = ?1 AND outcome = 'unknown'";

const SUBJECT: &str = "UPDATE action SET vehicle_id = ?2, user_id = ?3 WHERE id = ?1";

const COMPLETE: &str = "UPDATE action SET
        completed_at = ?2, outcome = ?3, status = ?4, error = ?5, request_id = ?6,
        execution_id = ?7,
        answer_headers = CASE WHEN claim IS NOT NULL AND ?12 = 0 THEN ?8 END,
        answer = CASE WHEN claim IS NOT NULL AND ?12 = 0 THEN ?9 END,
        vehicle_id = coalesce(vehicle_id, ?10), user_id = coalesce(user_id, ?11),
        claim = CASE WHEN ?12 = 0 THEN claim END,
        is_holding = CASE WHEN ?13 = 1 THEN is_holding ELSE 0 END
    WHERE id = ?1";

const WITHDRAW: &str = "DELETE FROM action WHERE id = ?1";

const REMOVAL: &str = "SELECT vehicle_id, user_id, EXISTS (
        SELECT 1 FROM vehicle JOIN action AS removal
            ON removal.kind = 'remove-connection' AND removal.path = ?1
            AND (removal.outcome = 'succeeded' OR removal.status IN (404, 410))
        WHERE vehicle.id = action.vehicle_id
            AND vehicle.user_id IS coalesce(action.user_id, vehicle.user_id)
            AND vehicle.delivered_at > removal.completed_at)
    FROM action WHERE kind = 'remove-connection' AND path = ?1 AND vehicle_id IS NOT NULL
    ORDER BY id DESC LIMIT 1";

const IS_SUBSCRIBED: &str = "SELECT 1 FROM action AS made
    WHERE vehicle_id = ?1 AND id >= ?2 AND kind = 'create-subscription'
        AND fingerprint = ?3 AND outcome = 'succeeded'
        AND NOT EXISTS (
            SELECT 1 FROM action
            WHERE vehicle_id = ?1 AND id >= ?2
                AND kind IN ('remove-subscription', 'remove-connection')
                AND outcome <> 'failed'
                AND (completed_at IS NULL OR completed_at >= made.started_at)
        )
    LIMIT 1";

const AWAITED: &str = "SELECT is_late, body, observed_at, user_id FROM action_signal
    WHERE action_id = ?1 ORDER BY is_late, observed_at";

/// The columns are those of [`rows::actions::action`].
macro_rules! actions {
    ($rest:expr) => {
        concat!(
            "SELECT id, kind, path, caller, vehicle_id, user_id, idempotency_key, started_at,
                completed_at, insisted, status, error, request_id, execution_id, evidence, ",
            outcome!(),
            " FROM action ",
            $rest
        )
    };
}

/// What Smartcar calls a command by is a name of it too.
const ACTION: &str = actions!("WHERE id = ?3 OR execution_id = ?3 ORDER BY id DESC LIMIT 1");

const ACTIONS: &str = actions!(concat!(
    "WHERE (?3 IS NULL OR id < ?3) AND (?4 IS NULL OR vehicle_id = ?4)
        AND (?6 IS NULL OR caller = ?6) AND (?5 IS NULL OR ",
    outcome!(),
    " = ?5) ORDER BY id DESC LIMIT ?7"
));

const COUNTS: &str = concat!(
    "SELECT kind, ",
    outcome!(),
    ", count(*) FROM action WHERE started_at >= ?3 GROUP BY 1, 2 ORDER BY 1, 2"
);

const HAS_ANSWERS: &str =
    "SELECT EXISTS (SELECT 1 FROM action WHERE claim IS NOT NULL AND started_at <= ?1)";

/// An answer can say where someone was going: it is kept no longer than its key.
const FORGET_ANSWERS: &str = "UPDATE action
    SET claim = NULL, answer_headers = NULL, answer = NULL
    WHERE rowid IN (SELECT rowid FROM action
        WHERE claim IS NOT NULL AND started_at <= ?1 ORDER BY started_at LIMIT ?2)";

const HAS_ACTIONS: &str =
    "SELECT EXISTS (SELECT 1 FROM action WHERE started_at <= ?1 AND outcome <> 'running')";

const FORGET_ACTIONS: &str = "DELETE FROM action WHERE rowid IN (SELECT rowid FROM action
    WHERE started_at <= ?1 AND outcome <> 'running' ORDER BY started_at LIMIT ?2)";

impl<C: Connect, P: Platform> Actions for Sqlite<C, P> {
    async fn begin(&self, new: NewAction<'_>) -> Result<bool, StoreError> {
        let claim = new.idempotency_key.map(|key| claim(new.caller, key));
        let evidence = new.evidence.map(Evidence::to_string);
        let awaits = new.evidence.map(|evidence| evidence.signal);
        let parameters = [
            Value::from(new.id),
            Value::from(new.kind),
            Value::from(new.path),
            Value::from(new.caller),
            Value::from(new.vehicle.map(VehicleId::as_str)),
            Value::from(new.user.map(UserId::as_str)),
            Value::from(new.idempotency_key),
            Value::from(new.fingerprint),
            Value::from(claim.as_deref()),
            Value::from(i64::from(new.is_exclusive)),
            Value::from(i64::from(new.insists)),
            Value::from(evidence.as_deref()),
            Value::from(awaits),
            Value::from(new.started_at.0),
        ];
        match self.execute(BEGIN, parameters).await {
            Ok(()) => Ok(true),
            Err(StoreError::Taken(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn claimed(
        &self,
        caller: &str,
        idempotency_key: &str,
        now: Timestamp,
    ) -> Result<Option<ClaimedAction>, StoreError> {
        let claim = claim(caller, idempotency_key);
        let honoured = Value::from(now.before(KEY_LIFE).0);
        let [first, last] = running_since(now).map(Value::from);
        let parameters = [first, last, Value::Text(claim), honoured];
        let row = self.first(CLAIMED, parameters).await?;
        Ok(row.map(rows::actions::claimed_action))
    }

    async fn holder(
        &self,
        vehicle: &VehicleId,
        now: Timestamp,
    ) -> Result<Option<Holder>, StoreError> {
        let [first, last] = running_since(now).map(Value::from);
        let parameters = [first, last, Value::from(vehicle.as_str())];
        let row = self.first(HOLDER, parameters).await?;
        Ok(row.map(rows::actions::holder))
    }

    async fn release(&self, id: &str) -> Result<(), StoreError> {
        self.execute(RELEASE, [Value::from(id)]).await
    }

    async fn set_subject(
        &self,
        id: &str,
        vehicle: Option<&VehicleId>,
        user: Option<&UserId>,
    ) -> Result<(), StoreError> {
        let parameters = [
            Value::from(id),
            Value::from(vehicle.map(VehicleId::as_str)),
            Value::from(user.map(UserId::as_str)),
        ];
        self.execute(SUBJECT, parameters).await
    }

    async fn complete(&self, completion: Completion<'_>) -> Result<(), StoreError> {
        let parameters = [
            Value::from(completion.id),
            Value::from(completion.at.0),
            Value::from(completion.outcome.as_str()),
            Value::from(i64::from(completion.status)),
            Value::from(completion.error),
            Value::from(completion.request_id),
            Value::from(completion.execution_id),
            Value::Text(pack(completion.headers)),
            Value::Blob(completion.body.to_vec()),
            Value::from(completion.vehicle.map(VehicleId::as_str)),
            Value::from(completion.user.map(UserId::as_str)),
            Value::from(i64::from(completion.is_void)),
            Value::from(i64::from(completion.is_open)),
        ];
        self.execute(COMPLETE, parameters).await
    }

    async fn withdraw(&self, id: &str) -> Result<(), StoreError> {
        self.execute(WITHDRAW, [Value::from(id)]).await
    }

    async fn removal(&self, path: &str) -> Result<Option<Removal>, StoreError> {
        let row = self.first(REMOVAL, [Value::from(path)]).await?;
        Ok(row.map(rows::actions::removal))
    }

    async fn is_subscribed(
        &self,
        vehicle: &VehicleId,
        fingerprint: &str,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        let parameters = [
            Value::from(vehicle.as_str()),
            Value::Text(least_id(since)),
            Value::from(fingerprint),
        ];
        self.is(IS_SUBSCRIBED, parameters).await
    }

    async fn awaited_reports(&self, id: &str) -> Result<Vec<AwaitedReport>, StoreError> {
        let reports = self.query(AWAITED, [Value::from(id)]).await?;
        Ok(reports
            .into_iter()
            .map(rows::actions::awaited_report)
            .collect())
    }

    async fn action(&self, id: &str, now: Timestamp) -> Result<Option<Action>, StoreError> {
        let [first, last] = running_since(now).map(Value::from);
        let row = self.first(ACTION, [first, last, Value::from(id)]).await?;
        Ok(row.map(rows::actions::action))
    }

    async fn actions(
        &self,
        page: ActionPage<'_>,
        now: Timestamp,
    ) -> Result<Vec<Action>, StoreError> {
        let [first, last] = running_since(now).map(Value::from);
        let parameters = [
            first,
            last,
            Value::from(page.before),
            Value::from(page.vehicle_id),
            Value::from(page.outcome.map(Outcome::as_str)),
            Value::from(page.caller),
            Value::from(page.limit),
        ];
        let actions = self.query(ACTIONS, parameters).await?;
        Ok(actions.into_iter().map(rows::actions::action).collect())
    }

    async fn action_counts(
        &self,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<ActionCount>, StoreError> {
        let [first, last] = running_since(now).map(Value::from);
        let counts = self
            .query(COUNTS, [first, last, Value::from(since.0)])
            .await?;
        Ok(counts
            .into_iter()
            .map(rows::actions::action_count)
            .collect())
    }

    async fn forget_answers(&self, before: Timestamp, most: i64) -> Result<bool, StoreError> {
        self.forget([HAS_ANSWERS, FORGET_ANSWERS], before, most)
            .await
    }

    async fn forget_actions(&self, before: Timestamp, most: i64) -> Result<bool, StoreError> {
        self.forget([HAS_ACTIONS, FORGET_ACTIONS], before, most)
            .await
    }
}
