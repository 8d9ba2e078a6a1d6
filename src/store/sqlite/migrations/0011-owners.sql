-- What owners have to do, and which of them came back from Smartcar Connect without success.

-- The vehicle whose owner was sent to Connect to authenticate again; NULL: to connect
-- vehicles.
ALTER TABLE arrival ADD COLUMN vehicle_id TEXT
--;
-- The vehicle that Connect could not connect, as it said.
ALTER TABLE arrival ADD COLUMN vin TEXT
--;
ALTER TABLE arrival ADD COLUMN make TEXT
--;
ALTER TABLE arrival ADD COLUMN model TEXT
--;
ALTER TABLE arrival ADD COLUMN year TEXT
--;
-- When the error was delivered that opened it; of one that was open before this step, when
-- it was last delivered.
ALTER TABLE vehicle_error ADD COLUMN opened_at INTEGER
--;
UPDATE vehicle_error SET opened_at = error_at WHERE error_at > coalesce(resolved_at, 0)
--;
CREATE TRIGGER vehicle_error_is_new AFTER INSERT ON vehicle_error
WHEN NEW.error_at > coalesce(NEW.resolved_at, 0)
BEGIN
    UPDATE vehicle_error SET opened_at = error_at
    WHERE vehicle_id = NEW.vehicle_id AND type = NEW.type AND code = NEW.code;
END
--;
CREATE TRIGGER vehicle_error_opens AFTER UPDATE OF error_at ON vehicle_error
WHEN NEW.error_at > coalesce(NEW.resolved_at, 0)
    AND coalesce(OLD.error_at, 0) <= coalesce(OLD.resolved_at, 0)
BEGIN
    UPDATE vehicle_error SET opened_at = error_at
    WHERE vehicle_id = NEW.vehicle_id AND type = NEW.type AND code = NEW.code;
END
--;
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
    min(opened_at, error_at) AS opened_at
FROM vehicle_error
WHERE error_at > coalesce(resolved_at, 0)
