-- +goose Up
-- Which address of a network asked, so that of what waits there the address with most gives way first; '' = the release before, or a
-- client that proved to be itself.
ALTER TABLE waiting ADD COLUMN address TEXT NOT NULL DEFAULT '';
ALTER TABLE tickets ADD COLUMN address TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE tickets DROP COLUMN address;
ALTER TABLE waiting DROP COLUMN address;
