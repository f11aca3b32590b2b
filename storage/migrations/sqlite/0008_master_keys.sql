-- +goose NO TRANSACTION
-- +goose Up
-- Which master key sealed a value is in the value's first bytes. These indexes count and find the values of a key without
-- reading the others; a row is in them only where it holds a sealed value.
CREATE INDEX messages_master ON messages (substr(sealed, 1, 9), id);
CREATE INDEX credentials_master ON credentials (substr(data, 1, 12), id) WHERE kind = 'totp';
CREATE INDEX credentials_pepper ON credentials (substr(data, 1, 11), id) WHERE kind = 'password' AND substr(data, 1, 3) = 'v2$';
CREATE INDEX identities_master ON identities (substr(tokens, 1, 9), id) WHERE tokens IS NOT NULL;
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
DROP INDEX identities_master;
DROP INDEX credentials_pepper;
DROP INDEX credentials_master;
DROP INDEX messages_master;
