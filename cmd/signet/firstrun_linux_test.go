package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"signet/storage"
)

// terminal opens a pair of pseudo-terminals: what is written to the one is read from the other.
func terminal(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	missing := t.Skipf
	if os.Getenv("CI") != "" {
		missing = t.Fatalf
	}
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		missing("no terminals here: %v", err)
	}
	t.Cleanup(func() { _ = ours.Close() })
	var n, unlock uint32
	for request, at := range map[uintptr]*uint32{syscall.TIOCGPTN: &n, syscall.TIOCSPTLCK: &unlock} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, ours.Fd(), request, uintptr(unsafe.Pointer(at))); errno != 0 {
			missing("no terminals here: %v", errno)
		}
	}
	theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		missing("no terminals here: %v", err)
	}
	t.Cleanup(func() { _ = theirs.Close() })
	return ours, theirs
}

// serving runs serve until the test ends or stop is called, with standard output as given.
func serving(t *testing.T, out io.Writer) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int, 1)
	go func() {
		code := run(ctx, []string{"serve", "--listen", "127.0.0.1:0"}, strings.NewReader(""), out, t.Output())
		if c, ok := out.(io.Closer); ok {
			_ = c.Close() // who reads is not to wait for a server that has ended
		}
		done <- code
	}()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case code := <-done:
			if code != exitOK {
				t.Errorf("exit code %d", code)
			}
		case <-time.After(2 * time.Minute):
			t.Error("does not stop")
		}
	}
	t.Cleanup(stop)
	return stop
}

// TestServeShowsATerminalTheFirstLink: a terminal, and nothing else, is shown a link that makes the first administrator, a new one at each
// start, until there is one.
func TestServeShowsATerminalTheFirstLink(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("SIGNET_SERVER_INTERNAL_LISTEN", "127.0.0.1:0")
	link := regexp.MustCompile(`http://localhost:\d+/setup\?t=[\w-]{43}`)
	show := func(on func() (io.Reader, io.Writer), look func(block string)) {
		t.Helper()
		in, out := on()
		stop := serving(t, out)
		look(readBlock(t, in))
		stop()
	}
	screen := func() (io.Reader, io.Writer) { ours, theirs := terminal(t); return ours, theirs }
	file := func() (io.Reader, io.Writer) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = w.Close(); _ = r.Close() })
		return r, w
	}
	before := ""
	show(screen, func(block string) {
		if before = link.FindString(block); before == "" || strings.Contains(block, "--admin") || answer(t, before) != http.StatusOK {
			t.Fatalf("a terminal is shown\n%s", block)
		}
	})
	show(file, func(block string) {
		if link.MatchString(block) || !strings.Contains(block, "user create --email ADDRESS --admin") {
			t.Errorf("a log is shown\n%s", block)
		}
	})
	show(screen, func(block string) {
		now := link.FindString(block)
		old := now[:strings.Index(now, "=")] + before[strings.Index(before, "="):]
		if now == old || answer(t, now) != http.StatusOK || answer(t, old) != http.StatusNotFound {
			t.Errorf("the second start shows\n%s", block)
		}
	})
	var said strings.Builder
	if code := run(t.Context(), []string{"user", "create", "--email", "ada@example.com", "--admin"}, nil, &said, t.Output()); code != exitOK {
		t.Fatal(said.String())
	}
	show(screen, func(block string) {
		if link.MatchString(block) || strings.Contains(block, "--admin") {
			t.Errorf("where there is an administrator, a terminal is shown\n%s", block)
		}
	})
	db, err := storage.Open(t.Context(), storage.Options{DSN: "sqlite:data/signet.db", ReadOnly: true, Existing: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if state, _, err := db.FirstRun(t.Context()); state != "closed" || err != nil {
		t.Errorf("first run is %q, %v", state, err)
	}
}

func answer(t *testing.T, at string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}
