-- +goose NO TRANSACTION
-- +goose Up
-- Pictures of clients, fetched once and made anew.
CREATE TABLE logos (
    client_id TEXT PRIMARY KEY,
    uri       TEXT NOT NULL,
    hash      TEXT NOT NULL DEFAULT '',
    picture   BLOB,
    due_at    BIGINT NOT NULL
);

-- +goose Down
DROP TABLE logos;
