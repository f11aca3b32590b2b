package register_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/clients"
	"signet/server/servertest"
	"signet/storage"
)

// statements counts those of the last request to the endpoint.
type statements struct {
	slog.Handler
	mu            sync.Mutex
	reads, writes int64
}

func (s *statements) Enabled(context.Context, slog.Level) bool { return true }

func (s *statements) Handle(_ context.Context, r slog.Record) error {
	all := map[string]slog.Value{}
	r.Attrs(func(a slog.Attr) bool { all[a.Key] = a.Value; return true })
	if pattern := all["pattern"].String(); !strings.Contains(pattern, at) && !strings.Contains(pattern, "/oauth2/authorize") {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads, s.writes = 0, 0
	if v := all["db_reads"]; v.Kind() == slog.KindInt64 {
		s.reads = v.Int64()
	}
	if v := all["db_writes"]; v.Kind() == slog.KindInt64 {
		s.writes = v.Int64()
	}
	return nil
}

func (s *statements) last() [2]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return [2]int64{s.reads, s.writes}
}

// A registration, a change and a deletion take as many statements among thousands of clients as among two, and each statement goes by an
// index (storage: the plans of all of them). What the registry keeps of all clients is not read again (clients:
// TestAChangeReadsNoOtherClient; BenchmarkManyClients measures it at 100,000).
func TestRegistration_CostsTheSameAmongMany(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		seen := &statements{}
		s := servertest.New(t, engine, servertest.HandlerOnly(), yaml("open"), servertest.Log(seen))
		whole := func() (costs [4][2]int64) {
			status, _, made := send(t, s, "POST", at, "", document{"redirect_uris": []string{"https://app.example/cb"}})
			if status != http.StatusCreated {
				t.Fatalf("%d %v", status, made)
			}
			costs[0] = seen.last()
			id, token := text(made, "client_id"), text(made, "registration_access_token")
			send(t, s, "GET", at+"/"+id, token, nil)
			costs[1] = seen.last()
			_, _, made = send(t, s, "PUT", at+"/"+id, token, document{"client_id": id, "redirect_uris": []string{"https://app.example/other"}})
			costs[2] = seen.last()
			if status, _, _ := send(t, s, "DELETE", at+"/"+id, text(made, "registration_access_token"), nil); status != http.StatusNoContent {
				t.Fatalf("%d", status)
			}
			costs[3] = seen.last()
			return costs
		}
		whole() // what is read once is read
		few := whole()
		fill(t, s.Services().DB, 3000, "many", time.Now().Add(time.Hour))
		whole()
		if many := whole(); many != few || few[0] == [2]int64{} {
			t.Errorf("reads and writes of POST, GET, PUT, DELETE: %v among few, %v among many", few, many)
		}
	})
}

// fill writes clients that registered themselves; those that go at a time are used by nobody yet.
func fill(t *testing.T, db *storage.DB, n int, name string, goes time.Time) {
	t.Helper()
	now := time.Now()
	insert := func(ctx context.Context, i int) error {
		id := fmt.Sprint(name, "-", i)
		raw, err := json.Marshal(clients.Metadata{ClientID: id, ClientName: id, ApplicationType: clients.Web,
			RedirectURIs: []string{fmt.Sprintf("https://app%d.example/cb", i)}, GrantTypes: []string{clients.AuthorizationCode},
			Scope: "openid", TokenEndpointAuthMethod: clients.MethodNone})
		if err == nil {
			err = db.InsertClient(ctx, storage.Client{ID: id, Metadata: raw, CreatedAt: now, UpdatedAt: now})
		}
		if err == nil {
			err = db.InsertRegistration(ctx, storage.Registration{ClientID: id, TokenHash: id, CreatedAt: now, ExpiresAt: goes,
				Holder: fmt.Sprintf("192.0.%d.0/24", i%200)})
		}
		return err
	}
	const atOnce = 100
	for first := 0; first < n; first += atOnce {
		if err := db.Tx(t.Context(), func(ctx context.Context) (err error) {
			for i := first; i < min(n, first+atOnce) && err == nil; i++ {
				err = insert(ctx, i)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
}
