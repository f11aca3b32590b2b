package transfer

import (
	"context"
	"errors"
	"fmt"
)

// Export copies a Postgres database as it is at one moment into a SQLite file, which is there, migrated and empty, and compares all rows.
// Servers go on reading and writing; what they commit after the begin is not in it. Killed, it leaves a file that is of no use.
// step is told of each step that is done.
func Export(ctx context.Context, from, to string, step func(done string)) (err error) {
	m := &move{moved: Moved{From: Describe(from), To: Describe(to), Rows: map[string]int64{}}}
	m.Step = step
	source, err := openPostgres(ctx, from)
	if err != nil {
		return err
	}
	m.from = source
	defer func() { err = errors.Join(err, source.close()) }()
	if _, err := source.conn.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"); err != nil {
		return err
	}
	if m.to, err = open(ctx, to); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.to.close()) }()
	if err := m.lookAtSchemas(ctx); err != nil {
		return err
	}
	prepare := []string{makePlaces}
	for _, name := range fresh {
		prepare = append(prepare, "DELETE FROM "+name)
	}
	if err := m.statements(ctx, prepare...); err != nil {
		return fmt.Errorf("prepare %s: %w", m.moved.To, err)
	}
	if err := m.copyAll(ctx); err != nil {
		return err
	}
	if err := m.compare(ctx); err != nil {
		return err
	}
	return m.statements(ctx, "DROP TABLE signet_move_tables")
}

// statements are run in the target, in one transaction.
func (m *move) statements(ctx context.Context, all ...string) error {
	return m.to.tx(ctx, func(w writer) error {
		for _, statement := range all {
			if _, err := w.exec(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
}
