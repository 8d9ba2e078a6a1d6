-- What follows from a delivery is decided by the crate smartcar, which takes it apart
-- into plain rows; from here on the database interprets none of Smartcar's JSON. It
-- compares ranks, and keeps with each signal whose word it is.
--
-- Rows from before stay as they are. All times are milliseconds since 1970.

DROP TRIGGER delivery_vehicle
--;
DROP TRIGGER delivery_signal
--;
DROP TRIGGER delivery_error
--;
DROP TRIGGER delivery_changes
--;
DROP TRIGGER delivery_outbox
--;
DROP VIEW delivered_error
--;
DROP VIEW told_signal
--;
-- These are not read, and SQLite would look for them in the JSON at each write.
ALTER TABLE signal DROP COLUMN value
--;
ALTER TABLE signal DROP COLUMN unit
--;
-- The user whose connection reported the value or, where there is no value, the error.
-- NULL is the vehicle's owner, as long as the owner stays the same. A vehicle changes
-- hands and can be connected by several users: what one user's connection reported is
-- not another's to read.
ALTER TABLE signal ADD COLUMN user_id TEXT
--;
-- The same of the error.
ALTER TABLE signal ADD COLUMN error_user_id TEXT
--;
-- The rank of the value (smartcar::report::Rank). NULL in a row from before.
ALTER TABLE signal ADD COLUMN rank TEXT
--;
-- The rank of the newest value that a delivery brought, which a read of Smartcar's API
-- does not change, and that value where it is not the body.
ALTER TABLE signal ADD COLUMN delivered_rank TEXT
--;
ALTER TABLE signal ADD COLUMN delivered_body TEXT
--;
-- Of a value from before by the same rule. It is unknown who brought it; it is taken for
-- delivered.
ALTER TABLE signal ADD COLUMN value_rank TEXT GENERATED ALWAYS AS (
    CASE WHEN body IS NOT NULL THEN coalesce(rank, printf('%012x%012x%012x',
        coalesce(retrieved_at, delivered_at), coalesce(observed_at, 0), delivered_at)) END
) VIRTUAL
--;
ALTER TABLE signal ADD COLUMN last_rank TEXT GENERATED ALWAYS AS (
    coalesce(delivered_rank, CASE WHEN rank IS NULL THEN value_rank END)
) VIRTUAL
--;
ALTER TABLE signal ADD COLUMN last_body TEXT GENERATED ALWAYS AS (
    coalesce(delivered_body, body)
) VIRTUAL
--;
-- As user_id of a signal.
ALTER TABLE vehicle_error ADD COLUMN user_id TEXT
--;
-- When a RESOLVED was delivered that found no open error: Smartcar may still be trying
-- to deliver that error.
ALTER TABLE vehicle_error ADD COLUMN early_at INTEGER
--;
-- What was stored without a user belongs to the owner until now: a new owner does not
-- inherit it.
CREATE TRIGGER vehicle_owner_changed AFTER UPDATE OF user_id ON vehicle
WHEN OLD.user_id IS NOT NEW.user_id AND OLD.user_id IS NOT NULL
BEGIN
    UPDATE signal SET user_id = OLD.user_id
    WHERE vehicle_id = NEW.id AND user_id IS NULL;

    UPDATE signal SET error_user_id = OLD.user_id
    WHERE vehicle_id = NEW.id AND error IS NOT NULL AND error_user_id IS NULL;

    UPDATE vehicle_error SET user_id = OLD.user_id
    WHERE vehicle_id = NEW.id AND user_id IS NULL;
END
--;
-- Where signals are inserted, whoever reports them: nothing can be read from it. A report
-- is the JSON of rows() in src/store/sqlite/reports.rs.
CREATE VIEW reported AS
SELECT
    NULL AS vehicle_id,
    NULL AS user_id,                 -- whose connection it came through
    NULL AS is_delivered,            -- 1: by a delivery; 0: by a read of Smartcar's API
    NULL AS report
WHERE false
--;
-- Newest wins, by the rank and then by the bytes. delivered_at says how fresh our word is
-- and goes with the newest report, also where its value loses.
CREATE TRIGGER reported_newest INSTEAD OF INSERT ON reported
BEGIN
    -- What a clock that was ahead has stored, beyond what clocks differ, yields to
    -- whatever is reported by one that is right.
    UPDATE signal SET
        rank = CASE WHEN value_rank > printf('%012x', (NEW.report ->> 5) + 300000)
            THEN '' ELSE rank END,
        delivered_rank = CASE WHEN last_rank > printf('%012x', (NEW.report ->> 5) + 300000)
            THEN '' ELSE delivered_rank END,
        delivered_at = CASE WHEN delivered_at > (NEW.report ->> 5) + 300000
            THEN 0 ELSE delivered_at END,
        error_at = CASE WHEN error_at > (NEW.report ->> 5) + 300000 THEN 0 ELSE error_at END
    WHERE vehicle_id = NEW.vehicle_id
        AND max(coalesce(delivered_at, 0), coalesce(error_at, 0)) > (NEW.report ->> 5) + 300000;

    INSERT INTO signal (vehicle_id, code, name, group_name, body, observed_at, retrieved_at,
        delivered_at, user_id, rank, delivered_rank)
    SELECT
        NEW.vehicle_id,
        value ->> 0,
        value ->> 1,
        value ->> 2,
        value -> 3,
        value ->> 4,
        value ->> 5,
        NEW.report ->> 0,
        NEW.user_id,
        value ->> 6,
        CASE WHEN NEW.is_delivered THEN value ->> 6 END
    FROM json_each(NEW.report, '$[2]')
    WHERE true
    ON CONFLICT (vehicle_id, code) DO UPDATE SET
        name = CASE WHEN value_rank IS NULL OR (excluded.rank, excluded.body) > (value_rank, body)
            THEN excluded.name ELSE name END,
        group_name = CASE WHEN value_rank IS NULL OR (excluded.rank, excluded.body) > (value_rank, body)
            THEN excluded.group_name ELSE group_name END,
        body = CASE WHEN value_rank IS NULL OR (excluded.rank, excluded.body) > (value_rank, body)
            THEN excluded.body ELSE body END,
        observed_at = CASE WHEN value_rank IS NULL OR (excluded.rank, excluded.body) > (value_rank, body)
            THEN excluded.observed_at ELSE observed_at END,
        retrieved_at = CASE WHEN value_rank IS NULL OR (excluded.rank, excluded.body) > (value_rank, body)
            THEN excluded.retrieved_at ELSE retrieved_at END,
        delivered_at = max(coalesce(delivered_at, 0), excluded.delivered_at),
        user_id = CASE WHEN value_rank IS NULL OR (excluded.rank, excluded.body) > (value_rank, body)
            THEN excluded.user_id ELSE user_id END,
        rank = CASE WHEN value_rank IS NULL OR (excluded.rank, excluded.body) > (value_rank, body)
            THEN excluded.rank ELSE value_rank END,
        delivered_rank = CASE WHEN excluded.delivered_rank IS NOT NULL
                AND (last_rank IS NULL OR (excluded.rank, excluded.body) > (last_rank, last_body))
            THEN excluded.rank ELSE last_rank END,
        delivered_body = CASE
            WHEN excluded.delivered_rank IS NOT NULL
                AND (last_rank IS NULL OR (excluded.rank, excluded.body) > (last_rank, last_body))
            THEN CASE WHEN (excluded.rank, excluded.body) < (value_rank, body)
                THEN nullif(excluded.body, body) END
            WHEN last_rank IS NULL THEN NULL
            WHEN (excluded.rank, excluded.body) > (value_rank, body)
            THEN nullif(last_body, excluded.body)
            ELSE delivered_body
        END;

    INSERT INTO signal (vehicle_id, code, name, group_name, error, error_at, user_id, error_user_id)
    SELECT
        NEW.vehicle_id,
        value ->> 0,
        value ->> 1,
        value ->> 2,
        value -> 3,
        NEW.report ->> 0,
        NEW.user_id,
        NEW.user_id
    FROM json_each(NEW.report, '$[3]')
    WHERE true
    ON CONFLICT (vehicle_id, code) DO UPDATE SET
        error = excluded.error,
        error_at = excluded.error_at,
        error_user_id = excluded.error_user_id,
        user_id = CASE WHEN signal.body IS NULL THEN excluded.user_id ELSE signal.user_id END
    WHERE signal.error IS NULL
        OR (excluded.error_at, excluded.error) > (signal.error_at, signal.error);
END
--;
-- Where deliveries are inserted: with what they report, NULL where that is nothing. A
-- stored delivery and the state it brings about are of one statement and cannot part.
CREATE VIEW received AS
SELECT
    NULL AS event_id,
    NULL AS event_type,
    NULL AS mode,
    NULL AS vehicle_id,
    NULL AS user_id,
    NULL AS delivered_at,
    NULL AS received_at,
    NULL AS body,
    NULL AS report
WHERE false
--;
CREATE TRIGGER received_stored INSTEAD OF INSERT ON received
BEGIN
    INSERT INTO delivery (event_id, event_type, mode, vehicle_id, user_id, delivered_at,
        received_at, body)
    VALUES (NEW.event_id, NEW.event_type, NEW.mode, NEW.vehicle_id, NEW.user_id,
        NEW.delivered_at, NEW.received_at, NEW.body);

    -- Whether a vehicle state changes a signal can only be seen before it has. It is
    -- compared with what was last delivered: a sink knows nothing of what was read.
    INSERT INTO outbox (sink, event_id, vehicle_id, created_at)
    SELECT sink, event_id, vehicle_id, received_at
    FROM wanted
    WHERE event_id = NEW.event_id AND changed_only = 1 AND NEW.event_type = 'VEHICLE_STATE'
        AND EXISTS (
            SELECT 1
            FROM json_each(NEW.report, '$[2]') AS each
            LEFT JOIN signal
                ON signal.vehicle_id = NEW.vehicle_id AND signal.code = each.value ->> 0
            WHERE last_rank IS NULL
                OR ((each.value ->> 6, each.value -> 3) > (last_rank, last_body)
                    AND each.value -> 3 <> last_body)
        );

    INSERT INTO vehicle (id, user_id, make, model, year, powertrain_type, mode, delivered_at)
    SELECT
        NEW.vehicle_id,
        NEW.user_id,
        value ->> 0,
        value ->> 1,
        value ->> 2,
        value ->> 3,
        value ->> 4,
        NEW.report ->> 0
    FROM (SELECT NEW.report -> 1 AS value WHERE NEW.report IS NOT NULL)
    WHERE true
    ON CONFLICT (id) DO UPDATE SET
        user_id = coalesce(excluded.user_id, user_id),
        make = coalesce(excluded.make, make),
        model = coalesce(excluded.model, model),
        year = coalesce(excluded.year, year),
        powertrain_type = coalesce(excluded.powertrain_type, powertrain_type),
        mode = coalesce(excluded.mode, mode),
        delivered_at = excluded.delivered_at
    WHERE excluded.delivered_at >= vehicle.delivered_at
        OR vehicle.delivered_at > NEW.received_at + 300000;

    INSERT INTO reported (vehicle_id, user_id, is_delivered, report)
    SELECT NEW.vehicle_id, NEW.user_id, 1, NEW.report
    WHERE NEW.report IS NOT NULL;

    -- Times of a clock that was ahead are no later than now.
    UPDATE vehicle_error SET
        error_at = min(error_at, NEW.received_at),
        resolved_at = min(resolved_at, NEW.received_at),
        early_at = min(early_at, NEW.received_at)
    WHERE vehicle_id = NEW.vehicle_id AND json_array_length(NEW.report, '$[4]') > 0
        AND max(coalesce(error_at, 0), coalesce(resolved_at, 0)) > NEW.received_at + 300000;

    -- An error is open while error_at is newer than resolved_at. Both are times of attempts:
    -- an ERROR whose first attempt failed can come after its RESOLVED, by up to 220 s
    -- (three more attempts, 25, 50 and 100 s after a failure that takes 15 s). So a
    -- RESOLVED that finds no open error resolves the next one that comes within four
    -- minutes; one that follows a RESOLVED of another is new, and open.
    -- https://smartcar.com/docs/api-reference/webhooks/delivery-behavior
    INSERT INTO vehicle_error (vehicle_id, type, code, error, error_at, user_id)
    SELECT NEW.vehicle_id, value ->> 0, value ->> 1, value -> 3, NEW.report ->> 0, NEW.user_id
    FROM json_each(NEW.report, '$[4]')
    WHERE NEW.event_type = 'VEHICLE_ERROR' AND NOT value ->> 2
    ON CONFLICT (vehicle_id, type, code) DO UPDATE SET
        error = CASE WHEN vehicle_error.error IS NULL
                OR (excluded.error_at, excluded.error) > (vehicle_error.error_at, vehicle_error.error)
            THEN excluded.error ELSE vehicle_error.error END,
        error_at = max(coalesce(vehicle_error.error_at, 0), excluded.error_at),
        user_id = excluded.user_id,
        resolved_at = CASE WHEN excluded.error_at <= early_at + 240000
            THEN max(resolved_at, excluded.error_at) ELSE resolved_at END,
        early_at = CASE WHEN excluded.error_at > early_at + 240000 THEN early_at END;

    INSERT INTO vehicle_error (vehicle_id, type, code, resolved_at, early_at, user_id)
    SELECT NEW.vehicle_id, value ->> 0, value ->> 1, NEW.report ->> 0, NEW.report ->> 0, NEW.user_id
    FROM json_each(NEW.report, '$[4]')
    WHERE NEW.event_type = 'VEHICLE_ERROR' AND value ->> 2
    ON CONFLICT (vehicle_id, type, code) DO UPDATE SET
        resolved_at = excluded.resolved_at,
        user_id = excluded.user_id,
        early_at = CASE WHEN coalesce(vehicle_error.error_at, 0) < coalesce(vehicle_error.resolved_at, 0)
            THEN excluded.early_at END
    WHERE excluded.resolved_at > coalesce(vehicle_error.resolved_at, 0);
END
--;
-- A sink that wants changes only gets its vehicle states from the trigger above.
CREATE TRIGGER delivery_outbox AFTER INSERT ON delivery
BEGIN
    INSERT INTO outbox (sink, event_id, vehicle_id, created_at)
    SELECT sink, event_id, vehicle_id, received_at
    FROM wanted
    WHERE event_id = NEW.event_id AND (changed_only = 0 OR NEW.event_type <> 'VEHICLE_STATE');
END
--;
ALTER TABLE relay DROP COLUMN changed
