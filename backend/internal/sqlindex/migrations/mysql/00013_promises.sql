-- What the curves foretold when the settings were changed, as JSON.

-- +goose Up
CREATE TABLE IF NOT EXISTS promises (
    time_ms BIGINT     NOT NULL PRIMARY KEY,
    promise MEDIUMBLOB NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
