-- +goose Up
-- The place of a grant, or of a client, in the status lists; NULL = none, its tokens name no list. Places are given in blocks, and never
-- given again: the row 'status' of versions says how far. What ended is found by its time; rows that are deleted leave theirs behind.
ALTER TABLE grants ADD COLUMN status_index BIGINT;
CREATE INDEX grants_revoked ON grants (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX clients_disabled ON clients (disabled_at) WHERE disabled_at IS NOT NULL;
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
DROP INDEX clients_disabled;
DROP INDEX grants_revoked;
ALTER TABLE grants DROP COLUMN status_index;
