-- Which of the backends does what only one of them shall do, and until when, in
-- Unix milliseconds; one row.

-- +goose Up
CREATE TABLE IF NOT EXISTS leader (
    id       TINYINT      NOT NULL PRIMARY KEY,
    holder   VARCHAR(255) NOT NULL,
    terms    BIGINT       NOT NULL,
    until_ms BIGINT       NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
INSERT IGNORE INTO leader (id, holder, terms, until_ms) VALUES (1, '', 0, 0);
