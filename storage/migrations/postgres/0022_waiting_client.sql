-- +goose Up
-- What waits of a client goes when the client is deleted: whoever has its id next did not ask for it.
CREATE INDEX waiting_client ON waiting (client_id);

-- +goose Down
DROP INDEX waiting_client;
