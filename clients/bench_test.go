package clients_test

import (
	"context"
	"testing"

	"signet/clients"
	"signet/storage"
)

// cached is a registry with one stored client that was asked for before.
func cached(t testing.TB) (r *clients.Registry, made clients.Metadata) {
	t.Helper()
	ctx := context.Background()
	db, err := storage.Open(ctx, storage.Options{DSN: "sqlite::memory:"})
	if err == nil {
		_, err = db.MigrateUp(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	r = registry(t, db)
	if made, err = r.Create(ctx, shop("shop")); err == nil {
		_, err = r.Client(ctx, "shop")
	}
	if err != nil {
		t.Fatal(err)
	}
	return r, made
}

func TestACachedClientCostsNoAllocation(t *testing.T) {
	r, _ := cached(t)
	ctx := t.Context()
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := r.Client(ctx, "shop"); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRegistryClient(b *testing.B) {
	r, _ := cached(b)
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Client(ctx, "shop"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheckSecret(b *testing.B) {
	r, made := cached(b)
	ctx := b.Context()
	c, err := r.Client(ctx, "shop")
	if err != nil {
		b.Fatal(err)
	}
	for name, tt := range map[string]struct {
		c      *clients.Client
		secret string
	}{"right": {c, made.ClientSecret}, "wrong": {c, made.ClientSecret + "x"}, "unknown client": {nil, made.ClientSecret}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r.CheckSecret(ctx, tt.c, tt.secret)
			}
		})
	}
}

// Every authorization request asks several times what its response type answers with.
func TestAResponseTypeCostsNoAllocation(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() {
		if clients.ResponseType("code") != "code" || !clients.Answers("code id_token", "id_token") || clients.FromFront("code") {
			t.Error("wrong")
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
