-- What happened to the cache and may show in its numbers.

-- +goose Up
CREATE TABLE IF NOT EXISTS marks (
    time_ms BIGINT         NOT NULL,
    kind    VARCHAR(16)    NOT NULL,
    node    VARBINARY(255) NOT NULL,
    was     VARCHAR(64)    NOT NULL,
    became  VARCHAR(64)    NOT NULL,
    PRIMARY KEY (time_ms, kind, node)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
