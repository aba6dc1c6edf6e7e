-- +goose Up
CREATE INDEX objects_size ON objects (size, object_key);
CREATE INDEX objects_type ON objects (content_type, object_key);
