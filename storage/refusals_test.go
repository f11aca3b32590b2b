package storage

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"signet/storage/migrations"
)

// TestPostgresErrorsSayWhatToDo: what an operator can mend is said with the remedy; a database that moved away says its own.
func TestPostgresErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ code, message, remedy string }{
		"a standby":      {"25006", "cannot execute INSERT in a read-only transaction", "must lead to the primary"},
		"statement mode": {"08P01", "transaction blocks not allowed in statement pooling mode", "set its pool_mode to transaction or session"},
		"a pooler":       {"26000", "prepared statement does not exist", "default_query_exec_mode=cache_describe"},
		"moved away":     {"25006", migrations.Frozen, "signet move"},
	} {
		err := translatePostgres(&pgconn.PgError{Severity: "ERROR", Code: c.code, Message: c.message})
		if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), c.remedy) {
			t.Errorf("%s: %v, want %q", name, err, c.remedy)
		}
		if c.message == migrations.Frozen && strings.Contains(err.Error(), "primary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
