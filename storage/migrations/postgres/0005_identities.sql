-- +goose Up
-- Who people are at upstreams. The table of the ground held nothing yet.
DROP TABLE identities;
CREATE TABLE identities (
    id           TEXT PRIMARY KEY,
    upstream     TEXT NOT NULL,
    issuer       TEXT NOT NULL,
    subject      TEXT NOT NULL,
    user_id      TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    label        TEXT NOT NULL DEFAULT '',
    tokens       BYTEA,
    created_at   BIGINT NOT NULL,
    last_used_at BIGINT
);
CREATE UNIQUE INDEX identities_subject ON identities (upstream, issuer, subject);
CREATE INDEX identities_user ON identities (user_id);

-- Sessions that began at an upstream, as far as it may end them or is to end with them.
CREATE TABLE upstream_sessions (
    session_id TEXT PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    upstream   TEXT NOT NULL,
    issuer     TEXT NOT NULL,
    subject    TEXT NOT NULL,
    sid        TEXT NOT NULL DEFAULT '',
    id_token   BYTEA
);
CREATE INDEX upstream_sessions_sid ON upstream_sessions (sid, issuer, upstream);
CREATE INDEX upstream_sessions_subject ON upstream_sessions (subject, issuer, upstream);

-- +goose Down
DROP TABLE upstream_sessions;
DROP TABLE identities;
CREATE TABLE identities (
    provider   TEXT NOT NULL,
    subject    TEXT NOT NULL,
    user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (provider, subject)
);
CREATE INDEX identities_user ON identities (user_id);
