-- Uploads in progress, so that another backend can go on with one: whose turn it
-- is, and how far it has come.

-- +goose Up
CREATE TABLE IF NOT EXISTS uploads (
    id      BINARY(32) NOT NULL PRIMARY KEY,
    turn    BIGINT     NOT NULL,
    expires BIGINT     NOT NULL,
    state   MEDIUMBLOB NOT NULL,
    KEY uploads_expires (expires)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
