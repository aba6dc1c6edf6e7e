-- Everything by which one is let in: accounts, sessions, API tokens and one-time links.

-- +goose Up
CREATE TABLE IF NOT EXISTS logins (
    id       BINARY(32)   NOT NULL PRIMARY KEY,
    kind     VARCHAR(16)  NOT NULL,
    account  VARCHAR(64)  NOT NULL,
    scope    VARCHAR(16)  NOT NULL,
    name     VARCHAR(255) NOT NULL,
    password VARCHAR(255) NOT NULL,
    address  VARCHAR(64)  NOT NULL,
    created  BIGINT       NOT NULL,
    seen     BIGINT       NOT NULL,
    expires  BIGINT       NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
