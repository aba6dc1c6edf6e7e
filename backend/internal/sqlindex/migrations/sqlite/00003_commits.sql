-- SQLite has no connection to lose while it commits, and needs no such table as
-- MySQL has from this version on.

-- +goose Up
SELECT 1;
