-- The calls to Smartcar about each vehicle, by the month, and what Smartcar refuses for the
-- plan or the account (430).
CREATE TABLE vehicle_calls (
    vehicle_id    TEXT NOT NULL,
    -- When the month begins.
    month         INTEGER NOT NULL,
    calls         INTEGER NOT NULL,
    -- Smartcar's code, when it was last asked, and until when that is believed: NULL where
    -- a call has succeeded since.
    refused_code  TEXT,
    refused_at    INTEGER,
    refused_until INTEGER,
    PRIMARY KEY (vehicle_id, month)
) STRICT, WITHOUT ROWID
--;
CREATE INDEX vehicle_calls_month ON vehicle_calls (month)
--;
CREATE TRIGGER vehicle_removed_with_calls AFTER DELETE ON vehicle
BEGIN
    DELETE FROM vehicle_calls WHERE vehicle_id = OLD.id;
END
