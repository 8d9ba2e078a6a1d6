-- What the gateway's doctor found when it last asked Smartcar: one row, none before the
-- first time.
CREATE TABLE examination (
    id     bigint PRIMARY KEY CHECK (id = 1),
    ran_at bigint NOT NULL,
    report text NOT NULL
);

-- When the doctor is due.
INSERT INTO chore (name) VALUES ('doctor');
