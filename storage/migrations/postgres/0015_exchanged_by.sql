-- +goose Up
-- The clients that are the resource, and may exchange its tokens (RFC 8693). The release before leaves it as it is.
ALTER TABLE resources ADD COLUMN exchanged_by TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE resources DROP COLUMN exchanged_by;
