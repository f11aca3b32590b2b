-- +goose Up
-- The clients that people went to in a session, and that want to be told when it ends.
CREATE TABLE session_clients (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    client_id  TEXT NOT NULL,
    since      BIGINT NOT NULL,
    PRIMARY KEY (session_id, client_id)
);

-- What is to be sent to other servers; kind says by whom and how. The facts are sealed.
CREATE TABLE deliveries (
    id         TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    target     TEXT NOT NULL,
    client_id  TEXT NOT NULL,
    sealed     BYTEA NOT NULL,
    due_at     BIGINT NOT NULL,
    tries      BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    failed_at  BIGINT,
    last_error TEXT NOT NULL DEFAULT ''
);
CREATE INDEX deliveries_due ON deliveries (due_at) WHERE failed_at IS NULL;
CREATE INDEX deliveries_expiry ON deliveries (expires_at);
CREATE INDEX deliveries_client ON deliveries (client_id, id);
CREATE INDEX deliveries_master ON deliveries (substr(sealed, 1, 9), id);

-- +goose Down
DROP TABLE deliveries;
DROP TABLE session_clients;
