-- While all is copied to another place: whether rows may be changed meanwhile, by the
-- servers of which store ('': of any), and from or to where it is copied. moved_blobs
-- are those that the copy has verified there.

-- +goose Up
ALTER TABLE settings ADD COLUMN frozen INTEGER NOT NULL DEFAULT 0;
ALTER TABLE settings ADD COLUMN only_store TEXT NOT NULL DEFAULT '';
ALTER TABLE settings ADD COLUMN moving TEXT NOT NULL DEFAULT '';
CREATE TABLE moved_blobs (
    blob_id TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;
