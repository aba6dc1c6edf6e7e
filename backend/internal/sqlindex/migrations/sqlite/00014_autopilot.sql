-- What the autopilot of the cache is told and has done, as JSON; one row, whose
-- version rises with each change.

-- +goose Up
CREATE TABLE IF NOT EXISTS autopilot (
    id      INTEGER NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    state   BLOB    NOT NULL
) STRICT;
INSERT OR IGNORE INTO autopilot (id, version, state) VALUES (1, 0, x'');
