-- MySQL commits each CREATE TABLE by itself, so a start that was killed in the
-- middle has some of them: hence IF NOT EXISTS, and every index inside its table.

-- +goose Up
CREATE TABLE IF NOT EXISTS objects (
    object_key   VARBINARY(1024) NOT NULL,
    blob_id      VARBINARY(128)  NOT NULL,
    size         BIGINT          NOT NULL,
    content_type VARCHAR(255)    NOT NULL,
    created      BIGINT          NOT NULL,
    modified     BIGINT          NOT NULL,
    version      BIGINT          NOT NULL,
    PRIMARY KEY (object_key),
    KEY objects_newest (modified DESC, object_key),
    KEY objects_oldest (modified, object_key),
    KEY objects_blob (blob_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin ROW_FORMAT = DYNAMIC;

CREATE TABLE IF NOT EXISTS settings (
    id         TINYINT     NOT NULL PRIMARY KEY,
    capacity   BIGINT      NOT NULL,
    policy     VARCHAR(64) NOT NULL,
    generation BIGINT      NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS samples (
    time_ms   BIGINT       NOT NULL,
    node      VARCHAR(255) NOT NULL,
    span      SMALLINT     NOT NULL,
    seconds   DOUBLE       NOT NULL,
    items     BIGINT       NOT NULL,
    bytes     BIGINT       NOT NULL,
    requests  BIGINT       NOT NULL,
    hits      BIGINT       NOT NULL,
    misses    BIGINT       NOT NULL,
    evictions BIGINT       NOT NULL,
    PRIMARY KEY (time_ms, node, span),
    KEY samples_span (span, time_ms)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
