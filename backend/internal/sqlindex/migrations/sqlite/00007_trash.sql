-- What was deleted in the last moments, so that it can be undone; its blobs are
-- kept that long.

-- +goose Up
CREATE TABLE trash (
    object_key   BLOB    NOT NULL UNIQUE,
    blob_id      TEXT    NOT NULL,
    size         INTEGER NOT NULL,
    content_type TEXT    NOT NULL,
    created      INTEGER NOT NULL,
    modified     INTEGER NOT NULL,
    version      INTEGER NOT NULL,
    deleted      INTEGER NOT NULL
) STRICT;
CREATE INDEX trash_blob ON trash (blob_id);
CREATE INDEX trash_deleted ON trash (deleted);
