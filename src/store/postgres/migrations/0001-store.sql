-- All that is kept, as src/store/sqlite has it after its tenth step, for many writers at a
-- time: what SQLite's one write lock promises is promised by the locks of rows here.
--
-- One call of a function is one sentence of the store, and one transaction: none goes over
-- several calls, since the connection can be another instance's next. Text is compared by
-- its bytes. All times are milliseconds since 1970; NULL is unknown.

-- Everything that Smartcar delivered, as received.
CREATE TABLE delivery (
    event_id     text COLLATE "C" PRIMARY KEY,
    event_type   text COLLATE "C" NOT NULL,
    mode         text COLLATE "C" NOT NULL,  -- LIVE or TEST
    vehicle_id   text COLLATE "C",
    user_id      text COLLATE "C",
    delivered_at bigint,                     -- as Smartcar says
    received_at  bigint NOT NULL,            -- as the clock of the host says
    body         bytea NOT NULL
);
CREATE INDEX delivery_received_at ON delivery (received_at);

CREATE TABLE vehicle (
    id              text COLLATE "C" PRIMARY KEY,
    user_id         text COLLATE "C",        -- the owner
    make            text,
    model           text,
    year            bigint,
    powertrain_type text,
    mode            text,                    -- live or simulated
    delivered_at    bigint NOT NULL          -- of the delivery that says so; 0: of none
);
CREATE INDEX vehicle_user ON vehicle (user_id);

-- The newest value of each signal, and its newest error beside it: an error never takes a
-- value away.
CREATE TABLE signal (
    vehicle_id     text COLLATE "C" NOT NULL,
    code           text COLLATE "C" NOT NULL,
    name           text,
    group_name     text,
    body           text COLLATE "C",         -- the value with its unit, JSON
    observed_at    bigint,                   -- at the car (oemUpdatedAt)
    retrieved_at   bigint,                   -- by Smartcar (retrievedAt, fetchedAt)
    delivered_at   bigint,                   -- to us
    error          text COLLATE "C",         -- the signal as reported without a value, JSON
    error_at       bigint,                   -- when that was reported
    -- The user whose connection reported the value or, where there is no value, the error.
    -- NULL is the vehicle's owner, as long as the owner stays the same.
    user_id        text COLLATE "C",
    error_user_id  text COLLATE "C",
    -- The rank of the value (smartcar::report::Rank).
    rank           text COLLATE "C",
    -- The rank of the newest value that a delivery brought, and that value where it is not
    -- the body.
    delivered_rank text COLLATE "C",
    delivered_body text COLLATE "C",
    PRIMARY KEY (vehicle_id, code)
);
CREATE INDEX signal_user ON signal (user_id);
CREATE INDEX signal_error_user ON signal (error_user_id);

-- An error of a vehicle is open while error_at is newer than resolved_at.
CREATE TABLE vehicle_error (
    vehicle_id  text COLLATE "C" NOT NULL,
    type        text COLLATE "C" NOT NULL,
    code        text COLLATE "C" NOT NULL,   -- empty where Smartcar says null
    error       text COLLATE "C",            -- the error as delivered when it was last open
    error_at    bigint,
    resolved_at bigint,                      -- when a RESOLVED was last delivered
    user_id     text COLLATE "C",            -- whose connection reported it, as for signals
    -- When a RESOLVED was delivered that found no open error: Smartcar may still be trying
    -- to deliver that error.
    early_at    bigint,
    PRIMARY KEY (vehicle_id, type, code)
);
CREATE INDEX vehicle_error_user ON vehicle_error (user_id);

-- When all signals of a vehicle were listed to a user.
CREATE TABLE listing (
    vehicle_id text COLLATE "C" NOT NULL,
    user_id    text COLLATE "C" NOT NULL,
    listed_at  bigint NOT NULL,
    PRIMARY KEY (vehicle_id, user_id)
);

-- How many requests to /webhooks ended how, by the minute.
CREATE TABLE tally (
    minute     bigint NOT NULL,              -- since 1970
    outcome    text COLLATE "C" NOT NULL,
    reason     text COLLATE "C" NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    mode       text COLLATE "C" NOT NULL,
    count      bigint NOT NULL,
    PRIMARY KEY (minute, outcome, reason, event_type, mode)
) WITH (fillfactor = 70);

-- One row a command and a removal, written before Smartcar is called and completed
-- afterwards.
CREATE TABLE action (
    id              text COLLATE "C" PRIMARY KEY, -- in the order of time
    kind            text COLLATE "C" NOT NULL,
    path            text COLLATE "C" NOT NULL,
    caller          text COLLATE "C" NOT NULL,
    vehicle_id      text COLLATE "C",
    user_id         text COLLATE "C",
    idempotency_key text,
    fingerprint     text NOT NULL,           -- SHA-256 of the request
    claim           text COLLATE "C" UNIQUE, -- caller and key, as long as the key is honoured
    is_exclusive    boolean NOT NULL,        -- no other such action of the vehicle may run
    is_holding      boolean NOT NULL DEFAULT false,       -- the vehicle takes no other exclusive action
    insisted        boolean NOT NULL DEFAULT false,       -- begun although the one before was unknown
    evidence        text COLLATE "C",        -- the signal and the value that would show it
    awaits          text COLLATE "C",        -- the code of that signal while it is awaited
    wait_ended_by   text COLLATE "C",        -- the later action that ended this wait
    started_at      bigint NOT NULL,
    completed_at    bigint,
    outcome         text COLLATE "C" NOT NULL, -- running, succeeded, failed, unknown
    status          bigint,
    error           text,
    request_id      text,
    execution_id    text COLLATE "C",
    answer_headers  text,
    answer          bytea
);
CREATE UNIQUE INDEX action_held ON action (vehicle_id) WHERE is_holding;
CREATE INDEX action_unfinished ON action (started_at) WHERE outcome = 'running';
CREATE INDEX action_claimed ON action (started_at) WHERE claim IS NOT NULL;
CREATE INDEX action_started_at ON action (started_at);
CREATE INDEX action_execution ON action (execution_id) WHERE execution_id IS NOT NULL;
CREATE INDEX action_vehicle ON action (vehicle_id, id);
CREATE INDEX action_awaits ON action (vehicle_id, awaits) WHERE awaits IS NOT NULL;
CREATE INDEX action_ended ON action (wait_ended_by) WHERE wait_ended_by IS NOT NULL;
CREATE INDEX action_removal ON action (path) WHERE kind = 'remove-connection';

-- What the vehicle has reported of an action's signal since the action began: each value
-- once, at the time at which it was observed first, and the first value after 330 s.
CREATE TABLE action_signal (
    action_id   text COLLATE "C" NOT NULL,
    is_late     boolean NOT NULL,
    body        text COLLATE "C" NOT NULL,
    observed_at bigint NOT NULL,
    user_id     text COLLATE "C",            -- NULL: the action's user
    PRIMARY KEY (action_id, is_late, body)
);

-- Everyone who came back from Smartcar Connect.
CREATE TABLE arrival (
    nonce        text COLLATE "C" PRIMARY KEY,
    arrived_at   bigint NOT NULL,
    completed_at bigint,
    user_id      text COLLATE "C",
    tries        bigint NOT NULL DEFAULT 1,
    vehicles     bigint,
    error        text,
    description  text,
    begun_for    text COLLATE "C"
);
CREATE INDEX arrival_arrived_at ON arrival (arrived_at);

-- Look-ups of a vehicle's owner that found none.
CREATE TABLE fruitless_lookup (
    at         bigint NOT NULL,
    caller     text COLLATE "C" NOT NULL,
    vehicle_id text COLLATE "C" NOT NULL,
    reason     text COLLATE "C" NOT NULL,
    PRIMARY KEY (at, caller, vehicle_id)
);

-- Which events a sink wants. NULL is all.
CREATE TABLE sink (
    name         text COLLATE "C" PRIMARY KEY,
    types        text[] COLLATE "C",
    vehicles     text[] COLLATE "C",
    modes        text[] COLLATE "C",
    changed_only boolean NOT NULL DEFAULT false, -- of vehicle states those that change a signal
    gone         text,                       -- why it was switched off
    failures     bigint NOT NULL DEFAULT 0,  -- in a row
    paused_until bigint NOT NULL DEFAULT 0
);
-- Until the relay has run for the first time, it is unknown which sinks there are.
-- Events wait for all that there will be.
INSERT INTO sink (name) VALUES ('');

-- The configuration of sinks in force; NULL before the relay has ever run.
CREATE TABLE relay (
    id      bigint PRIMARY KEY CHECK (id = 1),
    sinks   text COLLATE "C",
    seen_at bigint NOT NULL DEFAULT 0
);
INSERT INTO relay (id) VALUES (1);

CREATE TABLE former_configuration (
    sinks   text COLLATE "C" PRIMARY KEY,
    seen_at bigint NOT NULL
);

-- Events that are still to be passed on, a row an event and sink.
CREATE TABLE outbox (
    seq           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- in the order of receipt
    sink          text COLLATE "C" NOT NULL,
    event_id      text COLLATE "C" NOT NULL,
    vehicle_id    text COLLATE "C",
    created_at    bigint NOT NULL,
    due_at        bigint NOT NULL DEFAULT 0,
    claimed_until bigint NOT NULL DEFAULT 0,
    attempts      bigint NOT NULL DEFAULT 0,
    error         text,
    dead_at       bigint,                    -- since when it is a dead letter
    -- An earlier event of the vehicle is in the way. One that has false and cannot be sent
    -- is no fault: a claim looks again.
    waits         boolean NOT NULL DEFAULT false,
    UNIQUE (sink, event_id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX outbox_order ON outbox (sink, vehicle_id, seq) WHERE dead_at IS NULL;
CREATE INDEX outbox_due ON outbox (sink, due_at) WHERE dead_at IS NULL AND NOT waits;
CREATE INDEX outbox_age ON outbox (sink, created_at) WHERE dead_at IS NULL;
CREATE INDEX outbox_claimed ON outbox (claimed_until) WHERE claimed_until > 0;
CREATE INDEX outbox_dead ON outbox (seq) WHERE dead_at IS NOT NULL;
CREATE INDEX outbox_event ON outbox (event_id);

-- How many events wait for a sink, and how many are dead letters. The sum over the shards
-- counts: one row would have every delivery wait for the one before to be committed. A
-- connection has one shard, and one transaction at a time.
CREATE TABLE backlog (
    sink    text COLLATE "C" NOT NULL,
    shard   bigint NOT NULL,
    waiting bigint NOT NULL DEFAULT 0,
    dead    bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (sink, shard)
) WITH (fillfactor = 50);

-- Work that has to be done once in a while by one instance of all.
CREATE TABLE chore (
    name    text COLLATE "C" PRIMARY KEY,
    next_at bigint NOT NULL DEFAULT 0
);
INSERT INTO chore (name) VALUES ('cron'), ('outbox'), ('retention');

-- What one instance of all does at a time, until when, and what the last one has left to the
-- next: the access token, sealed.
CREATE TABLE lease (
    name       text COLLATE "C" PRIMARY KEY,
    held_by    text COLLATE "C" NOT NULL,
    held_until bigint NOT NULL,
    value      bytea
);

-- Rows to be locked by those who have to come one after the other.
CREATE TABLE turn (
    name text COLLATE "C" PRIMARY KEY
);
INSERT INTO turn (name) VALUES ('arrival');

CREATE FUNCTION count_backlog(p_sink text, p_waiting bigint, p_dead bigint) RETURNS void
LANGUAGE plpgsql AS $function$
BEGIN
    INSERT INTO backlog (sink, shard, waiting, dead)
    VALUES (p_sink, pg_backend_pid() % 256, p_waiting, p_dead)
    ON CONFLICT (sink, shard) DO UPDATE SET
        waiting = backlog.waiting + excluded.waiting,
        dead = backlog.dead + excluded.dead;
END
$function$;

-- The first event of a vehicle that waits for a sink.
--
-- No plan of this one sorts, and the index that has them in order is the right one. By
-- statistics, which are old where rows come and go like this, one that visits all that
-- waits for the sink can seem as good.
CREATE FUNCTION outbox_first(p_sink text, p_vehicle text) RETURNS bigint
LANGUAGE plpgsql SET enable_sort = off AS $function$
BEGIN
    RETURN (
        SELECT seq FROM outbox
        WHERE sink = p_sink AND vehicle_id = p_vehicle AND dead_at IS NULL
        ORDER BY seq LIMIT 1
    );
END
$function$;

-- Whether an earlier event of the vehicle is in the way of this one, or of one that is about
-- to be added (NULL). The first one is held until this transaction ends: whoever removes it
-- meanwhile comes afterwards, and finds what was added.
CREATE FUNCTION outbox_waits(p_sink text, p_vehicle text, p_seq bigint) RETURNS boolean
LANGUAGE plpgsql AS $function$
DECLARE
    first bigint;
BEGIN
    LOOP
        first := outbox_first(p_sink, p_vehicle);
        IF first IS NULL OR first >= p_seq THEN
            RETURN false;
        END IF;
        PERFORM 1 FROM outbox WHERE seq = first AND dead_at IS NULL FOR SHARE;
        IF FOUND THEN
            RETURN true;
        END IF;
    END LOOP;
END
$function$;

-- Lets the first event of a vehicle be sent.
CREATE FUNCTION outbox_go_on(p_sink text, p_vehicle text) RETURNS void
LANGUAGE plpgsql AS $function$
DECLARE
    first bigint := outbox_first(p_sink, p_vehicle);
BEGIN
    UPDATE outbox SET waits = false WHERE seq = first AND waits;
END
$function$;

CREATE FUNCTION outbox_added() RETURNS trigger
LANGUAGE plpgsql AS $function$
BEGIN
    PERFORM count_backlog(sink, count(*), 0) FROM added GROUP BY sink ORDER BY sink;
    RETURN NULL;
END
$function$;
CREATE TRIGGER outbox_added AFTER INSERT ON outbox
REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION outbox_added();

CREATE FUNCTION outbox_removed() RETURNS trigger
LANGUAGE plpgsql AS $function$
BEGIN
    PERFORM count_backlog(
        sink,
        -count(*) FILTER (WHERE dead_at IS NULL),
        -count(*) FILTER (WHERE dead_at IS NOT NULL)
    ) FROM removed GROUP BY sink ORDER BY sink;

    PERFORM outbox_go_on(sink, vehicle_id) FROM (
        SELECT DISTINCT sink, vehicle_id FROM removed
        WHERE vehicle_id IS NOT NULL AND dead_at IS NULL AND NOT waits
        ORDER BY sink, vehicle_id
    ) AS heads;
    RETURN NULL;
END
$function$;
CREATE TRIGGER outbox_removed AFTER DELETE ON outbox
REFERENCING OLD TABLE AS removed
FOR EACH STATEMENT EXECUTE FUNCTION outbox_removed();

CREATE FUNCTION outbox_died() RETURNS trigger
LANGUAGE plpgsql AS $function$
BEGIN
    PERFORM count_backlog(NEW.sink, -1, 1);
    IF NOT OLD.waits THEN
        PERFORM outbox_go_on(NEW.sink, NEW.vehicle_id);
    END IF;
    RETURN NULL;
END
$function$;
CREATE TRIGGER outbox_died AFTER UPDATE OF dead_at ON outbox
FOR EACH ROW WHEN (OLD.dead_at IS NULL AND NEW.dead_at IS NOT NULL)
EXECUTE FUNCTION outbox_died();

CREATE FUNCTION outbox_replayed() RETURNS trigger
LANGUAGE plpgsql AS $function$
BEGIN
    PERFORM count_backlog(NEW.sink, 1, -1);
    UPDATE outbox SET waits = false WHERE seq = NEW.seq AND waits;
    RETURN NULL;
END
$function$;
CREATE TRIGGER outbox_replayed AFTER UPDATE OF dead_at ON outbox
FOR EACH ROW WHEN (OLD.dead_at IS NOT NULL AND NEW.dead_at IS NULL)
EXECUTE FUNCTION outbox_replayed();

-- An event is passed on as long as it is kept.
CREATE FUNCTION delivery_forgotten() RETURNS trigger
LANGUAGE plpgsql AS $function$
BEGIN
    DELETE FROM outbox USING forgotten WHERE outbox.event_id = forgotten.event_id;
    RETURN NULL;
END
$function$;
CREATE TRIGGER delivery_forgotten AFTER DELETE ON delivery
REFERENCING OLD TABLE AS forgotten
FOR EACH STATEMENT EXECUTE FUNCTION delivery_forgotten();

-- What was stored without a user belongs to the owner until now: a new owner does not
-- inherit it.
CREATE FUNCTION vehicle_owner_changed() RETURNS trigger
LANGUAGE plpgsql AS $function$
BEGIN
    UPDATE signal SET user_id = OLD.user_id
    WHERE vehicle_id = NEW.id AND user_id IS NULL;

    UPDATE signal SET error_user_id = OLD.user_id
    WHERE vehicle_id = NEW.id AND error IS NOT NULL AND error_user_id IS NULL;

    UPDATE vehicle_error SET user_id = OLD.user_id
    WHERE vehicle_id = NEW.id AND user_id IS NULL;
    RETURN NULL;
END
$function$;
CREATE TRIGGER vehicle_owner_changed AFTER UPDATE OF user_id ON vehicle
FOR EACH ROW WHEN (OLD.user_id IS DISTINCT FROM NEW.user_id AND OLD.user_id IS NOT NULL)
EXECUTE FUNCTION vehicle_owner_changed();

-- What is known of a vehicle goes with it; the record of its actions stays.
CREATE FUNCTION vehicle_removed() RETURNS trigger
LANGUAGE plpgsql AS $function$
BEGIN
    DELETE FROM signal WHERE vehicle_id = OLD.id;
    DELETE FROM vehicle_error WHERE vehicle_id = OLD.id;
    DELETE FROM listing WHERE vehicle_id = OLD.id;
    DELETE FROM action_signal
    WHERE action_id IN (SELECT id FROM action WHERE vehicle_id = OLD.id);
    UPDATE action SET awaits = NULL WHERE vehicle_id = OLD.id AND awaits IS NOT NULL;
    RETURN NULL;
END
$function$;
CREATE TRIGGER vehicle_removed AFTER DELETE ON vehicle
FOR EACH ROW EXECUTE FUNCTION vehicle_removed();

-- A list of which a signal is gone, or has become another user's, is not complete any more.
CREATE FUNCTION signal_removed() RETURNS trigger
LANGUAGE plpgsql AS $function$
BEGIN
    DELETE FROM listing WHERE vehicle_id = OLD.vehicle_id;
    RETURN NULL;
END
$function$;
CREATE TRIGGER signal_removed AFTER DELETE ON signal
FOR EACH ROW EXECUTE FUNCTION signal_removed();

CREATE FUNCTION signal_user_changed() RETURNS trigger
LANGUAGE plpgsql AS $function$
BEGIN
    DELETE FROM listing
    WHERE vehicle_id = NEW.vehicle_id AND user_id IS DISTINCT FROM NEW.user_id;
    RETURN NULL;
END
$function$;
CREATE TRIGGER signal_user_changed AFTER UPDATE OF user_id ON signal
FOR EACH ROW WHEN (OLD.user_id IS DISTINCT FROM NEW.user_id)
EXECUTE FUNCTION signal_user_changed();

-- Time as the first part of a rank.
CREATE FUNCTION rank_of(p_time bigint) RETURNS text
LANGUAGE sql IMMUTABLE AS $function$
    SELECT lpad(to_hex(p_time), 12, '0');
$function$;

-- Takes in what is reported of a vehicle's signals. Newest wins, by the rank and then by
-- the bytes. delivered_at says how fresh our word is and goes with the newest report, also
-- where its value loses.
CREATE FUNCTION report(
    p_vehicle text,
    p_user text,                             -- whose connection it came through
    p_is_delivered boolean,                  -- by a delivery; else by a read of Smartcar's API
    p_reported_at bigint,
    p_received_at bigint,
    p_codes text[],
    p_names text[],
    p_groups text[],
    p_bodies text[],                         -- NULL of a signal without a value
    p_errors text[],
    p_observed bigint[],
    p_retrieved bigint[],
    p_ranks text[]
) RETURNS void
LANGUAGE plpgsql AS $function$
DECLARE
    ahead bigint := p_received_at + 300000;
BEGIN
    -- What a clock that was ahead has stored, beyond what clocks differ, yields to whatever
    -- is reported by one that is right.
    UPDATE signal SET
        rank = CASE WHEN rank > rank_of(ahead) THEN '' ELSE rank END,
        delivered_rank = CASE WHEN delivered_rank > rank_of(ahead)
            THEN '' ELSE delivered_rank END,
        delivered_at = CASE WHEN delivered_at > ahead THEN 0 ELSE delivered_at END,
        error_at = CASE WHEN error_at > ahead THEN 0 ELSE error_at END
    WHERE vehicle_id = p_vehicle
        AND greatest(coalesce(delivered_at, 0), coalesce(error_at, 0)) > ahead;

    INSERT INTO signal AS known (vehicle_id, code, name, group_name, body, observed_at,
        retrieved_at, delivered_at, user_id, rank, delivered_rank)
    SELECT DISTINCT ON (code COLLATE "C")
        p_vehicle, code, name, group_name, body, observed_at, retrieved_at, p_reported_at,
        p_user, rank, CASE WHEN p_is_delivered THEN rank END
    FROM unnest(p_codes, p_names, p_groups, p_bodies, p_observed, p_retrieved, p_ranks)
        AS reported (code, name, group_name, body, observed_at, retrieved_at, rank)
    WHERE body IS NOT NULL
    ORDER BY code COLLATE "C", rank COLLATE "C" DESC, body COLLATE "C" DESC
    ON CONFLICT (vehicle_id, code) DO UPDATE SET
        name = CASE WHEN known.body IS NULL OR (excluded.rank, excluded.body) > (known.rank, known.body)
            THEN excluded.name ELSE known.name END,
        group_name = CASE WHEN known.body IS NULL OR (excluded.rank, excluded.body) > (known.rank, known.body)
            THEN excluded.group_name ELSE known.group_name END,
        body = CASE WHEN known.body IS NULL OR (excluded.rank, excluded.body) > (known.rank, known.body)
            THEN excluded.body ELSE known.body END,
        observed_at = CASE WHEN known.body IS NULL OR (excluded.rank, excluded.body) > (known.rank, known.body)
            THEN excluded.observed_at ELSE known.observed_at END,
        retrieved_at = CASE WHEN known.body IS NULL OR (excluded.rank, excluded.body) > (known.rank, known.body)
            THEN excluded.retrieved_at ELSE known.retrieved_at END,
        delivered_at = greatest(coalesce(known.delivered_at, 0), excluded.delivered_at),
        user_id = CASE WHEN known.body IS NULL OR (excluded.rank, excluded.body) > (known.rank, known.body)
            THEN excluded.user_id ELSE known.user_id END,
        rank = CASE WHEN known.body IS NULL OR (excluded.rank, excluded.body) > (known.rank, known.body)
            THEN excluded.rank ELSE known.rank END,
        delivered_rank = CASE WHEN excluded.delivered_rank IS NOT NULL
                AND (known.delivered_rank IS NULL OR (excluded.rank, excluded.body)
                    > (known.delivered_rank, coalesce(known.delivered_body, known.body)))
            THEN excluded.rank ELSE known.delivered_rank END,
        delivered_body = CASE
            WHEN excluded.delivered_rank IS NOT NULL
                AND (known.delivered_rank IS NULL OR (excluded.rank, excluded.body)
                    > (known.delivered_rank, coalesce(known.delivered_body, known.body)))
            THEN CASE WHEN (excluded.rank, excluded.body) < (known.rank, known.body)
                THEN nullif(excluded.body, known.body) END
            WHEN known.delivered_rank IS NULL THEN NULL
            WHEN known.body IS NULL OR (excluded.rank, excluded.body) > (known.rank, known.body)
            THEN nullif(coalesce(known.delivered_body, known.body), excluded.body)
            ELSE known.delivered_body
        END;

    IF num_nonnulls(VARIADIC p_errors) > 0 THEN
        INSERT INTO signal AS known (vehicle_id, code, name, group_name, error, error_at, user_id,
            error_user_id)
        SELECT DISTINCT ON (code COLLATE "C")
            p_vehicle, code, name, group_name, error, p_reported_at, p_user, p_user
        FROM unnest(p_codes, p_names, p_groups, p_errors)
            AS reported (code, name, group_name, error)
        WHERE error IS NOT NULL
        ORDER BY code COLLATE "C", error COLLATE "C" DESC
        ON CONFLICT (vehicle_id, code) DO UPDATE SET
            error = excluded.error,
            error_at = excluded.error_at,
            error_user_id = excluded.error_user_id,
            user_id = CASE WHEN known.body IS NULL THEN excluded.user_id ELSE known.user_id END
        WHERE known.error IS NULL
            OR (excluded.error_at, excluded.error) > (known.error_at, known.error);
    END IF;

    -- A later value overwrites an earlier one in its row, and an earlier one that arrives
    -- second never gets there: so each is noted with the actions that await it. A time of
    -- observation after the report is of a clock that is ahead.
    IF EXISTS (SELECT 1 FROM action WHERE vehicle_id = p_vehicle AND awaits IS NOT NULL) THEN
        INSERT INTO action_signal AS known (action_id, is_late, body, observed_at, user_id)
        SELECT action.id, at > started_at + 330000, said.body, min(at), p_user
        FROM (
            SELECT code, body, CASE WHEN observed_at <= p_reported_at THEN observed_at
                ELSE coalesce(retrieved_at, p_reported_at) END AS at
            FROM unnest(p_codes, p_bodies, p_observed, p_retrieved)
                AS reported (code, body, observed_at, retrieved_at)
            WHERE body IS NOT NULL
        ) AS said
        JOIN action ON action.vehicle_id = p_vehicle AND awaits = said.code COLLATE "C"
            AND started_at <= at
        GROUP BY 1, 2, 3
        ON CONFLICT (action_id, is_late, body) DO UPDATE SET
            observed_at = excluded.observed_at,
            user_id = excluded.user_id
        WHERE excluded.observed_at < known.observed_at;

        UPDATE action SET awaits = NULL
        WHERE vehicle_id = p_vehicle AND awaits IS NOT NULL AND EXISTS (
            SELECT 1 FROM action_signal WHERE action_id = action.id AND is_late
        );
    END IF;
END
$function$;

-- What a read of Smartcar's API says of a vehicle: as good as a delivery that has not come
-- yet, so that nothing of it replaces what is known.
CREATE FUNCTION report_read(
    p_vehicle text,
    p_user text,
    p_make text,
    p_model text,
    p_year bigint,
    p_powertrain_type text,
    p_mode text,
    p_reported_at bigint,
    p_received_at bigint,
    p_codes text[],
    p_names text[],
    p_groups text[],
    p_bodies text[],
    p_errors text[],
    p_observed bigint[],
    p_retrieved bigint[],
    p_ranks text[]
) RETURNS void
LANGUAGE plpgsql AS $function$
BEGIN
    INSERT INTO vehicle AS known (id, make, model, year, powertrain_type, mode, delivered_at)
    VALUES (p_vehicle, p_make, p_model, p_year, p_powertrain_type, p_mode, 0)
    ON CONFLICT (id) DO UPDATE SET
        make = coalesce(known.make, excluded.make),
        model = coalesce(known.model, excluded.model),
        year = coalesce(known.year, excluded.year),
        powertrain_type = coalesce(known.powertrain_type, excluded.powertrain_type),
        mode = coalesce(known.mode, excluded.mode);
    PERFORM report(p_vehicle, p_user, false, p_reported_at, p_received_at, p_codes, p_names,
        p_groups, p_bodies, p_errors, p_observed, p_retrieved, p_ranks);
END
$function$;

-- Takes in what a delivery says is wrong with a vehicle.
--
-- An error is open while error_at is newer than resolved_at. Both are times of attempts: an
-- ERROR whose first attempt failed can come after its RESOLVED, by up to 220 s (three more
-- attempts, 25, 50 and 100 s after a failure that takes 15 s). So a RESOLVED that finds no
-- open error resolves the next one that comes within four minutes; one that follows a
-- RESOLVED of another is new, and open.
-- https://smartcar.com/docs/api-reference/webhooks/delivery-behavior
CREATE FUNCTION report_errors(
    p_vehicle text,
    p_user text,
    p_reported_at bigint,
    p_received_at bigint,
    p_types text[],
    p_codes text[],
    p_resolved bigint[],                     -- 1: it has ended
    p_errors text[]
) RETURNS void
LANGUAGE plpgsql AS $function$
BEGIN
    -- Times of a clock that was ahead are no later than now.
    UPDATE vehicle_error SET
        error_at = CASE WHEN error_at > p_received_at THEN p_received_at ELSE error_at END,
        resolved_at = CASE WHEN resolved_at > p_received_at THEN p_received_at ELSE resolved_at END,
        early_at = CASE WHEN early_at > p_received_at THEN p_received_at ELSE early_at END
    WHERE vehicle_id = p_vehicle
        AND greatest(coalesce(error_at, 0), coalesce(resolved_at, 0)) > p_received_at + 300000;

    INSERT INTO vehicle_error AS known (vehicle_id, type, code, error, error_at, user_id)
    SELECT DISTINCT ON (type COLLATE "C", code COLLATE "C")
        p_vehicle, type, code, error, p_reported_at, p_user
    FROM unnest(p_types, p_codes, p_resolved, p_errors) AS reported (type, code, resolved, error)
    WHERE resolved = 0
    ORDER BY type COLLATE "C", code COLLATE "C", error COLLATE "C" DESC
    ON CONFLICT (vehicle_id, type, code) DO UPDATE SET
        error = CASE WHEN known.error IS NULL
                OR (excluded.error_at, excluded.error) > (known.error_at, known.error)
            THEN excluded.error ELSE known.error END,
        error_at = greatest(coalesce(known.error_at, 0), excluded.error_at),
        user_id = excluded.user_id,
        resolved_at = CASE WHEN excluded.error_at <= known.early_at + 240000
            THEN greatest(known.resolved_at, excluded.error_at) ELSE known.resolved_at END,
        early_at = CASE WHEN excluded.error_at > known.early_at + 240000 THEN known.early_at END;

    INSERT INTO vehicle_error AS known (vehicle_id, type, code, resolved_at, early_at, user_id)
    SELECT DISTINCT p_vehicle, type COLLATE "C", code COLLATE "C", p_reported_at, p_reported_at,
        p_user
    FROM unnest(p_types, p_codes, p_resolved) AS reported (type, code, resolved)
    WHERE resolved = 1
    ORDER BY 2, 3
    ON CONFLICT (vehicle_id, type, code) DO UPDATE SET
        resolved_at = excluded.resolved_at,
        user_id = excluded.user_id,
        early_at = CASE WHEN coalesce(known.error_at, 0) < coalesce(known.resolved_at, 0)
            THEN excluded.early_at END
    WHERE excluded.resolved_at > coalesce(known.resolved_at, 0);
END
$function$;

-- Stores deliveries with what follows from each. One that is stored already is an error
-- (unique_violation), and then none is stored.
--
-- The parts of a delivery have its place in each list; its signals and errors are the next
-- so many of their lists. They come in the order of the vehicles' ids: of two that store
-- deliveries of the same vehicles, none waits for the other for ever.
CREATE FUNCTION receive(
    p_event_ids text[],
    p_event_types text[],
    p_modes text[],
    p_vehicle_ids text[],
    p_user_ids text[],
    p_delivered_at bigint[],
    p_received_at bigint[],
    p_bodies bytea,                          -- one after the other
    p_body_lengths bigint[],
    p_reported_at bigint[],                  -- NULL where nothing is reported
    p_makes text[],
    p_models text[],
    p_years bigint[],
    p_powertrain_types text[],
    p_vehicle_modes text[],
    p_signals bigint[],                      -- how many signals each has
    p_codes text[],
    p_names text[],
    p_groups text[],
    p_signal_bodies text[],
    p_signal_errors text[],
    p_observed bigint[],
    p_retrieved bigint[],
    p_ranks text[],
    p_errors bigint[],                       -- how many errors each has
    p_error_types text[],
    p_error_codes text[],
    p_error_resolved bigint[],
    p_error_jsons text[]
) RETURNS void
LANGUAGE plpgsql AS $function$
DECLARE
    wanting record;
    body_end int := 0;
    signal_end int := 0;
    error_end int := 0;
BEGIN
    FOR i IN 1 .. cardinality(p_event_ids) LOOP
        body_end := body_end + p_body_lengths[i];
        signal_end := signal_end + p_signals[i];
        error_end := error_end + p_errors[i];

        IF p_reported_at[i] IS NOT NULL THEN
            INSERT INTO vehicle AS known (id, user_id, make, model, year, powertrain_type, mode,
                delivered_at)
            VALUES (p_vehicle_ids[i], p_user_ids[i], p_makes[i], p_models[i], p_years[i],
                p_powertrain_types[i], p_vehicle_modes[i], p_reported_at[i])
            ON CONFLICT (id) DO UPDATE SET
                user_id = coalesce(excluded.user_id, known.user_id),
                make = coalesce(excluded.make, known.make),
                model = coalesce(excluded.model, known.model),
                year = coalesce(excluded.year, known.year),
                powertrain_type = coalesce(excluded.powertrain_type, known.powertrain_type),
                mode = coalesce(excluded.mode, known.mode),
                delivered_at = excluded.delivered_at
            WHERE excluded.delivered_at >= known.delivered_at
                OR known.delivered_at > p_received_at[i] + 300000;
        END IF;

        INSERT INTO delivery (event_id, event_type, mode, vehicle_id, user_id, delivered_at,
            received_at, body)
        VALUES (p_event_ids[i], p_event_types[i], p_modes[i], p_vehicle_ids[i], p_user_ids[i],
            p_delivered_at[i], p_received_at[i],
            substring(p_bodies FROM body_end - p_body_lengths[i]::int + 1
                FOR p_body_lengths[i]::int));

        FOR wanting IN
            SELECT name, changed_only FROM sink
            WHERE gone IS NULL
                AND (types IS NULL OR p_event_types[i] = ANY (types))
                AND (vehicles IS NULL OR p_vehicle_ids[i] = ANY (vehicles))
                AND (modes IS NULL OR p_modes[i] = ANY (modes))
            ORDER BY name
        LOOP
            -- Whether a vehicle state changes a signal can only be seen before it has. It is
            -- compared with what was last delivered: a sink knows nothing of what was read.
            IF wanting.changed_only AND p_event_types[i] = 'VEHICLE_STATE' AND NOT EXISTS (
                SELECT 1
                FROM unnest(
                    p_codes[signal_end - p_signals[i] + 1 : signal_end],
                    p_signal_bodies[signal_end - p_signals[i] + 1 : signal_end],
                    p_ranks[signal_end - p_signals[i] + 1 : signal_end]
                ) AS reported (code, body, rank)
                LEFT JOIN signal AS known ON known.vehicle_id = p_vehicle_ids[i]
                    AND known.code = reported.code COLLATE "C"
                WHERE reported.body IS NOT NULL AND (
                    known.delivered_rank IS NULL
                    OR ((reported.rank, reported.body)
                            > (known.delivered_rank, coalesce(known.delivered_body, known.body))
                        AND reported.body <> coalesce(known.delivered_body, known.body))
                )
            ) THEN
                CONTINUE;
            END IF;
            INSERT INTO outbox (sink, event_id, vehicle_id, created_at, waits)
            VALUES (wanting.name, p_event_ids[i], p_vehicle_ids[i], p_received_at[i],
                outbox_waits(wanting.name, p_vehicle_ids[i], NULL));
        END LOOP;

        IF p_signals[i] > 0 THEN
            PERFORM report(
                p_vehicle_ids[i], p_user_ids[i], true, p_reported_at[i], p_received_at[i],
                p_codes[signal_end - p_signals[i] + 1 : signal_end],
                p_names[signal_end - p_signals[i] + 1 : signal_end],
                p_groups[signal_end - p_signals[i] + 1 : signal_end],
                p_signal_bodies[signal_end - p_signals[i] + 1 : signal_end],
                p_signal_errors[signal_end - p_signals[i] + 1 : signal_end],
                p_observed[signal_end - p_signals[i] + 1 : signal_end],
                p_retrieved[signal_end - p_signals[i] + 1 : signal_end],
                p_ranks[signal_end - p_signals[i] + 1 : signal_end]
            );
        END IF;
        IF p_errors[i] > 0 AND p_event_types[i] = 'VEHICLE_ERROR' THEN
            PERFORM report_errors(
                p_vehicle_ids[i], p_user_ids[i], p_reported_at[i], p_received_at[i],
                p_error_types[error_end - p_errors[i] + 1 : error_end],
                p_error_codes[error_end - p_errors[i] + 1 : error_end],
                p_error_resolved[error_end - p_errors[i] + 1 : error_end],
                p_error_jsons[error_end - p_errors[i] + 1 : error_end]
            );
        END IF;
    END LOOP;
END
$function$;

-- Forgets what a user's connections have reported of these vehicles. A value and an error
-- of one signal can be of different users: the other's stays.
CREATE FUNCTION forget_reports(p_vehicles text[], p_user text) RETURNS void
LANGUAGE plpgsql AS $function$
BEGIN
    PERFORM 1 FROM vehicle WHERE id = ANY (p_vehicles) ORDER BY id FOR NO KEY UPDATE;

    DELETE FROM signal
    WHERE vehicle_id = ANY (p_vehicles) AND p_user IN (user_id, error_user_id)
        AND (body IS NULL OR user_id = p_user)
        AND (error IS NULL OR error_user_id = p_user);

    UPDATE signal SET error = NULL, error_at = NULL, error_user_id = NULL
    WHERE vehicle_id = ANY (p_vehicles) AND error_user_id = p_user;

    UPDATE signal SET body = NULL, observed_at = NULL, retrieved_at = NULL,
        delivered_at = NULL, rank = NULL, delivered_rank = NULL, delivered_body = NULL,
        user_id = error_user_id
    WHERE vehicle_id = ANY (p_vehicles) AND user_id = p_user;

    DELETE FROM vehicle_error WHERE vehicle_id = ANY (p_vehicles) AND user_id = p_user;

    DELETE FROM action_signal USING action
    WHERE action.vehicle_id = ANY (p_vehicles) AND action_signal.action_id = action.id
        AND coalesce(action_signal.user_id, action.user_id) = p_user;
END
$function$;

-- Keeps a listing of these codes, unless one of them was reported last before it or by
-- another user. What comes for the vehicle meanwhile comes afterwards, and ends it.
CREATE FUNCTION list_signals(p_vehicle text, p_user text, p_at bigint, p_codes text[]) RETURNS void
LANGUAGE plpgsql AS $function$
BEGIN
    PERFORM 1 FROM vehicle WHERE id = p_vehicle FOR NO KEY UPDATE;

    INSERT INTO listing (vehicle_id, user_id, listed_at)
    SELECT p_vehicle, p_user, p_at
    WHERE NOT EXISTS (
        SELECT 1 FROM unnest(p_codes) AS listed (listed_code) WHERE NOT EXISTS (
            SELECT 1 FROM signal LEFT JOIN vehicle ON vehicle.id = vehicle_id
            WHERE vehicle_id = p_vehicle AND code = listed_code COLLATE "C"
                AND coalesce(signal.user_id, vehicle.user_id) = p_user
                AND greatest(coalesce(signal.delivered_at, 0), coalesce(error_at, 0)) >= p_at
        )
    )
    ON CONFLICT (vehicle_id, user_id) DO UPDATE SET listed_at = excluded.listed_at;
END
$function$;

-- An action that has run for longer than any call may take belongs to an instance that is
-- gone; its outcome is unknown. So is that of one that began in the future by more than
-- clocks differ. A command that asks the vehicle for something else ends the wait of an
-- earlier one, whose evidence could be the later one's. The numbers stand in action.rs and
-- lib.rs too (LOST_AFTER, KEY_LIFE, CLOCKS_DIFFER).
CREATE FUNCTION action_before() RETURNS trigger
LANGUAGE plpgsql AS $function$
BEGIN
    UPDATE action SET outcome = 'unknown', completed_at = NEW.started_at
    WHERE outcome = 'running'
        AND (started_at <= NEW.started_at - 330000 OR started_at > NEW.started_at + 300000);

    UPDATE action SET is_holding = false
    WHERE vehicle_id = NEW.vehicle_id AND is_holding
        AND (started_at <= NEW.started_at - 330000 OR started_at > NEW.started_at + 300000
            OR (NEW.insisted AND outcome = 'unknown'));

    UPDATE action SET awaits = NULL, wait_ended_by = NEW.id
    WHERE vehicle_id = NEW.vehicle_id AND awaits = NEW.awaits AND evidence <> NEW.evidence;

    UPDATE action SET claim = NULL, answer_headers = NULL, answer = NULL
    WHERE claim = NEW.claim AND started_at <= NEW.started_at - 86400000;
    RETURN NEW;
END
$function$;
CREATE TRIGGER action_before BEFORE INSERT ON action
FOR EACH ROW EXECUTE FUNCTION action_before();

-- What was not carried out brought nothing about: the earlier command waits again.
CREATE FUNCTION action_failed() RETURNS trigger
LANGUAGE plpgsql AS $function$
BEGIN
    UPDATE action SET awaits = NEW.awaits, wait_ended_by = NULL
    WHERE vehicle_id = NEW.vehicle_id AND wait_ended_by = NEW.id;
    RETURN NULL;
END
$function$;
CREATE TRIGGER action_failed AFTER UPDATE OF outcome ON action
FOR EACH ROW WHEN (NEW.outcome = 'failed' AND NEW.awaits IS NOT NULL)
EXECUTE FUNCTION action_failed();

CREATE FUNCTION action_forgotten() RETURNS trigger
LANGUAGE plpgsql AS $function$
BEGIN
    DELETE FROM action_signal WHERE action_id = OLD.id;
    RETURN NULL;
END
$function$;
CREATE TRIGGER action_forgotten AFTER DELETE ON action
FOR EACH ROW EXECUTE FUNCTION action_forgotten();

-- Counts a look-up of a user's vehicles. False where there were enough. Whoever was refused
-- by Connect may go back to it and try again with the same state, and counts as one who
-- comes now. No one who puts another's user id into a URL keeps out whom the server named.
--
-- What is counted may be up to five minutes in the future, by which the clocks of hosts may
-- differ. One comes after the other: what two count at the same time would be too much.
CREATE FUNCTION begin_arrival(
    p_nonce text,
    p_at bigint,
    p_user text,
    p_begun_for text,
    p_since bigint,
    p_most bigint,
    p_most_of_strangers bigint,
    p_most_of_one bigint
) RETURNS boolean
LANGUAGE plpgsql AS $function$
DECLARE
    counted record;
BEGIN
    PERFORM 1 FROM turn WHERE name = 'arrival' FOR UPDATE;

    DELETE FROM arrival WHERE arrived_at <= p_at - 2592000000 AND completed_at IS NULL;

    SELECT
        coalesce(sum(tries), 0) AS in_all,
        coalesce(sum(tries) FILTER (WHERE begun_for IS NULL), 0) AS of_strangers,
        coalesce(sum(tries) FILTER (
            WHERE begun_for IS NOT DISTINCT FROM p_begun_for AND (user_id = p_user OR p_begun_for <> '')
        ), 0) AS of_one
    INTO counted
    FROM arrival
    WHERE arrived_at > p_since AND arrived_at <= p_at + 300000 AND user_id IS NOT NULL;

    IF counted.in_all >= p_most OR counted.of_one >= p_most_of_one
        OR (p_begun_for IS NULL AND counted.of_strangers >= p_most_of_strangers) THEN
        RETURN false;
    END IF;

    INSERT INTO arrival AS known (nonce, arrived_at, user_id, begun_for)
    VALUES (p_nonce, p_at, p_user, p_begun_for)
    ON CONFLICT (nonce) DO UPDATE SET
        arrived_at = excluded.arrived_at, user_id = excluded.user_id, error = NULL,
        description = NULL,
        begun_for = excluded.begun_for,
        tries = CASE WHEN known.user_id IS NULL THEN 1 ELSE known.tries + 1 END
    WHERE known.completed_at IS NULL AND known.tries < p_most_of_one
        AND (known.user_id IS NULL OR known.user_id = excluded.user_id);
    RETURN FOUND;
END
$function$;

CREATE FUNCTION fail_arrival(
    p_nonce text,
    p_at bigint,
    p_error text,
    p_description text,
    p_since bigint,
    p_most bigint
) RETURNS boolean
LANGUAGE plpgsql AS $function$
BEGIN
    PERFORM 1 FROM turn WHERE name = 'arrival' FOR UPDATE;

    DELETE FROM arrival WHERE arrived_at <= p_at - 2592000000 AND completed_at IS NULL;

    INSERT INTO arrival (nonce, arrived_at, error, description)
    SELECT p_nonce, p_at, p_error, p_description
    WHERE (SELECT count(*) FROM arrival
            WHERE arrived_at > p_since AND arrived_at <= p_at + 300000 AND error IS NOT NULL)
        < p_most
    ON CONFLICT (nonce) DO NOTHING;
    RETURN FOUND;
END
$function$;

-- Keeps a look-up that found no owner, and forgets those that count no more.
CREATE FUNCTION add_lookup(p_at bigint, p_caller text, p_vehicle text, p_reason text) RETURNS void
LANGUAGE plpgsql AS $function$
BEGIN
    DELETE FROM fruitless_lookup WHERE at NOT BETWEEN p_at - 600000 AND p_at + 300000;
    INSERT INTO fruitless_lookup (at, caller, vehicle_id, reason)
    VALUES (p_at, p_caller, p_vehicle, p_reason) ON CONFLICT DO NOTHING;
END
$function$;

-- Claims up to so many events that are due at a sink, and returns them with what is to be
-- sent. A suspect, whose last attempt ended without a word, comes alone: should it end its
-- instance again, it takes no other event with it. No plan sorts what is due, as with
-- outbox_first.
CREATE FUNCTION claim(p_sink text, p_now bigint, p_until bigint, p_pause bigint, p_most bigint)
RETURNS TABLE (
    seq bigint, event_id text, attempts bigint, vehicle_id text, created_at bigint,
    event_type text, mode text, user_id text, received_at bigint, body bytea
)
LANGUAGE plpgsql SET enable_sort = off AS $function$
#variable_conflict use_column
DECLARE
    found_seqs bigint[];
    waiting bigint[];
    chosen bigint[];
    claimed bigint[];
BEGIN
    FOR look IN 1..8 LOOP
        -- Looking takes no lock, and mostly there is nothing. No more than 64 rows are
        -- visited of those that were never tried, and of the others.
        SELECT
            array_agg(due.seq ORDER BY due.seq),
            array_agg(due.seq ORDER BY due.seq) FILTER (WHERE NOT is_next),
            CASE
                WHEN bool_or(is_first AND is_suspect)
                THEN array_agg(due.seq) FILTER (WHERE is_first)
                ELSE (array_agg(due.seq ORDER BY due.seq)
                    FILTER (WHERE is_next AND NOT is_suspect))[1 : p_most::int]
            END
        INTO found_seqs, waiting, chosen
        FROM (
            SELECT judged.seq, is_suspect, is_next,
                is_next AND judged.seq = min(judged.seq) FILTER (WHERE is_next) OVER () AS is_first
            FROM (
                SELECT looked.seq, claimed_until > 0 AS is_suspect,
                    looked.vehicle_id IS NULL
                        OR looked.seq = outbox_first(p_sink, looked.vehicle_id) AS is_next
                FROM (
                    (SELECT o.seq, o.vehicle_id, o.claimed_until FROM outbox AS o
                    WHERE o.sink = p_sink AND o.dead_at IS NULL AND NOT o.waits AND o.due_at <= 0
                        AND o.claimed_until <= p_now
                    ORDER BY o.due_at LIMIT 64)
                    UNION ALL
                    (SELECT o.seq, o.vehicle_id, o.claimed_until FROM outbox AS o
                    WHERE o.sink = p_sink AND o.dead_at IS NULL AND NOT o.waits
                        AND o.due_at BETWEEN 1 AND p_now AND o.claimed_until <= p_now
                    ORDER BY o.due_at LIMIT 64)
                ) AS looked
            ) AS judged
        ) AS due
        WHERE EXISTS (
            SELECT 1 FROM sink WHERE name = p_sink AND gone IS NULL
                AND NOT (paused_until > p_now AND paused_until <= p_now + p_pause)
        );
        IF found_seqs IS NULL THEN
            RETURN;
        END IF;
        IF waiting IS NOT NULL THEN
            UPDATE outbox SET waits = true
            WHERE outbox.seq = ANY (waiting) AND NOT waits
                AND outbox_waits(p_sink, outbox.vehicle_id, outbox.seq);
        END IF;
        IF chosen IS NOT NULL THEN
            WITH free AS (
                SELECT o.seq FROM outbox AS o
                WHERE o.seq = ANY (chosen) AND o.sink = p_sink AND o.dead_at IS NULL
                    AND o.due_at <= p_now AND o.claimed_until <= p_now
                ORDER BY o.seq FOR UPDATE SKIP LOCKED
            ), taken AS (
                UPDATE outbox SET claimed_until = p_until, due_at = p_until,
                    attempts = outbox.attempts + 1
                FROM free WHERE outbox.seq = free.seq
                RETURNING outbox.seq
            )
            SELECT array_agg(taken.seq) INTO claimed FROM taken;
            IF claimed IS NOT NULL THEN
                RETURN QUERY
                SELECT o.seq, o.event_id, o.attempts, o.vehicle_id, o.created_at,
                    d.event_type, d.mode, d.user_id, d.received_at, d.body
                FROM outbox AS o JOIN delivery AS d ON d.event_id = o.event_id
                WHERE o.seq = ANY (claimed) ORDER BY o.seq;
                RETURN;
            END IF;
        END IF;
    END LOOP;
END
$function$;

-- Puts a configuration of sinks in force, unless another instance has replaced meanwhile
-- what was in force: {name, types, vehicles, modes, changedOnly} each, the lists JSON. A
-- sink that was switched off is on again.
CREATE FUNCTION put_in_force(p_sinks text, p_now bigint, p_in_place_of text) RETURNS void
LANGUAGE plpgsql AS $function$
DECLARE
    former record;
BEGIN
    SELECT sinks INTO former FROM relay FOR UPDATE;
    IF former.sinks IS DISTINCT FROM p_in_place_of OR former.sinks IS NOT DISTINCT FROM p_sinks THEN
        RETURN;
    END IF;
    -- Whoever is storing a delivery has finished, and the next one finds the new sinks.
    LOCK TABLE sink IN ACCESS EXCLUSIVE MODE;
    UPDATE relay SET sinks = p_sinks, seen_at = p_now;

    INSERT INTO sink (name, types, vehicles, modes, changed_only)
    SELECT
        value ->> 'name',
        CASE WHEN value ->> 'types' IS NOT NULL
            THEN ARRAY(SELECT json_array_elements_text((value ->> 'types')::json)) END,
        CASE WHEN value ->> 'vehicles' IS NOT NULL
            THEN ARRAY(SELECT json_array_elements_text((value ->> 'vehicles')::json)) END,
        CASE WHEN value ->> 'modes' IS NOT NULL
            THEN ARRAY(SELECT json_array_elements_text((value ->> 'modes')::json)) END,
        coalesce((value ->> 'changedOnly')::bigint, 0) = 1
    FROM json_array_elements(p_sinks::json)
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
    SELECT sink.name, delivery.event_id, delivery.vehicle_id, delivery.received_at
    FROM outbox JOIN delivery ON delivery.event_id = outbox.event_id
    JOIN sink ON sink.name <> '' AND gone IS NULL
        AND (types IS NULL OR event_type = ANY (types))
        AND (vehicles IS NULL OR delivery.vehicle_id = ANY (vehicles))
        AND (modes IS NULL OR delivery.mode = ANY (modes))
    WHERE outbox.sink = ''
    ORDER BY outbox.seq;

    UPDATE outbox SET waits = true
    WHERE former.sinks IS NULL AND NOT waits AND outbox_waits(sink, vehicle_id, seq);

    DELETE FROM sink
    WHERE name NOT IN (SELECT value ->> 'name' FROM json_array_elements(p_sinks::json));
    -- What waits for another sink that is left out is removed by the relay in small steps.
    DELETE FROM outbox WHERE sink = '' AND NOT EXISTS (SELECT 1 FROM sink WHERE name = '');

    IF former.sinks IS NOT NULL THEN
        INSERT INTO former_configuration (sinks, seen_at) VALUES (former.sinks, p_now)
        ON CONFLICT (sinks) DO UPDATE SET seen_at = excluded.seen_at;
        DELETE FROM former_configuration
        WHERE sinks = p_sinks OR seen_at < p_now - 86400000;
    END IF;
END
$function$;
