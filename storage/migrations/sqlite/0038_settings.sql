-- +goose NO TRANSACTION
-- +goose Up
-- Settings that administrators keep here instead of in the configuration (package admin/setting): a handful of rows, each named KIND/ID.
-- sealed holds the secrets; NULL: there are none. The release before knows nothing of them and goes by its configuration alone.
CREATE TABLE settings (
    id      TEXT PRIMARY KEY,
    data    TEXT NOT NULL,
    sealed  BLOB,
    version BIGINT NOT NULL
);
CREATE INDEX settings_master ON settings (substr(sealed, 1, 9), id) WHERE sealed IS NOT NULL;
INSERT INTO versions (name, version) VALUES ('settings', 0);

-- +goose Down
DELETE FROM versions WHERE name = 'settings';
DROP TABLE settings;
