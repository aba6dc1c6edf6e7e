-- +goose Up
CREATE TABLE objects (
    object_key   BLOB    NOT NULL UNIQUE,
    blob_id      TEXT    NOT NULL,
    size         INTEGER NOT NULL,
    content_type TEXT    NOT NULL,
    created      INTEGER NOT NULL,
    modified     INTEGER NOT NULL,
    version      INTEGER NOT NULL
) STRICT;
CREATE INDEX objects_newest ON objects (modified DESC, object_key);
CREATE INDEX objects_oldest ON objects (modified, object_key);
CREATE INDEX objects_blob ON objects (blob_id);

CREATE TABLE settings (
    id         INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    capacity   INTEGER NOT NULL,
    policy     TEXT    NOT NULL,
    generation INTEGER NOT NULL
) STRICT;

CREATE TABLE samples (
    time_ms   INTEGER NOT NULL,
    node      TEXT    NOT NULL,
    span      INTEGER NOT NULL,
    seconds   REAL    NOT NULL,
    items     INTEGER NOT NULL,
    bytes     INTEGER NOT NULL,
    requests  INTEGER NOT NULL,
    hits      INTEGER NOT NULL,
    misses    INTEGER NOT NULL,
    evictions INTEGER NOT NULL,
    PRIMARY KEY (time_ms, node, span)
) STRICT, WITHOUT ROWID;
CREATE INDEX samples_span ON samples (span, time_ms);
