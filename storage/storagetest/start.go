package storagetest

import (
	"bytes"
	"context"
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
	"syscall"
	"time"

	"signet/internal/freeport"
)

// watchdog is a shell that outlives us by a moment: it starts the server, waits until the pipe from this process closes
// (however this process ended, kill -9 included), then stops the server at once and removes its folder. The server's
// other parent would be us, and we may be killed without a word. $1 = binaries, $2 = folder, $3 = port.
const watchdog = `
"$1/postgres" -D "$2/data" -c unix_socket_directories= -p "$3" -h 127.0.0.1 -F \
	-c synchronous_commit=off -c full_page_writes=off -c max_connections=300 -c shared_buffers=64MB \
	-c autovacuum=off -c logging_collector=off -c max_wal_size=256MB >"$2/log" 2>&1 </dev/null &
server=$!
trap '' INT TERM HUP PIPE
read -r line
kill -QUIT "$server" 2>/dev/null
wait "$server" 2>/dev/null
rm -rf "$2"
`

// startCluster initialises and starts a server on the loopback interface, as an unprivileged user when we are root
// (Postgres refuses to run as root), with more in its environment. Nothing in it is worth an fsync.
func startCluster(bin string, env ...string) (dsn string, lifeline *os.File, err error) {
	dir, err := os.MkdirTemp("", "signet-postgres-")
	if err != nil {
		return "", nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	who, err := unprivileged(dir)
	if err != nil {
		return "", nil, err
	}
	password := databaseName("password")
	secret := filepath.Join(dir, "password")
	if err := os.WriteFile(secret, []byte(password), 0o600); err != nil {
		return "", nil, err
	}
	if who != nil {
		if err := os.Chown(secret, int(who.Uid), int(who.Gid)); err != nil {
			return "", nil, err
		}
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", filepath.Join(dir, "data"), "-U", "signet", "-E", "UTF8",
		"--locale=C", "--no-sync", "--auth=scram-sha-256", "--pwfile="+secret)
	initdb.Dir, initdb.SysProcAttr = dir, &syscall.SysProcAttr{Credential: who}
	if out, err := initdb.CombinedOutput(); err != nil {
		return "", nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	if lifeline, err = startWatchdog(bin, dir, port, who, env); err != nil {
		return "", nil, err
	}
	address := url.URL{
		Scheme: "postgres", User: url.UserPassword("signet", password), Host: net.JoinHostPort("127.0.0.1", port),
		Path: "/postgres", RawQuery: "sslmode=disable",
	}
	if err := await(address.String()); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		return "", nil, fmt.Errorf("%w\n%s", err, bytes.TrimSpace(log))
	}
	return address.String(), lifeline, nil
}

// startWatchdog returns the end of the pipe whose closing, with this process at the latest, ends the cluster. Whoever
// wants the cluster must hold it: collected as garbage it closes.
func startWatchdog(bin, dir, port string, who *syscall.Credential, env []string) (lifeline *os.File, err error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	sh := exec.Command("/bin/sh", "-c", watchdog, "sh", bin, dir, port)
	sh.Dir, sh.Stdin, sh.Env = dir, read, append(os.Environ(), env...)
	sh.SysProcAttr = &syscall.SysProcAttr{Credential: who, Setpgid: true} // an interrupt of the terminal is for us alone
	if err := sh.Start(); err != nil {
		return nil, errors.Join(err, write.Close())
	}
	return write, nil
}

// unprivileged gives root's folder to an account that may run Postgres; nil when we are not root.
func unprivileged(dir string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "_postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			continue
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			continue
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, int(uid), int(gid))
	}
	return nil, errors.New("root needs an account postgres or nobody to run Postgres as")
}

func freePort() (string, error) {
	address, err := freeport.Address()
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(address)
	return port, err
}

// await waits until the server answers.
func await(dsn string) error {
	pool, err := sql.Open("pgx", dsn)
	if err != nil {
		return err
	}
	defer pool.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	for {
		err := pool.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server does not answer: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
