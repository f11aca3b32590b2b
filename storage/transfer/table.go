package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"signet/storage/migrations"
)

// kind is what a column holds, on both engines.
type kind string

const (
	text    kind = "text"
	integer kind = "integer"
	truth   kind = "truth"
	octets  kind = "octets"
)

// column of a table, as the catalogue of the engine has it.
type column struct {
	name     string
	kind     kind
	computed bool // by the database: not copied
	key      int  // place in the primary key, from 1 on; 0 = not in it
	required bool // never NULL
}

// table is one, with the tables that its rows refer to.
type table struct {
	name    string
	columns []column // those that are copied, by name
	refers  []string
}

// leftOut are tables that belong to a database and not to what is in it: applied steps, and locks of processes.
var leftOut = []string{"goose_db_version", "schema_compat", "locks"}

var created = regexp.MustCompile(`(?m)^CREATE TABLE (\w+)`)

// ours are the names of the tables that the steps make, whatever else lies beside them.
var ours = func() []string {
	names := []string{"goose_db_version"}
	files, _ := fs.Glob(migrations.Files, "sqlite/*.sql") // the pattern is well-formed
	for _, file := range files {
		content, _ := migrations.Files.ReadFile(file) // it was listed
		up, _, _ := strings.Cut(string(content), "-- +goose Down")
		for _, found := range created.FindAllStringSubmatch(up, -1) {
			names = append(names, found[1])
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}()

// copied are the tables whose rows are copied, those that others refer to first.
func copied(all []table) ([]table, error) {
	var order []table
	rest := slices.DeleteFunc(slices.Clone(all), func(t table) bool { return slices.Contains(leftOut, t.name) })
	for len(rest) > 0 {
		i := slices.IndexFunc(rest, func(t table) bool {
			return !slices.ContainsFunc(rest, func(r table) bool { return r.name != t.name && slices.Contains(t.refers, r.name) })
		})
		if i < 0 {
			return nil, errors.New("tables refer to one another in a circle")
		}
		order = append(order, rest[i])
		rest = slices.Delete(rest, i, i+1)
	}
	return order, nil
}

// fit compares the tables of both sides.
func fit(from, to []table) error {
	for _, t := range from {
		i := slices.IndexFunc(to, func(other table) bool { return other.name == t.name })
		if i < 0 || !slices.EqualFunc(t.columns, to[i].columns, func(a, b column) bool { return a.name == b.name && a.kind == b.kind }) {
			return fmt.Errorf("%w: table %s has other columns there", ErrSchema, t.name)
		}
	}
	return nil
}

// keys are the columns of the primary key, in its order.
func (t table) keys() []column {
	keys := slices.DeleteFunc(slices.Clone(t.columns), func(c column) bool { return c.key == 0 })
	slices.SortFunc(keys, func(a, b column) int { return a.key - b.key })
	return keys
}

// batch is how many rows are read and written at once: fewer where a row may be large.
func (t table) batch() int {
	if slices.ContainsFunc(t.columns, func(c column) bool { return c.kind == octets }) {
		return 500
	}
	return 5000
}

func quoted(names []string) string { return `"` + strings.Join(names, `", "`) + `"` }

func namesOf(columns []column) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	return names
}

// after reads the next rows behind a place in the order of the primary key; nil = from the first.
func (t table) after(ctx context.Context, on engine, place []any) (rows [][]any, err error) {
	keys := quoted(namesOf(t.keys()))
	query := "SELECT " + quoted(namesOf(t.columns)) + ` FROM "` + t.name + `"`
	if place != nil {
		marks := make([]string, len(place))
		for i := range place {
			marks[i] = "$" + strconv.Itoa(i+1)
		}
		query += " WHERE (" + keys + ") > (" + strings.Join(marks, ", ") + ")"
	}
	query += " ORDER BY " + keys + " LIMIT " + strconv.Itoa(t.batch())
	err = on.query(ctx, query, place, func(values []any) error {
		for i, c := range t.columns {
			if values[i], err = c.value(values[i]); err != nil {
				return fmt.Errorf("table %s, row %q, column %s: %w", t.name, fmt.Sprint(t.place(values)...), c.name, err)
			}
		}
		rows = append(rows, values)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", t.name, err)
	}
	return rows, nil
}

// place is where a row is in the order of the primary key.
func (t table) place(row []any) []any {
	var place []any
	for _, key := range t.keys() {
		place = append(place, row[slices.IndexFunc(t.columns, func(c column) bool { return c.name == key.name })])
	}
	return place
}

// parsePlace reads a place that was kept as JSON.
func (t table) parsePlace(kept string) ([]any, error) {
	if kept == "" {
		return nil, nil
	}
	var raw []json.RawMessage
	if err := json.Unmarshal([]byte(kept), &raw); err != nil {
		return nil, err
	}
	keys := t.keys()
	if len(raw) != len(keys) {
		return nil, fmt.Errorf("a place in %s has %d values", t.name, len(raw))
	}
	place := make([]any, len(raw))
	for i, key := range keys {
		var s string
		var n int64
		into, value := any(&s), func() any { return s }
		if key.kind == integer {
			into, value = &n, func() any { return n }
		}
		if err := json.Unmarshal(raw[i], into); err != nil {
			return nil, err
		}
		place[i] = value()
	}
	return place, nil
}

// value brings what a driver gives into the one form of its kind.
func (c column) value(v any) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case int64:
		if c.kind == truth {
			return v != 0, nil
		}
		if c.kind == integer {
			return v, nil
		}
	case int32:
		if c.kind == integer {
			return int64(v), nil
		}
	case bool:
		if c.kind == truth {
			return v, nil
		}
	case string:
		return c.bytes([]byte(v))
	case []byte:
		return c.bytes(v)
	}
	return nil, fmt.Errorf("holds %T, which is no %s", v, c.kind)
}

func (c column) bytes(v []byte) (any, error) {
	switch {
	case c.kind == octets && v == nil:
		return []byte{}, nil // what SQLite's driver makes of an empty one
	case c.kind == octets:
		return v, nil
	case c.kind != text:
		return nil, fmt.Errorf("holds a text, which is no %s", c.kind)
	case !utf8.Valid(v) || slices.Contains(v, 0):
		return nil, errors.New("a text has NUL or bytes that are no UTF-8 in it, which Postgres does not take")
	}
	return string(v), nil
}

// sum is the hash of a table, whatever the order of its rows: the sum of their hashes.
type sum struct {
	Rows  int64
	total big.Int
}

func (s *sum) add(row []any) {
	h := sha256.New()
	var size [9]byte
	write := func(tag byte, b []byte) {
		size[0] = tag
		binary.BigEndian.PutUint64(size[1:], uint64(len(b)))
		h.Write(size[:])
		h.Write(b)
	}
	for _, v := range row {
		switch v := v.(type) {
		case nil:
			write('0', nil)
		case string:
			write('t', []byte(v))
		case int64:
			write('i', strconv.AppendInt(nil, v, 10))
		case bool:
			write('b', strconv.AppendBool(nil, v))
		case []byte:
			write('o', v)
		}
	}
	s.Rows++
	s.total.Add(&s.total, new(big.Int).SetBytes(h.Sum(nil)))
}

func (s *sum) same(other *sum) bool { return s.Rows == other.Rows && s.total.Cmp(&other.total) == 0 }

// each reads every row, in the order of the keys.
func (t table) each(ctx context.Context, on engine, do func(row []any)) error {
	var place []any
	for {
		rows, err := t.after(ctx, on, place)
		if err != nil {
			return err
		}
		for _, row := range rows {
			do(row)
		}
		if len(rows) < t.batch() {
			return nil
		}
		place = t.place(rows[len(rows)-1])
	}
}

// sumOf reads a whole table.
func (t table) sumOf(ctx context.Context, on engine) (*sum, error) {
	s := &sum{}
	return s, t.each(ctx, on, s.add)
}
