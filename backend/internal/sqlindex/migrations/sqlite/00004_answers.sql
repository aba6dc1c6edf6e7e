-- What was answered to requests with an Idempotency-Key.

-- +goose Up
CREATE TABLE answers (
    id      BLOB    NOT NULL UNIQUE,
    expires INTEGER NOT NULL,
    answer  BLOB    NOT NULL
) STRICT;
CREATE INDEX answers_expires ON answers (expires);
