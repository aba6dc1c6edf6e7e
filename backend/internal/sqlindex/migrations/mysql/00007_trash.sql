-- What was deleted in the last moments, so that it can be undone; its blobs are
-- kept that long.

-- +goose Up
CREATE TABLE IF NOT EXISTS trash (
    object_key   VARBINARY(1024) NOT NULL PRIMARY KEY,
    blob_id      VARBINARY(128)  NOT NULL,
    size         BIGINT          NOT NULL,
    content_type VARCHAR(255)    NOT NULL,
    created      BIGINT          NOT NULL,
    modified     BIGINT          NOT NULL,
    version      BIGINT          NOT NULL,
    deleted      BIGINT          NOT NULL,
    KEY trash_blob (blob_id),
    KEY trash_deleted (deleted)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin ROW_FORMAT = DYNAMIC;
