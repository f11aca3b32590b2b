-- +goose Up
-- The place of a grant, or of a client, in the status lists; NULL = none, its tokens name no list. Places are given in blocks, and never
-- given again: the row 'status' of versions says how far. What ended is found by its time; rows that are deleted leave theirs behind.
ALTER TABLE grants ADD COLUMN status_index BIGINT;
CREATE TABLE client_status (
    client_id    TEXT PRIMARY KEY,
    status_index BIGINT NOT NULL
);
CREATE TABLE ended_status (
    status_index BIGINT PRIMARY KEY,
    ended_at     BIGINT NOT NULL
);
CREATE INDEX ended_status_time ON ended_status (ended_at);
INSERT INTO versions (name, version) VALUES ('status', 0);

-- +goose Down
DELETE FROM versions WHERE name = 'status';
DROP TABLE ended_status;
DROP TABLE client_status;
DROP INDEX IF EXISTS clients_disabled;
DROP INDEX IF EXISTS grants_revoked;
ALTER TABLE grants DROP COLUMN status_index;
