-- +goose Up
-- Which client each version of "clients" is about, so that a replica takes up what changed and not all clients.
CREATE TABLE client_changes (
    version   BIGINT PRIMARY KEY,
    client_id TEXT NOT NULL,
    at        BIGINT NOT NULL
);
CREATE INDEX client_changes_expiry ON client_changes (at);

-- How long the grant lives unused, from last_used_at on. With it expires_at, which has an index, need not move at every refresh: it is
-- the latest time at which the row is dead, and a little later than the idle limit. NULL = expires_at is exact.
ALTER TABLE grants ADD COLUMN idle BIGINT;

-- Whom a sign-in in progress is about, taken from its facts by the database itself, whichever release writes them: their
-- user_id as JSON, quotes and all. No cast to json: it refuses an escaped NUL, which somebody may have typed.
ALTER TABLE interactions ADD COLUMN user_id TEXT GENERATED ALWAYS AS (
    substring(facts FROM '"user_id":("(?:[^"\\]|\\.)*")')) STORED;
CREATE INDEX interactions_user ON interactions (user_id) WHERE user_id IS NOT NULL;

-- Room on each page for the next version of a row: a refresh then writes no index.
ALTER TABLE grants SET (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05);

-- +goose Down
ALTER TABLE grants RESET (fillfactor, autovacuum_vacuum_scale_factor);
DROP INDEX interactions_user;
ALTER TABLE interactions DROP COLUMN user_id;
ALTER TABLE grants DROP COLUMN idle;
DROP TABLE client_changes;
