-- +goose NO TRANSACTION
-- +goose Up
-- Pictures that people uploaded, made anew: a JPEG, at most one a person. The id is in the address that the claim picture holds.
CREATE TABLE pictures (
    id      TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    picture BLOB NOT NULL,
    made_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX pictures_user ON pictures (user_id);

-- +goose Down
DROP TABLE pictures;
