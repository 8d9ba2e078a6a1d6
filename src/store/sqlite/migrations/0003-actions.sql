-- What callers of the gateway had done, and who came through Smartcar Connect.
-- All times are milliseconds since 1970.

-- One row a command and a removal, written before Smartcar is called and
-- completed afterwards: the record for auditors, the memory of idempotency keys,
-- and the guard that lets one command of a vehicle run at a time.
CREATE TABLE action (
    id              TEXT PRIMARY KEY NOT NULL, -- in the order of time
    kind            TEXT NOT NULL,     -- for example security-lock, remove-connection
    path            TEXT NOT NULL,     -- as called
    caller          TEXT NOT NULL,     -- the name of the API key; connect: someone's arrival
    vehicle_id      TEXT,
    user_id         TEXT,
    idempotency_key TEXT,
    fingerprint     TEXT NOT NULL,     -- SHA-256 of the request
    claim           TEXT UNIQUE,       -- caller and key, as long as the key is honoured
    is_exclusive    INTEGER NOT NULL,  -- 1: no other such action of the vehicle may run
    evidence        TEXT,              -- the signal and the value that would show it was done
    started_at      INTEGER NOT NULL,
    completed_at    INTEGER,
    outcome         TEXT NOT NULL,     -- running, succeeded, failed, unknown
    status          INTEGER,           -- as answered to the caller
    error           TEXT,              -- type and code of the error
    request_id      TEXT,              -- Smartcar's, of the request
    execution_id    TEXT,              -- Smartcar's, of the command
    answer_headers  TEXT,              -- with the answer's body, as long as the key is honoured
    answer          BLOB
) STRICT
--;
CREATE UNIQUE INDEX action_running ON action (vehicle_id)
    WHERE outcome = 'running' AND is_exclusive = 1
--;
CREATE INDEX action_unfinished ON action (started_at) WHERE outcome = 'running'
--;
CREATE INDEX action_claimed ON action (started_at) WHERE claim IS NOT NULL
--;
CREATE INDEX action_started_at ON action (started_at)
--;
CREATE INDEX action_execution ON action (execution_id) WHERE execution_id IS NOT NULL
--;
CREATE INDEX action_vehicle ON action (vehicle_id, id)
--;
-- An action that has run for longer than any call may take (310 s) belongs to an
-- instance that is gone; its outcome is unknown. A key is honoured for a
-- day, and its answer kept for as long. Both numbers stand in action.rs too
-- (LOST_AFTER, KEY_LIFE).
CREATE TRIGGER action_before BEFORE INSERT ON action
BEGIN
    UPDATE action SET outcome = 'unknown', completed_at = NEW.started_at
    WHERE outcome = 'running' AND started_at <= NEW.started_at - 330000;

    UPDATE action SET claim = NULL, answer_headers = NULL, answer = NULL
    WHERE claim = NEW.claim AND started_at <= NEW.started_at - 86400000;
END
--;
-- When Smartcar's API last listed all signals of a vehicle.
ALTER TABLE vehicle ADD COLUMN listed_at INTEGER
--;
-- What is known of a vehicle goes with it.
CREATE TRIGGER vehicle_removed AFTER DELETE ON vehicle
BEGIN
    DELETE FROM signal WHERE vehicle_id = OLD.id;
    DELETE FROM vehicle_error WHERE vehicle_id = OLD.id;
END
--;
-- Everyone who came back from Smartcar Connect, once for each time that
-- someone was sent there.
CREATE TABLE arrival (
    nonce        TEXT PRIMARY KEY NOT NULL, -- of the state that Connect handed back
    arrived_at   INTEGER NOT NULL,
    completed_at INTEGER,              -- when all of the user's vehicles were taken in
    user_id      TEXT,                 -- as the browser said it
    tries        INTEGER NOT NULL DEFAULT 1, -- how often their vehicles were looked for
    vehicles     INTEGER,              -- how many
    error        TEXT,                 -- as Connect said it, where no user arrived
    description  TEXT
) STRICT, WITHOUT ROWID
--;
CREATE INDEX arrival_arrived_at ON arrival (arrived_at)
--;
-- What led to nothing is forgotten after 30 days: anyone can go to Connect and
-- come back with an error.
CREATE TRIGGER arrival_before BEFORE INSERT ON arrival
BEGIN
    DELETE FROM arrival
    WHERE arrived_at <= NEW.arrived_at - 2592000000 AND completed_at IS NULL;
END
