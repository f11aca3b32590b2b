package main

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
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"signet/internal/freeport"
)

const (
	secret    = "campaign-secret-of-more-than-32-characters"
	password  = "correct horse battery staple"
	callback  = "http://localhost:1/cb"
	masterKey = "Y2FtcGFpZ24tY2FtcGFpZ24tY2FtcGFpZ24tMDEyMzQ"
)

// declared is the configuration of every replica. Codes and the grace of refresh tokens live long, so that a client whose answer was lost
// may ask again after the restart, however long that took.
const declared = `
server: {listen: %q, internal_listen: %q, issuer: %q, shutdown_grace: 2s}
storage: {dsn: %q}
%s
clients:
  - {client_id: web, client_secret: %[6]s, client_name: Shop, redirect_uris: ["http://localhost:1/cb"], grant_types: [authorization_code,
     refresh_token], token_endpoint_auth_method: client_secret_basic, scope: "openid email offline_access", first_party: true}
  - {client_id: job, client_secret: %[6]s, client_name: Job, grant_types: [client_credentials],
     token_endpoint_auth_method: client_secret_jwt, scope: "api:read"}
resources:
  - {identifier: "https://api.example.com", name: Shop API, scopes: ["api:read"]}
`

const patient = "tokens: {code_lifetime: 10m, refresh_grace: 5m}"

// site is one configuration with a database; the processes of its replicas come and go.
type site struct {
	dir, config, issuer, dsn string
	at                       []string // host:port of each replica
	procs                    []*process
	bins                     []string      // of each replica
	out                      []atomic.Bool // a load balancer leaves it out
	mails                    bool          // people are invited by mail
	commands                 atomic.Int64  // how many were run
	mu                       sync.Mutex    // of bins
	env                      [][]string
	http                     *http.Transport
}

// process is a running replica.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	log  string
}

// newSite writes the configuration of so many replicas. dsn "" is SQLite in dir.
func newSite(dir, bin, dsn, more string, replicas int) (*site, error) {
	s := &site{dir: dir, config: filepath.Join(dir, "config.yaml"), dsn: dsn, procs: make([]*process, replicas),
		env: make([][]string, replicas), out: make([]atomic.Bool, replicas), http: &http.Transport{MaxIdleConnsPerHost: 64}}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if dsn == "" {
		s.dsn = "sqlite:" + filepath.Join(dir, "signet.db")
	}
	for range replicas {
		s.at, s.bins = append(s.at, freeAddress()), append(s.bins, bin)
	}
	_, port, err := net.SplitHostPort(s.at[0])
	if err != nil {
		return nil, err
	}
	s.issuer = "http://localhost:" + port
	text := fmt.Sprintf(declared, s.at[0], freeAddress(), s.issuer, s.dsn, more, secret)
	return s, os.WriteFile(s.config, []byte(text), 0o600)
}

// bin of a replica.
func (s *site) bin(i int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bins[i]
}

// url of a replica, under a host name that they share as they share cookies.
func (s *site) url(i int) string {
	_, port, _ := net.SplitHostPort(s.at[i])
	return "http://localhost:" + port
}

// startAll starts every replica that does not run and returns how long the slowest took to be ready.
func (s *site) startAll(ctx context.Context) (slowest time.Duration, err error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range s.procs {
		if s.procs[i] != nil || s.out[i].Load() {
			continue
		}
		wg.Go(func() {
			took, e := s.start(ctx, i)
			mu.Lock()
			defer mu.Unlock()
			slowest, err = max(slowest, took), errors.Join(err, e)
		})
	}
	wg.Wait()
	return slowest, err
}

func (s *site) start(ctx context.Context, i int) (time.Duration, error) {
	p := &process{done: make(chan struct{}), log: filepath.Join(s.dir, fmt.Sprintf("replica%d.log", i))}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return 0, err
	}
	defer out.Close()
	p.cmd = exec.Command(s.bin(i), "serve", "--config", s.config, "--listen", s.at[i])
	p.cmd.Env = append(append(environment(), "SIGNET_SERVER_INTERNAL_LISTEN="+freeAddress()), s.env[i]...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = s.dir, out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		return 0, err
	}
	s.procs[i] = p
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	if err := s.ready(ctx, i); err != nil {
		text, _ := os.ReadFile(p.log)
		return 0, fmt.Errorf("replica %d: %w\n%s", i, err, text[max(0, len(text)-2000):])
	}
	return time.Since(began), nil
}

// ready waits until a replica answers that it takes requests.
func (s *site) ready(ctx context.Context, i int) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, "GET", s.url(i)+"/readyz", nil)
		if err != nil {
			return err
		}
		res, err := s.http.RoundTrip(req)
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
			err = errors.New(res.Status)
		}
		select {
		case <-s.procs[i].done:
			return errors.New("it ended")
		case <-ctx.Done():
			return fmt.Errorf("not ready within a minute: %w", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// allReady waits for every replica and returns how long that took.
func (s *site) allReady(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	for i, p := range s.procs {
		if p == nil || s.out[i].Load() {
			continue
		}
		if err := s.ready(ctx, i); err != nil {
			return 0, fmt.Errorf("replica %d: %w", i, err)
		}
	}
	return time.Since(began), nil
}

// pids of the replicas that run.
func (s *site) pids() (list []int) {
	for _, p := range s.procs {
		if p != nil {
			list = append(list, p.cmd.Process.Pid)
		}
	}
	return list
}

// kill is kill -9.
func (s *site) kill(i int) {
	if p := s.procs[i]; p != nil {
		_ = p.cmd.Process.Kill()
		<-p.done
		s.procs[i] = nil
	}
}

func (s *site) stop() {
	for i := range s.procs {
		s.kill(i)
	}
	s.http.CloseIdleConnections()
}

// cli runs a command beside the servers, with the binary of one that serves, by turns; out takes its JSON.
func (s *site) cli(ctx context.Context, out any, args ...string) error {
	i := int(s.commands.Add(1)) % len(s.bins)
	for n := 0; s.out[i].Load() && n < len(s.bins); n++ {
		i = (i + 1) % len(s.bins)
	}
	return s.cliOf(ctx, s.bin(i), out, args...)
}

func (s *site) cliOf(ctx context.Context, bin string, out any, args ...string) error {
	cmd := exec.CommandContext(ctx, bin, append(args, "--config", s.config, "--json")...)
	cmd.Env, cmd.Dir = environment(), s.dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("signet %s: %w\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

// environment is ours without what would configure a server.
func environment() []string {
	list := []string{"SIGNET_MASTER_KEY=" + masterKey}
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "SIGNET_") {
			list = append(list, entry)
		}
	}
	return list
}

func freeAddress() string {
	address, err := freeport.Address()
	if err != nil {
		panic(err)
	}
	return address
}

// build compiles the server of this checkout.
func build(ctx context.Context, to string, args ...string) error {
	list := append([]string{"build", "-trimpath", "-o", to}, args...)
	cmd := exec.CommandContext(ctx, "go", append(list, "signet/cmd/signet")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build signet: %w\n%s", err, out)
	}
	return nil
}
