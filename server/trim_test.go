package server

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"signet/audit"
	"signet/clients"
	"signet/internal/telemetry"
	"signet/storage"
	"signet/storage/storagetest"
)

// watchedPairs notes what trimmer asks of the database.
type watchedPairs struct {
	*storage.DB
	from []storage.GrantPair
	stop context.CancelFunc // called after the first slice, if set
}

// CrowdedPairs implements pairs.
func (w *watchedPairs) CrowdedPairs(
	ctx context.Context, after storage.GrantPair, size, keep int,
) (map[storage.GrantPair]int, storage.GrantPair, error) {
	w.from = append(w.from, after)
	list, next, err := w.DB.CrowdedPairs(ctx, after, size, keep)
	if w.stop != nil {
		w.stop()
	}
	return list, next, err
}

// hundred is the limit of an app that has none of its own.
func hundred(context.Context, string) (int, error) { return clients.DefaultMaxGrants, nil }

// future is some seconds ahead.
func future(seconds int) time.Time { return time.Now().Add(time.Duration(seconds) * time.Second) }

func TestTrimmingWalksInSlicesAndGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		t.Parallel()
		db := open(t)
		err := db.Tx(t.Context(), func(ctx context.Context) error {
			for i := range 360 {
				user := fmt.Sprintf("user%d", i/120)
				err := db.InsertGrant(ctx,
					storage.Grant{ID: fmt.Sprintf("g%03d", i), UserID: user, ClientID: "shop", CreatedAt: future(i), ExpiresAt: future(1e6)})
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		store := &watchedPairs{DB: db}
		metrics := telemetry.NewMetrics()
		job := trimmer{store: store, events: audit.New(db), metrics: metrics, limit: hundred, slice: 50}
		ctx, stop := context.WithCancel(t.Context())
		store.stop = stop
		if err := job.run(ctx); err == nil {
			t.Fatal("a run whose context ended says that it went through")
		}
		store.stop = nil
		for range 2 {
			if err := job.run(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 3 {
			list, err := db.GrantsOfUser(t.Context(), fmt.Sprintf("user%d", i), future(0), "", 500)
			if err != nil || len(list) != clients.DefaultMaxGrants {
				t.Errorf("user%d has %d grants, %v; want %d", i, len(list), err, clients.DefaultMaxGrants)
			}
		}
		seen := httptest.NewRecorder()
		metrics.Handler().ServeHTTP(seen, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		if !strings.Contains(seen.Body.String(), "\nsignet_grants_surplus_total 60\n") {
			t.Error("F6: the metric does not say that 60 were ended")
		}
		events, err := db.Events(t.Context(), "", 10)
		if err != nil || len(events) != 3 {
			t.Fatalf("F6: %d events, %v; want one for each person", len(events), err)
		}
		for _, e := range events {
			if e.Name != string(audit.GrantRevoked) || e.ClientID != "shop" || e.UserID == "" ||
				!strings.Contains(string(e.Detail), `"why":"surplus"`) || !strings.Contains(string(e.Detail), `"grants":20`) {
				t.Errorf("F6: event %+v, detail %s", e, e.Detail)
			}
		}
		if len(store.from) < 5 || !slices.Contains(store.from, storage.GrantPair{UserID: "user1", ClientID: "shop"}) {
			t.Errorf("walked from %v, want a slice for each person", store.from)
		}
	})
}

// TestEachAppHasItsOwnLimit by its registration; an app that nobody knows any more has the default.
func TestEachAppHasItsOwnLimit(t *testing.T) {
	t.Parallel()
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		t.Parallel()
		db := open(t)
		app := func(id string, most int64) clients.Metadata {
			return clients.Metadata{ClientID: id, RedirectURIs: []string{"https://" + id + ".example/cb"}, MaxGrants: most,
				TokenEndpointAuthMethod: clients.MethodNone}
		}
		registry, err := clients.New(t.Context(), clients.Options{
			Store: db, Issuer: "https://id.example", SecretKeys: [][]byte{make([]byte, 32)},
			Declared: []clients.Metadata{app("plain", 0), app("kiosk", 10), app("tests", 115)},
		})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]int{"plain": 100, "kiosk": 10, "tests": 115, "gone": 100}
		err = db.Tx(t.Context(), func(ctx context.Context) error {
			for client := range want {
				for i := range 120 {
					err := db.InsertGrant(ctx,
						storage.Grant{ID: fmt.Sprintf("%s-%03d", client, i), UserID: "ada", ClientID: client, CreatedAt: future(i), ExpiresAt: future(1e6)})
					if err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		h := &Services{Clients: registry}
		job := trimmer{store: db, events: audit.New(db), metrics: telemetry.NewMetrics(), limit: h.grantLimit, slice: 50}
		for range 2 { // the second finds nothing
			if err := job.run(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		left := map[string]int{}
		list, err := db.GrantsOfUser(t.Context(), "ada", future(0), "", 500)
		for _, g := range list {
			left[g.ClientID]++
		}
		if err != nil || !maps.Equal(left, want) {
			t.Errorf("left %v, %v; want %v", left, err, want)
		}
		events, err := db.Events(t.Context(), "", 10)
		if err != nil || len(events) != len(want) {
			t.Errorf("%d events, %v", len(events), err)
		}
		for _, e := range events {
			if !strings.Contains(string(e.Detail), fmt.Sprintf(`"kept":%d`, want[e.ClientID])) {
				t.Errorf("%s: %s", e.ClientID, e.Detail)
			}
		}
	})
}
