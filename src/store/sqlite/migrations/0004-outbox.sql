-- Events that are still to be passed on.
--
-- A row an event and sink is written by the statement that stores the delivery,
-- so that a stored event is never forgotten; the relay takes rows from here.
-- All times are milliseconds since 1970.

-- Who wants which events, as the relay last saw its configuration. NULL is all.
CREATE TABLE sink (
    name         TEXT PRIMARY KEY NOT NULL,
    types        TEXT,               -- JSON arrays
    vehicles     TEXT,
    modes        TEXT,
    changed_only INTEGER NOT NULL DEFAULT 0, -- 1: of vehicle states those that change a signal
    gone         TEXT,               -- why it was switched off
    failures     INTEGER NOT NULL DEFAULT 0, -- in a row
    paused_until INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID
--;
CREATE TABLE outbox (
    seq           INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, -- in the order of receipt; never again
    sink          TEXT NOT NULL,
    event_id      TEXT NOT NULL,
    vehicle_id    TEXT,
    created_at    INTEGER NOT NULL,
    due_at        INTEGER NOT NULL DEFAULT 0,
    claimed_until INTEGER NOT NULL DEFAULT 0, -- someone is sending it
    attempts      INTEGER NOT NULL DEFAULT 0,
    error         TEXT,              -- of the last attempt
    dead_at       INTEGER,           -- since when it is a dead letter
    UNIQUE (sink, event_id)
) STRICT
--;
-- By these the next ones are found, and whether an earlier one of the vehicle is
-- still there.
CREATE INDEX outbox_next ON outbox (sink, seq) WHERE dead_at IS NULL
--;
CREATE INDEX outbox_order ON outbox (sink, vehicle_id, seq) WHERE dead_at IS NULL
--;
CREATE INDEX outbox_event ON outbox (event_id)
--;
CREATE INDEX outbox_dead ON outbox (seq) WHERE dead_at IS NOT NULL
--;
-- The relay's configuration without its secrets, JSON; NULL before it ever ran.
CREATE TABLE relay (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    sinks   TEXT,
    changed TEXT                     -- the last event that changed a signal; see below
) STRICT
--;
INSERT INTO relay (id, sinks) VALUES (1, NULL)
--;
-- Until the relay has run for the first time, it is unknown which sinks there are.
-- Events wait for all that there will be.
INSERT INTO sink (name) VALUES ('')
--;
-- Who wants a delivery.
CREATE VIEW wanted AS
SELECT
    sink.name AS sink,
    sink.changed_only,
    delivery.event_id,
    delivery.vehicle_id,
    delivery.received_at
FROM delivery JOIN sink ON sink.gone IS NULL
    AND (types IS NULL OR event_type IN (SELECT value FROM json_each(types)))
    AND (vehicles IS NULL OR vehicle_id IN (SELECT value FROM json_each(vehicles)))
    AND (modes IS NULL OR delivery.mode IN (SELECT value FROM json_each(modes)))
--;
-- Whether a vehicle state changes a signal can only be seen before it has. Looked
-- at only where a sink wants to know.
CREATE TRIGGER delivery_changes BEFORE INSERT ON delivery
WHEN NEW.event_type = 'VEHICLE_STATE' AND NEW.vehicle_id IS NOT NULL AND NEW.mode <> 'TEST'
    AND EXISTS (SELECT 1 FROM sink WHERE changed_only = 1)
BEGIN
    UPDATE relay SET changed = NEW.event_id WHERE EXISTS (
        WITH told(item) AS MATERIALIZED (
            SELECT each.value
            FROM json_each(
                CASE WHEN typeof(NEW.body) = 'text' AND json_valid(NEW.body) THEN NEW.body ELSE '{}' END,
                '$.data.signals'
            ) AS each
            WHERE each.type = 'object'
        )
        SELECT 1
        FROM told LEFT JOIN signal
            ON signal.vehicle_id = NEW.vehicle_id AND signal.code = json_extract(item, '$.code')
        WHERE json_type(item, '$.code') = 'text'
            AND json_type(item, '$.body') = 'object'
            AND coalesce(json_extract(item, '$.status.value'), '') NOT IN ('ERROR', 'UNAVAILABLE')
            AND json_extract(item, '$.body') IS NOT signal.body
            -- What the vehicle said earlier changes nothing.
            AND (json_type(item, '$.meta.oemUpdatedAt') IS NOT 'integer'
                OR json_extract(item, '$.meta.oemUpdatedAt') >= coalesce(signal.observed_at, 0))
    );
END
--;
CREATE TRIGGER delivery_outbox AFTER INSERT ON delivery
BEGIN
    INSERT INTO outbox (sink, event_id, vehicle_id, created_at)
    SELECT sink, event_id, vehicle_id, received_at
    FROM wanted
    WHERE event_id = NEW.event_id
        AND (changed_only = 0 OR NEW.event_type <> 'VEHICLE_STATE'
            OR NEW.event_id = (SELECT changed FROM relay));
END
--;
-- A change of configuration, in one statement: {name, types, vehicles, modes,
-- changedOnly} each. A sink that was switched off is on again.
CREATE TRIGGER relay_configured AFTER UPDATE OF sinks ON relay
BEGIN
    INSERT INTO sink (name, types, vehicles, modes, changed_only)
    SELECT
        value ->> 'name',
        value ->> 'types',
        value ->> 'vehicles',
        value ->> 'modes',
        coalesce(value ->> 'changedOnly', 0)
    FROM json_each(NEW.sinks)
    WHERE true
    ON CONFLICT (name) DO UPDATE SET
        types = excluded.types,
        vehicles = excluded.vehicles,
        modes = excluded.modes,
        changed_only = excluded.changed_only,
        gone = NULL,
        failures = 0,
        paused_until = 0;

    -- What waited for all sinks now waits for each.
    INSERT INTO outbox (sink, event_id, vehicle_id, created_at)
    SELECT wanted.sink, wanted.event_id, wanted.vehicle_id, wanted.received_at
    FROM outbox JOIN wanted ON wanted.event_id = outbox.event_id AND wanted.sink <> ''
    WHERE outbox.sink = ''
    ORDER BY outbox.seq;

    DELETE FROM sink WHERE name NOT IN (SELECT value ->> 'name' FROM json_each(NEW.sinks));
END
--;
CREATE TRIGGER sink_removed AFTER DELETE ON sink
BEGIN
    DELETE FROM outbox WHERE sink = OLD.name;
END
--;
-- An event is passed on as long as it is kept.
CREATE TRIGGER delivery_forgotten AFTER DELETE ON delivery
BEGIN
    DELETE FROM outbox WHERE event_id = OLD.event_id;
END
