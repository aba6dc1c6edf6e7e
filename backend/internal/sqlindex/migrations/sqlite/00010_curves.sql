-- What the hit rates would be with other capacities and policies, by node and hour,
-- as JSON.

-- +goose Up
CREATE TABLE IF NOT EXISTS curves (
    time_ms INTEGER NOT NULL,
    node    TEXT    NOT NULL,
    curves  BLOB    NOT NULL,
    PRIMARY KEY (time_ms, node)
) STRICT, WITHOUT ROWID;
