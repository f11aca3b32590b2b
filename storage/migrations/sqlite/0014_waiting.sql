-- +goose NO TRANSACTION
-- +goose Up
-- What an app waits for while a person decides on another device: by the code that the person types (RFC 8628), or asked for by the app.
CREATE TABLE waiting (
    id_hash    TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    user_code  TEXT,
    client_id  TEXT NOT NULL,
    owner      TEXT NOT NULL,
    request    TEXT NOT NULL DEFAULT '{}',
    user_id    TEXT,
    state      TEXT NOT NULL,
    interval_s BIGINT NOT NULL,
    polled_at  BIGINT NOT NULL,
    early      BIGINT NOT NULL DEFAULT 0,
    network    TEXT NOT NULL DEFAULT '',
    agent      TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX waiting_user_code ON waiting (user_code) WHERE user_code IS NOT NULL;
CREATE INDEX waiting_owner ON waiting (owner, kind, created_at);
CREATE INDEX waiting_expiry ON waiting (expires_at);
CREATE INDEX waiting_kind ON waiting (kind, state, expires_at);

-- +goose Down
DROP TABLE waiting;
