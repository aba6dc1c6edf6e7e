-- The rows get an id that stays (the hidden one may change in a VACUUM), by which
-- an index of the keys' trigrams finds the few that contain a search. Triggers
-- keep that index and the number of rows; "bulk" is 1 while all rows go at once.

-- +goose Up
CREATE TABLE objects_with_id (
    id           INTEGER NOT NULL PRIMARY KEY,
    object_key   BLOB    NOT NULL UNIQUE,
    blob_id      TEXT    NOT NULL,
    size         INTEGER NOT NULL,
    content_type TEXT    NOT NULL,
    created      INTEGER NOT NULL,
    modified     INTEGER NOT NULL,
    version      INTEGER NOT NULL
) STRICT;
INSERT INTO objects_with_id (object_key, blob_id, size, content_type, created, modified, version)
SELECT object_key, blob_id, size, content_type, created, modified, version FROM objects ORDER BY object_key;
DROP TABLE objects;
ALTER TABLE objects_with_id RENAME TO objects;
CREATE INDEX objects_newest ON objects (modified DESC, object_key);
CREATE INDEX objects_oldest ON objects (modified, object_key);
CREATE INDEX objects_size ON objects (size, object_key);
CREATE INDEX objects_type ON objects (content_type, object_key);
CREATE INDEX objects_blob ON objects (blob_id);

CREATE VIRTUAL TABLE objects_search USING fts5 (
    object_key, content = '', contentless_delete = 1, tokenize = 'trigram case_sensitive 1'
);
INSERT INTO objects_search (rowid, object_key) SELECT id, lower(CAST(object_key AS TEXT)) FROM objects;

CREATE TABLE totals (
    id      INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    objects INTEGER NOT NULL,
    bulk    INTEGER NOT NULL
) STRICT;
INSERT INTO totals (id, objects, bulk) SELECT 1, COUNT(*), 0 FROM objects;

-- +goose StatementBegin
CREATE TRIGGER objects_inserted AFTER INSERT ON objects
BEGIN
    INSERT INTO objects_search (rowid, object_key) VALUES (new.id, lower(CAST(new.object_key AS TEXT)));
    UPDATE totals SET objects = objects + 1;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER objects_deleted AFTER DELETE ON objects WHEN (SELECT bulk FROM totals) = 0
BEGIN
    DELETE FROM objects_search WHERE rowid = old.id;
    UPDATE totals SET objects = objects - 1;
END;
-- +goose StatementEnd
