package blackbox

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// handOver runs `signet serve` as systemd would that holds its sockets: they are file descriptors from 3 on.
func (s *site) handOver(names string, sockets ...*os.File) *server {
	s.t.Helper()
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$@"`, "sh", binary, "serve", "--config", s.config)
	cmd.Env = append(s.env(), "LISTEN_FDS="+string(rune('0'+len(sockets))), "LISTEN_FDNAMES="+names)
	cmd.ExtraFiles = sockets
	p := &server{t: s.t, cmd: cmd, url: s.issuer, out: &output{}, done: make(chan error, 1)}
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, p.out, p.out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() { p.done <- cmd.Wait() }()
	s.t.Cleanup(p.kill)
	return p
}

func socket(t *testing.T, address string) (*os.File, string) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	file, err := l.(*net.TCPListener).File()
	at := l.Addr().String()
	if err == nil {
		err = l.Close() // the file is the same socket
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return file, at
}

// TestSocketsOfTheServiceManager: nobody is turned away while the server starts, stops and starts again; the names say what they are for.
func TestSocketsOfTheServiceManager(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	public, at := socket(t, strings.TrimPrefix(s.issuer, "http://"))
	internal, inside := socket(t, "127.0.0.1:0")
	s.issuer = "http://" + at
	asked := make(chan error)
	ask := func(url string) {
		res, err := (&http.Client{Timeout: time.Minute}).Get(url)
		if err == nil {
			err = res.Body.Close()
		}
		asked <- err
	}
	for range 2 {
		go ask(s.issuer + "/oauth2/jwks") // before anybody takes it
		p := s.handOver("public:internal", public, internal)
		if err := <-asked; err != nil {
			t.Fatalf("%v: %s", err, p.out)
		}
		go ask("http://" + inside + "/metrics")
		if err := <-asked; err != nil {
			t.Errorf("the internal one: %v", err)
		}
		if err := p.interrupt(); err != nil {
			t.Errorf("%v: %s", err, p.out)
		}
	}
	p := s.handOver("signet.socket", public) // as systemd calls one that has no name
	p.ready()
	p.kill()
	file, err := os.Open(s.config) // no socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	for names, says := range map[string]string{"admin": `a socket "admin"`, "public:public": `a second socket "public"`,
		"mtls:public": "server.mtls.listen", "public:internal:mtls": "ListenStream="} {
		sockets := []*os.File{public, internal, file}[:strings.Count(names, ":")+1]
		p := s.handOver(names, sockets...)
		if err := p.wait(); err == nil || !strings.Contains(p.out.String(), says) {
			t.Errorf("%s: %v: %s", names, err, p.out)
		}
	}
}

// TestTheServiceManagerIsTold: that the server is ready, lives, loads its configuration again, and stops.
func TestTheServiceManagerIsTold(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	dir, err := os.MkdirTemp("", "signet-notify-") // the address of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	at := filepath.Join(dir, "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: at, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = manager.Close() })
	s.more = []string{"NOTIFY_SOCKET=" + at, "WATCHDOG_USEC=100000"}
	p := s.launch(binary, "")
	hears := func(want string) {
		t.Helper()
		text := make([]byte, 100)
		if err := manager.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		for {
			n, err := manager.Read(text)
			if err != nil {
				t.Fatalf("%s is not said: %v: %s", want, err, p.out)
			}
			if got := string(text[:n]); got == want {
				return
			} else if got != "WATCHDOG=1" {
				t.Fatalf("got %s, want %s", got, want)
			}
		}
	}
	hears("READY=1")
	hears("WATCHDOG=1")
	hears("WATCHDOG=1")
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	hears("RELOADING=1")
	hears("READY=1")
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	hears("STOPPING=1\nEXTEND_TIMEOUT_USEC=30000000") // server.shutdown_grace of 15 s, and 15 s
	if err := p.wait(); err != nil {
		t.Error(err)
	}
}
