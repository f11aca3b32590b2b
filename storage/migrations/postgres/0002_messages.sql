-- +goose Up
-- Emails that wait to be sent; what they say is sealed, for they hold links and codes.
CREATE TABLE messages (
    id         TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    sealed     BYTEA NOT NULL,
    due_at     BIGINT NOT NULL,
    tries      BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    failed_at  BIGINT,
    last_error TEXT NOT NULL DEFAULT ''
);
CREATE INDEX messages_due ON messages (due_at) WHERE failed_at IS NULL;
CREATE INDEX messages_failed ON messages (failed_at) WHERE failed_at IS NOT NULL;
CREATE INDEX messages_expiry ON messages (expires_at);

-- +goose Down
DROP TABLE messages;
