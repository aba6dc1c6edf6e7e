-- A quick checksum of each object's bytes, by which they are checked when they are
-- read; '' where it is not known yet. As in 00002, it may be there already.

-- +goose Up
SET @change = IF(
    EXISTS (SELECT 1 FROM information_schema.columns
            WHERE table_schema = DATABASE() AND table_name = 'objects' AND column_name = 'checksum'),
    'DO 0',
    'ALTER TABLE objects ADD COLUMN checksum VARBINARY(16) NOT NULL DEFAULT ''''');
PREPARE migration FROM @change;
EXECUTE migration;
DEALLOCATE PREPARE migration;
