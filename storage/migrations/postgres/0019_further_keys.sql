-- +goose Up
-- Keys of the ring that the release before does not know: it reads the table keys only.
CREATE TABLE further_keys (
    kid        TEXT PRIMARY KEY,
    alg        TEXT NOT NULL,
    state      TEXT NOT NULL,
    sealed     BYTEA NOT NULL,
    made_at    BIGINT NOT NULL,
    signs_from BIGINT,
    retires_at BIGINT
);

-- The secret itself, sealed, of clients that sign with it (client_secret_jwt); NULL = only its MAC is kept.
ALTER TABLE client_secrets ADD COLUMN sealed BYTEA;
CREATE INDEX client_secrets_sealed ON client_secrets (substr(sealed, 1, 9), id) WHERE sealed IS NOT NULL;

-- +goose Down
DROP INDEX client_secrets_sealed;
ALTER TABLE client_secrets DROP COLUMN sealed;
DROP TABLE further_keys;
