package transfer

import (
	"strings"
	"testing"

	"signet/storage/storagetest"
)

// TestTextsThatPostgresRefusesAreFoundBeforeTheFreeze, with the table, the row and the column; servers go on writing.
func TestTextsThatPostgresRefusesAreFoundBeforeTheFreeze(t *testing.T) {
	t.Parallel()
	for what, value := range map[string]string{"NUL": "CAST(x'610062' AS TEXT)", "no UTF-8": "CAST(x'61ff62' AS TEXT)"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			from, to := newSQLite(t), newPostgres(t)
			fill(t, from, 1)
			storagetest.Exec(t, from, "INSERT INTO groups (name, description, created_at) VALUES ('staff-of-old', "+value+", 1)")
			_, err := Move(t.Context(), Options{From: from, To: to, Step: func(done string) { t.Errorf("did: %s", done) }})
			if err == nil {
				t.Fatal("moved")
			}
			for _, piece := range []string{"nothing was done", "table groups", "staff-of-old", "column description", "UTF-8"} {
				if !strings.Contains(err.Error(), piece) {
					t.Errorf("%q does not say %q", err, piece)
				}
			}
			must(t, connected(t, from).Write(t.Context()))
			storagetest.Exec(t, from, "UPDATE groups SET description = 'mended' WHERE name = 'staff-of-old'")
			_, err = Move(t.Context(), Options{From: from, To: to})
			must(t, err)
		})
	}
}
