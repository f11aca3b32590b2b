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
CREATE FUNCTION close_first_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE first_run SET state = 'closed', expires_at = NULL WHERE id = 1 AND state <> 'closed';
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER first_run_closed AFTER INSERT ON role_holders
    FOR EACH ROW WHEN (NEW.role = 'admin') EXECUTE FUNCTION close_first_run();

-- +goose Down
DROP TRIGGER first_run_closed ON role_holders;
DROP FUNCTION close_first_run();
DROP TABLE first_run;
