package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"signet/storage/migrations"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// postgresEngine is one connection to a primary.
type postgresEngine struct{ conn *pgx.Conn }

func openPostgres(ctx context.Context, dsn string) (*postgresEngine, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("the address is no valid postgres:// address") // pgx's own words may quote the password
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 10 * time.Second
	}
	if config.DefaultQueryExecMode == pgx.QueryExecModeDescribeExec { // as the server's, which says why
		config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	config.RuntimeParams["application_name"] = "signet move"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to Postgres: %w", err)
	}
	return &postgresEngine{conn}, nil
}

func (g *postgresEngine) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return g.conn.Close(ctx)
}

func (g *postgresEngine) query(ctx context.Context, query string, args []any, each func(values []any) error) error {
	rows, err := g.conn.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			return err
		}
		if err := each(values); err != nil {
			return err
		}
	}
	return rows.Err()
}

// SQLSTATEs after which nothing was done and the same may be tried again: a deadlock, a lock that did not come in time.
const deadlock, lockTimeout = "40P01", "55P03"

func (g *postgresEngine) tx(ctx context.Context, body func(w writer) error) error {
	for tries := 1; ; tries++ {
		err := pgx.BeginFunc(ctx, g.conn, func(tx pgx.Tx) error { return body(postgresWriter{tx}) })
		e, is := errors.AsType[*pgconn.PgError](err)
		if err == nil || !is || e.Code != deadlock && e.Code != lockTimeout || tries == 10 {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Duration(tries) * 50 * time.Millisecond):
		}
	}
}

var postgresKinds = map[string]kind{"text": text, "int8": integer, "int4": integer, "bool": truth, "bytea": octets}

func (g *postgresEngine) catalogue(ctx context.Context) ([]table, error) {
	all := make([]table, len(ours))
	at := map[string]*table{}
	for i, name := range ours {
		all[i].name, at[name] = name, &all[i]
	}
	err := g.query(ctx, `SELECT c.relname::text, a.attname::text, t.typname::text, a.attgenerated <> '',
			COALESCE(array_position(i.indkey::int2[], a.attnum) + 1, 0)::bigint, a.attnotnull
		FROM pg_class c
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		JOIN pg_type t ON t.oid = a.atttypid
		LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
		WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND c.relname = ANY ($1)`, []any{ours},
		func(v []any) error {
			t := at[v[0].(string)]
			t.columns = append(t.columns, column{name: v[1].(string), kind: postgresKinds[v[2].(string)], computed: v[3].(bool),
				key: int(v[4].(int64)), required: v[5].(bool)})
			return nil
		})
	if err != nil {
		return nil, err
	}
	err = g.query(ctx, `SELECT c.relname::text, r.relname::text FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
		JOIN pg_class r ON r.oid = k.confrelid
		WHERE k.contype = 'f' AND c.relnamespace = current_schema()::regnamespace AND c.relname = ANY ($1)`, []any{ours},
		func(v []any) error {
			t := at[v[0].(string)]
			t.refers = append(t.refers, v[1].(string))
			return nil
		})
	if err != nil {
		return nil, err
	}
	return described(all)
}

// freezing: SQLSTATE 25006 is what a standby says, so servers know it as a database that only reads. The statements wait for the writes
// in hand, and no other begins before they are committed.
func (g *postgresEngine) freezing(tables []table) (freeze, thaw []string) {
	freeze = []string{"SET LOCAL lock_timeout = '5s'", `CREATE OR REPLACE FUNCTION signet_move_frozen() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN RAISE EXCEPTION USING ERRCODE = '25006', MESSAGE = '` + migrations.Frozen + `'; END $$`}
	for _, t := range tables {
		name := trigger(t.name, "write")
		drop := fmt.Sprintf(`DROP TRIGGER IF EXISTS "%s" ON "%s"`, name, t.name)
		thaw = append(thaw, drop)
		freeze = append(freeze, drop, fmt.Sprintf(
			`CREATE TRIGGER "%s" BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON "%s" FOR EACH STATEMENT EXECUTE FUNCTION signet_move_frozen()`,
			name, t.name))
	}
	return freeze, append(thaw, "DROP FUNCTION IF EXISTS signet_move_frozen()")
}

// postgresWriter is a transaction on Postgres.
type postgresWriter struct{ tx pgx.Tx }

func (w postgresWriter) exec(ctx context.Context, statement string, args ...any) (int64, error) {
	tag, err := w.tx.Exec(ctx, statement, args...)
	return tag.RowsAffected(), err
}

func (w postgresWriter) insert(ctx context.Context, t table, rows [][]any) error {
	_, err := w.tx.CopyFrom(ctx, pgx.Identifier{t.name}, namesOf(t.columns), pgx.CopyFromRows(rows))
	return err
}
