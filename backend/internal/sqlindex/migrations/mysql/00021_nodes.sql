-- The state of the cache nodes; none where none were set. Its text is that of package
-- pool. As in 00002, the column may be there already.

-- +goose Up
SET @change = IF(
    EXISTS (SELECT 1 FROM information_schema.columns
            WHERE table_schema = DATABASE() AND table_name = 'settings' AND column_name = 'nodes'),
    'DO 0',
    'ALTER TABLE settings ADD COLUMN nodes TEXT');
PREPARE migration FROM @change;
EXECUTE migration;
DEALLOCATE PREPARE migration;
