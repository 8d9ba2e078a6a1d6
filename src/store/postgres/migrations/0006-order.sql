-- Events of the outbox are held in one order by all who hold several: by their vehicles, then
-- by the names of sinks. `receive` holds a vehicle's first event when it adds one. In any
-- other order two wait for each other, until the server ends one of them after a second.

-- The shard of a connection is one that no other transaction writes to: one that two had in
-- common would have them wait for each other in whatever order they come. The lock ends with
-- the transaction.
CREATE OR REPLACE FUNCTION count_backlog(p_sink text, p_waiting bigint, p_dead bigint) RETURNS void
LANGUAGE plpgsql AS $function$
DECLARE
    -- A number of this application's own.
    locks CONSTANT int := 1651663212;
    own int := pg_backend_pid() % 256;
BEGIN
    WHILE NOT pg_try_advisory_xact_lock(locks, own) LOOP
        own := own + 1;
    END LOOP;
    INSERT INTO backlog (sink, shard, waiting, dead)
    VALUES (p_sink, own, p_waiting, p_dead)
    ON CONFLICT (sink, shard) DO UPDATE SET
        waiting = backlog.waiting + excluded.waiting,
        dead = backlog.dead + excluded.dead;
END
$function$;

-- Claims up to so many events that are due at a sink, and returns them with what is to be
-- sent. A suspect, whose last attempt ended without a word, comes alone: should it end its
-- instance again, it takes no other event with it. No plan sorts what is due, as with
-- outbox_first.
CREATE OR REPLACE FUNCTION claim(p_sink text, p_now bigint, p_until bigint, p_pause bigint, p_most bigint)
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
    one record;
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
            FOR one IN
                SELECT o.seq, o.vehicle_id FROM outbox AS o
                WHERE o.seq = ANY (waiting) AND NOT o.waits ORDER BY o.vehicle_id, o.seq
            LOOP
                UPDATE outbox SET waits = true
                WHERE outbox.seq = one.seq AND NOT waits
                    AND outbox_waits(p_sink, one.vehicle_id, one.seq);
            END LOOP;
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
