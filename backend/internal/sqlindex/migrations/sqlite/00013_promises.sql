-- What the curves foretold when the settings were changed, as JSON.

-- +goose Up
CREATE TABLE IF NOT EXISTS promises (
    time_ms INTEGER NOT NULL PRIMARY KEY,
    promise BLOB    NOT NULL
) STRICT;
