-- +goose NO TRANSACTION
-- +goose Up
-- What POST requests of administrators answered, by the key that their caller gave them (package admin/repeat). id is a hash of caller and
-- key, request a MAC of what was sent, answer is encrypted under a key that is made from both and from the master key; NULL: not yet.
CREATE TABLE idempotency_keys (
    id         TEXT PRIMARY KEY,
    claim      TEXT NOT NULL,
    request    TEXT NOT NULL,
    answer     BLOB,
    claimed_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);

-- +goose Down
DROP TABLE idempotency_keys;
