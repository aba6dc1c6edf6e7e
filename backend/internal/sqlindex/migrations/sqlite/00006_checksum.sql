-- A quick checksum of each object's bytes, by which they are checked when they are
-- read; '' where it is not known yet.

-- +goose Up
ALTER TABLE objects ADD COLUMN checksum TEXT NOT NULL DEFAULT '';
