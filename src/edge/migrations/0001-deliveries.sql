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
-- The signals of each delivery, one a row. Only what has the documented shape
-- comes through: a malformed signal is left out, its siblings are not.
CREATE VIEW delivered_signal AS
SELECT
    event_id,
    vehicle_id,
    json_extract(item, '$.code') AS code,
    CASE json_type(item, '$.name') WHEN 'text' THEN json_extract(item, '$.name') END AS name,
    CASE json_type(item, '$.group') WHEN 'text' THEN json_extract(item, '$.group') END AS group_name,
    json_extract(item, '$.body') AS body,
    -- "ERROR" and "UNAVAILABLE" are documented; without a status, or with one
    -- that is new, a body is a value.
    coalesce(json_extract(item, '$.status.value') IN ('ERROR', 'UNAVAILABLE'), 0)
        OR coalesce(json_type(item, '$.body'), 'null') <> 'object' AS is_error,
    CASE
        WHEN json_type(item, '$.meta.oemUpdatedAt') IN ('integer', 'real')
            THEN CAST(json_extract(item, '$.meta.oemUpdatedAt') AS INTEGER)
        WHEN json_type(item, '$.meta.oemUpdatedAt') = 'text'
            THEN CAST(round(unixepoch(json_extract(item, '$.meta.oemUpdatedAt'), 'subsec') * 1000) AS INTEGER)
    END AS observed_at,
    CASE
        WHEN json_type(item, '$.meta.retrievedAt') IN ('integer', 'real')
            THEN CAST(json_extract(item, '$.meta.retrievedAt') AS INTEGER)
        WHEN json_type(item, '$.meta.retrievedAt') = 'text'
            THEN CAST(round(unixepoch(json_extract(item, '$.meta.retrievedAt'), 'subsec') * 1000) AS INTEGER)
        WHEN json_type(item, '$.meta.fetchedAt') IN ('integer', 'real')
            THEN CAST(json_extract(item, '$.meta.fetchedAt') AS INTEGER)
        WHEN json_type(item, '$.meta.fetchedAt') = 'text'
            THEN CAST(round(unixepoch(json_extract(item, '$.meta.fetchedAt'), 'subsec') * 1000) AS INTEGER)
    END AS retrieved_at,
    delivered_at,
    latest,
    item
FROM (
    SELECT
        delivery.event_id,
        delivery.vehicle_id,
        min(coalesce(delivery.delivered_at, delivery.received_at), delivery.received_at + 300000)
            AS delivered_at,
        -- A time from the future, beyond what clocks differ, is no time: a car
        -- whose clock is ahead would keep its signals from ever changing again.
        delivery.received_at + 300000 AS latest,
        CASE each.type WHEN 'object' THEN each.value ELSE '{}' END AS item
    FROM delivery, json_each(
        CASE WHEN typeof(delivery.body) = 'text' AND json_valid(delivery.body)
            THEN delivery.body ELSE '{}' END,
        '$.data.signals'
    ) AS each
)
WHERE json_type(item, '$.code') = 'text'
--;
-- Smartcar's test events are kept but never change what is known of a car.
CREATE TRIGGER delivery_vehicle AFTER INSERT ON delivery
WHEN NEW.vehicle_id IS NOT NULL AND NEW.mode <> 'TEST'
BEGIN
    INSERT INTO vehicle (id, user_id, make, model, year, powertrain_type, mode, delivered_at)
    SELECT
        NEW.vehicle_id,
        NEW.user_id,
        CASE json_type(about, '$.make') WHEN 'text' THEN json_extract(about, '$.make') END,
        CASE json_type(about, '$.model') WHEN 'text' THEN json_extract(about, '$.model') END,
        CASE json_type(about, '$.year') WHEN 'integer' THEN json_extract(about, '$.year') END,
        CASE json_type(about, '$.powertrainType') WHEN 'text' THEN json_extract(about, '$.powertrainType') END,
        CASE json_type(about, '$.mode') WHEN 'text' THEN json_extract(about, '$.mode') END,
        min(coalesce(NEW.delivered_at, NEW.received_at), NEW.received_at + 300000)
    FROM (
        SELECT CASE
            WHEN typeof(NEW.body) = 'text' AND json_valid(NEW.body)
                AND json_type(NEW.body, '$.data.vehicle') = 'object'
            THEN json_extract(NEW.body, '$.data.vehicle') ELSE '{}' END AS about
    )
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
-- Newest wins, in whichever order deliveries arrive: by the best known time of
-- the observation, then of its retrieval, then of its delivery, and for what is
-- still equal by the value itself, so that every order ends in the same state.
CREATE TRIGGER delivery_signal AFTER INSERT ON delivery
WHEN NEW.vehicle_id IS NOT NULL AND NEW.mode <> 'TEST'
BEGIN
    INSERT INTO signal (vehicle_id, code, name, group_name, body, observed_at, retrieved_at, delivered_at)
    SELECT vehicle_id, code, name, group_name, body,
        CASE WHEN observed_at BETWEEN 1 AND latest THEN observed_at END,
        CASE WHEN retrieved_at BETWEEN 1 AND latest THEN retrieved_at END,
        delivered_at
    FROM delivered_signal WHERE event_id = NEW.event_id AND NOT is_error
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
    SELECT vehicle_id, code, name, group_name, item, delivered_at
    FROM delivered_signal WHERE event_id = NEW.event_id AND is_error
    ON CONFLICT (vehicle_id, code) DO UPDATE SET
        error = excluded.error,
        error_at = excluded.error_at
    WHERE signal.error IS NULL
        OR (excluded.error_at, excluded.error) > (signal.error_at, signal.error);
END
