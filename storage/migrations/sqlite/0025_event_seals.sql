-- +goose NO TRANSACTION
-- +goose Up
-- What shows that audit events were changed afterwards (package audit/seals): a row for each part of the log and class of event. They stay
-- when the events go.
CREATE TABLE event_seals (
    n         BIGINT PRIMARY KEY,
    class     TEXT NOT NULL,
    from_id   TEXT NOT NULL, -- of the event before the first
    to_id     TEXT NOT NULL, -- of the last one
    events    BIGINT NOT NULL,
    root      TEXT NOT NULL,
    digests   BLOB NOT NULL,
    sealed_at BIGINT NOT NULL,
    head      TEXT NOT NULL,
    gone_at   BIGINT, -- when retention deleted them
    gone_mac  TEXT NOT NULL DEFAULT ''
);
CREATE INDEX event_seals_kept ON event_seals (class, n) WHERE gone_at IS NULL;

-- How far readers have followed the log.
CREATE TABLE cursors (
    name     TEXT PRIMARY KEY,
    position TEXT NOT NULL
);

-- +goose Down
DROP TABLE cursors;
DROP TABLE event_seals;
