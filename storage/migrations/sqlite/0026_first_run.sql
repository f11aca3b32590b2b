-- +goose NO TRANSACTION
-- +goose Up
-- The link that makes the first administrator: one row. state is the hash of its secret, '' while there is no link, and 'closed' from the
-- moment when somebody, or a group, held the role admin: the trigger sees to that, whoever gives the role, the release before too.
CREATE TABLE first_run (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    state TEXT NOT NULL,
    expires_at BIGINT
);
INSERT INTO first_run (id, state, expires_at)
    SELECT 1, CASE WHEN EXISTS (SELECT 1 FROM role_holders WHERE role = 'admin') THEN 'closed' ELSE '' END, NULL;
-- +goose StatementBegin
CREATE TRIGGER first_run_closed AFTER INSERT ON role_holders WHEN NEW.role = 'admin'
BEGIN
    UPDATE first_run SET state = 'closed', expires_at = NULL WHERE id = 1 AND state <> 'closed';
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER first_run_closed;
DROP TABLE first_run;
