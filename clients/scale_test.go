package clients_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"signet/clients"
	"signet/storage"
)

// many is a database with so many clients, each with origins and a logo of its own.
func many(b *testing.B, n int) *storage.DB {
	b.Helper()
	ctx := b.Context()
	db, err := storage.Open(ctx, storage.Options{DSN: "sqlite:" + filepath.Join(b.TempDir(), "signet.db")})
	if err == nil {
		_, err = db.MigrateUp(ctx)
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	for at := 0; at < n; at += 200 {
		if err := db.Tx(ctx, func(ctx context.Context) error {
			for i := at; i < min(n, at+200); i++ {
				text, err := json.Marshal(clients.Metadata{
					ClientID: fmt.Sprint("client-", i), ClientName: fmt.Sprint("Client ", i), ApplicationType: clients.Web,
					RedirectURIs: []string{fmt.Sprintf("https://app%d.example/cb", i), fmt.Sprintf("https://app%d.example/other", i)},
					LogoURI:      fmt.Sprintf("https://app%d.example/logo.png", i), GrantTypes: []string{clients.AuthorizationCode, clients.RefreshToken},
					Scope: "openid profile email offline_access", TokenEndpointAuthMethod: clients.MethodBasic,
				})
				if err != nil {
					return err
				}
				now := time.Now()
				if err := db.InsertClient(ctx,
					storage.Client{ID: fmt.Sprint("client-", i), Metadata: text, CreatedAt: now, UpdatedAt: now}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	return db
}

func opened(b *testing.B, db *storage.DB) *clients.Registry {
	b.Helper()
	r, err := clients.New(b.Context(), clients.Options{Store: db, Issuer: issuer, SecretKeys: [][]byte{bytes.Repeat([]byte{1}, 32)}})
	if err != nil {
		b.Fatal(err)
	}
	return r
}

func heap() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}

// cpu is what this process used so far: times of a busy machine say little.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkManyClients is what a replica pays for clients that are only there: the start, memory, and a change of one that another replica
// made, which has to cost the same however many there are.
func BenchmarkManyClients(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		db := many(b, n)
		b.Run(fmt.Sprint("start/", n), func(b *testing.B) {
			before, spent := heap(), cpu()
			var r *clients.Registry
			for b.Loop() {
				r = opened(b, db)
			}
			b.ReportMetric(float64((cpu()-spent).Milliseconds())/float64(b.N), "cpu-ms/op")
			b.ReportMetric(heap()-before, "MiB")
			runtime.KeepAlive(r)
		})
		b.Run(fmt.Sprint("change/", n), func(b *testing.B) {
			writer, reader := opened(b, db), opened(b, db)
			b.ReportAllocs()
			i, spent := 0, cpu()
			for b.Loop() {
				i++
				id := fmt.Sprint("client-", i%n)
				if _, err := writer.Change(b.Context(), id, func(m *clients.Metadata) error {
					m.ClientName = fmt.Sprint("Changed ", i)
					return nil
				}); err != nil {
					b.Fatal(err)
				}
				v, err := db.Versions(b.Context())
				if err == nil {
					err = reader.Refresh(b.Context(), v)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((cpu()-spent).Microseconds())/float64(b.N), "cpu-us/op")
		})
	}
}
