-- +goose Up
-- Whose request was refused, so that the last refusal of an app is found while its first sign-in is waited for.
ALTER TABLE traces ADD COLUMN client_id TEXT;
CREATE INDEX traces_client ON traces (client_id, expires_at) WHERE client_id IS NOT NULL;

-- +goose Down
DROP INDEX traces_client;
ALTER TABLE traces DROP COLUMN client_id;
