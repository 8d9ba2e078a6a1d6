-- Events that wait cost nothing until they can be sent, however many they are.

-- 1: an earlier event of the vehicle is in the way. Every event that could be sent
-- has 0. One that has 0 and could not be sent is no fault: the relay looks again
-- before it takes a row, and corrects what it finds.
ALTER TABLE outbox ADD COLUMN waits INTEGER NOT NULL DEFAULT 0
--;
DROP INDEX outbox_next
--;
-- The events that can be sent, by the time at which they can.
CREATE INDEX outbox_due ON outbox (sink, due_at) WHERE dead_at IS NULL AND waits = 0
--;
-- The oldest ones, of which there is an end.
CREATE INDEX outbox_age ON outbox (sink, created_at) WHERE dead_at IS NULL
--;
-- The events that are being sent: few.
CREATE INDEX outbox_claimed ON outbox (claimed_until) WHERE claimed_until > 0
--;
-- How many events wait for a sink, and how many are dead letters: kept by the
-- triggers below, since counting a million rows takes as long as storing hundreds.
CREATE TABLE backlog (
    sink    TEXT PRIMARY KEY NOT NULL,
    waiting INTEGER NOT NULL DEFAULT 0,
    dead    INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID
--;
INSERT INTO backlog (sink, waiting)
SELECT sink, count(*) FROM outbox INDEXED BY outbox_order WHERE dead_at IS NULL GROUP BY sink
--;
INSERT INTO backlog (sink, dead)
SELECT sink, count(*) FROM outbox INDEXED BY outbox_dead WHERE dead_at IS NOT NULL GROUP BY sink
ON CONFLICT (sink) DO UPDATE SET dead = excluded.dead
--;
CREATE TRIGGER outbox_added AFTER INSERT ON outbox
BEGIN
    INSERT INTO backlog (sink, waiting) VALUES (NEW.sink, 1)
    ON CONFLICT (sink) DO UPDATE SET waiting = waiting + 1;

    UPDATE outbox SET waits = 1 WHERE seq = NEW.seq AND EXISTS (
        SELECT 1 FROM outbox AS earlier
        WHERE earlier.sink = NEW.sink AND earlier.vehicle_id = NEW.vehicle_id
            AND earlier.seq < NEW.seq AND earlier.dead_at IS NULL
    );
END
--;
-- When the first event of a vehicle goes, the next one can be sent.
CREATE TRIGGER outbox_removed AFTER DELETE ON outbox
BEGIN
    UPDATE backlog SET
        waiting = waiting - (OLD.dead_at IS NULL),
        dead = dead - (OLD.dead_at IS NOT NULL)
    WHERE sink = OLD.sink;

    UPDATE outbox SET waits = 0
    WHERE OLD.dead_at IS NULL AND OLD.waits = 0 AND waits = 1 AND seq = (
        SELECT min(next.seq) FROM outbox AS next
        WHERE next.sink = OLD.sink AND next.vehicle_id = OLD.vehicle_id AND next.dead_at IS NULL
    );
END
--;
CREATE TRIGGER outbox_died AFTER UPDATE OF dead_at ON outbox
WHEN OLD.dead_at IS NULL AND NEW.dead_at IS NOT NULL
BEGIN
    UPDATE backlog SET waiting = waiting - 1, dead = dead + 1 WHERE sink = NEW.sink;

    UPDATE outbox SET waits = 0
    WHERE OLD.waits = 0 AND waits = 1 AND seq = (
        SELECT min(next.seq) FROM outbox AS next
        WHERE next.sink = NEW.sink AND next.vehicle_id = NEW.vehicle_id AND next.dead_at IS NULL
    );
END
--;
CREATE TRIGGER outbox_replayed AFTER UPDATE OF dead_at ON outbox
WHEN OLD.dead_at IS NOT NULL AND NEW.dead_at IS NULL
BEGIN
    UPDATE backlog SET waiting = waiting + 1, dead = dead - 1 WHERE sink = NEW.sink;

    UPDATE outbox SET waits = 0 WHERE seq = NEW.seq;
END
--;
-- What waits for a sink that is left out is removed by the relay in small steps:
-- in one, nothing could be stored for seconds. What waited for all sinks was
-- handed to them in this very statement.
DROP TRIGGER sink_removed
--;
CREATE TRIGGER sink_removed AFTER DELETE ON sink
WHEN OLD.name = ''
BEGIN
    DELETE FROM outbox WHERE sink = '';
END
--;
-- Work that has to be done once in a while by one instance of all.
CREATE TABLE chore (
    name    TEXT PRIMARY KEY NOT NULL,
    next_at INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID
--;
INSERT INTO chore (name) VALUES ('outbox'), ('retention')
--;
-- When a relay last ran with the configuration in force.
ALTER TABLE relay ADD COLUMN seen_at INTEGER NOT NULL DEFAULT 0
--;
-- Configurations that another one has replaced. An instance that has read its
-- variables before a change brings such a one, and must not undo the change.
CREATE TABLE former_configuration (
    sinks   TEXT PRIMARY KEY NOT NULL,
    seen_at INTEGER NOT NULL         -- when a relay last ran with it
) STRICT, WITHOUT ROWID
--;
CREATE TRIGGER relay_replaced AFTER UPDATE OF sinks ON relay
WHEN OLD.sinks IS NOT NULL AND OLD.sinks IS NOT NEW.sinks
BEGIN
    INSERT INTO former_configuration (sinks, seen_at) VALUES (OLD.sinks, NEW.seen_at)
    ON CONFLICT (sinks) DO UPDATE SET seen_at = excluded.seen_at;

    DELETE FROM former_configuration WHERE sinks = NEW.sinks OR seen_at < NEW.seen_at - 86400000;
END
