-- Everything by which one is let in: accounts, sessions, API tokens and one-time links.

-- +goose Up
CREATE TABLE IF NOT EXISTS logins (
    id       BLOB    NOT NULL UNIQUE,
    kind     TEXT    NOT NULL,
    account  TEXT    NOT NULL,
    scope    TEXT    NOT NULL,
    name     TEXT    NOT NULL,
    password TEXT    NOT NULL,
    address  TEXT    NOT NULL,
    created  INTEGER NOT NULL,
    seen     INTEGER NOT NULL,
    expires  INTEGER NOT NULL
) STRICT;
