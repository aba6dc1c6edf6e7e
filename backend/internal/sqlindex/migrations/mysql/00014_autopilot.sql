-- What the autopilot of the cache is told and has done, as JSON; one row, whose
-- version rises with each change.

-- +goose Up
CREATE TABLE IF NOT EXISTS autopilot (
    id      TINYINT    NOT NULL PRIMARY KEY,
    version BIGINT     NOT NULL,
    state   MEDIUMBLOB NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
INSERT IGNORE INTO autopilot (id, version, state) VALUES (1, 0, '');
