-- +goose Up
-- What the holders of a role may do to this server: names of permissions parted by blanks. The release before leaves it as it is.
ALTER TABLE roles ADD COLUMN permissions TEXT NOT NULL DEFAULT '';

-- Who did it: a person, a client, the command line; '' in what the release before wrote.
ALTER TABLE events ADD COLUMN actor_kind TEXT NOT NULL DEFAULT '';

-- The indexes of this step on tables of earlier ones, and those of steps 8, 23 and 34, are built in step 39, beside writes.

-- +goose Down
DROP INDEX IF EXISTS users_username_prefix;
DROP INDEX IF EXISTS users_email_prefix;
DROP INDEX IF EXISTS events_request;
DROP INDEX IF EXISTS events_client;
DROP INDEX IF EXISTS events_actor;
DROP INDEX IF EXISTS events_name;
ALTER TABLE events DROP COLUMN actor_kind;
ALTER TABLE roles DROP COLUMN permissions;
