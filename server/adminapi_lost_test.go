package server_test

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"sync/atomic"
	"testing"

	"signet/server/servertest"
	"signet/storage"
	"signet/storage/storagetest"
)

// cutter is a network between a server and its database, which can lose the answer to a COMMIT.
type cutter struct {
	to  string
	cut atomic.Int32 // answers still to be lost
}

// newCutter answers with the address that leads through it.
func newCutter(t *testing.T, dsn string) (*cutter, string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	c := &cutter{to: u.Host}
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			go c.join(from)
		}
	}()
	u.Host = l.Addr().String()
	return c, u.String()
}

func (c *cutter) join(from net.Conn) {
	defer from.Close()
	to, err := net.Dial("tcp", c.to)
	if err != nil {
		return
	}
	defer to.Close()
	lost := new(atomic.Bool)
	go func() {
		defer from.Close()
		buffer := make([]byte, 64<<10)
		for {
			n, err := to.Read(buffer)
			if err != nil || lost.Load() {
				return
			}
			if _, err := from.Write(buffer[:n]); err != nil {
				return
			}
		}
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if bytes.Contains(bytes.ToLower(buffer[:n]), []byte("commit\x00")) && c.cut.Add(-1) >= 0 {
			lost.Store(true)
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
		if lost.Load() {
			_, _ = io.Copy(io.Discard, from) // until the other goroutine has seen the answer and closed it
			return
		}
	}
}

// TestADM63_ALostCommitIsNotRepeated: a request whose transaction was carried out, and not acknowledged, is answered 503. The same key does
// not carry it out again, and says so at once; one that was refused does.
func TestADM63_ALostCommitIsNotRepeated(t *testing.T) {
	t.Parallel()
	between, dsn := newCutter(t, storagetest.PostgresDSN(t))
	db, err := storage.Open(t.Context(), storage.Options{DSN: dsn})
	if err == nil {
		_, err = db.MigrateUp(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	d := newAdminAPI(t, servertest.On(db))
	shop := map[string]any{"client_name": "Shop", "redirect_uris": []string{"https://shop.example/cb"}}
	between.cut.Store(1)
	d.want(503, "POST /clients", shop, "Idempotency-Key: lost")
	for range 2 {
		if got := d.want(409, "POST /clients", shop, "Idempotency-Key: lost"); got["type"] != d.URL+"/problems/outcome_unknown" {
			t.Errorf("sent again: %v", got)
		}
	}
	if list := items(d.want(200, "GET /clients", nil)); len(list) != 1 {
		t.Errorf("%d apps were made by one key", len(list))
	}
	d.want(422, "POST /clients", map[string]any{"redirect_uris": []string{"nonsense"}}, "Idempotency-Key: wrong")
	d.want(201, "POST /clients", shop, "Idempotency-Key: wrong")
}
