-- +goose Up
-- Who is bounded by a client that nobody used yet: the network that it registered from, or the domain of its metadata document.
ALTER TABLE registrations ADD COLUMN holder TEXT NOT NULL DEFAULT '';
CREATE INDEX registrations_holder ON registrations (holder, expires_at) WHERE expires_at IS NOT NULL;

-- +goose Down
DROP INDEX registrations_holder;
ALTER TABLE registrations DROP COLUMN holder;
