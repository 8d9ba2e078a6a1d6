-- Deliveries that failed only by their signature, kept aside for a day until a management
-- token is added that fits. All times are milliseconds since 1970, by the clock of the host.
CREATE TABLE quarantine (
    event_id    text COLLATE "C" PRIMARY KEY,
    vehicle_id  text COLLATE "C" NOT NULL,
    received_at bigint NOT NULL,             -- the first time
    signature   text NOT NULL,               -- the header SC-Signature
    body        bytea NOT NULL
);
CREATE INDEX quarantine_received_at ON quarantine (received_at, event_id);
CREATE INDEX quarantine_vehicle ON quarantine (vehicle_id, received_at);

-- Whether there is room for a delivery. What is older than a day (WAITS_FOR in quarantine.rs),
-- or further in the future than clocks of hosts differ, takes none.
CREATE FUNCTION quarantine_fits(
    p_event text,
    p_vehicle text,
    p_received_at bigint,
    p_most bigint
) RETURNS boolean
LANGUAGE plpgsql AS $function$
BEGIN
    RETURN EXISTS (SELECT 1 FROM vehicle WHERE id = p_vehicle)
        AND NOT EXISTS (SELECT 1 FROM delivery WHERE event_id = p_event)
        AND NOT EXISTS (SELECT 1 FROM quarantine WHERE event_id = p_event)
        AND (
            WITH share AS (
                SELECT vehicle_id, count(*) AS many FROM quarantine
                WHERE received_at BETWEEN p_received_at - 86400000 AND p_received_at + 300000
                GROUP BY vehicle_id
            )
            SELECT coalesce(sum(many), 0) < p_most
                OR coalesce(sum(many) FILTER (WHERE vehicle_id = p_vehicle), 0) + 1 < max(many)
            FROM share
        );
END
$function$;

-- Puts a delivery into quarantine, if there is room for it. Calls that do come one after the
-- other; a call that finds no room does not wait.
CREATE FUNCTION quarantine_delivery(
    p_event text,
    p_vehicle text,
    p_received_at bigint,
    p_most bigint,
    p_signature text,
    p_body bytea
) RETURNS boolean
LANGUAGE plpgsql AS $function$
BEGIN
    IF NOT quarantine_fits(p_event, p_vehicle, p_received_at, p_most) THEN
        RETURN false;
    END IF;
    -- The vehicle is not forgotten meanwhile.
    PERFORM 1 FROM vehicle WHERE id = p_vehicle FOR KEY SHARE;
    PERFORM 1 FROM turn WHERE name = 'quarantine' FOR UPDATE;
    IF NOT quarantine_fits(p_event, p_vehicle, p_received_at, p_most) THEN
        RETURN false;
    END IF;

    DELETE FROM quarantine WHERE received_at < p_received_at - 86400000;

    -- Where it is full, one that is further in the future than clocks of hosts differ (300 s),
    -- else the oldest one of the vehicle that has most.
    DELETE FROM quarantine
    WHERE (SELECT count(*) FROM quarantine) >= p_most AND event_id = (
        SELECT event_id
        FROM (
            SELECT
                event_id,
                received_at,
                row_number() OVER (
                    PARTITION BY vehicle_id ORDER BY received_at DESC, event_id DESC
                ) AS place
            FROM quarantine
        ) AS placed
        ORDER BY received_at > p_received_at + 300000 DESC, place DESC, received_at, event_id
        LIMIT 1
    );

    INSERT INTO quarantine (event_id, vehicle_id, received_at, signature, body)
    VALUES (p_event, p_vehicle, p_received_at, p_signature, p_body);
    RETURN true;
END
$function$;
INSERT INTO turn (name) VALUES ('quarantine');

-- Nothing of a vehicle that was forgotten comes back by a token that is added later.
CREATE FUNCTION vehicle_quarantine_removed() RETURNS trigger
LANGUAGE plpgsql AS $function$
BEGIN
    DELETE FROM quarantine WHERE vehicle_id = OLD.id;
    RETURN NULL;
END
$function$;
CREATE TRIGGER vehicle_quarantine_removed AFTER DELETE ON vehicle
FOR EACH ROW EXECUTE FUNCTION vehicle_quarantine_removed();

INSERT INTO chore (name) VALUES ('quarantine');
