package kit_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	kit "signet/kit/go"
)

func Example() {
	api, err := kit.New("https://id.example.com", "https://api.example.com", kit.Options{})
	if err != nil {
		log.Fatal(err)
	}
	notes := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := kit.From(r.Context())
		fmt.Fprintf(w, "Hello %s\n", token.Subject)
	})
	mux := http.NewServeMux()
	mux.Handle("GET /notes", api.Require(kit.Scopes("notes:read"))(notes))
	api.Mount(mux)

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", "/notes", nil))
	fmt.Println(w.Code, w.Header().Get("WWW-Authenticate"))
	// Output: 401 Bearer scope="notes:read", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource"
}

func ExampleAPI_Demand() {
	api, err := kit.New("https://id.example.com", "https://api.example.com", kit.Options{})
	if err != nil {
		log.Fatal(err)
	}
	transfer := func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("amount") > "100" && !api.Demand(w, r, kit.Fresh(5*time.Minute), kit.Class("2")) {
			return // the person has to sign in again; the app was told
		}
		w.WriteHeader(http.StatusNoContent)
	}
	http.Handle("POST /transfers", api.Require(kit.Scopes("transfers"))(http.HandlerFunc(transfer)))
}

func ExampleAPI_Verify() {
	api, err := kit.New("https://id.example.com", "https://api.example.com", kit.Options{
		Logger: slog.New(slog.NewJSONHandler(os.Stderr, nil)),
	})
	if err != nil {
		log.Fatal(err)
	}
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/notes", nil)
	token, err := api.Verify(r, kit.Scopes("notes:read"))
	switch {
	case errors.Is(err, kit.ErrExpired):
		fmt.Println("refresh, and try again")
	case err != nil:
		api.Refuse(w, r, err, kit.Scopes("notes:read"))
		fmt.Println(w.Code)
		return
	}
	_ = token
	// Output: 401
}

// inPostgres remembers DPoP proofs for all replicas:
//
//	CREATE TABLE proofs (key TEXT PRIMARY KEY, until TIMESTAMPTZ NOT NULL);
//
// A job deletes what is over: DELETE FROM proofs WHERE until < now().
type inPostgres struct{ db *sql.DB }

func (p inPostgres) Once(ctx context.Context, key string, until time.Time) (bool, error) {
	done, err := p.db.ExecContext(ctx, `INSERT INTO proofs (key, until) VALUES ($1, $2) ON CONFLICT DO NOTHING`, key, until)
	if err != nil {
		return false, err
	}
	n, err := done.RowsAffected()
	return n == 1, err
}

func ExampleReplay() {
	var db *sql.DB // opened with your driver
	_, err := kit.New("https://id.example.com", "https://api.example.com", kit.Options{
		DPoP: kit.DPoP{Required: true, Replay: inPostgres{db}},
	})
	fmt.Println(err)
	// Output: <nil>
}
