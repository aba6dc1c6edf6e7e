-- The state of the cache nodes; none where none were set. Its text is that of package pool.

-- +goose Up
ALTER TABLE settings ADD COLUMN nodes TEXT;

-- +goose Down
ALTER TABLE settings DROP COLUMN nodes;
