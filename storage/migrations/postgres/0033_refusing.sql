-- +goose Up
-- People who want to be asked nothing by apps that name them (CIBA), since when.
CREATE TABLE refusing (
    user_id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    since   BIGINT NOT NULL
);

-- +goose Down
DROP TABLE refusing;
