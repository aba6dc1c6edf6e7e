-- Which of the backends does what only one of them shall do, and until when, in
-- Unix milliseconds; one row.

-- +goose Up
CREATE TABLE IF NOT EXISTS leader (
    id       INTEGER NOT NULL PRIMARY KEY,
    holder   TEXT    NOT NULL,
    terms    INTEGER NOT NULL,
    until_ms INTEGER NOT NULL
) STRICT;
INSERT OR IGNORE INTO leader (id, holder, terms, until_ms) VALUES (1, '', 0, 0);
