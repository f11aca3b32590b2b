-- +goose NO TRANSACTION
-- +goose Up
-- Where audit events are told (package audit/webhook): a handful of rows. sealed holds the secrets; NULL: they are lost.
CREATE TABLE webhooks (
    id      TEXT PRIMARY KEY,
    data    TEXT NOT NULL,
    sealed  BLOB,
    version BIGINT NOT NULL
);
CREATE INDEX webhooks_master ON webhooks (substr(sealed, 1, 9), id) WHERE sealed IS NOT NULL;

-- +goose Down
DROP TABLE webhooks;
