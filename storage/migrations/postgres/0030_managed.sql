-- +goose Up
-- Who keeps which client, resource, group or role by files (package admin/files), and what was applied of it last: a row for each of them.
CREATE TABLE managed (
    kind    TEXT NOT NULL,
    name    TEXT NOT NULL,
    owner   TEXT NOT NULL,
    data    TEXT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (kind, name)
);

-- +goose Down
DROP TABLE managed;
