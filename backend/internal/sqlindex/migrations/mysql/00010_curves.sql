-- What the hit rates would be with other capacities and policies, by node and hour,
-- as JSON.

-- +goose Up
CREATE TABLE IF NOT EXISTS curves (
    time_ms BIGINT         NOT NULL,
    node    VARBINARY(255) NOT NULL,
    curves  MEDIUMBLOB     NOT NULL,
    PRIMARY KEY (time_ms, node)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
