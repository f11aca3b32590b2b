package config

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// MTLS is where apps come with a certificate of their own (RFC 8705): a listener that asks for one. The main listener never does, for
// browsers would show people a list to choose from.
type MTLS struct {
	URL    string `yaml:"url"`    // scheme, host and port by which apps reach it; "" = off
	Listen string `yaml:"listen"` // host:port of the listener
	TLS    TLS    `yaml:"tls"`    // of the listener; empty = server.tls
	Header string `yaml:"header"` // in which trusted proxies say what certificate was shown to them, in place of the listener
	// HeaderForm is how they write it: rfc9440, pem_urlencoded (nginx, load balancers, Traefik), xfcc (Envoy).
	HeaderForm string `yaml:"header_form"`
	CAFile     string `yaml:"ca_file"` // PEM of the authorities of tls_client_auth; "" = the method is not offered
}

// On reports whether apps can show certificates.
func (m MTLS) On() bool { return m.URL != "" }

// Certificate is what the mTLS listener shows.
func (s Server) Certificate() TLS {
	if s.MTLS.TLS.On() {
		return s.MTLS.TLS
	}
	return s.TLS
}

// MTLSBase is where the endpoints are that apps come to with a certificate: server.mtls.url with the issuer's path; "" = off.
func (c Config) MTLSBase() string {
	if !c.Server.MTLS.On() {
		return ""
	}
	return c.Server.MTLS.URL + strings.TrimRight(c.IssuerURL().EscapedPath(), "/")
}

// checkMTLS checks server.mtls, and that no declared client needs what is off.
func (c Config) checkMTLS(bad *complaints) {
	const key = "server.mtls"
	m := c.Server.MTLS
	for _, cl := range c.Clients {
		method := "clients[" + cl.ClientID + "].token_endpoint_auth_method"
		bad.check(m.On() || cl.TokenEndpointAuthMethod != "self_signed_tls_client_auth", method, "needs server.mtls.url")
		bad.check(m.On() && m.CAFile != "" || cl.TokenEndpointAuthMethod != "tls_client_auth", method,
			"needs server.mtls.url, and server.mtls.ca_file")
		bad.check(m.On() || !cl.CertificateBound, "clients["+cl.ClientID+"].tls_client_certificate_bound_access_tokens",
			"needs server.mtls.url")
	}
	if m == (MTLS{}) {
		return
	}
	u, err := url.Parse(m.URL)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.ContainsAny(m.URL[len("https://"):], "/?#") ||
		m.URL != strings.ToLower(m.URL) {
		bad.check(false, key+".url", "%q is not an https address in lower case without path; write it like https://mtls.id.example.com", m.URL)
		return
	}
	bad.check(u.Port() != "443", key+".url", "must not name the default port; write https://%s", u.Hostname())
	issuer, err := url.Parse(c.Server.Issuer)
	bad.check(err != nil || issuer.Host != u.Host, key+".url",
		"must have another host or port than server.issuer: browsers would ask people for a certificate there")
	bad.check((m.Listen == "") != (m.Header == ""), key,
		"needs listen, or header where a proxy asks for certificates, and not both: a header would count for nothing at the listener")
	if m.Header != "" {
		c.checkCertificateHeader(bad)
	}
	if m.Listen == "" {
		return
	}
	bad.check(address(m.Listen), key+".listen", "%q is not HOST:PORT; write it like :9443", m.Listen)
	bad.check(port(m.Listen) == "0" || m.Listen != c.Server.Listen && m.Listen != c.Server.InternalListen, key+".listen",
		"is the same as another listener; give it a port of its own")
	bad.check((m.TLS.CertFile == "") == (m.TLS.KeyFile == ""), key+".tls", "needs both cert_file and key_file, or neither")
	bad.check(c.Server.Certificate().On(), key+".tls", "needs cert_file and key_file, or those of server.tls")
}

// checkCertificateHeader: one that has another meaning, or that nobody is trusted to write, proves nothing.
func (c Config) checkCertificateHeader(bad *complaints) {
	const key = "server.mtls.header"
	m := c.Server.MTLS
	bad.check(headerName.MatchString(m.Header), key, "%q is not the name of a header; write it like Client-Cert", m.Header)
	bad.check(!slices.Contains(otherHeaders, strings.ToLower(m.Header)), key, "%s has another meaning; choose one that the proxy alone writes",
		m.Header)
	oneOf(bad, "server.mtls.header_form", m.HeaderForm, "rfc9440", "pem_urlencoded", "xfcc")
	bad.check(len(c.Server.TrustedProxies) > 0, key, "is believed from server.trusted_proxies only, which is empty")
	bad.check(!slices.ContainsFunc(c.Server.TrustedProxies, func(p netip.Prefix) bool { return p.Bits() == 0 }), key,
		"would be believed from everybody: server.trusted_proxies has all addresses")
	bad.check(!m.TLS.On(), "server.mtls.tls", "is of the listener, which there is none of: the proxy has its own")
}

var headerName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,63}$`)

var otherHeaders = strings.Fields(`authorization content-length content-type cookie connection dpop host origin referer transfer-encoding
	user-agent accept forwarded x-forwarded-for x-forwarded-proto x-forwarded-host x-real-ip`)
