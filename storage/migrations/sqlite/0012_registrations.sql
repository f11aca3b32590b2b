-- +goose NO TRANSACTION
-- +goose Up
-- Clients that registered themselves (RFC 7591), and the tokens by which they may.
CREATE TABLE registrations (
    client_id        TEXT PRIMARY KEY REFERENCES clients (id) ON DELETE CASCADE,
    token_hash       TEXT NOT NULL,
    previous_hash    TEXT NOT NULL DEFAULT '',
    initial_token_id TEXT NOT NULL DEFAULT '',
    created_at       BIGINT NOT NULL,
    expires_at       BIGINT
);
CREATE INDEX registrations_expiry ON registrations (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE initial_tokens (
    id         TEXT PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    note       TEXT NOT NULL DEFAULT '',
    uses_left  BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX initial_tokens_expiry ON initial_tokens (expires_at);

-- +goose Down
DROP TABLE initial_tokens;
DROP TABLE registrations;
