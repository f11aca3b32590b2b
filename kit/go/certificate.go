package kit

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Proxy says where the certificates of clients come from if TLS ends at a proxy (RFC 8705, RFC 9440). Zero: TLS ends here.
type Proxy struct {
	// Trusted are the addresses of proxies. The header counts from them alone; they must remove it from what comes from outside.
	Trusted []netip.Prefix
	// Header has the certificate: as RFC 9440 writes it (Client-Cert), or as escaped PEM (nginx's $ssl_client_escaped_cert).
	Header string
}

const maxCertificate = 16 << 10 // bytes of the header

func (p Proxy) check() error {
	if (p.Header == "") != (len(p.Trusted) == 0) {
		return errors.New("Proxy needs both Header and Trusted")
	}
	return nil
}

// certified checks that the request came with the certificate of the thumbprint. Who signed the certificate does not matter (RFC 8705
// section 3): the issuer saw the same one.
func (a *API) certified(r *http.Request, x5t string) error {
	der, err := a.o.Proxy.certificate(r)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBinding, err)
	}
	sum := sha256.Sum256(der)
	if subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(x5t)) != 1 {
		return fmt.Errorf("%w: the token is bound to another certificate", ErrBinding)
	}
	return nil
}

// certificate gives the client's, of this connection or, where a proxy is at its other end, of the header.
func (p Proxy) certificate(r *http.Request) ([]byte, error) {
	if p.trusts(r.RemoteAddr) {
		lines := r.Header.Values(p.Header)
		if len(lines) != 1 || len(lines[0]) > maxCertificate {
			return nil, fmt.Errorf("the proxy sent %d certificates", len(lines))
		}
		return certificateOf(strings.TrimSpace(lines[0]))
	}
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil, errors.New("the token is bound to a certificate, and the client showed none")
	}
	return r.TLS.PeerCertificates[0].Raw, nil
}

func (p Proxy) trusts(remote string) bool {
	at, err := netip.ParseAddrPort(remote)
	return err == nil && slices.ContainsFunc(p.Trusted, func(t netip.Prefix) bool { return t.Contains(at.Addr().Unmap()) })
}

// certificateOf reads :base64: of RFC 9440, or PEM with percent-encoding.
func certificateOf(value string) ([]byte, error) {
	if inner, ok := strings.CutPrefix(value, ":"); ok {
		if inner, ok = strings.CutSuffix(inner, ":"); !ok {
			return nil, errors.New("the header is malformed")
		}
		der, err := base64.StdEncoding.DecodeString(inner)
		if err == nil {
			_, err = x509.ParseCertificate(der)
		}
		return der, err
	}
	text, err := url.PathUnescape(value) // a + is one of base64
	if err != nil {
		return nil, err
	}
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" || strings.TrimSpace(string(rest)) != "" {
		return nil, errors.New("the header is not one certificate")
	}
	_, err = x509.ParseCertificate(block.Bytes)
	return block.Bytes, err
}
