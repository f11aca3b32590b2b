-- +goose Up
-- Fixed keys for the API of administrators (package clients/apikey), for programs that can only send a header. Each belongs to a client,
-- which has two at most: slot is 0 or 1. data is what is shown of a key; of the key itself there is a hash alone.
CREATE TABLE api_keys (
    id           TEXT PRIMARY KEY,
    client_id    TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    slot         BIGINT NOT NULL,
    hash         TEXT NOT NULL,
    data         TEXT NOT NULL,
    expires_at   BIGINT NOT NULL,
    last_used_at BIGINT
);
CREATE UNIQUE INDEX api_keys_slot ON api_keys (client_id, slot);
CREATE INDEX api_keys_expiry ON api_keys (expires_at);

-- +goose Down
DROP TABLE api_keys;
