-- Uploads in progress, so that another backend can go on with one: whose turn it
-- is, and how far it has come.

-- +goose Up
CREATE TABLE uploads (
    id      BLOB    NOT NULL UNIQUE,
    turn    INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    state   BLOB    NOT NULL
) STRICT;
CREATE INDEX uploads_expires ON uploads (expires);
