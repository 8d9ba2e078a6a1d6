-- What used to take several statements takes one.

-- What a read of Smartcar's API says of the vehicle itself: as good as a delivery that has
-- not come yet, so that nothing of it replaces what is known.
CREATE TRIGGER reported_vehicle INSTEAD OF INSERT ON reported
WHEN NOT NEW.is_delivered
BEGIN
    INSERT INTO vehicle (id, make, model, year, powertrain_type, mode, delivered_at)
    SELECT
        NEW.vehicle_id,
        value ->> 0,
        value ->> 1,
        value ->> 2,
        value ->> 3,
        value ->> 4,
        0
    FROM (SELECT NEW.report -> 1 AS value)
    WHERE true
    ON CONFLICT (id) DO UPDATE SET
        make = coalesce(make, excluded.make),
        model = coalesce(model, excluded.model),
        year = coalesce(year, excluded.year),
        powertrain_type = coalesce(powertrain_type, excluded.powertrain_type),
        mode = coalesce(mode, excluded.mode);
END
--;
-- Where it is written down that a user's access to a vehicle has ended: nothing can be
-- read from it.
CREATE VIEW ended_access AS
SELECT
    NULL AS vehicle_id,
    NULL AS user_id
WHERE false
--;
-- What the user's connections have reported goes. A value and an error of one signal can
-- be of different users: the other's stays.
CREATE TRIGGER reports_forgotten INSTEAD OF INSERT ON ended_access
BEGIN
    DELETE FROM signal
    WHERE vehicle_id = NEW.vehicle_id AND NEW.user_id IN (user_id, error_user_id)
        AND (body IS NULL OR user_id = NEW.user_id)
        AND (error IS NULL OR error_user_id = NEW.user_id);

    UPDATE signal SET error = NULL, error_at = NULL, error_user_id = NULL
    WHERE vehicle_id = NEW.vehicle_id AND error_user_id = NEW.user_id;

    UPDATE signal SET body = NULL, observed_at = NULL, retrieved_at = NULL,
        delivered_at = NULL, rank = NULL, delivered_rank = NULL, delivered_body = NULL,
        user_id = error_user_id
    WHERE vehicle_id = NEW.vehicle_id AND user_id = NEW.user_id;

    DELETE FROM vehicle_error
    WHERE vehicle_id = NEW.vehicle_id AND user_id = NEW.user_id;

    -- By the actions of the vehicle: there is no index on the user, and a delivery that
    -- comes meanwhile waits.
    DELETE FROM action_signal
    WHERE action_id IN (SELECT id FROM action WHERE vehicle_id = NEW.vehicle_id)
        AND coalesce(user_id, (SELECT user_id FROM action WHERE id = action_id)) = NEW.user_id;
END
--;
-- What a scheduler asks for that has no key.
INSERT INTO chore (name) VALUES ('cron')
