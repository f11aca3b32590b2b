-- +goose NO TRANSACTION
-- +goose Up
-- What administrators keep about people beside their profiles (package users/metadata): one JSON object a person.
CREATE TABLE user_metadata (
    user_id    TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    data       TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- +goose Down
DROP TABLE user_metadata;
