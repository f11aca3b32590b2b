-- +goose NO TRANSACTION
-- +goose Up
-- How people have to sign in for a resource (RFC 9470): JSON, '' = any way. The release before leaves it as it is.
ALTER TABLE resources ADD COLUMN sign_in TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE resources DROP COLUMN sign_in;
