-- +goose NO TRANSACTION
-- +goose Up
-- What resources say about their scopes, for people: JSON by the scope's name. The release before leaves it as it is.
ALTER TABLE resources ADD COLUMN scope_details TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE resources DROP COLUMN scope_details;
