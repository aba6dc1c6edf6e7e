-- What backends read, beside what the cache did; times are histograms, as varints.
-- As in 00002, the columns may be there already: one statement adds all or none.

-- +goose Up
SET @change = IF(
    EXISTS (SELECT 1 FROM information_schema.columns
            WHERE table_schema = DATABASE() AND table_name = 'samples' AND column_name = 'miss_times'),
    'DO 0',
    'ALTER TABLE samples
        ADD COLUMN capacity BIGINT NOT NULL DEFAULT 0,
        ADD COLUMN reads_seconds DOUBLE NOT NULL DEFAULT 0,
        ADD COLUMN memory_bytes BIGINT NOT NULL DEFAULT 0,
        ADD COLUMN disk_bytes BIGINT NOT NULL DEFAULT 0,
        ADD COLUMN hit_times VARBINARY(512) NOT NULL DEFAULT '''',
        ADD COLUMN miss_times VARBINARY(512) NOT NULL DEFAULT ''''');
PREPARE migration FROM @change;
EXECUTE migration;
DEALLOCATE PREPARE migration;
