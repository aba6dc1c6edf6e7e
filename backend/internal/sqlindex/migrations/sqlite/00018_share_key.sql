-- The key with which links to single objects are signed; one row, empty until the
-- first of them is made.

-- +goose Up
CREATE TABLE IF NOT EXISTS share_key (
    id     INTEGER NOT NULL PRIMARY KEY,
    secret BLOB    NOT NULL
) STRICT;
INSERT OR IGNORE INTO share_key (id, secret) VALUES (1, x'');
