-- Everything that Smartcar delivered, as received, and what follows from it.
--
-- A delivery is stored by one INSERT; the triggers below do the rest in the same
-- statement, so that a stored delivery and the state it brings about cannot part.
-- All times are milliseconds since 1970; NULL is unknown.

CREATE TABLE delivery (
    event_id     TEXT PRIMARY KEY NOT NULL,
    event_type   TEXT NOT NULL,
    mode         TEXT NOT NULL,      -- LIVE or TEST
    vehicle_id   TEXT,
    user_id      TEXT,
    delivered_at INTEGER,            -- as Smartcar says
    received_at  INTEGER NOT NULL,   -- as this host's clock says
    body         ANY NOT NULL        -- text; a blob where it is no UTF-8
) STRICT
--;
CREATE INDEX delivery_received_at ON delivery (received_at)
--;
CREATE TABLE vehicle (
    id              TEXT PRIMARY KEY NOT NULL,
    user_id         TEXT,            -- the owner
    make            TEXT,
    model           TEXT,
    year            INTEGER,
    powertrain_type TEXT,
    mode            TEXT,            -- live or simulated
    delivered_at    INTEGER NOT NULL -- of the delivery that says so
) STRICT, WITHOUT ROWID
--;
-- The newest value of each signal and, beside it, the newest word that there is
-- none: an error never takes a value away.
CREATE TABLE signal (
    vehicle_id   TEXT NOT NULL,
    code         TEXT NOT NULL,
    name         TEXT,
    group_name   TEXT,
    body         TEXT,               -- the value with its unit, JSON
    value        ANY GENERATED ALWAYS AS (json_extract(body, '$.value')) VIRTUAL,
    unit         ANY GENERATED ALWAYS AS (json_extract(body, '$.unit')) VIRTUAL,
    observed_at  INTEGER,            -- at the car (oemUpdatedAt)
    retrieved_at INTEGER,            -- by Smartcar (retrievedAt, fetchedAt)
    delivered_at INTEGER,            -- to us
    error        TEXT,               -- the signal as delivered without a value, JSON
    error_at     INTEGER,            -- when that was delivered
    PRIMARY KEY (vehicle_id, code)
) STRICT, WITHOUT ROWID
--;
-- Where signals are inserted, whoever reported them: nothing can be read from it.
-- A row has either a body or an error. Deliveries come here by a trigger; what was
-- fetched from Smartcar's API comes by one statement, REPORT in reports.rs.
CREATE VIEW told_signal AS
SELECT
    NULL AS vehicle_id,
    NULL AS code,
    NULL AS name,
    NULL AS group_name,
    NULL AS body,                    -- the value with its unit, JSON
    NULL AS error,                   -- the signal as reported without a value, JSON
    NULL AS observed_at,
    NULL AS retrieved_at,
    NULL AS told_at,                 -- as the teller says
    NULL AS heard_at                 -- as this host's clock says
WHERE false
--;
-- Newest wins, in whichever order signals are received: by the best known time
-- of the observation, then of its retrieval, then of its telling, and for what
-- is still equal by the value itself, so that every order ends in the same state.
--
-- A time from the future, beyond what clocks differ, is no time: a car whose
-- clock is ahead would keep its signals from ever changing again.
CREATE TRIGGER told_signal_newest INSTEAD OF INSERT ON told_signal
BEGIN
    INSERT INTO signal (vehicle_id, code, name, group_name, body, observed_at, retrieved_at, delivered_at)
    SELECT NEW.vehicle_id, NEW.code, NEW.name, NEW.group_name, NEW.body,
        CASE WHEN NEW.observed_at BETWEEN 1 AND NEW.heard_at + 300000 THEN NEW.observed_at END,
        CASE WHEN NEW.retrieved_at BETWEEN 1 AND NEW.heard_at + 300000 THEN NEW.retrieved_at END,
        min(coalesce(NEW.told_at, NEW.heard_at), NEW.heard_at + 300000)
    WHERE NEW.error IS NULL AND NEW.body IS NOT NULL
    ON CONFLICT (vehicle_id, code) DO UPDATE SET
        name = excluded.name,
        group_name = excluded.group_name,
        body = excluded.body,
        observed_at = excluded.observed_at,
        retrieved_at = excluded.retrieved_at,
        delivered_at = excluded.delivered_at
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

    INSERT INTO signal (vehicle_id, code, name, group_name, error, error_at)
    SELECT NEW.vehicle_id, NEW.code, NEW.name, NEW.group_name, NEW.error,
        min(coalesce(NEW.told_at, NEW.heard_at), NEW.heard_at + 300000)
    WHERE NEW.error IS NOT NULL
    ON CONFLICT (vehicle_id, code) DO UPDATE SET
        error = excluded.error,
        error_at = excluded.error_at
    WHERE signal.error IS NULL
        OR (excluded.error_at, excluded.error) > (signal.error_at, signal.error);
END
--;
-- Smartcar's test events are kept but never change what is known of a car.
CREATE TRIGGER delivery_vehicle AFTER INSERT ON delivery
WHEN NEW.vehicle_id IS NOT NULL AND NEW.mode <> 'TEST'
BEGIN
    INSERT INTO vehicle (id, user_id, make, model, year, powertrain_type, mode, delivered_at)
    -- MATERIALIZED, here and below: SQLite would else compute the expression
    -- again wherever its column is named.
    WITH about(json) AS MATERIALIZED (
        SELECT CASE WHEN typeof(NEW.body) = 'text' AND json_valid(NEW.body)
                AND json_type(NEW.body, '$.data.vehicle') = 'object'
            THEN jsonb_extract(NEW.body, '$.data.vehicle') END
    )
    SELECT
        NEW.vehicle_id,
        NEW.user_id,
        CASE json_type(json, '$.make') WHEN 'text' THEN json_extract(json, '$.make') END,
        CASE json_type(json, '$.model') WHEN 'text' THEN json_extract(json, '$.model') END,
        CASE typeof(json_extract(json, '$.year')) WHEN 'integer' THEN json_extract(json, '$.year') END,
        CASE json_type(json, '$.powertrainType') WHEN 'text' THEN json_extract(json, '$.powertrainType') END,
        CASE json_type(json, '$.mode') WHEN 'text' THEN json_extract(json, '$.mode') END,
        min(coalesce(NEW.delivered_at, NEW.received_at), NEW.received_at + 300000)
    FROM about
    WHERE true
    ON CONFLICT (id) DO UPDATE SET
        user_id = coalesce(excluded.user_id, user_id),
        make = coalesce(excluded.make, make),
        model = coalesce(excluded.model, model),
        year = coalesce(excluded.year, year),
        powertrain_type = coalesce(excluded.powertrain_type, powertrain_type),
        mode = coalesce(excluded.mode, mode),
        delivered_at = excluded.delivered_at
    WHERE excluded.delivered_at >= vehicle.delivered_at;
END
--;
-- Of a delivery's signals only what has the documented shape comes through: a
-- malformed signal is left out, its siblings are not.
CREATE TRIGGER delivery_signal AFTER INSERT ON delivery
WHEN NEW.vehicle_id IS NOT NULL AND NEW.mode <> 'TEST'
BEGIN
    INSERT INTO told_signal (vehicle_id, code, name, group_name, body, error,
        observed_at, retrieved_at, told_at, heard_at)
    WITH
    delivered(signals) AS MATERIALIZED (
        SELECT CASE WHEN typeof(NEW.body) = 'text' AND json_valid(NEW.body)
                AND json_type(NEW.body, '$.data.signals') = 'array'
            THEN jsonb_extract(NEW.body, '$.data.signals') END
    ),
    -- As JSONB: parsed once, and not by each function that looks at it. The column
    -- value of json_each would be text again.
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
            -- "ERROR" and "UNAVAILABLE" are documented; without a status, or with
            -- one that is new, a body is a value.
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
        NEW.received_at
    FROM field;
END
