-- Deliveries that failed only by their signature, kept aside for a day until a management
-- token is added that fits. All times are milliseconds since 1970, by this host's clock.

-- The body stands last: whoever counts reads none of it.
CREATE TABLE quarantine (
    event_id    TEXT PRIMARY KEY NOT NULL,
    vehicle_id  TEXT NOT NULL,
    received_at INTEGER NOT NULL,    -- the first time
    signature   TEXT NOT NULL,       -- the header SC-Signature
    body        BLOB NOT NULL
) STRICT
--;
CREATE INDEX quarantine_received_at ON quarantine (received_at, event_id)
--;
CREATE INDEX quarantine_vehicle ON quarantine (vehicle_id, received_at)
--;
-- Where a delivery is put into quarantine for which there is room (FITS in quarantine.rs):
-- nothing can be read from it.
CREATE VIEW admission AS
SELECT
    NULL AS event_id,
    NULL AS vehicle_id,
    NULL AS received_at,
    NULL AS most,                    -- how many there may be
    NULL AS signature,
    NULL AS body
WHERE false
--;
CREATE TRIGGER admission_kept INSTEAD OF INSERT ON admission
BEGIN
    -- A day (WAITS_FOR in quarantine.rs).
    DELETE FROM quarantine WHERE received_at < NEW.received_at - 86400000;

    -- Where it is full, one that is further in the future than clocks of hosts differ (300 s),
    -- else the oldest one of the vehicle that has most.
    DELETE FROM quarantine
    WHERE (SELECT count(*) FROM quarantine) >= NEW.most AND event_id = (
        SELECT event_id
        FROM (
            SELECT
                event_id,
                received_at,
                row_number() OVER (
                    PARTITION BY vehicle_id ORDER BY received_at DESC, event_id DESC
                ) AS place
            FROM quarantine
        )
        ORDER BY received_at > NEW.received_at + 300000 DESC, place DESC, received_at, event_id
        LIMIT 1
    );

    INSERT INTO quarantine (event_id, vehicle_id, received_at, signature, body)
    VALUES (NEW.event_id, NEW.vehicle_id, NEW.received_at, NEW.signature, NEW.body);
END
--;
-- Nothing of a vehicle that was forgotten comes back by a token that is added later.
CREATE TRIGGER vehicle_quarantine_removed AFTER DELETE ON vehicle
BEGIN
    DELETE FROM quarantine WHERE vehicle_id = OLD.id;
END
--;
INSERT INTO chore (name) VALUES ('quarantine')
