package blackbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"signet/internal/freeport"
)

// binary is the signet under test, built once for all tests of the package.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "signet-blackbox-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "signet")
	build := program(context.Background(), "build", "-o", binary, "signet/cmd/signet")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build signet: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// program is a go command that builds as releases are built, so that all programs of the tests share what is compiled once.
func program(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "go", args...)
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath")
	return c
}

const (
	secret    = "blackbox-secret-of-more-than-32-characters"
	password  = "correct horse battery staple"
	callback  = "http://localhost:1/cb"
	masterKey = "YmxhY2tib3gtYmxhY2tib3gtYmxhY2tib3gtMDEyMzQ"
)

// declared is the configuration every server here shares; the issuer and the DSN differ.
const declared = `
server: {listen: %q, internal_listen: %q, issuer: %q}
storage: {dsn: %q}
clients:
  - {client_id: web, client_secret: %[5]s, client_name: Shop, redirect_uris: ["http://localhost:1/cb"], grant_types: [authorization_code,
     refresh_token], token_endpoint_auth_method: client_secret_basic, scope: "openid profile email offline_access api:read"}
  - {client_id: job, client_secret: %[5]s, client_name: Job, grant_types: [client_credentials],
     token_endpoint_auth_method: client_secret_basic, scope: "api:read"}
resources:
  - {identifier: "https://api.example.com", name: Shop API, scopes: ["api:read"], introspected_by: [job]}
`

// site is one configuration: a folder, an issuer, a database; processes of it come and go.
type site struct {
	t      *testing.T
	dir    string
	config string
	issuer string
	dsn    string
	more   []string // of the environment

	wrapped bool // the master key is not in the environment
}

// newSite writes the configuration. dsn "" is SQLite in the site's folder.
func newSite(t *testing.T, dsn string) *site { return newSiteWith(t, dsn, "") }

// newSiteWith has further lines of configuration.
func newSiteWith(t *testing.T, dsn, more string) *site {
	t.Helper()
	dir := t.TempDir()
	listen := freeAddress(t)
	_, port, _ := net.SplitHostPort(listen)
	s := &site{t: t, dir: dir, config: filepath.Join(dir, "config.yaml"), issuer: "http://localhost:" + port, dsn: dsn}
	if dsn == "" {
		s.dsn = "sqlite:" + filepath.Join(dir, "signet.db")
	}
	text := fmt.Sprintf(declared, listen, freeAddress(t), s.issuer, s.dsn, secret) + more
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// server is one running process.
type server struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string // where this process listens; the issuer may be another's
	out  *output
	done chan error
}

// output is what a process printed so far; it is read while the process still writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// start runs `signet serve` and waits until it answers. listen "" is the address of the issuer.
func (s *site) start(listen string) *server { return s.startOf(binary, listen) }

// startOf is start of a given binary.
func (s *site) startOf(binary, listen string) *server {
	s.t.Helper()
	p := s.launch(binary, listen)
	p.ready()
	return p
}

// launch is startOf without waiting.
func (s *site) launch(binary, listen string) *server {
	s.t.Helper()
	args := []string{"serve", "--config", s.config}
	at := s.issuer
	cmd := exec.Command(binary, args...)
	cmd.Env = s.env()
	if listen != "" {
		cmd.Args = append(cmd.Args, "--listen", listen)
		cmd.Env = append(cmd.Env, "SIGNET_SERVER_INTERNAL_LISTEN="+freeAddress(s.t))
		at = "http://" + listen
	}
	p := &server{t: s.t, cmd: cmd, url: at, out: &output{}, done: make(chan error, 1)}
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, p.out, p.out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() { p.done <- cmd.Wait() }()
	s.t.Cleanup(p.kill)
	return p
}

func (s *site) env() []string {
	// The kits' tests need SIGNET_BINARY in the environment; releases before it refuse a variable that they do not know.
	inherited := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "SIGNET_") })
	if !s.wrapped {
		inherited = append(inherited, "SIGNET_MASTER_KEY="+masterKey)
	}
	return append(inherited, s.more...)
}

// ready waits until discovery answers.
func (p *server) ready() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 3*time.Minute)
	defer cancel()
	for {
		req, _ := http.NewRequestWithContext(ctx, "GET", p.url+"/readyz", nil)
		res, err := http.DefaultTransport.RoundTrip(req)
		if err == nil {
			res.Body.Close()
			if res.StatusCode == 200 {
				return
			}
		}
		select {
		case err := <-p.done:
			p.t.Fatalf("serve ended: %v\n%s", err, p.out)
		case <-ctx.Done():
			p.t.Fatalf("%s does not answer: %v\n%s", p.url, err, p.out)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// kill is kill -9.
func (p *server) kill() {
	_ = p.cmd.Process.Kill()
	p.wait()
}

// interrupt is Ctrl-C; it returns how the process ended.
func (p *server) interrupt() error {
	_ = p.cmd.Process.Signal(os.Interrupt)
	return p.wait()
}

func (p *server) wait() error {
	select {
	case err := <-p.done:
		p.done <- err
		return err
	case <-time.After(2 * time.Minute):
		return errors.New("did not stop within two minutes")
	}
}

// cli runs a signet command against the site's configuration and decodes its JSON answer into out (nil = ignore).
func (s *site) cli(out any, args ...string) { s.cliOf(binary, out, args...) }

// cliOf is cli of a given binary.
func (s *site) cliOf(binary string, out any, args ...string) {
	s.t.Helper()
	cmd := exec.Command(binary, append(args, "--config", s.config)...)
	cmd.Env, cmd.Dir = s.env(), s.dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("signet %v: %v\n%s%s", args, err, text, stderr.Bytes())
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			s.t.Fatalf("signet %v: %v in %s", args, err, text)
		}
	}
}

// person creates one with the CLI.
func (s *site) person(email string) { s.personOf(binary, email) }

func (s *site) personOf(binary, email string) {
	s.t.Helper()
	file := filepath.Join(s.dir, "password")
	if err := os.WriteFile(file, []byte(password), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.cliOf(binary, nil, "user", "create", "--email", email, "--email-verified", "--password-file", file, "--json")
}

func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	return address
}
