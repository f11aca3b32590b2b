-- +goose Up
-- Times are microseconds since 1970 UTC, NULL = never; lists are words parted by spaces; secrets are hashes or sealed.

CREATE TABLE users (
    id             TEXT PRIMARY KEY,
    email_key      TEXT NOT NULL UNIQUE,
    email          TEXT NOT NULL,
    email_verified BOOLEAN NOT NULL DEFAULT FALSE,
    username_key   TEXT UNIQUE,
    username       TEXT NOT NULL DEFAULT '',
    profile        TEXT NOT NULL DEFAULT '{}',
    epoch          BIGINT NOT NULL DEFAULT 0,
    disabled_at    BIGINT,
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL
);

CREATE TABLE credentials (
    id           TEXT PRIMARY KEY,
    user_id      TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind         TEXT NOT NULL,
    data         TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    last_used_at BIGINT
);
CREATE INDEX credentials_user ON credentials (user_id, kind);
-- A person has one password at most: two set-password acts that race cannot leave two.
CREATE UNIQUE INDEX credentials_password ON credentials (user_id) WHERE kind = 'password';

CREATE TABLE identities (
    provider   TEXT NOT NULL,
    subject    TEXT NOT NULL,
    user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (provider, subject)
);
CREATE INDEX identities_user ON identities (user_id);

CREATE TABLE sessions (
    id          TEXT PRIMARY KEY,
    secret_hash TEXT NOT NULL UNIQUE,
    user_id     TEXT NOT NULL,
    auth_time   BIGINT,
    acr         TEXT NOT NULL DEFAULT '',
    amr         TEXT NOT NULL DEFAULT '',
    agent       TEXT NOT NULL DEFAULT '',
    address     TEXT NOT NULL DEFAULT '',
    remember    BOOLEAN NOT NULL DEFAULT FALSE,
    created_at  BIGINT NOT NULL,
    seen_at     BIGINT,
    expires_at  BIGINT NOT NULL,
    ends_at     BIGINT,
    ended_at    BIGINT
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE clients (
    id          TEXT PRIMARY KEY,
    metadata    TEXT NOT NULL,
    disabled_at BIGINT,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL
);

CREATE TABLE client_secrets (
    id           TEXT PRIMARY KEY,
    client_id    TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    mac          TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    last_used_at BIGINT,
    expires_at   BIGINT
);
CREATE INDEX client_secrets_client ON client_secrets (client_id);
CREATE INDEX client_secrets_expiry ON client_secrets (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE resources (
    identifier      TEXT PRIMARY KEY,
    name            TEXT NOT NULL DEFAULT '',
    scopes          TEXT NOT NULL DEFAULT '',
    introspected_by TEXT NOT NULL DEFAULT '',
    created_at      BIGINT NOT NULL
);

-- epoch is raised by withdrawal: a grant remembers the epoch it was made under and dies with it.
CREATE TABLE consents (
    user_id    TEXT NOT NULL,
    client_id  TEXT NOT NULL,
    offered    TEXT NOT NULL DEFAULT '',
    granted    TEXT NOT NULL DEFAULT '',
    resources  TEXT NOT NULL DEFAULT '',
    epoch      BIGINT NOT NULL DEFAULT 1,
    withdrawn  BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, client_id)
);
CREATE INDEX consents_client ON consents (client_id);

-- One row is everything that descends from one authorization; tokens are not stored. session_id is no foreign key: a
-- session may be swept away before the grants it gave. expires_at is when the row is dead whatever else holds (code
-- unspent, idle, revoked), so that one index serves the janitor.
CREATE TABLE grants (
    id              TEXT PRIMARY KEY,
    client_id       TEXT NOT NULL,
    user_id         TEXT NOT NULL,
    session_id      TEXT,
    offline         BOOLEAN NOT NULL DEFAULT FALSE,
    user_epoch      BIGINT NOT NULL DEFAULT 0,
    consent_epoch   BIGINT NOT NULL DEFAULT 0,
    scopes          TEXT NOT NULL DEFAULT '',
    resources       TEXT NOT NULL DEFAULT '',
    auth_time       BIGINT,
    acr             TEXT NOT NULL DEFAULT '',
    amr             TEXT NOT NULL DEFAULT '',
    data            TEXT NOT NULL DEFAULT '{}',
    code_hash       TEXT,
    code_expires_at BIGINT,
    code_used_at    BIGINT,
    generation      BIGINT NOT NULL DEFAULT 0,
    rotated_at      BIGINT,
    created_at      BIGINT NOT NULL,
    last_used_at    BIGINT,
    expires_at      BIGINT NOT NULL,
    ends_at         BIGINT,
    revoked_at      BIGINT,
    revoked_why     TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX grants_code ON grants (code_hash) WHERE code_hash IS NOT NULL;
CREATE INDEX grants_user ON grants (user_id, client_id);
CREATE INDEX grants_client ON grants (client_id, id);
CREATE INDEX grants_session ON grants (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX grants_expiry ON grants (expires_at);

CREATE TABLE interactions (
    id           TEXT PRIMARY KEY,
    browser_hash TEXT NOT NULL,
    network      TEXT NOT NULL,
    request      TEXT NOT NULL,
    facts        TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL
);
CREATE INDEX interactions_network ON interactions (network, expires_at);
CREATE INDEX interactions_expiry ON interactions (expires_at);

CREATE TABLE keys (
    kid        TEXT PRIMARY KEY,
    alg        TEXT NOT NULL,
    state      TEXT NOT NULL,
    sealed     BYTEA NOT NULL,
    made_at    BIGINT NOT NULL,
    signs_from BIGINT,
    retires_at BIGINT
);

CREATE TABLE revoked_tokens (
    jti        TEXT PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX revoked_tokens_expiry ON revoked_tokens (expires_at);

CREATE TABLE replay (
    kind       TEXT NOT NULL,
    owner      TEXT NOT NULL,
    id_hash    TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (kind, owner, id_hash)
);
CREATE INDEX replay_expiry ON replay (expires_at);

CREATE TABLE counters (
    key        TEXT PRIMARY KEY,
    count      BIGINT NOT NULL,
    resets_at  BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX counters_expiry ON counters (resets_at);

CREATE TABLE locks (
    name   TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    until  BIGINT NOT NULL
);

-- What replicas have cached is dropped when its row here moves; grant writes never touch it.
CREATE TABLE versions (
    name    TEXT PRIMARY KEY,
    version BIGINT NOT NULL
);
INSERT INTO versions (name, version) VALUES ('clients', 1), ('resources', 1), ('keys', 1);

CREATE TABLE events (
    id         TEXT PRIMARY KEY,
    at         BIGINT NOT NULL,
    name       TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    actor_id   TEXT NOT NULL DEFAULT '',
    user_id    TEXT,
    client_id  TEXT NOT NULL DEFAULT '',
    session_id TEXT NOT NULL DEFAULT '',
    grant_id   TEXT NOT NULL DEFAULT '',
    network    TEXT NOT NULL DEFAULT '',
    agent      TEXT NOT NULL DEFAULT '',
    request_id TEXT NOT NULL DEFAULT '',
    detail     TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX events_user ON events (user_id, id) WHERE user_id IS NOT NULL;
CREATE INDEX events_expiry ON events (at);

-- Events are append-only. The retention job opens this window (events before it may go) inside the transaction in which
-- it deletes, and shuts it again; outside of one the window is shut and the triggers below refuse.
CREATE TABLE retention (
    name         TEXT PRIMARY KEY,
    events_before BIGINT NOT NULL
);
INSERT INTO retention (name, events_before) VALUES ('events', 0);

-- +goose StatementBegin
CREATE FUNCTION events_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF EXISTS (SELECT 1 FROM retention WHERE name = 'events' AND events_before > OLD.at) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'events are append-only';
END;
$$;
-- +goose StatementEnd
CREATE TRIGGER events_no_change BEFORE UPDATE OR DELETE ON events
    FOR EACH ROW EXECUTE FUNCTION events_append_only();
CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION events_append_only();

-- +goose Down
DROP TABLE retention;
DROP TABLE events;
DROP TABLE versions;
DROP TABLE locks;
DROP TABLE counters;
DROP TABLE replay;
DROP TABLE revoked_tokens;
DROP TABLE keys;
DROP TABLE interactions;
DROP TABLE grants;
DROP TABLE consents;
DROP TABLE resources;
DROP TABLE client_secrets;
DROP TABLE clients;
DROP TABLE sessions;
DROP TABLE identities;
DROP TABLE credentials;
DROP TABLE users;
DROP FUNCTION events_append_only();
