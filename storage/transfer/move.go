package transfer

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"signet/storage/migrations"

	"github.com/jackc/pgx/v5"
)

// What callers branch on; the messages around them name the remedy.
var (
	// ErrSchema: the two databases do not have the same schema.
	ErrSchema = errors.New("the databases do not have the same schema")
	// ErrNotEmpty: there is something in the target.
	ErrNotEmpty = errors.New("the target is not empty")
	// ErrAnother: another move has to do with one of the databases.
	ErrAnother = errors.New("another move is under way")
	// ErrDiffers: the rows of the target are not those of the source.
	ErrDiffers = errors.New("the target differs from the source")
	// ErrMoved: the move is finished, so servers may run on the target.
	ErrMoved = errors.New("the database was moved")
	// ErrNotFrozen: no move of this database was begun.
	ErrNotFrozen = errors.New("the database is not frozen")
)

// Options of Move.
type Options struct {
	From, To string            // addresses as package storage has them; both are there, migrated to the same step
	Step     func(done string) // told of each step that is done and durable; nil = nobody
}

// Moved says what became of a move.
type Moved struct {
	From     string           `json:"from"` // without a password
	To       string           `json:"to"`
	Rows     map[string]int64 `json:"rows"` // of each table, the same on both sides
	Total    int64            `json:"total"`
	Finished time.Time        `json:"finished_at"`
	Before   bool             `json:"before,omitempty"` // it was finished before this call, which did nothing
}

// move is one, with its two sides.
type move struct {
	Options
	from, to       engine
	fromAll, toAll []table // what there is
	tables         []table // what is copied, in order
	id             string
	moved          Moved
}

// Move freezes From, copies its rows into To, compares them all, and leaves To ready to be served. Interrupted or killed at any moment, it
// is called again with the same addresses and goes on. Reads of From go on; writes are refused from the first step on.
func Move(ctx context.Context, o Options) (moved Moved, err error) {
	m := &move{Options: o, moved: Moved{From: Describe(o.From), To: Describe(o.To), Rows: map[string]int64{}}}
	if m.moved.From == m.moved.To {
		return m.moved, errors.New("source and target are the same database")
	}
	if m.Step == nil {
		m.Step = func(string) {}
	}
	if m.from, err = open(ctx, o.From); err != nil {
		return m.moved, fmt.Errorf("source: %w", err)
	}
	defer func() { err = errors.Join(err, m.from.close()) }()
	if m.to, err = open(ctx, o.To); err != nil {
		return m.moved, fmt.Errorf("target: %w", err)
	}
	defer func() { err = errors.Join(err, m.to.close()) }()
	for _, step := range []func(ctx context.Context) error{m.look, m.freeze, m.claim, m.copyAll, m.compare, m.finish} {
		if err := step(ctx); err != nil || m.moved.Before {
			return m.moved, err
		}
	}
	return m.moved, nil
}

// look compares the schemas, finds out what was done before, and before anything is done whether every row can be moved.
func (m *move) look(ctx context.Context) error {
	if err := m.lookAtSchemas(ctx); err != nil {
		return err
	}
	if err := m.lookForMarks(ctx); err != nil || m.id != "" || m.moved.Before {
		return err
	}
	return m.readAll(ctx)
}

// readAll reads every row of a SQLite file, which takes values that Postgres does not, while servers still write.
func (m *move) readAll(ctx context.Context) error {
	if _, is := m.from.(*sqliteEngine); !is {
		return nil
	}
	for _, t := range m.tables {
		if err := t.each(ctx, m.from, func([]any) {}); err != nil {
			return fmt.Errorf("nothing was done: %w", err)
		}
	}
	return nil
}

// lookAtSchemas finds the tables, which are the same on both sides.
func (m *move) lookAtSchemas(ctx context.Context) error {
	steps := make([]int64, 2)
	for i, side := range []engine{m.from, m.to} {
		step, err := stepOf(ctx, side)
		if err != nil {
			return err
		}
		if steps[i] = step; step == 0 {
			return fmt.Errorf("%w: there is none in %s; run `signet migrate up`", ErrSchema, []string{m.moved.From, m.moved.To}[i])
		}
	}
	if steps[0] != steps[1] {
		return fmt.Errorf("%w: %s is at version %d and %s at version %d; run `signet migrate up` on the older one", ErrSchema, m.moved.From,
			steps[0], m.moved.To, steps[1])
	}
	var err error
	if m.fromAll, err = m.from.catalogue(ctx); err != nil {
		return fmt.Errorf("%s: %w", m.moved.From, err)
	}
	if m.toAll, err = m.to.catalogue(ctx); err != nil {
		return fmt.Errorf("%s: %w", m.moved.To, err)
	}
	if err := fit(m.fromAll, m.toAll); err != nil {
		return err
	}
	m.tables, err = copied(m.fromAll)
	return err
}

// lookForMarks finds out whether this move was begun before, and whether another one was.
func (m *move) lookForMarks(ctx context.Context) error {
	source, err := markOf(ctx, m.from)
	if err != nil {
		return err
	}
	target, err := markOf(ctx, m.to)
	switch {
	case err != nil:
		return err
	case source.role == "target":
		return fmt.Errorf("%w: the rows of %s have not all arrived from %s", ErrAnother, m.moved.From, source.other)
	case source.id != "" && source.other != m.moved.To:
		return fmt.Errorf("%w: %s is being moved to %s; go on with that, or begin with `signet move --unfreeze`", ErrAnother, m.moved.From,
			source.other)
	case target.id != "" && (target.role != "target" || target.id != source.id):
		return fmt.Errorf("%w: %s belongs to a move of %s; make an empty database and name that", ErrAnother, m.moved.To, target.other)
	case target.id == "" && !source.finished.IsZero():
		m.moved.Before, m.moved.Finished = true, source.finished
		return m.stillThere(ctx)
	case target.id == "":
		if err := m.empty(ctx); err != nil {
			return err
		}
	}
	m.id = source.id
	return nil
}

// stillThere looks whether there is anything where a move had brought everything: who is told that it is finished may delete the source.
func (m *move) stillThere(ctx context.Context) error {
	switch err := m.empty(ctx); {
	case errors.Is(err, ErrNotEmpty):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("%w to %s at %s, and that is empty now: it is another database, or it was made anew. Keep %s; `signet move --unfreeze "+
		"--yes` there lets you move it again", ErrMoved, m.moved.To, m.moved.Finished.Format(time.RFC3339), m.moved.From)
}

// fresh are tables that have rows in a database that was only migrated.
var fresh = []string{"versions", "retention", "first_run"}

// empty is ErrNotEmpty if there is a row that no migration made.
func (m *move) empty(ctx context.Context) error {
	for _, t := range m.tables {
		if slices.Contains(fresh, t.name) {
			continue
		}
		row, err := one(ctx, m.to, `SELECT 1 FROM "`+t.name+`" LIMIT 1`)
		if err != nil {
			return err
		}
		if row != nil {
			return fmt.Errorf("%w: there are rows in table %s of %s; name a database that was made for this and that no server ran on",
				ErrNotEmpty, t.name, m.moved.To)
		}
	}
	return nil
}

const (
	makeMark = `CREATE TABLE signet_move (id TEXT PRIMARY KEY, role TEXT NOT NULL, other TEXT NOT NULL, begun_at BIGINT NOT NULL,
		finished_at BIGINT)`
	setMark    = "INSERT INTO signet_move (id, role, other, begun_at) VALUES ($1, $2, $3, $4)"
	makePlaces = "CREATE TABLE signet_move_tables (name TEXT PRIMARY KEY, place TEXT NOT NULL, done BOOLEAN NOT NULL)"
)

// freeze has the source refuse all writes from now on.
func (m *move) freeze(ctx context.Context) error {
	if m.id != "" {
		return nil
	}
	id := rand.Text()
	freeze, _ := m.from.freezing(m.fromAll)
	err := m.from.tx(ctx, func(w writer) error {
		for _, statement := range append(freeze, makeMark) {
			if _, err := w.exec(ctx, statement); err != nil {
				return err
			}
		}
		_, err := w.exec(ctx, setMark, id, "source", m.moved.To, time.Now().UnixMicro())
		return err
	})
	if err != nil {
		if mark, unread := markOf(ctx, m.from); unread == nil && mark.id != "" {
			return fmt.Errorf("%w: a second `signet move` is at work on %s", ErrAnother, m.moved.From)
		}
		return fmt.Errorf("freeze %s: %w", m.moved.From, err)
	}
	m.id = id
	m.Step("frozen: " + m.moved.From + " takes no writes")
	return nil
}

// claim marks the target as this move's, so that no server starts on it, and takes out what its migrations put in.
func (m *move) claim(ctx context.Context) error {
	mark, err := markOf(ctx, m.to)
	if err != nil || mark.id == m.id {
		return err
	}
	err = m.to.tx(ctx, func(w writer) error {
		statements := []string{makeMark, makePlaces,
			fmt.Sprintf("INSERT INTO goose_db_version (version_id, is_applied) VALUES (%d, TRUE)", migrations.Unfinished),
			fmt.Sprintf("INSERT INTO schema_compat (step, min_release) VALUES (%d, %[1]d)", migrations.Unfinished)}
		for _, name := range fresh {
			statements = append(statements, "DELETE FROM "+name)
		}
		for _, statement := range statements {
			if _, err := w.exec(ctx, statement); err != nil {
				return err
			}
		}
		_, err := w.exec(ctx, setMark, m.id, "target", m.moved.From, time.Now().UnixMicro())
		return err
	})
	if err != nil {
		return fmt.Errorf("prepare %s: %w", m.moved.To, err)
	}
	m.Step("claimed: no server starts on " + m.moved.To + " until all is there")
	return nil
}

func (m *move) copyAll(ctx context.Context) error {
	for _, t := range m.tables {
		if err := m.copyTable(ctx, t); err != nil {
			return fmt.Errorf("copy %s: %w", t.name, err)
		}
	}
	return nil
}

// copyTable copies what is not there yet. Each batch is in the target together with the place behind it, or not at all.
func (m *move) copyTable(ctx context.Context, t table) error {
	kept, err := one(ctx, m.to, "SELECT place, done FROM signet_move_tables WHERE name = $1", t.name)
	if err != nil {
		return err
	}
	was, first := "", kept == nil
	if !first {
		if done, err := (column{kind: truth}).value(kept[1]); err != nil || done == true {
			return err
		}
		was = kept[0].(string)
	}
	for {
		place, err := t.parsePlace(was)
		if err != nil {
			return err
		}
		rows, err := t.after(ctx, m.from, place)
		if err != nil {
			return err
		}
		next, done := was, len(rows) < t.batch()
		if len(rows) > 0 {
			text, err := json.Marshal(t.place(rows[len(rows)-1]))
			if err != nil {
				return err
			}
			next = string(text)
		}
		if err := m.to.tx(ctx, func(w writer) error { return write(ctx, w, t, rows, first, was, next, done) }); err != nil {
			return err
		}
		m.Step("copied: " + t.name + ", " + strconv.Itoa(len(rows)) + " rows")
		if done {
			return nil
		}
		was, first = next, false
	}
}

// write adds a batch, unless somebody else did meanwhile.
func write(ctx context.Context, w writer, t table, rows [][]any, first bool, was, next string, done bool) error {
	var n int64
	var err error
	if first {
		n, err = w.exec(ctx, "INSERT INTO signet_move_tables (name, place, done) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", t.name, next, done)
	} else {
		n, err = w.exec(ctx, "UPDATE signet_move_tables SET place = $2, done = $3 WHERE name = $1 AND place = $4", t.name, next, done, was)
	}
	if err == nil && n != 1 {
		err = fmt.Errorf("%w: a second `signet move` is at work on this target", ErrAnother)
	}
	if err != nil || len(rows) == 0 {
		return err
	}
	return w.insert(ctx, t, rows)
}

// compare reads every row of both sides.
func (m *move) compare(ctx context.Context) error {
	var differ []error
	for _, t := range m.tables {
		type result struct {
			sum *sum
			err error
		}
		source := make(chan result, 1)
		go func() {
			s, err := t.sumOf(ctx, m.from)
			source <- result{s, err}
		}()
		there, err := t.sumOf(ctx, m.to)
		here := <-source
		if err := errors.Join(err, here.err); err != nil {
			return fmt.Errorf("compare: %w", err)
		}
		if !there.same(here.sum) {
			differ = append(differ, fmt.Errorf("table %s (%d rows here, %d there)", t.name, here.sum.Rows, there.Rows))
			continue
		}
		m.moved.Rows[t.name] = there.Rows
		m.moved.Total += there.Rows
		m.Step("compared: " + t.name)
	}
	if len(differ) > 0 {
		return fmt.Errorf("%w: %w; somebody wrote into it: make an empty database in its place and run this again", ErrDiffers,
			errors.Join(differ...))
	}
	return nil
}

// finish notes in the source that it is done, then opens the target to servers. Killed between the two, the next call compares again.
func (m *move) finish(ctx context.Context) error {
	now := time.Now().UTC()
	err := m.from.tx(ctx, func(w writer) error {
		n, err := w.exec(ctx, "UPDATE signet_move SET finished_at = $1 WHERE id = $2", now.UnixMicro(), m.id)
		if err == nil && n != 1 {
			err = fmt.Errorf("%w: the source was unfrozen meanwhile", ErrAnother)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("finish: %w", err)
	}
	m.Step("finished: the source says so")
	err = m.to.tx(ctx, func(w writer) error {
		statements := []string{
			fmt.Sprintf("DELETE FROM goose_db_version WHERE version_id = %d", migrations.Unfinished),
			fmt.Sprintf("DELETE FROM schema_compat WHERE step = %d", migrations.Unfinished),
			"DROP TABLE signet_move_tables", "DROP TABLE signet_move"}
		if _, is := m.to.(*postgresEngine); is {
			for _, t := range m.tables {
				statements = append(statements, `ANALYZE "`+t.name+`"`)
			}
		}
		for _, statement := range statements {
			if _, err := w.exec(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("finish: %w", err)
	}
	m.moved.Finished = now
	m.Step("opened: servers may start on " + m.moved.To)
	return nil
}

// mark is what a database says of the move that it is in.
type mark struct {
	id, role, other string
	finished        time.Time
}

// micros is when it was finished, as the row has it; 0 = it is not.
func (m mark) micros() int64 {
	if m.finished.IsZero() {
		return 0
	}
	return m.finished.UnixMicro()
}

func markOf(ctx context.Context, on engine) (m mark, err error) {
	there, err := hasTable(ctx, on, "signet_move")
	if err != nil || !there {
		return m, err
	}
	row, err := one(ctx, on, "SELECT id, role, other, finished_at FROM signet_move")
	if err != nil || row == nil {
		return m, err
	}
	m = mark{id: row[0].(string), role: row[1].(string), other: row[2].(string)}
	if at, is := row[3].(int64); is {
		m.finished = time.UnixMicro(at).UTC()
	}
	return m, nil
}

func hasTable(ctx context.Context, on engine, name string) (bool, error) {
	query := "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = $1"
	if _, is := on.(*postgresEngine); is {
		query = "SELECT 1 FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relname = $1"
	}
	row, err := one(ctx, on, query, name)
	return row != nil, err
}

// stepOf is the newest step that was applied; 0 = none.
func stepOf(ctx context.Context, on engine) (int64, error) {
	there, err := hasTable(ctx, on, "goose_db_version")
	if err != nil || !there {
		return 0, err
	}
	row, err := one(ctx, on, "SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version WHERE is_applied AND version_id <> $1",
		migrations.Unfinished)
	if err != nil || row == nil {
		return 0, err
	}
	step, _ := row[0].(int64)
	return step, nil
}

// Describe names a database without the password of its address.
func Describe(dsn string) string {
	if path, is := strings.CutPrefix(dsn, "sqlite:"); is {
		if whole, err := filepath.Abs(path); err == nil {
			path = whole
		}
		return "sqlite:" + path
	}
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return "postgres"
	}
	return "postgres://" + net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port))) + "/" + config.Database
}
