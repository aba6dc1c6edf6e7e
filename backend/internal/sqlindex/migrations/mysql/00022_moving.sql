-- While all is copied to another place: whether rows may be changed meanwhile, by the
-- servers of which store ('': of any), and from or to where it is copied. moved_blobs
-- are those that the copy has verified there. As in 00002, the columns may be there
-- already: one statement adds all or none.

-- +goose Up
SET @change = IF(
    EXISTS (SELECT 1 FROM information_schema.columns
            WHERE table_schema = DATABASE() AND table_name = 'settings' AND column_name = 'moving'),
    'DO 0',
    'ALTER TABLE settings
        ADD COLUMN frozen TINYINT NOT NULL DEFAULT 0,
        ADD COLUMN only_store VARBINARY(2000) NOT NULL DEFAULT '''',
        ADD COLUMN moving VARBINARY(5000) NOT NULL DEFAULT ''''');
PREPARE migration FROM @change;
EXECUTE migration;
DEALLOCATE PREPARE migration;
CREATE TABLE IF NOT EXISTS moved_blobs (
    blob_id VARBINARY(128) NOT NULL PRIMARY KEY
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
