package storage

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"signet/storage/migrations"
)

// TestPostgresHints: what is no refusal of the whole database keeps its category, and has the remedy as well.
func TestPostgresHints(t *testing.T) {
	t.Parallel()
	for code, c := range map[string]struct {
		message, remedy string
		unavailable     bool
	}{
		"42501": {"permission denied for schema public", "OWNER TO", false},
		"42P01": {`relation "grants" does not exist`, "restore a backup", false},
		"42703": {`column "expires_at" does not exist`, "restore a backup", false},
		"53300": {"remaining connection slots are reserved", "storage.pool_size", true},
		"53100": {"could not extend file", "make space", true},
		"57014": {"canceling statement due to statement timeout", "SET statement_timeout", true},
	} {
		err := translatePostgres(&pgconn.PgError{Severity: "ERROR", Code: code, Message: c.message})
		if errors.Is(err, ErrUnavailable) != c.unavailable || !strings.Contains(err.Error(), c.remedy) {
			t.Errorf("%s: %v, want %q", code, err, c.remedy)
		}
	}
	err := translatePostgres(&pgconn.PgError{Code: "57014", Message: "canceling statement due to user request"})
	if strings.Contains(err.Error(), "timeout") {
		t.Errorf("a caller who went away: %v", err)
	}
}

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
