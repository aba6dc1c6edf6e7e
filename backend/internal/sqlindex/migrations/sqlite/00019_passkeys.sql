-- What belongs to a login of one kind alone: the public key of a passkey, the passkey
-- that a session began with, the key that seals challenges.

-- +goose Up
ALTER TABLE logins ADD COLUMN data TEXT NOT NULL DEFAULT '';
