-- +goose NO TRANSACTION
-- +goose Up
-- Indexes on tables of earlier steps. CONCURRENTLY stops no writes, and is outside of a transaction: each statement may be repeated.

-- What administrators narrow a list of people down by.
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_disabled ON users (id) WHERE disabled_at IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_unverified ON users (id) WHERE NOT email_verified;
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_created ON users (created_at, id);

-- Of step 8: values under a master key.
CREATE INDEX CONCURRENTLY IF NOT EXISTS credentials_master ON credentials (substr(data, 1, 12), id) WHERE kind = 'totp';
CREATE INDEX CONCURRENTLY IF NOT EXISTS credentials_pepper ON credentials (substr(data, 1, 11), id)
    WHERE kind = 'password' AND substr(data, 1, 3) = 'v2$';
CREATE INDEX CONCURRENTLY IF NOT EXISTS identities_master ON identities (substr(tokens, 1, 9), id) WHERE tokens IS NOT NULL;

-- Of step 17: what administrators look for, and beginnings of addresses and user names, whatever the database's collation is.
CREATE INDEX CONCURRENTLY IF NOT EXISTS events_name ON events (name, id);
CREATE INDEX CONCURRENTLY IF NOT EXISTS events_actor ON events (actor_id, id);
CREATE INDEX CONCURRENTLY IF NOT EXISTS events_client ON events (client_id, id) WHERE client_id <> '';
CREATE INDEX CONCURRENTLY IF NOT EXISTS events_request ON events (request_id, id) WHERE request_id <> '';
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_email_prefix ON users (email_key COLLATE "C");
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_username_prefix ON users (username_key COLLATE "C") WHERE username_key IS NOT NULL;

-- Of step 23: what ended. Of step 34: agents that are paused.
CREATE INDEX CONCURRENTLY IF NOT EXISTS grants_revoked ON grants (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS clients_disabled ON clients (disabled_at) WHERE disabled_at IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS consents_paused ON consents (paused_at) WHERE paused_at IS NOT NULL;

-- The others go with their steps.
-- +goose Down
DROP INDEX CONCURRENTLY IF EXISTS users_created;
DROP INDEX CONCURRENTLY IF EXISTS users_unverified;
DROP INDEX CONCURRENTLY IF EXISTS users_disabled;
