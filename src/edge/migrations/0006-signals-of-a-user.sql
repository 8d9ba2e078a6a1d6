-- Whose word a signal is.
--
-- A vehicle can change hands, and can be connected by several users at once. What
-- one user's connection reported is not the other's to read.

-- The user whose connection reported the value or, where there is no value, the
-- error. NULL is the vehicle's owner, as long as the owner stays the same.
ALTER TABLE signal ADD COLUMN user_id TEXT
--;
-- The same of the error.
ALTER TABLE signal ADD COLUMN error_user_id TEXT
--;
-- What was stored without a user belongs to the owner until now: a new owner does
-- not inherit it.
CREATE TRIGGER vehicle_owner_changed AFTER UPDATE OF user_id ON vehicle
WHEN OLD.user_id IS NOT NEW.user_id AND OLD.user_id IS NOT NULL
BEGIN
    UPDATE signal SET user_id = OLD.user_id
    WHERE vehicle_id = NEW.id AND user_id IS NULL;

    UPDATE signal SET error_user_id = OLD.user_id
    WHERE vehicle_id = NEW.id AND error IS NOT NULL AND error_user_id IS NULL;
END
--;
DROP TRIGGER delivery_signal
--;
DROP VIEW told_signal
--;
CREATE VIEW told_signal AS
SELECT
    NULL AS vehicle_id,
    NULL AS code,
    NULL AS name,
    NULL AS group_name,
    NULL AS body,                    -- the value with its unit, JSON
    NULL AS error,                   -- the signal as told without a value, JSON
    NULL AS observed_at,
    NULL AS retrieved_at,
    NULL AS told_at,                 -- as the teller says
    NULL AS heard_at,                -- as this host's clock says
    NULL AS user_id                  -- whose connection it came through
WHERE false
--;
CREATE TRIGGER told_signal_newest INSTEAD OF INSERT ON told_signal
BEGIN
    INSERT INTO signal (vehicle_id, code, name, group_name, body, observed_at, retrieved_at, delivered_at, user_id)
    SELECT NEW.vehicle_id, NEW.code, NEW.name, NEW.group_name, NEW.body,
        CASE WHEN NEW.observed_at BETWEEN 1 AND NEW.heard_at + 300000 THEN NEW.observed_at END,
        CASE WHEN NEW.retrieved_at BETWEEN 1 AND NEW.heard_at + 300000 THEN NEW.retrieved_at END,
        min(coalesce(NEW.told_at, NEW.heard_at), NEW.heard_at + 300000),
        NEW.user_id
    WHERE NEW.error IS NULL AND NEW.body IS NOT NULL
    ON CONFLICT (vehicle_id, code) DO UPDATE SET
        name = excluded.name,
        group_name = excluded.group_name,
        body = excluded.body,
        observed_at = excluded.observed_at,
        retrieved_at = excluded.retrieved_at,
        delivered_at = excluded.delivered_at,
        user_id = excluded.user_id
    WHERE signal.body IS NULL OR (
        coalesce(excluded.observed_at, excluded.retrieved_at, excluded.delivered_at),
        coalesce(excluded.retrieved_at, excluded.delivered_at),
        excluded.delivered_at,
        excluded.body
    ) > (
        coalesce(signal.observed_at, signal.retrieved_at, signal.delivered_at),
        coalesce(signal.retrieved_at, signal.delivered_at),
        signal.delivered_at,
        signal.body
    );

    INSERT INTO signal (vehicle_id, code, name, group_name, error, error_at, user_id, error_user_id)
    SELECT NEW.vehicle_id, NEW.code, NEW.name, NEW.group_name, NEW.error,
        min(coalesce(NEW.told_at, NEW.heard_at), NEW.heard_at + 300000),
        NEW.user_id, NEW.user_id
    WHERE NEW.error IS NOT NULL
    ON CONFLICT (vehicle_id, code) DO UPDATE SET
        error = excluded.error,
        error_at = excluded.error_at,
        error_user_id = excluded.error_user_id,
        user_id = CASE WHEN signal.body IS NULL THEN excluded.user_id ELSE signal.user_id END
    WHERE signal.error IS NULL
        OR (excluded.error_at, excluded.error) > (signal.error_at, signal.error);
END
--;
CREATE TRIGGER delivery_signal AFTER INSERT ON delivery
WHEN NEW.vehicle_id IS NOT NULL AND NEW.mode <> 'TEST'
BEGIN
    INSERT INTO told_signal (vehicle_id, code, name, group_name, body, error,
        observed_at, retrieved_at, told_at, heard_at, user_id)
    WITH
    delivered(signals) AS MATERIALIZED (
        SELECT CASE WHEN typeof(NEW.body) = 'text' AND json_valid(NEW.body)
                AND json_type(NEW.body, '$.data.signals') = 'array'
            THEN jsonb_extract(NEW.body, '$.data.signals') END
    ),
    told(item) AS MATERIALIZED (
        SELECT jsonb_extract(signals, '$[' || each.key || ']')
        FROM delivered, json_each(signals) AS each
        WHERE each.type = 'object'
    ),
    field AS MATERIALIZED (
        SELECT
            item,
            json_extract(item, '$.code') AS code,
            CASE json_type(item, '$.name') WHEN 'text' THEN json_extract(item, '$.name') END AS name,
            CASE json_type(item, '$.group') WHEN 'text' THEN json_extract(item, '$.group') END AS group_name,
            coalesce(json_extract(item, '$.status.value') IN ('ERROR', 'UNAVAILABLE'), 0)
                OR coalesce(json_type(item, '$.body'), 'null') <> 'object' AS is_error,
            json_extract(item, '$.meta.oemUpdatedAt') AS observed,
            coalesce(
                json_extract(item, '$.meta.retrievedAt'),
                json_extract(item, '$.meta.fetchedAt')
            ) AS retrieved
        FROM told WHERE json_type(item, '$.code') = 'text'
    )
    SELECT
        NEW.vehicle_id,
        code,
        name,
        group_name,
        CASE WHEN NOT is_error THEN json_extract(item, '$.body') END,
        CASE WHEN is_error THEN json(item) END,
        CASE typeof(observed)
            WHEN 'integer' THEN observed
            WHEN 'real' THEN CAST(observed AS INTEGER)
            WHEN 'text' THEN CAST(round(unixepoch(observed, 'subsec') * 1000) AS INTEGER)
        END,
        CASE typeof(retrieved)
            WHEN 'integer' THEN retrieved
            WHEN 'real' THEN CAST(retrieved AS INTEGER)
            WHEN 'text' THEN CAST(round(unixepoch(retrieved, 'subsec') * 1000) AS INTEGER)
        END,
        NEW.delivered_at,
        NEW.received_at,
        NEW.user_id
    FROM field;
END
