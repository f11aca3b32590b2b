// Package mtlstest makes authorities and client certificates for tests.
package mtlstest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Pair is a certificate with its private key.
type Pair struct {
	*x509.Certificate
	Key crypto.Signer
}

// Authority makes one that signs certificates; change may alter it.
func Authority(t testing.TB, name string, change ...func(c *x509.Certificate)) Pair {
	t.Helper()
	return sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, change)
}

// Sign makes a certificate for a client; change may alter it.
func (ca Pair) Sign(t testing.TB, name string, change ...func(c *x509.Certificate)) Pair {
	t.Helper()
	return sign(t, template(name), &ca, change)
}

// SelfSigned makes one that nobody else signed; change may alter it.
func SelfSigned(t testing.TB, name string, change ...func(c *x509.Certificate)) Pair {
	t.Helper()
	return sign(t, template(name), nil, change)
}

// Again is another certificate of the same key, which it signs itself.
func (p Pair) Again(t testing.TB, name string) Pair {
	t.Helper()
	return with(t, template(name), nil, p.Key, nil)
}

// Of makes a certificate for a client that has the key.
func (ca Pair) Of(t testing.TB, name string, key crypto.Signer) Pair {
	t.Helper()
	return with(t, template(name), &ca, key, nil)
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject:     pkix.Name{CommonName: name, Organization: []string{"Example"}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
}

func sign(t testing.TB, c *x509.Certificate, ca *Pair, change []func(c *x509.Certificate)) Pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return with(t, c, ca, key, change)
}

func with(t testing.TB, c *x509.Certificate, ca *Pair, key crypto.Signer, change []func(c *x509.Certificate)) Pair {
	t.Helper()
	var err error
	if c.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100)); err != nil {
		t.Fatal(err)
	}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	for _, f := range change {
		f(c)
	}
	parent, by := c, key
	if ca != nil {
		parent, by = ca.Certificate, ca.Key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return Pair{made, key}
}

// TLS is the pair as a client or a server shows it, with the certificates that lead to its authority.
func (p Pair) TLS(chain ...Pair) tls.Certificate {
	c := tls.Certificate{Certificate: [][]byte{p.Raw}, PrivateKey: p.Key, Leaf: p.Certificate}
	for _, one := range chain {
		c.Certificate = append(c.Certificate, one.Raw)
	}
	return c
}

// PEM of the certificate.
func (p Pair) PEM() []byte { return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Raw}) }

// Thumbprint is x5t#S256, computed as RFC 8705 section 3.1 says.
func (p Pair) Thumbprint() string {
	sum := sha256.Sum256(p.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Write puts certificate and key into files.
func (p Pair) Write(t testing.TB) (certFile, keyFile string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(p.Key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, text := range map[string][]byte{certFile: p.PEM(), keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}
