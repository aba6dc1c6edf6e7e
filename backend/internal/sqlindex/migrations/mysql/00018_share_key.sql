-- The key with which links to single objects are signed; one row, empty until the
-- first of them is made.

-- +goose Up
CREATE TABLE IF NOT EXISTS share_key (
    id     TINYINT       NOT NULL PRIMARY KEY,
    secret VARBINARY(32) NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
INSERT IGNORE INTO share_key (id, secret) VALUES (1, '');
