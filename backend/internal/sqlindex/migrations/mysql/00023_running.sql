-- The backends that run on this database, each since when it was heard of last, in Unix
-- milliseconds, and what it has read since its start. The times are as in samples.

-- +goose Up
CREATE TABLE IF NOT EXISTS running (
    backend      VARCHAR(255)    NOT NULL PRIMARY KEY,
    heard_ms     BIGINT          NOT NULL,
    memory_bytes BIGINT          NOT NULL,
    disk_bytes   BIGINT          NOT NULL,
    hit_times    VARBINARY(512)  NOT NULL,
    miss_times   VARBINARY(512)  NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
