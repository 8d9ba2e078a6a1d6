-- What is wrong with a vehicle, and how deliveries fare.

-- Errors that Smartcar tells of a vehicle (VEHICLE_ERROR), one row a type and
-- code. An error is open while error_at is newer than resolved_at; both only
-- grow, so that deliveries may arrive in any order.
CREATE TABLE vehicle_error (
    vehicle_id  TEXT NOT NULL,
    type        TEXT NOT NULL,
    code        TEXT NOT NULL,       -- empty where Smartcar says null
    error       TEXT,                -- the error as delivered when it was last open, JSON
    error_at    INTEGER,             -- when that was delivered
    resolved_at INTEGER,             -- when a RESOLVED was last delivered
    PRIMARY KEY (vehicle_id, type, code)
) STRICT, WITHOUT ROWID
--;
CREATE VIEW delivered_error AS
SELECT
    event_id,
    vehicle_id,
    json_extract(item, '$.type') AS type,
    CASE json_type(item, '$.code') WHEN 'text' THEN json_extract(item, '$.code') ELSE '' END AS code,
    coalesce(json_extract(item, '$.state') = 'RESOLVED', 0) AS is_resolved,
    delivered_at,
    item
FROM (
    SELECT
        delivery.event_id,
        delivery.vehicle_id,
        -- As for signals, a time from the future is none.
        min(coalesce(delivery.delivered_at, delivery.received_at), delivery.received_at + 300000)
            AS delivered_at,
        CASE each.type WHEN 'object' THEN each.value ELSE '{}' END AS item
    FROM delivery, json_each(
        CASE WHEN typeof(delivery.body) = 'text' AND json_valid(delivery.body)
            THEN delivery.body ELSE '{}' END,
        '$.data.errors'
    ) AS each
)
WHERE json_type(item, '$.type') = 'text'
--;
CREATE TRIGGER delivery_error AFTER INSERT ON delivery
WHEN NEW.vehicle_id IS NOT NULL AND NEW.mode <> 'TEST' AND NEW.event_type = 'VEHICLE_ERROR'
BEGIN
    INSERT INTO vehicle_error (vehicle_id, type, code, error, error_at)
    SELECT vehicle_id, type, code, item, delivered_at
    FROM delivered_error WHERE event_id = NEW.event_id AND NOT is_resolved
    ON CONFLICT (vehicle_id, type, code) DO UPDATE SET
        error = excluded.error,
        error_at = excluded.error_at
    WHERE vehicle_error.error IS NULL
        OR (excluded.error_at, excluded.error) > (vehicle_error.error_at, vehicle_error.error);

    INSERT INTO vehicle_error (vehicle_id, type, code, resolved_at)
    SELECT vehicle_id, type, code, delivered_at
    FROM delivered_error WHERE event_id = NEW.event_id AND is_resolved
    ON CONFLICT (vehicle_id, type, code) DO UPDATE SET resolved_at = excluded.resolved_at
    WHERE excluded.resolved_at > coalesce(vehicle_error.resolved_at, 0);
END
--;
-- How many requests to /webhooks ended how, by the minute. Counted in memory and
-- added here at most once a second by each instance.
CREATE TABLE tally (
    minute     INTEGER NOT NULL,     -- since 1970
    outcome    TEXT NOT NULL,        -- stored, duplicate, failed, refused, verify
    reason     TEXT NOT NULL,        -- why refused; which token matched; empty
    event_type TEXT NOT NULL,        -- of what was verified; else empty
    mode       TEXT NOT NULL,        -- LIVE or TEST, as the body says
    count      INTEGER NOT NULL,
    PRIMARY KEY (minute, outcome, reason, event_type, mode)
) STRICT, WITHOUT ROWID
