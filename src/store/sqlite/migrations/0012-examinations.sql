-- What the gateway's doctor found when it last asked Smartcar: one row, none before the
-- first time.
CREATE TABLE examination (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    ran_at INTEGER NOT NULL,
    report TEXT NOT NULL
) STRICT
--;
-- When the doctor is due.
INSERT INTO chore (name) VALUES ('doctor')
