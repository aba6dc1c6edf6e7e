-- A row without an answer yet is the claim of the one who is carrying the request
-- out. As in 00002, the column may be there already.

-- +goose Up
SET @change = IF(
    EXISTS (SELECT 1 FROM information_schema.columns
            WHERE table_schema = DATABASE() AND table_name = 'answers' AND column_name = 'claim'),
    'DO 0',
    'ALTER TABLE answers ADD COLUMN claim VARBINARY(32) NOT NULL DEFAULT ''''');
PREPARE migration FROM @change;
EXECUTE migration;
DEALLOCATE PREPARE migration;
