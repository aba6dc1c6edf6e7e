-- The backends that run on this database, each since when it was heard of last, in Unix
-- milliseconds, and what it has read since its start. The times are as in samples.

-- +goose Up
CREATE TABLE IF NOT EXISTS running (
    backend      TEXT    NOT NULL PRIMARY KEY,
    heard_ms     INTEGER NOT NULL,
    memory_bytes INTEGER NOT NULL,
    disk_bytes   INTEGER NOT NULL,
    hit_times    BLOB    NOT NULL,
    miss_times   BLOB    NOT NULL
) STRICT, WITHOUT ROWID;
