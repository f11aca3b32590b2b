package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	_ "signet/storage" // brings the driver named "pgx"
)

// cluster is a Postgres of our own, with every safety on, that may be killed and started again.
type cluster struct {
	bin, dir, port, password string
	who                      *syscall.Credential
	cmd                      *exec.Cmd
	done                     chan struct{}
}

// errNoPostgres: its binaries are not on this machine.
var errNoPostgres = errors.New("no Postgres: initdb and postgres were not found")

func postgresFolder() (string, error) {
	folders := filepath.SplitList(os.Getenv("PATH"))
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin"} {
		found, _ := filepath.Glob(pattern) // the patterns are well-formed
		folders = append(folders, found...)
	}
	for _, folder := range folders {
		if isFile(filepath.Join(folder, "initdb")) && isFile(filepath.Join(folder, "postgres")) {
			return folder, nil
		}
	}
	return "", errNoPostgres
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// newCluster initialises and starts one in dir.
func newCluster(ctx context.Context, dir string) (*cluster, error) {
	bin, err := postgresFolder()
	if err != nil {
		return nil, err
	}
	c := &cluster{bin: bin, dir: dir, password: rand.Text()}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if c.who, err = unprivileged(); err != nil {
		return nil, err
	}
	secret := filepath.Join(dir, "password")
	if err := os.WriteFile(secret, []byte(c.password), 0o600); err != nil {
		return nil, err
	}
	if c.who != nil {
		for _, path := range []string{dir, secret} {
			if err := os.Chown(path, int(c.who.Uid), int(c.who.Gid)); err != nil {
				return nil, err
			}
		}
		for above := filepath.Dir(dir); strings.HasPrefix(above, os.TempDir()+"/"); above = filepath.Dir(above) {
			if err := os.Chmod(above, 0o711); err != nil { // it must pass through the folders above its own
				return nil, err
			}
		}
	}
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", filepath.Join(dir, "data"), "-U", "signet", "-E", "UTF8",
		"--locale=C", "--auth=scram-sha-256", "--wal-segsize=1", "--pwfile="+secret)
	initdb.Dir, initdb.SysProcAttr = dir, &syscall.SysProcAttr{Credential: c.who}
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	if _, c.port, err = net.SplitHostPort(freeAddress()); err != nil {
		return nil, err
	}
	return c, c.start(ctx)
}

func (c *cluster) start(ctx context.Context) error {
	log, err := os.OpenFile(filepath.Join(c.dir, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	c.cmd = exec.Command(filepath.Join(c.bin, "postgres"), "-D", filepath.Join(c.dir, "data"), "-p", c.port, "-h", "127.0.0.1",
		"-c", "unix_socket_directories=", "-c", "shared_buffers=32MB", "-c", "max_wal_size=32MB", "-c", "min_wal_size=4MB",
		"-c", "max_connections=100", "-c", "logging_collector=off")
	c.cmd.Dir, c.cmd.Stdout, c.cmd.Stderr = c.dir, log, log
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.who, Pdeathsig: syscall.SIGQUIT}
	if err := c.cmd.Start(); err != nil {
		return err
	}
	c.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) { _ = cmd.Wait(); close(done) }(c.cmd, c.done)
	return c.await(ctx)
}

func (c *cluster) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	pool, err := sql.Open("pgx", c.dsn("127.0.0.1:"+c.port))
	if err != nil {
		return err
	}
	defer pool.Close()
	for {
		err := pool.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-c.done:
			text, _ := os.ReadFile(filepath.Join(c.dir, "log"))
			return fmt.Errorf("postgres ended\n%s", text[max(0, len(text)-1500):])
		case <-ctx.Done():
			return fmt.Errorf("postgres does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// running reports whether the server has not ended by itself.
func (c *cluster) running() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// pids of the server and of every process of it.
func (c *cluster) pids() []int {
	main := c.cmd.Process.Pid
	all := []int{main}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(main) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
			all = append(all, pid)
		}
	}
	return all
}

// kill is kill -9 of the server and of every process of it.
func (c *cluster) kill() {
	main := c.cmd.Process.Pid
	_ = syscall.Kill(main, syscall.SIGSTOP) // or it starts another while they are listed
	all := c.pids()
	for _, pid := range all {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	<-c.done
	for _, pid := range all { // what is left of their memory would keep the next server from starting
		for n := 0; n < 500 && syscall.Kill(pid, 0) == nil; n++ {
			time.Sleep(10 * time.Millisecond)
		}
	}
}

func (c *cluster) stop() {
	if c != nil && c.cmd != nil && c.running() {
		_ = c.cmd.Process.Signal(syscall.SIGQUIT)
		<-c.done
	}
}

// dsn of the database, by way of the address given.
func (c *cluster) dsn(at string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword("signet", c.password), Host: at, Path: "/postgres", RawQuery: "sslmode=disable"}
	return u.String()
}

// unprivileged is an account that may run Postgres; nil when we are not root.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "_postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, _ := strconv.ParseUint(u.Uid, 10, 32)
		gid, _ := strconv.ParseUint(u.Gid, 10, 32)
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("root needs an account postgres or nobody to run Postgres as")
}
