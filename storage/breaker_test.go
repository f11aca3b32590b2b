package storage_test

import (
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"
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
	given := make(chan error, 50)
	for range cap(given) {
		wg.Go(func() { given <- db.Ping(t.Context()) })
	}
	for range cap(given) - size { // those without a connection
		if err := <-given; !errors.Is(err, storage.ErrUnavailable) || !said(err, "no connection became free in 1s", "it has stopped answering") {
			t.Errorf("a call without a connection was told %v", err)
		}
	}
	waited := 0
	for range 20 { // but for one a second nobody waits any more
		err := db.Ping(t.Context())
		if !errors.Is(err, storage.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
		if !said(err, "it has stopped answering") {
			waited++
		}
	}
	if waited > 5 {
		t.Errorf("%d of 20 calls waited", waited)
	}
	h.mu.Unlock()
	wg.Wait()
	deadline := time.Now().Add(time.Minute)
	for err = errors.New("not tried"); err != nil && time.Now().Before(deadline); {
		if err = db.Ping(t.Context()); err != nil {
			<-time.After(20 * time.Millisecond)
		}
	}
	if err != nil {
		t.Errorf("it answers again, and we do not: %v", err)
	}
}

// said reports whether an error has one of the words. What a clock says of it depends on what else the machine does.
func said(err error, words ...string) bool {
	return err != nil && slices.ContainsFunc(words, func(w string) bool { return strings.Contains(err.Error(), w) })
}
