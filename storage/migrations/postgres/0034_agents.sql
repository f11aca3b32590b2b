-- +goose Up
-- What a person agreed to with a client that acts for them by itself, an agent: until when (NULL = it is none), how many calls a day
-- (0 = any number), and since when it is paused. The grants that it has from the person stand on this row.
ALTER TABLE consents ADD COLUMN agent_until BIGINT;
ALTER TABLE consents ADD COLUMN agent_calls BIGINT NOT NULL DEFAULT 0;
ALTER TABLE consents ADD COLUMN paused_at BIGINT;

-- +goose Down
DROP INDEX IF EXISTS consents_paused;
ALTER TABLE consents DROP COLUMN paused_at;
ALTER TABLE consents DROP COLUMN agent_calls;
ALTER TABLE consents DROP COLUMN agent_until;
