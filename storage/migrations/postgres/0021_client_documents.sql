-- +goose Up
-- Clients whose id is the address of their metadata: when it was read, how long that is good, and the domain of the address, '' = the
-- client registered itself. What people agreed to of such a client, as a hash; '' = another client. Whether such clients may use a
-- resource.
ALTER TABLE registrations ADD COLUMN domain TEXT NOT NULL DEFAULT '';
ALTER TABLE registrations ADD COLUMN fetched_at BIGINT;
ALTER TABLE registrations ADD COLUMN good_until BIGINT;
ALTER TABLE consents ADD COLUMN client_hash TEXT NOT NULL DEFAULT '';
ALTER TABLE resources ADD COLUMN is_open BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX registrations_domain ON registrations (domain) WHERE domain <> '';

-- +goose Down
DROP INDEX registrations_domain;
ALTER TABLE resources DROP COLUMN is_open;
ALTER TABLE consents DROP COLUMN client_hash;
ALTER TABLE registrations DROP COLUMN good_until;
ALTER TABLE registrations DROP COLUMN fetched_at;
ALTER TABLE registrations DROP COLUMN domain;
