package storage_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"signet/storage"
	"signet/storage/storagetest"
)

// authority signs certificates of test servers.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T, name string) authority {
	t.Helper()
	a := authority{key: newKey(t), file: filepath.Join(t.TempDir(), "ca.pem")}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	writePEM(t, a.file, "CERTIFICATE", der, nil)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// serve writes a certificate for 127.0.0.1 and its key into the folder of a Postgres, as a file of its account.
func (a authority) serve(t *testing.T, folder string) {
	t.Helper()
	info, err := os.Stat(folder)
	if err != nil {
		t.Fatal(err)
	}
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour),
	}, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(folder, "server.crt"), "CERTIFICATE", der, info)
	writePEM(t, filepath.Join(folder, "server.key"), "PRIVATE KEY", private, info)
}

func writePEM(t *testing.T, name, kind string, der []byte, owner os.FileInfo) {
	t.Helper()
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	if owner, is := owner.(interface{ Sys() any }); is {
		if who, is := owner.Sys().(*syscall.Stat_t); is && os.Geteuid() == 0 {
			if err := os.Chown(name, int(who.Uid), int(who.Gid)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestPostgresByTLS: with sslmode=verify-full the server must have a certificate for its host of the authority that sslrootcert names. A
// wrong one is refused before a password is sent, and the message says what to write.
func TestPostgresByTLS(t *testing.T) {
	if os.Getenv("SIGNET_TEST_POSTGRES") != "" {
		t.Skip("it changes the settings of the server, so it wants one of its own")
	}
	plain := storagetest.PostgresDSN(t)
	pool, err := sql.Open("pgx", plain)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var folder string
	if err := pool.QueryRowContext(t.Context(), "SHOW data_directory").Scan(&folder); err != nil {
		t.Fatal(err)
	}
	ours := newAuthority(t, "ours")
	ours.serve(t, folder)
	for _, statement := range []string{"ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()"} {
		if _, err := pool.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	secure := func(host, file string) string {
		return strings.Replace(strings.Replace(plain, "sslmode=disable", "sslmode=verify-full&sslrootcert="+file, 1), "127.0.0.1", host, 1)
	}
	good := connect(t, secure("127.0.0.1", ours.file))
	deadline, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for err := good.Ping(deadline); err != nil; err = good.Ping(deadline) { // it takes the settings up in a moment
		if deadline.Err() != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	var encrypted bool
	if err := pool.QueryRowContext(t.Context(),
		`SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'signet'
			AND datname = current_database()`).Scan(&encrypted); err != nil || !encrypted {
		t.Errorf("encrypted: %v, %v", encrypted, err)
	}
	for name, dsn := range map[string]string{
		"another authority": secure("127.0.0.1", newAuthority(t, "another").file),
		"another host":      secure("localhost", ours.file),
	} {
		err := connect(t, dsn).Ping(t.Context())
		if !errors.Is(err, storage.ErrUnavailable) || !strings.Contains(err.Error(), "sslrootcert=FILE") {
			t.Errorf("%s: %v; want unavailable, and what to write", name, err)
		}
	}
}
