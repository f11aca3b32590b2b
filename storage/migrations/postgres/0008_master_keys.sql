-- +goose Up
-- Which master key sealed a value is in the value's first bytes. These indexes count and find the values of a key without
-- reading the others; a row is in them only where it holds a sealed value.
CREATE INDEX messages_master ON messages (substr(sealed, 1, 9), id);
CREATE INDEX upstream_sessions_master ON upstream_sessions (substr(id_token, 1, 9), session_id) WHERE id_token IS NOT NULL;

-- The master key whose derived key made the MAC; '' = made before this was noted.
ALTER TABLE client_secrets ADD COLUMN master_key TEXT NOT NULL DEFAULT '';
CREATE INDEX client_secrets_master ON client_secrets (master_key, id);

-- When a server last ran with a master key in the first place: refresh tokens signed with it are that old at most.
CREATE TABLE master_keys (
    id      TEXT PRIMARY KEY,
    used_at BIGINT NOT NULL
);

-- +goose Down
DROP TABLE master_keys;
DROP INDEX client_secrets_master;
ALTER TABLE client_secrets DROP COLUMN master_key;
DROP INDEX upstream_sessions_master;
DROP INDEX IF EXISTS identities_master;
DROP INDEX IF EXISTS credentials_pepper;
DROP INDEX IF EXISTS credentials_master;
DROP INDEX messages_master;
