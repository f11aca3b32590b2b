package storagetest

import (
	"bytes"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// Far is what SIGNET_TEST_POSTGRES_FAR=required demands: PgBouncer, and Postgres in other languages. The gate's long form sets it.
func Far() bool { return os.Getenv("SIGNET_TEST_POSTGRES_FAR") == "required" }

// bouncing lives as watchdog does. $1 = the program, $2 = folder.
const bouncing = `
"$1" -q "$2/pgbouncer.ini" >"$2/log" 2>&1 </dev/null &
pooler=$!
trap '' INT TERM HUP PIPE
read -r line
kill -KILL "$pooler" 2>/dev/null
wait "$pooler" 2>/dev/null
rm -rf "$2"
`

// Pooler starts PgBouncer in transaction mode: a connection of Postgres is a client's for one transaction, and for a database there are
// few. It gives the address by which another (of PostgresDSN, or Addresses) is reached through it.
func Pooler(t *testing.T) (through func(dsn string) string) {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if Far() {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	behind := maintenance(t).address
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	if err := startPooler(t, program, port, behind); err != nil {
		t.Fatal(err)
	}
	through = func(dsn string) string {
		u, err := url.Parse(dsn)
		if err != nil {
			t.Fatal("the address cannot be read")
		}
		u.Host = net.JoinHostPort("127.0.0.1", port)
		q := u.Query()
		q.Set("sslmode", "disable")
		u.RawQuery = q.Encode()
		return u.String()
	}
	behind.RawQuery = "default_query_exec_mode=simple_protocol"
	if err := await(through(behind.String())); err != nil {
		t.Fatal(err)
	}
	return through
}

func startPooler(t *testing.T, program, port string, behind url.URL) error {
	t.Helper()
	dir, err := os.MkdirTemp("", "signet-pooler-")
	if err != nil {
		return err
	}
	who, err := unprivileged(dir) // as Postgres, it refuses to run as root
	if err != nil {
		return err
	}
	password, _ := behind.User.Password()
	var ini bytes.Buffer
	fmt.Fprintf(&ini, "[databases]\n* = host=%s port=%s user=%s password=%s\n", behind.Hostname(), behind.Port(), behind.User.Username(),
		password)
	fmt.Fprintf(&ini, "[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %s\nunix_socket_dir =\nauth_type = any\n", port)
	fmt.Fprintf(&ini, "pool_mode = transaction\ndefault_pool_size = 4\nmax_client_conn = 1000\nserver_idle_timeout = 2\n")
	path := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(path, ini.Bytes(), 0o600); err != nil {
		return err
	}
	if who != nil {
		if err := os.Chown(path, int(who.Uid), int(who.Gid)); err != nil {
			return err
		}
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	sh := exec.Command("/bin/sh", "-c", bouncing, "sh", program, dir)
	sh.Dir, sh.Stdin = dir, read
	sh.SysProcAttr = &syscall.SysProcAttr{Credential: who, Setpgid: true}
	if err := sh.Start(); err != nil {
		return err
	}
	t.Cleanup(func() {
		_ = write.Close()
		_ = sh.Wait()
	})
	return nil
}
