-- +goose Up
-- When people last came back from an upstream, and when it last could not say who somebody is: two rows for each, for administrators.
CREATE TABLE upstream_uses (
    upstream TEXT NOT NULL,
    outcome TEXT NOT NULL,
    at BIGINT NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (upstream, outcome)
);

-- +goose Down
DROP TABLE upstream_uses;
