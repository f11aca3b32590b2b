package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"signet/internal/freeport"
	"signet/server/servertest"
)

func TestMain(m *testing.M) {
	http.DefaultTransport = servertest.Documented(http.DefaultTransport) // of the commands and of this process
	testscript.Main(m, map[string]func(){
		"signet": func() { os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// TestScripts runs the commands of testdata/script as an operator types them; with the race detector those that serve, while other
// commands change what is served. The gate runs all of them without it.
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if racing {
		scripts, err = []string{"testdata/script/admin.txtar", "testdata/script/dev.txtar", "testdata/script/trial.txtar"}, nil
	}
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	testscript.Run(t, testscript.Params{
		Files:               scripts,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("LISTEN", freeAddress(t))
			e.Setenv("SIGNET_SERVER_INTERNAL_LISTEN", freeAddress(t))
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"await": await, "keep": keep,
		},
	})
}

// await ADDRESS waits until the server there is ready.
func await(ts *testscript.TestScript, _ bool, args []string) {
	deadline := time.Now().Add(2 * time.Minute)
	for time.Now().Before(deadline) {
		if res, err := http.Get("http://" + args[0] + "/readyz"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	ts.Fatalf("nothing is ready at %s", args[0])
}

// keep NAME REGEXP puts the first group of what the last command wrote into a variable.
func keep(ts *testscript.TestScript, _ bool, args []string) {
	found := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if found == nil {
		ts.Fatalf("nothing like %s", args[1])
	}
	ts.Setenv(args[0], found[1])
}

func freeAddress(t testing.TB) string {
	t.Helper()
	address, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// lines is a buffer that tests may read while a command writes.
type lines struct {
	r *io.PipeReader
	w *io.PipeWriter
}

// TestServeFromNothing starts the binary's own run in an empty folder, as `go run ./cmd/signet serve` does, and stops it.
func TestServeFromNothing(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("SIGNET_SERVER_INTERNAL_LISTEN", freeAddress(t))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out := lines{}
	out.r, out.w = io.Pipe()
	done := make(chan int, 1)
	began := time.Now()
	go func() {
		code := run(ctx, []string{"serve", "--listen", "127.0.0.1:0"}, strings.NewReader(""), out.w, t.Output())
		out.w.Close()
		done <- code
	}()
	block := readBlock(t, out.r)
	if took := time.Since(began); took > time.Minute {
		t.Errorf("ready after %s, want a minute at most", took)
	}
	for _, want := range []string{"local trial", "/signup", "/demo", "demo client id", "client create", "master.key"} {
		if !strings.Contains(block, want) {
			t.Errorf("the block does not say %q:\n%s", want, block)
		}
	}
	issuer := regexp.MustCompile(`address +(http://localhost:\d+)`).FindStringSubmatch(block)
	if issuer == nil {
		t.Fatalf("no address in\n%s", block)
	}
	var doc struct {
		Issuer string `json:"issuer"`
	}
	fetch(t, issuer[1]+"/.well-known/openid-configuration", &doc)
	if doc.Issuer != issuer[1] {
		t.Errorf("issuer: got %s, want %s", doc.Issuer, issuer[1])
	}
	stop()
	select {
	case code := <-done:
		if code != exitOK {
			t.Errorf("exit code %d", code)
		}
	case <-time.After(2 * time.Minute):
		t.Fatal("does not stop")
	}
	for name, mode := range map[string]os.FileMode{"data": 0o700 | os.ModeDir, "data/master.key": 0o600, "data/signet.db": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode() != mode {
			t.Errorf("%s: mode %v, %v; want %v", name, info.Mode(), err, mode)
		}
	}
}

// readBlock reads what serve prints until its last line.
func readBlock(t *testing.T, r io.Reader) string {
	t.Helper()
	var all bytes.Buffer
	buf := make([]byte, 4096)
	for !strings.Contains(all.String(), "Ctrl-C") {
		n, err := r.Read(buf)
		all.Write(buf[:n])
		if err != nil {
			t.Fatalf("serve ended: %v\n%s", err, all.String())
		}
	}
	go func() { _, _ = io.Copy(io.Discard, r) }()
	return all.String()
}

func fetch(t *testing.T, at string, out any) {
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
	if err := json.NewDecoder(res.Body).Decode(out); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", at, err))
	}
}
