-- The indexes of the orders by size and by type. MySQL commits the change by
-- itself, so a start that was killed after it must not make it again; and only
-- MariaDB knows ADD INDEX IF NOT EXISTS.

-- +goose Up
SET @change = IF(
    EXISTS (SELECT 1 FROM information_schema.statistics
            WHERE table_schema = DATABASE() AND table_name = 'objects' AND index_name = 'objects_size'),
    'DO 0',
    'ALTER TABLE objects ADD INDEX objects_size (size, object_key), ADD INDEX objects_type (content_type, object_key)');
PREPARE migration FROM @change;
EXECUTE migration;
DEALLOCATE PREPARE migration;
