-- +goose Up
-- Types of authorization details that a resource takes (RFC 9396): JSON, '' = none. The release before leaves it as it is.
ALTER TABLE resources ADD COLUMN details_types TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE resources DROP COLUMN details_types;
