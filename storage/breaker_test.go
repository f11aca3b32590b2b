package storage_test

import (
	"errors"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"signet/storage"
	"signet/storage/storagetest"
)

// hanging is the way to a Postgres that can be made to stop answering without closing anything.
type hanging struct {
	net.Listener
	mu sync.RWMutex // held for writing: nothing passes
}

// through starts one in front of the database of a DSN, and gives the DSN that leads through it.
func through(t *testing.T, dsn string) (*hanging, string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	target := u.Host
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &hanging{Listener: l}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("tcp", target)
			if err != nil {
				_ = c.Close()
				continue
			}
			go h.pass(c, s)
			go h.pass(s, c)
		}
	}()
	u.Host = l.Addr().String()
	return h, u.String()
}

func (h *hanging) pass(to, from net.Conn) {
	defer to.Close()
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		h.mu.RLock()
		_, failed := to.Write(buf[:n])
		h.mu.RUnlock()
		if err != nil || failed != nil {
			return
		}
	}
}

// A database that stopped answering: whoever needs it is told within a second or so, later ones at once; and it is taken up again.
func TestHungDatabase(t *testing.T) {
	h, dsn := through(t, storagetest.PostgresDSN(t))
	const size = 4
	db, err := storage.Open(t.Context(), storage.Options{DSN: dsn, PoolSize: size})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.mu.Lock()
	var wg sync.WaitGroup
	type result struct {
		took time.Duration
		err  error
	}
	given := make(chan result, 50)
	for range cap(given) {
		wg.Go(func() {
			began := time.Now()
			err := db.Ping(t.Context())
			given <- result{time.Since(began), err}
		})
	}
	for range cap(given) - size { // those without a connection
		if r := <-given; r.took > 3*time.Second || !errors.Is(r.err, storage.ErrUnavailable) {
			t.Errorf("a call waited %s for a connection: %v", r.took, r.err)
		}
	}
	began := time.Now()
	for range 20 { // but for one a second nobody waits any more
		if err := db.Ping(t.Context()); !errors.Is(err, storage.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("20 calls took %s", took)
	}
	h.mu.Unlock()
	wg.Wait()
	deadline := time.Now().Add(5 * time.Second)
	for err = errors.New("not tried"); err != nil && time.Now().Before(deadline); {
		if err = db.Ping(t.Context()); err != nil {
			<-time.After(20 * time.Millisecond)
		}
	}
	if err != nil {
		t.Errorf("it answers again, and we do not: %v", err)
	}
}
