-- +goose Up
-- Random values that are made once and kept, sealed by a master key: what names of pairwise subjects are made with, which must not change.
CREATE TABLE salts (
    name    TEXT PRIMARY KEY,
    sealed  BYTEA NOT NULL,
    made_at BIGINT NOT NULL
);

-- +goose Down
DROP TABLE salts;
