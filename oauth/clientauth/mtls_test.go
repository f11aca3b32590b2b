package clientauth_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"signet/clients"
	"signet/oauth/clientauth"
	"signet/oauth/mtls"
	"signet/oauth/mtls/mtlstest"
	"signet/oauth/refusal"
	"signet/storage"
	"signet/storage/storagetest"
)

// certified drives an authenticator by certificates: every request has the one of its context.
type certified struct {
	*clientauth.Authenticator
	roots *x509.CertPool
}

type shownKey struct{}

func newCertified(t testing.TB, db *storage.DB, declared ...clients.Metadata) *certified {
	t.Helper()
	for i := range declared {
		declared[i].GrantTypes = []string{clients.ClientCredentials}
	}
	r, err := clients.New(t.Context(), clients.Options{Store: db, Issuer: issuer, SecretKeys: [][]byte{bytes.Repeat([]byte{1}, 32)},
		Declared: declared})
	if err != nil {
		t.Fatal(err)
	}
	w := &certified{roots: x509.NewCertPool()}
	w.Authenticator, err = clientauth.New(clientauth.Options{Registry: r, Replay: db, Issuer: issuer, Certificates: clientauth.Certificates{
		Authorities: func() *x509.CertPool { return w.roots },
		Of: func(r *http.Request) (*mtls.Certificate, error) {
			c, _ := r.Context().Value(shownKey{}).(*mtls.Certificate)
			return c, nil
		}}})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *certified) trust(ca mtlstest.Pair) { w.roots.AddCert(ca.Certificate) }

// try authenticates as the client with a certificate and those that came with it, and says why not.
func (w *certified) try(t testing.TB, id string, shown ...mtlstest.Pair) (why string) {
	t.Helper()
	var c *mtls.Certificate
	for i, p := range shown {
		if i == 0 {
			c = &mtls.Certificate{Leaf: p.Certificate}
			continue
		}
		c.Chain = append(c.Chain, p.Certificate)
	}
	return w.tryWith(t, url.Values{"client_id": {id}}, c)
}

func (w *certified) tryWith(t testing.TB, form url.Values, c *mtls.Certificate) (why string) {
	t.Helper()
	r := httptest.NewRequestWithContext(context.WithValue(t.Context(), shownKey{}, c), "POST", endpoint, nil)
	got, err := w.Authenticate(r.Context(), r, form)
	if err == nil {
		if got.ClientID != form.Get("client_id") {
			t.Errorf("%s came in as %s", form.Get("client_id"), got.ClientID)
		}
		return ""
	}
	no, ok := errors.AsType[*refusal.Refusal](err)
	if !ok || no.Code != "invalid_client" || no.Status != http.StatusUnauthorized || no.Description != "Client authentication failed." {
		t.Errorf("%s: %v", form.Get("client_id"), err)
	}
	return errors.Unwrap(err).Error()
}

func byTLS(id string, change func(m *clients.Metadata)) clients.Metadata {
	m := clients.Metadata{ClientID: id, TokenEndpointAuthMethod: clients.MethodTLS}
	change(&m)
	return m
}

func TestRFC8705_CertificateOfAnAuthority(t *testing.T) { // section 2.1
	ca := mtlstest.Authority(t, "Company")
	w := newCertified(t, storagetest.SQLite(t),
		byTLS("dn", func(m *clients.Metadata) { m.TLSClientAuthSubjectDN = "CN=dn, O=Example" }),
		byTLS("dns", func(m *clients.Metadata) { m.TLSClientAuthSANDNS = "Worker.example.com" }),
		byTLS("uri", func(m *clients.Metadata) { m.TLSClientAuthSANURI = "spiffe://example.com/a%2fb" }),
		byTLS("ip", func(m *clients.Metadata) { m.TLSClientAuthSANIP = "2001:DB8::1" }),
		byTLS("email", func(m *clients.Metadata) { m.TLSClientAuthSANEmail = "worker@example.com" }))
	w.trust(ca)
	dns := func(names ...string) func(c *x509.Certificate) {
		return func(c *x509.Certificate) { c.DNSNames = names }
	}
	uri := func(text string) func(c *x509.Certificate) {
		return func(c *x509.Certificate) {
			u, err := url.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			c.URIs = []*url.URL{u}
		}
	}
	for _, test := range []struct {
		name, id string
		shown    mtlstest.Pair
		good     bool
	}{
		{"subject", "dn", ca.Sign(t, "dn"), true},
		{"subject of another", "dn", ca.Sign(t, "dns"), false},
		{"subject with more", "dn", ca.Sign(t, "dn", func(c *x509.Certificate) { c.Subject.Country = []string{"DE"} }), false},
		{"subject with a separator in a value", "dn", ca.Sign(t, "", func(c *x509.Certificate) {
			c.Subject = pkix.Name{CommonName: "dn,O=Example"}
		}), false},
		{"no subject", "dn", ca.Sign(t, "", func(c *x509.Certificate) { c.Subject = pkix.Name{} }), false},
		{"host", "dns", ca.Sign(t, "x", dns("other.example.com", "worker.EXAMPLE.com")), true},
		{"host in the subject only", "dns", ca.Sign(t, "worker.example.com"), false},
		{"host with a wildcard", "dns", ca.Sign(t, "x", dns("*.example.com")), false},
		{"host with a NUL", "dns", ca.Sign(t, "x", dns("worker.example.com\x00.evil.example")), false},
		{"host as a beginning", "dns", ca.Sign(t, "x", dns("worker.example.com.evil.example")), false},
		{"URI", "uri", ca.Sign(t, "x", uri("spiffe://example.com/a%2fb")), true},
		{"URI in another spelling", "uri", ca.Sign(t, "x", uri("spiffe://example.com/a%2Fb")), false},
		{"URI as a host", "uri", ca.Sign(t, "x", dns("spiffe://example.com/a%2fb")), false},
		{"address", "ip", ca.Sign(t, "x", func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.ParseIP("2001:db8::1")} }), true},
		{"address of another", "ip", ca.Sign(t, "x", func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.ParseIP("2001:db8::2")} }), false},
		{"email", "email", ca.Sign(t, "x", func(c *x509.Certificate) { c.EmailAddresses = []string{"worker@Example.com"} }), true},
		{"email with other capitals", "email", ca.Sign(t, "x", func(c *x509.Certificate) { c.EmailAddresses = []string{"Worker@example.com"} }),
			false},
	} {
		if why := w.try(t, test.id, test.shown); (why == "") != test.good {
			t.Errorf("%s: %q", test.name, why)
		}
	}
}

func TestRFC8705_CertificatesThatDoNotChain(t *testing.T) { // section 2.1; RFC 5280 section 6.1
	ca, other := mtlstest.Authority(t, "Company"), mtlstest.Authority(t, "Company") // the same name, another key
	w := newCertified(t, storagetest.SQLite(t), byTLS("app", func(m *clients.Metadata) { m.TLSClientAuthSubjectDN = "CN=app,O=Example" }))
	w.trust(ca)
	between := ca.Sign(t, "Department", func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
	})
	noAuthority := ca.Sign(t, "Worker")
	constrained := ca.Sign(t, "Constrained", func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
		c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{"example.com"}, true
	})
	ended := func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }
	for _, test := range []struct {
		name  string
		shown []mtlstest.Pair
		good  bool
	}{
		{"directly", []mtlstest.Pair{ca.Sign(t, "app")}, true},
		{"through another", []mtlstest.Pair{between.Sign(t, "app"), between}, true},
		{"through another that is not shown", []mtlstest.Pair{between.Sign(t, "app")}, false},
		{"none", nil, false},
		{"by itself", []mtlstest.Pair{mtlstest.SelfSigned(t, "app")}, false},
		{"an authority of the same name", []mtlstest.Pair{other.Sign(t, "app"), other}, false},
		{"expired", []mtlstest.Pair{ca.Sign(t, "app", ended)}, false},
		{"not yet valid", []mtlstest.Pair{ca.Sign(t, "app", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) })}, false},
		{"by a client's certificate", []mtlstest.Pair{noAuthority.Sign(t, "app"), noAuthority}, false},
		{"inside the name constraints", []mtlstest.Pair{constrained.Sign(t, "app",
			func(c *x509.Certificate) { c.DNSNames = []string{"a.example.com"} }), constrained}, true},
		{"outside the name constraints", []mtlstest.Pair{constrained.Sign(t, "app",
			func(c *x509.Certificate) { c.DNSNames = []string{"a.evil.example"} }), constrained}, false},
		{"for servers", []mtlstest.Pair{ca.Sign(t, "app", func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		})}, false},
		{"with what is critical and not known", []mtlstest.Pair{ca.Sign(t, "app", func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
		})}, false},
	} {
		if why := w.try(t, "app", test.shown...); (why == "") != test.good {
			t.Errorf("%s: %q", test.name, why)
		}
	}
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	if why := w.try(t, "app", ca.Of(t, "app", short)); !strings.Contains(why, "2048") {
		t.Errorf("a short key: %q", why)
	}
	w.roots = nil // not the authorities of this machine
	if why := w.try(t, "app", ca.Sign(t, "app")); !strings.Contains(why, "no authorities") {
		t.Errorf("without authorities: %q", why)
	}
}

func TestRFC8705_CertificateThatWasRegistered(t *testing.T) { // section 2.2
	mine, renewed, pinned := mtlstest.SelfSigned(t, "mine"), mtlstest.SelfSigned(t, "mine"), mtlstest.SelfSigned(t, "pinned")
	set := func(k jose.JSONWebKey) func(id string) clients.Metadata {
		return func(id string) clients.Metadata {
			return clients.Metadata{ClientID: id, TokenEndpointAuthMethod: clients.MethodSelfSigned,
				JWKS: &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{k}}}
		}
	}
	w := newCertified(t, storagetest.SQLite(t), set(jose.JSONWebKey{Key: mine.PublicKey})("key"),
		set(jose.JSONWebKey{Key: pinned.PublicKey, Certificates: []*x509.Certificate{pinned.Certificate}})("certificate"),
		set(jose.JSONWebKey{Key: mine.PublicKey, Use: "enc"})("encryption"))
	again := mtlstest.SelfSigned(t, "pinned", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	sameKey := mine.Sign(t, "x")
	for _, test := range []struct {
		name, id string
		shown    mtlstest.Pair
		good     bool
	}{
		{"by its key", "key", mine, true},
		{"another key", "key", renewed, false},
		{"of another client", "key", pinned, false},
		{"signed by the registered key", "key", sameKey, false},
		{"the very certificate", "certificate", pinned, true},
		{"another one of the same name", "certificate", again, false},
		{"another one of the same key", "certificate", pinned.Again(t, "pinned"), false},
		{"another one of the key, which was registered alone", "key", mine.Again(t, "renewed"), true},
		{"a key for encryption", "encryption", mine, false},
	} {
		if why := w.try(t, test.id, test.shown); (why == "") != test.good {
			t.Errorf("%s: %q", test.name, why)
		}
	}
}

func TestRFC8705_MethodsAreNotMixed(t *testing.T) { // RFC 6749 section 2.3
	ca, cert := mtlstest.Authority(t, "Company"), mtlstest.Pair{}
	cert = ca.Sign(t, "app")
	secretive := clients.Metadata{ClientID: "secretive", ClientSecret: secret}
	w := newCertified(t, storagetest.SQLite(t), byTLS("app", func(m *clients.Metadata) { m.TLSClientAuthSubjectDN = "CN=app,O=Example" }),
		secretive)
	w.trust(ca)
	shown := &mtls.Certificate{Leaf: cert.Certificate}
	for name, test := range map[string]struct {
		form url.Values
		good bool
	}{
		"certificate":                         {url.Values{"client_id": {"app"}}, true},
		"certificate with a secret":           {url.Values{"client_id": {"app"}, "client_secret": {"x"}}, false},
		"certificate with an assertion":       {asserted("a.b.c", "client_id", "app"), false},
		"certificate in place of a secret":    {url.Values{"client_id": {"secretive"}}, false},
		"certificate of a client that is not": {url.Values{"client_id": {"nobody"}}, false},
	} {
		if why := w.tryWith(t, test.form, shown); (why == "") != test.good {
			t.Errorf("%s: %q", name, why)
		}
	}
}
