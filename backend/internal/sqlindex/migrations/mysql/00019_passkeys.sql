-- What belongs to a login of one kind alone: the public key of a passkey, the passkey
-- that a session began with, the key that seals challenges. As in 00002, the column may
-- be there already.

-- +goose Up
SET @change = IF(
    EXISTS (SELECT 1 FROM information_schema.columns
            WHERE table_schema = DATABASE() AND table_name = 'logins' AND column_name = 'data'),
    'DO 0',
    'ALTER TABLE logins ADD COLUMN data VARCHAR(8000) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT ''''');
PREPARE migration FROM @change;
EXECUTE migration;
DEALLOCATE PREPARE migration;
