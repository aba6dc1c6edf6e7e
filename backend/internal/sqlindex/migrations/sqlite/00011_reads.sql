-- What backends read, beside what the cache did; times are histograms, as varints.

-- +goose Up
ALTER TABLE samples ADD COLUMN capacity INTEGER NOT NULL DEFAULT 0;
ALTER TABLE samples ADD COLUMN reads_seconds REAL NOT NULL DEFAULT 0;
ALTER TABLE samples ADD COLUMN memory_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE samples ADD COLUMN disk_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE samples ADD COLUMN hit_times BLOB NOT NULL DEFAULT x'';
ALTER TABLE samples ADD COLUMN miss_times BLOB NOT NULL DEFAULT x'';
