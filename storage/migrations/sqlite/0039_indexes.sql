-- +goose NO TRANSACTION
-- +goose Up
-- What administrators narrow a list of people down by.
CREATE INDEX users_disabled ON users (id) WHERE disabled_at IS NOT NULL;
CREATE INDEX users_unverified ON users (id) WHERE NOT email_verified;
CREATE INDEX users_created ON users (created_at, id);

-- +goose Down
DROP INDEX users_created;
DROP INDEX users_unverified;
DROP INDEX users_disabled;
