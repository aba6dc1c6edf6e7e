-- What happened to the cache and may show in its numbers.

-- +goose Up
CREATE TABLE marks (
    time_ms INTEGER NOT NULL,
    kind    TEXT    NOT NULL,
    node    TEXT    NOT NULL,
    was     TEXT    NOT NULL,
    became  TEXT    NOT NULL,
    PRIMARY KEY (time_ms, kind, node)
) STRICT, WITHOUT ROWID;
