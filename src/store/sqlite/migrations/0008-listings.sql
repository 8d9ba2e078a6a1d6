-- When all signals of a vehicle were listed, and which owners could not be found.
-- All times are milliseconds since 1970, by this host's clock.

-- A list is what one user's connection reads. What vehicle.listed_at says is not
-- taken over: a page of a list was noted there as well.
CREATE TABLE listing (
    vehicle_id TEXT NOT NULL,
    user_id    TEXT NOT NULL,
    listed_at  INTEGER NOT NULL,
    PRIMARY KEY (vehicle_id, user_id)
) STRICT, WITHOUT ROWID
--;
CREATE TRIGGER vehicle_listings_removed AFTER DELETE ON vehicle
BEGIN
    DELETE FROM listing WHERE vehicle_id = OLD.id;
END
--;
-- A list of which a signal is gone, or has become another user's, is not complete
-- any more.
CREATE TRIGGER signal_removed AFTER DELETE ON signal
BEGIN
    DELETE FROM listing WHERE vehicle_id = OLD.vehicle_id;
END
--;
CREATE TRIGGER signal_user_changed AFTER UPDATE OF user_id ON signal
WHEN OLD.user_id IS NOT NEW.user_id
BEGIN
    DELETE FROM listing WHERE vehicle_id = NEW.vehicle_id AND user_id IS NOT NEW.user_id;
END
--;
-- Look-ups of a vehicle's owner that found none: Smartcar is not asked again at
-- once, and each key has so many of them.
CREATE TABLE fruitless_lookup (
    at         INTEGER NOT NULL,
    caller     TEXT NOT NULL,        -- the name of the API key
    vehicle_id TEXT NOT NULL,
    reason     TEXT NOT NULL,        -- nobody, several: how many are connected; other user: not the one who was named
    PRIMARY KEY (at, caller, vehicle_id)
) STRICT, WITHOUT ROWID
--;
-- Ten minutes (COUNTS_FOR in lookup.rs). A time that is further in the future than clocks
-- of hosts differ (300 s) is of a clock that was ahead.
CREATE TRIGGER fruitless_lookup_before BEFORE INSERT ON fruitless_lookup
BEGIN
    DELETE FROM fruitless_lookup WHERE at NOT BETWEEN NEW.at - 600000 AND NEW.at + 300000;
END
