-- The parts of each key, for searches that are too short for the index of trigrams:
-- each of its bytes, and each two that follow each other, in hexadecimal, ASCII
-- letters in lower case. Triggers keep them.

-- +goose Up
CREATE VIRTUAL TABLE key_parts USING fts5 (
    parts, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii'
);

CREATE TABLE numbers (n INTEGER NOT NULL PRIMARY KEY) STRICT;
INSERT INTO numbers (n)
WITH RECURSIVE up_to (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up_to WHERE n < 1024)
SELECT n FROM up_to;

INSERT INTO key_parts (rowid, parts)
SELECT id, (SELECT group_concat(substr(folded, 2 * n - 1, 2) || ' ' || substr(folded, 2 * n - 1, 4), ' ')
            FROM numbers WHERE n <= length(folded) / 2)
FROM (SELECT id, hex(lower(CAST(object_key AS TEXT))) AS folded FROM objects);

-- +goose StatementBegin
CREATE TRIGGER objects_inserted_parts AFTER INSERT ON objects
BEGIN
    INSERT INTO key_parts (rowid, parts)
    SELECT new.id, group_concat(substr(folded, 2 * n - 1, 2) || ' ' || substr(folded, 2 * n - 1, 4), ' ')
    FROM (SELECT hex(lower(CAST(new.object_key AS TEXT))) AS folded) JOIN numbers ON n <= length(folded) / 2;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER objects_deleted_parts AFTER DELETE ON objects WHEN (SELECT bulk FROM totals) = 0
BEGIN
    DELETE FROM key_parts WHERE rowid = old.id;
END;
-- +goose StatementEnd
