package storage_test

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"signet/storage"
)

// The three statements the protocol lives on, alone and 64 at once, on SQLite with synchronous=FULL. Run with
//
//	go test ./storage -run '^$' -bench . -benchmem

func benchDB(b *testing.B) *storage.DB {
	b.Helper()
	db, err := storage.Open(b.Context(), storage.Options{DSN: "sqlite:" + filepath.Join(b.TempDir(), "signet.db")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	if _, err := db.MigrateUp(b.Context()); err != nil {
		b.Fatal(err)
	}
	return db
}

func benchGrant(id string) storage.Grant {
	at := time.Now()
	return storage.Grant{
		ID: id, ClientID: "shop", UserID: "ada", SessionID: "s1", UserEpoch: 1, Scopes: []string{"openid", "email"},
		AuthTime: at, ACR: "1", AMR: []string{"pwd"}, Data: []byte(`{"nonce":"n-0S6_WzA2Mj","redirect_uri":"https://shop.example/cb"}`),
		CodeHash: "hash-" + id, CodeExpiresAt: at.Add(time.Minute), CreatedAt: at, ExpiresAt: at.Add(time.Minute), EndsAt: at.Add(time.Hour),
	}
}

// each runs op alone and 64 at once, on a database that prepare has filled; op gets a number of its own each time.
func each(b *testing.B, prepare func(b *testing.B, db *storage.DB), op func(b *testing.B, db *storage.DB, n int64)) {
	b.Run("alone", func(b *testing.B) {
		db, n := benchDB(b), int64(0)
		prepare(b, db)
		b.ReportAllocs()
		for b.Loop() {
			n++
			op(b, db, n)
		}
	})
	b.Run("together", func(b *testing.B) {
		db := benchDB(b)
		prepare(b, db)
		var n atomic.Int64
		b.ReportAllocs()
		b.SetParallelism(64)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				op(b, db, n.Add(1))
			}
		})
	})
}

func nothing(*testing.B, *storage.DB) {}

func BenchmarkInsertGrant(b *testing.B) {
	each(b, nothing, func(b *testing.B, db *storage.DB, n int64) {
		if err := db.InsertGrant(b.Context(), benchGrant(fmt.Sprint(n))); err != nil {
			b.Error(err)
		}
	})
}

func BenchmarkRotateGrant(b *testing.B) {
	const grants = 1024
	fill := func(b *testing.B, db *storage.DB) {
		for i := range grants {
			if err := db.InsertGrant(b.Context(), benchGrant(fmt.Sprint(i))); err != nil {
				b.Fatal(err)
			}
		}
	}
	each(b, fill, func(b *testing.B, db *storage.DB, n int64) {
		at := time.Now()
		r := storage.Rotation{ID: fmt.Sprint(n % grants), Presented: n, Now: at, ExpiresAt: at.Add(time.Hour)}
		if err := db.RotateGrant(b.Context(), r); err != nil {
			b.Error(err)
		}
	})
}

func BenchmarkGrantStateByID(b *testing.B) {
	fill := func(b *testing.B, db *storage.DB) {
		if err := db.InsertGrant(b.Context(), benchGrant("g")); err != nil {
			b.Fatal(err)
		}
	}
	each(b, fill, func(b *testing.B, db *storage.DB, _ int64) {
		if _, err := db.GrantStateByID(b.Context(), "g"); err != nil {
			b.Error(err)
		}
	})
}
