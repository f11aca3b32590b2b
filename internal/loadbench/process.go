package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"signet/internal/freeport"
)

// process is a server under measurement.
type process struct {
	cmd         *exec.Cmd
	url         string
	startMillis int64
	binarySize  int64
	filled      time.Time // when the crowd was made, if there is one
}

func (p *process) stop() {
	if p == nil || p.cmd.Process == nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	done := make(chan struct{})
	go func() { _ = p.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
	}
}

// cpu is the user and system time of the process so far: the kernel's own account, the one getrusage reads.
func (p *process) cpu() time.Duration { return cpuOf(p.cmd.Process.Pid) }

// clockTick is the unit of utime and stime in /proc (USER_HZ, 100 on every Linux we know).
const clockTick = 10 * time.Millisecond

// cpuOf adds up what the threads of a process ran, in nanoseconds; a Go program keeps its threads. Where the kernel does not count it,
// utime and stime say the same in clock ticks.
func cpuOf(pid int) time.Duration {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/[0-9]*/schedstat", pid))
	var sum time.Duration
	for _, t := range threads {
		if b, err := os.ReadFile(t); err == nil {
			ran, _, _ := strings.Cut(string(b), " ")
			ns, _ := strconv.ParseInt(ran, 10, 64)
			sum += time.Duration(ns)
		}
	}
	if sum > 0 {
		return sum
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	user, _ := strconv.ParseInt(f[11], 10, 64)
	sys, _ := strconv.ParseInt(f[12], 10, 64)
	return time.Duration(user+sys) * clockTick
}

func (p *process) rssMiB() float64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.ParseFloat(strings.Fields(v)[0], 64)
			return kib / 1024
		}
	}
	return 0
}

// postgresCPU sums the CPU time of the processes of the cluster whose first process has this id; 0 = of all that are named postgres.
func postgresCPU(cluster int) time.Duration {
	names, _ := filepath.Glob("/proc/[0-9]*/comm")
	var sum time.Duration
	for _, n := range names {
		if b, err := os.ReadFile(n); err == nil && strings.HasPrefix(string(b), "postgres") {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(n)))
			if cluster == 0 || pid == cluster || parentOf(pid) == cluster {
				sum += cpuOf(pid)
			}
		}
	}
	return sum
}

// parentOf is the process that started another one; 0 if that is not known.
func parentOf(pid int) int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	parent, _ := strconv.Atoi(strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))[1])
	return parent
}

func startBare(ctx context.Context) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "bare")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, err
	}
	return &process{cmd: cmd, url: strings.TrimSpace(line)}, nil
}

const benchMaster = "bG9hZGJlbmNoLWxvYWRiZW5jaC1sb2FkYmVuY2gtMDE"

const benchSecret = "loadbench-secret-of-more-than-32-characters"

const benchConfig = `
server: {listen: %q, internal_listen: %q, issuer: %q%[6]s}
storage: {dsn: %[4]q}
clients:
  - {client_id: cc, client_secret: %[5]s, client_name: Service, grant_types: [client_credentials],
     token_endpoint_auth_method: client_secret_basic, scope: "api:read"}
  - {client_id: web, client_secret: %[5]s, client_name: Web, redirect_uris: ["http://localhost:1/cb"], grant_types: [authorization_code,
     refresh_token], token_endpoint_auth_method: client_secret_basic, scope: "openid profile email offline_access",
     id_token_signed_response_alg: ES256, first_party: true}
  - {client_id: flow, client_secret: %[5]s, client_name: Flow, redirect_uris: ["http://localhost:1/cb"], grant_types: [authorization_code,
     refresh_token], token_endpoint_auth_method: client_secret_basic, scope: "openid profile email offline_access",
     id_token_signed_response_alg: ES256}
  - {client_id: web-rs256, client_secret: %[5]s, client_name: Web RS256, redirect_uris: ["http://localhost:1/cb"],
     grant_types: [authorization_code, refresh_token], token_endpoint_auth_method: client_secret_basic,
     scope: "openid profile email offline_access", first_party: true}
  - {client_id: api, client_secret: %[5]s, client_name: API, grant_types: [client_credentials],
     token_endpoint_auth_method: client_secret_basic, scope: "api:read"}
%[7]sresources:
  - {identifier: "https://api.example.com", name: API, scopes: ["api:read"], introspected_by: [api]}
`

// build compiles the server of this checkout.
func build(ctx context.Context, to string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", to, "signet/cmd/signet")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build signet: %w\n%s", err, out)
	}
	return nil
}

func startSignet(ctx context.Context, dir string, o options) (*process, error) {
	bin := o.signet
	if bin == "" {
		bin = filepath.Join(dir, "signet")
		if err := build(ctx, bin); err != nil {
			return nil, err
		}
	}
	bin, err := filepath.Abs(bin) // it runs in another folder
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(bin)
	if err != nil {
		return nil, err
	}
	listen, internal := freeAddress(), freeAddress()
	_, port, _ := net.SplitHostPort(listen)
	issuer := "http://localhost:" + port
	dsn := o.dsn
	if dsn == "" {
		dsn = "sqlite:" + filepath.Join(dir, "signet.db")
	}
	config := filepath.Join(dir, "config.yaml")
	text := fmt.Sprintf(benchConfig, listen, internal, issuer, dsn, benchSecret, o.server, o.more)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	env := append(os.Environ(), "SIGNET_MASTER_KEY="+benchMaster)
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte(personPassword), 0o600); err != nil {
		return nil, err
	}
	p := &process{url: issuer, binarySize: info.Size()}
	p.cmd = exec.CommandContext(ctx, bin, "serve", "--config", config)
	if o.core != "" {
		p.cmd = onCore(ctx, o.core, bin, "serve", "--config", config)
	}
	p.cmd.Env, p.cmd.Dir = env, dir
	if err := p.start(ctx); err != nil {
		return nil, err
	}
	if o.crowd.grants > 0 {
		p.stop()
		p.filled = time.Now()
		if err := fill(ctx, dsn, o.crowd, p.filled); err != nil {
			return nil, err
		}
		p.cmd = p.again(ctx)
		if err := p.start(ctx); err != nil {
			return nil, err
		}
	}
	if _, err := p.restarts(ctx, 1); err != nil { // this one finds the database, and its time is told
		return nil, err
	}
	time.Sleep(time.Second)
	for i := range people {
		add := exec.CommandContext(ctx, bin, "user", "create", "--config", config, "--email", person(i), "--email-verified", "--password-file",
			password, "--json")
		add.Env, add.Dir = env, dir
		if out, err := add.CombinedOutput(); err != nil {
			p.stop()
			return nil, fmt.Errorf("user create: %w\n%s", err, out)
		}
	}
	return p, nil
}

// again is the command of p anew.
func (p *process) again(ctx context.Context) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.cmd.Path, p.cmd.Args[1:]...)
	cmd.Env, cmd.Dir = p.cmd.Env, p.cmd.Dir
	return cmd
}

// start starts the server and waits until it answers.
func (p *process) start(ctx context.Context) error {
	path := filepath.Join(p.cmd.Dir, "log")
	logs, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer logs.Close()
	p.cmd.Stdout, p.cmd.Stderr = logs, logs
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		return err
	}
	if err := ready(ctx, p.url); err != nil {
		out, _ := os.ReadFile(path)
		p.stop()
		return fmt.Errorf("%w\n%s", err, out)
	}
	p.startMillis = time.Since(began).Milliseconds()
	return nil
}

// restarts stops and starts the server so many times and tells how long that took, in milliseconds.
func (p *process) restarts(ctx context.Context, n int) (interval, error) {
	var took []float64
	for range n {
		p.stop()
		p.cmd = p.again(ctx)
		if err := p.start(ctx); err != nil {
			return interval{}, err
		}
		took = append(took, float64(p.startMillis))
	}
	return medianOf(took), nil
}

func freeAddress() string {
	address, err := freeport.Address()
	if err != nil {
		panic(err)
	}
	return address
}

func ready(ctx context.Context, url string) error {
	for range 2000 {
		req, err := http.NewRequestWithContext(ctx, "GET", url+"/.well-known/openid-configuration", nil)
		if err != nil {
			return err
		}
		if res, err := http.DefaultTransport.RoundTrip(req); err == nil {
			res.Body.Close()
			if res.StatusCode == 200 {
				return nil
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	return fmt.Errorf("%s did not answer in 10 s", url)
}
