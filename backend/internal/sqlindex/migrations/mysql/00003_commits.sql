-- Every change leaves its token here, so that whoever lost the connection while
-- committing can look whether it was made. Old ones are deleted.

-- +goose Up
CREATE TABLE IF NOT EXISTS commits (
    token   BINARY(16) NOT NULL PRIMARY KEY,
    time_ms BIGINT     NOT NULL,
    KEY commits_time (time_ms)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
