-- +goose NO TRANSACTION
-- +goose Up
-- Why requests were refused, for whoever has the reference of one (package audit/trace). Rows are few, bounded each second, and go
-- after days.
CREATE TABLE traces (
    reference TEXT PRIMARY KEY,
    expires_at BIGINT NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX traces_expires_at ON traces (expires_at);

-- +goose Down
DROP TABLE traces;
