package clients

import (
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func TestCertificateNames(t *testing.T) { // RFC 8705 section 2.1.2
	key, _, _ := publicKeys(t, 2048)
	for name, test := range map[string]struct {
		change func(m *Metadata)
		want   string // "" = good
	}{
		"subject":            {func(m *Metadata) { m.TLSClientAuthSubjectDN = "CN=a,O=b" }, ""},
		"host":               {func(m *Metadata) { m.TLSClientAuthSANDNS = "a.example.com" }, ""},
		"URI":                {func(m *Metadata) { m.TLSClientAuthSANURI = "spiffe://example.com/a" }, ""},
		"address":            {func(m *Metadata) { m.TLSClientAuthSANIP = "2001:db8::1" }, ""},
		"email":              {func(m *Metadata) { m.TLSClientAuthSANEmail = "a@example.com" }, ""},
		"none":               {func(*Metadata) {}, "exactly one"},
		"two":                {func(m *Metadata) { m.TLSClientAuthSubjectDN, m.TLSClientAuthSANIP = "CN=a", "192.0.2.1" }, "exactly one"},
		"subject malformed":  {func(m *Metadata) { m.TLSClientAuthSubjectDN = "shop" }, "RFC 4514"},
		"host with wildcard": {func(m *Metadata) { m.TLSClientAuthSANDNS = "*.example.com" }, "wildcards"},
		"URI is relative":    {func(m *Metadata) { m.TLSClientAuthSANURI = "/a" }, "absolute"},
		"address malformed":  {func(m *Metadata) { m.TLSClientAuthSANIP = "1.2.3" }, "IP address"},
		"email malformed":    {func(m *Metadata) { m.TLSClientAuthSANEmail = "a@" }, "email address"},
		"secret beside it": {func(m *Metadata) {
			m.TLSClientAuthSANIP, m.ClientSecret = "192.0.2.1", "a secret of more than 16"
		}, "client_secret"},
		"another method": {func(m *Metadata) {
			m.TLSClientAuthSANIP, m.TokenEndpointAuthMethod = "192.0.2.1", MethodNone
		}, "tls_client_auth only"},
		"own certificate without a key": {func(m *Metadata) { m.TokenEndpointAuthMethod = MethodSelfSigned }, "jwks"},
		"own certificate": {func(m *Metadata) {
			m.TokenEndpointAuthMethod, m.JWKS = MethodSelfSigned, &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key}}
		}, ""},
	} {
		m := Metadata{ClientID: "a", RedirectURIs: []string{"https://a.example/cb"}, TokenEndpointAuthMethod: MethodTLS}
		test.change(&m)
		err := m.WithDefaults().Validate()
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
