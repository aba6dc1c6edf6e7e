-- What was answered to requests with an Idempotency-Key.

-- +goose Up
CREATE TABLE IF NOT EXISTS answers (
    id      BINARY(32) NOT NULL PRIMARY KEY,
    expires BIGINT     NOT NULL,
    answer  MEDIUMBLOB NOT NULL,
    KEY answers_expires (expires)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
