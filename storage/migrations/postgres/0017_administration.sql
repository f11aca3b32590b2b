-- +goose Up
-- What the holders of a role may do to this server: names of permissions parted by blanks. The release before leaves it as it is.
ALTER TABLE roles ADD COLUMN permissions TEXT NOT NULL DEFAULT '';

-- Who did it: a person, a client, the command line; '' in what the release before wrote.
ALTER TABLE events ADD COLUMN actor_kind TEXT NOT NULL DEFAULT '';

-- What administrators look for.
CREATE INDEX events_name ON events (name, id);
CREATE INDEX events_actor ON events (actor_id, id);
CREATE INDEX events_client ON events (client_id, id) WHERE client_id <> '';
CREATE INDEX events_request ON events (request_id, id) WHERE request_id <> '';

-- Beginnings of addresses and user names, whatever the database's collation is.
CREATE INDEX users_email_prefix ON users (email_key COLLATE "C");
CREATE INDEX users_username_prefix ON users (username_key COLLATE "C") WHERE username_key IS NOT NULL;

-- +goose Down
DROP INDEX users_username_prefix;
DROP INDEX users_email_prefix;
DROP INDEX events_request;
DROP INDEX events_client;
DROP INDEX events_actor;
DROP INDEX events_name;
ALTER TABLE events DROP COLUMN actor_kind;
ALTER TABLE roles DROP COLUMN permissions;
