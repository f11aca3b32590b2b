-- +goose NO TRANSACTION
-- +goose Up
-- Whose sign-ins in progress give way when there are too many: those of the holder with most, a posted one last.
ALTER TABLE interactions ADD COLUMN address TEXT NOT NULL DEFAULT '';
ALTER TABLE interactions ADD COLUMN holder TEXT NOT NULL DEFAULT '';
ALTER TABLE interactions ADD COLUMN posted BIGINT NOT NULL DEFAULT 0;
CREATE INDEX interactions_bound ON interactions (network, expires_at, address, holder);
DROP INDEX interactions_network; -- the new one begins with the same columns

-- +goose Down
CREATE INDEX interactions_network ON interactions (network, expires_at);
DROP INDEX interactions_bound;
ALTER TABLE interactions DROP COLUMN posted;
ALTER TABLE interactions DROP COLUMN holder;
ALTER TABLE interactions DROP COLUMN address;
