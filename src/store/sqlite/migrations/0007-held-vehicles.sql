-- A vehicle stays taken while the outcome of a command is open, and what the vehicle
-- reports after a command is kept with the command.

-- 1: the vehicle takes no other exclusive action. Released by an answer, by what the
-- vehicle reports, by its age, or by a caller who insists.
ALTER TABLE action ADD COLUMN is_holding INTEGER NOT NULL DEFAULT 0
--;
-- 1: begun although the outcome of the one before was unknown, since its caller insisted.
ALTER TABLE action ADD COLUMN insisted INTEGER NOT NULL DEFAULT 0
--;
-- The code of the signal that shows whether the action was carried out, as long as it
-- has not been reported late enough to settle that. NULL also in rows from before.
ALTER TABLE action ADD COLUMN awaits TEXT
--;
-- The later action that ended this wait, since its evidence could be taken for this one's.
ALTER TABLE action ADD COLUMN wait_ended_by TEXT
--;
UPDATE action SET is_holding = 1
WHERE outcome = 'running' AND is_exclusive = 1
--;
CREATE UNIQUE INDEX action_held ON action (vehicle_id) WHERE is_holding = 1
--;
CREATE INDEX action_awaits ON action (vehicle_id, awaits) WHERE awaits IS NOT NULL
--;
-- By these a connection that is gone is found: whose it was.
CREATE INDEX action_removal ON action (path) WHERE kind = 'remove-connection'
--;
-- What the vehicle has reported of an action's signal since the action began: each
-- value once, at the time at which it was observed first, and the first value after
-- 330 s. What they say about the action is decided in Rust (evidence.rs).
CREATE TABLE action_signal (
    action_id   TEXT NOT NULL,
    is_late     INTEGER NOT NULL,    -- 1: observed more than 330 s after the start
    body        TEXT NOT NULL,       -- the value with its unit, JSON
    observed_at INTEGER NOT NULL,    -- the best time that is known
    user_id     TEXT,                -- whose connection reported it; NULL: the action's user
    PRIMARY KEY (action_id, is_late, body)
) STRICT, WITHOUT ROWID
--;
-- As before, and for a clock that was ahead when an action began: a start in the
-- future by more than clocks differ (300 s) is not believed. The numbers stand in
-- action.rs and lib.rs too (LOST_AFTER, CLOCKS_DIFFER). A command that tells something else to
-- the vehicle ends the wait of an earlier one, whose evidence could be the later one's.
DROP TRIGGER action_before
--;
CREATE TRIGGER action_before BEFORE INSERT ON action
BEGIN
    UPDATE action SET outcome = 'unknown', completed_at = NEW.started_at
    WHERE outcome = 'running'
        AND (started_at <= NEW.started_at - 330000 OR started_at > NEW.started_at + 300000);

    UPDATE action SET is_holding = 0
    WHERE vehicle_id = NEW.vehicle_id AND is_holding = 1
        AND (started_at <= NEW.started_at - 330000 OR started_at > NEW.started_at + 300000
            OR (NEW.insisted = 1 AND outcome = 'unknown'));

    UPDATE action SET awaits = NULL, wait_ended_by = NEW.id
    WHERE vehicle_id = NEW.vehicle_id AND awaits = NEW.awaits AND evidence <> NEW.evidence;

    UPDATE action SET claim = NULL, answer_headers = NULL, answer = NULL
    WHERE claim = NEW.claim AND started_at <= NEW.started_at - 86400000;
END
--;
-- What was not carried out brought nothing about: the earlier command waits again.
CREATE TRIGGER action_failed AFTER UPDATE OF outcome ON action
WHEN NEW.outcome = 'failed' AND NEW.awaits IS NOT NULL
BEGIN
    UPDATE action SET awaits = NEW.awaits, wait_ended_by = NULL
    WHERE vehicle_id = NEW.vehicle_id AND wait_ended_by = NEW.id;
END
--;
-- A later value overwrites an earlier one in its row, and an earlier one that arrives
-- second never gets there: so each is noted as it is reported. A time of observation
-- after the report is of a clock that is ahead.
CREATE TRIGGER reported_awaited INSTEAD OF INSERT ON reported
WHEN EXISTS (SELECT 1 FROM action WHERE vehicle_id = NEW.vehicle_id AND awaits IS NOT NULL)
BEGIN
    INSERT INTO action_signal (action_id, is_late, body, observed_at, user_id)
    SELECT action.id, said.at > started_at + 330000, said.body, said.at, NEW.user_id
    FROM (
        SELECT value ->> 0 AS code, value -> 3 AS body,
            CASE WHEN value ->> 4 <= NEW.report ->> 0 THEN value ->> 4
                ELSE coalesce(value ->> 5, NEW.report ->> 0) END AS at
        FROM json_each(NEW.report, '$[2]')
    ) AS said
    JOIN action ON action.vehicle_id = NEW.vehicle_id AND awaits = said.code
        AND started_at <= said.at
    WHERE true
    ON CONFLICT (action_id, is_late, body) DO UPDATE SET
        observed_at = excluded.observed_at,
        user_id = excluded.user_id
    WHERE excluded.observed_at < action_signal.observed_at;

    UPDATE action SET awaits = NULL
    WHERE vehicle_id = NEW.vehicle_id AND awaits IS NOT NULL AND EXISTS (
        SELECT 1 FROM action_signal
        WHERE action_id = action.id AND is_late = 1
    );
END
--;
-- What is known of a vehicle goes with it, as the trigger vehicle_removed says; the
-- record stays.
CREATE TRIGGER vehicle_forgotten AFTER DELETE ON vehicle
BEGIN
    DELETE FROM action_signal
    WHERE action_id IN (SELECT id FROM action WHERE vehicle_id = OLD.id);

    UPDATE action SET awaits = NULL WHERE vehicle_id = OLD.id AND awaits IS NOT NULL;
END
--;
CREATE TRIGGER action_forgotten AFTER DELETE ON action
BEGIN
    DELETE FROM action_signal WHERE action_id = OLD.id;
END
