-- The calls to Smartcar about each vehicle, by the month, and what Smartcar refuses for the
-- plan or the account (430).
CREATE TABLE vehicle_calls (
    vehicle_id    text NOT NULL,
    -- When the month begins.
    month         bigint NOT NULL,
    calls         bigint NOT NULL,
    -- Smartcar's code, when it was last asked, and until when that is believed: NULL where
    -- a call has succeeded since.
    refused_code  text,
    refused_at    bigint,
    refused_until bigint,
    PRIMARY KEY (vehicle_id, month)
);
CREATE INDEX vehicle_calls_month ON vehicle_calls (month);

CREATE FUNCTION vehicle_removed_with_calls() RETURNS trigger
LANGUAGE plpgsql AS $function$
BEGIN
    DELETE FROM vehicle_calls WHERE vehicle_id = OLD.id;
    RETURN NULL;
END
$function$;
CREATE TRIGGER vehicle_removed_with_calls AFTER DELETE ON vehicle
FOR EACH ROW EXECUTE FUNCTION vehicle_removed_with_calls();
