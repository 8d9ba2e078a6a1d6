-- For whom a way through Smartcar Connect was begun, so that what one of the
-- application's own users costs can be distinguished from what strangers cost: NULL where it
-- was begun without a key; else the SHA-256 of the external id that the start named,
-- or nothing where it named none.
ALTER TABLE arrival ADD COLUMN begun_for TEXT
