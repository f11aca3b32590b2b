-- +goose NO TRANSACTION
-- +goose Up
-- What a binary must know to run on this schema. A step that takes something away (NNNN_contract_name) writes a row: step is its
-- own number, min_release the newest step known to the oldest binary that does without what it takes. Its way back deletes the row.
CREATE TABLE schema_compat (
    step        BIGINT NOT NULL DEFAULT 0,
    min_release BIGINT NOT NULL
);

-- +goose Down
DROP TABLE schema_compat;
