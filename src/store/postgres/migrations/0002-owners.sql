-- What owners have to do, and which of them came back from Smartcar Connect without success.

-- The vehicle whose owner was sent to Connect to authenticate again; NULL: to connect
-- vehicles. Of the others, the vehicle that Connect could not connect, as it said.
ALTER TABLE arrival
    ADD COLUMN vehicle_id text COLLATE "C",
    ADD COLUMN vin text COLLATE "C",
    ADD COLUMN make text COLLATE "C",
    ADD COLUMN model text COLLATE "C",
    ADD COLUMN year text COLLATE "C";

-- When the error was delivered that opened it; of one that was open before this step, when
-- it was last delivered.
ALTER TABLE vehicle_error ADD COLUMN opened_at bigint;
UPDATE vehicle_error SET opened_at = error_at WHERE error_at > coalesce(resolved_at, 0);

CREATE FUNCTION vehicle_error_opens() RETURNS trigger
LANGUAGE plpgsql AS $function$
BEGIN
    IF TG_OP = 'INSERT' OR coalesce(OLD.error_at, 0) <= coalesce(OLD.resolved_at, 0) THEN
        NEW.opened_at := NEW.error_at;
    END IF;
    RETURN NEW;
END
$function$;

CREATE TRIGGER vehicle_error_opens BEFORE INSERT OR UPDATE OF error_at ON vehicle_error
FOR EACH ROW WHEN (NEW.error_at > coalesce(NEW.resolved_at, 0))
EXECUTE FUNCTION vehicle_error_opens();

-- The errors that are open.
CREATE VIEW open_error AS
SELECT
    vehicle_id,
    type,
    code,
    error,
    user_id,
    error_at,
    -- A clock that was ahead may have written it.
    least(opened_at, error_at) AS opened_at
FROM vehicle_error
WHERE error_at > coalesce(resolved_at, 0);

-- Counts a look-up and lets it happen, unless there were enough. Instances of the version
-- before call the function of this name that takes no vehicle.
CREATE FUNCTION begin_arrival(
    p_nonce text,
    p_at bigint,
    p_user text,
    p_vehicle text,
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
            WHERE begun_for IS NOT DISTINCT FROM p_begun_for
                AND ((user_id, vehicle_id) IS NOT DISTINCT FROM (p_user, p_vehicle)
                    OR p_begun_for <> '')
        ), 0) AS of_one
    INTO counted
    FROM arrival
    WHERE arrived_at > p_since AND arrived_at <= p_at + 300000 AND error IS NULL;

    IF counted.in_all >= p_most OR counted.of_one >= p_most_of_one
        OR (p_begun_for IS NULL AND counted.of_strangers >= p_most_of_strangers) THEN
        RETURN false;
    END IF;

    INSERT INTO arrival AS known (nonce, arrived_at, user_id, vehicle_id, begun_for)
    VALUES (p_nonce, p_at, p_user, p_vehicle, p_begun_for)
    ON CONFLICT (nonce) DO UPDATE SET
        arrived_at = excluded.arrived_at, user_id = excluded.user_id,
        vehicle_id = excluded.vehicle_id, error = NULL, description = NULL, vin = NULL,
        make = NULL, model = NULL, year = NULL,
        begun_for = excluded.begun_for,
        tries = CASE WHEN known.error IS NULL THEN known.tries + 1 ELSE 1 END
    WHERE known.completed_at IS NULL AND known.tries < p_most_of_one
        AND (known.error IS NOT NULL
            OR (known.user_id, known.vehicle_id)
                IS NOT DISTINCT FROM (excluded.user_id, excluded.vehicle_id));
    RETURN FOUND;
END
$function$;

-- Keeps an error of a state that has not come back before, unless enough are kept; as for
-- begin_arrival, there is an earlier function of this name.
CREATE FUNCTION fail_arrival(
    p_nonce text,
    p_at bigint,
    p_error text,
    p_description text,
    p_vehicle text,
    p_vin text,
    p_make text,
    p_model text,
    p_year text,
    p_since bigint,
    p_most bigint
) RETURNS boolean
LANGUAGE plpgsql AS $function$
BEGIN
    PERFORM 1 FROM turn WHERE name = 'arrival' FOR UPDATE;

    DELETE FROM arrival WHERE arrived_at <= p_at - 2592000000 AND completed_at IS NULL;

    INSERT INTO arrival
        (nonce, arrived_at, error, description, vehicle_id, vin, make, model, year)
    SELECT p_nonce, p_at, p_error, p_description, p_vehicle, p_vin, p_make, p_model, p_year
    WHERE (SELECT count(*) FROM arrival
            WHERE arrived_at > p_since AND arrived_at <= p_at + 300000 AND error IS NOT NULL)
        < p_most
    ON CONFLICT (nonce) DO NOTHING;
    RETURN FOUND;
END
$function$;
