package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"signet/oauth/mtls"
	"signet/oauth/refusal"
)

// CertificateHeader is how proxies pass on the certificate that a client showed to them.
type CertificateHeader struct {
	Name string // of the header; "" = none is believed
	Form mtls.Form
	// URL by which apps come with certificates: the header counts in requests for its host only, which are not those that browsers make.
	URL *url.URL

	hosts []string
	chain string // the header beside it (RFC 9440 section 2.3)
}

func (c *CertificateHeader) prepare() {
	if c.Name == "" {
		return
	}
	c.Name, c.chain = http.CanonicalHeaderKey(c.Name), http.CanonicalHeaderKey(c.Name+"-Chain")
	c.hosts = hostNames(c.URL)
}

// shown is what a proxy wrote of a certificate.
type shown struct{ lines, chain []string }

// forwardedCertificate takes the header out of the request, and gives what it says if a trusted proxy sent it. The name that was asked
// for counts as the proxy passed it on in Host; X-Forwarded-Host may be what a client wrote.
func (m *Mux) forwardedCertificate(x *exchange, r *http.Request) *shown {
	c := &m.options.Certificates
	lines, chain := r.Header[c.Name], r.Header[c.chain]
	delete(r.Header, c.Name)
	delete(r.Header, c.chain)
	own := func(host string) bool { return strings.EqualFold(host, r.Host) }
	if len(lines) == 0 || x.asked || !m.trusted(peerAddress(r.RemoteAddr)) || !slices.ContainsFunc(c.hosts, own) {
		return nil
	}
	return &shown{lines, chain}
}

// CertificateHandler is Handler for the listener that asks for client certificates: the same routes for programs. Pages are not shown,
// their requests are sent on to the issuer.
func (m *Mux) CertificateHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.begin(&exchange{Context: r.Context(), out: w, start: time.Now(), route: m.nowhere, asked: true}, r)
	})
}

// Certificate is the one that the client proved to have the key of (RFC 8705): to the listener that asks for certificates, or to a trusted
// proxy, which says so in a header; nil = none. What a connection to another listener shows counts for nothing, nor does a header of
// anybody else. Errors are *refusal.Refusal.
func Certificate(r *http.Request) (*mtls.Certificate, error) {
	x := exchangeOf(r.Context())
	var c *mtls.Certificate
	var err error
	switch {
	case x == nil:
	case x.asked:
		c, err = mtls.OfConnection(r.TLS)
	case x.shown != nil:
		c, err = mtls.OfHeader(x.route.mux.options.Certificates.Form, x.shown.lines, x.shown.chain)
	}
	if err != nil {
		return nil, refusal.InvalidRequest("The client certificate cannot be read, or there are several.").Because(err)
	}
	return c, nil
}
