-- A row without an answer yet is the claim of the one who is carrying the request
-- out.

-- +goose Up
ALTER TABLE answers ADD COLUMN claim TEXT NOT NULL DEFAULT '';
