package clients

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"signet/internal/dn"
)

// Client authentication by a certificate (RFC 8705 sections 2.1.1 and 2.2.1).
const (
	MethodTLS        = "tls_client_auth"
	MethodSelfSigned = "self_signed_tls_client_auth"
)

// ByCertificate reports whether the client proves itself by a certificate of its TLS connection.
func (m Metadata) ByCertificate() bool {
	return m.TokenEndpointAuthMethod == MethodTLS || m.TokenEndpointAuthMethod == MethodSelfSigned
}

// CertificateName is the one name that the certificate of a client with tls_client_auth has to have, and which of the metadata says it.
func (m Metadata) CertificateName() (field, value string) {
	for _, one := range m.certificateNames() {
		if one[1] != "" {
			return one[0], one[1]
		}
	}
	return "", ""
}

// certificateNames are those of RFC 8705 section 2.1.2, in its order.
func (m Metadata) certificateNames() [5][2]string {
	return [5][2]string{
		{"tls_client_auth_subject_dn", m.TLSClientAuthSubjectDN}, {"tls_client_auth_san_dns", m.TLSClientAuthSANDNS},
		{"tls_client_auth_san_uri", m.TLSClientAuthSANURI}, {"tls_client_auth_san_ip", m.TLSClientAuthSANIP},
		{"tls_client_auth_san_email", m.TLSClientAuthSANEmail},
	}
}

// validateCertificate checks what is said about a certificate: exactly one name of it for tls_client_auth, its key for the other method.
func (m Metadata) validateCertificate() (errs []error) {
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	var named []string
	for _, one := range m.certificateNames() {
		if one[1] == "" {
			continue
		}
		named = append(named, one[0])
		if why := oddCertificateName(one[0], one[1]); why != "" {
			add("%s: %s", one[0], why)
		}
	}
	switch {
	case m.TokenEndpointAuthMethod != MethodTLS && len(named) > 0:
		add("%s: goes with token_endpoint_auth_method tls_client_auth only", named[0])
	case m.TokenEndpointAuthMethod == MethodTLS && len(named) != 1:
		add("tls_client_auth_subject_dn: tls_client_auth needs exactly one of tls_client_auth_subject_dn, _san_dns, _san_uri, _san_ip and "+
			"_san_email (RFC 8705 section 2.1.2); there are %d", len(named))
	}
	if m.TokenEndpointAuthMethod == MethodSelfSigned && (m.JWKS == nil || len(m.JWKS.Keys) == 0) && m.JWKSURI == "" {
		add("jwks: self_signed_tls_client_auth needs the public key of the client's certificate, here or at jwks_uri")
	}
	if m.ByCertificate() && m.ClientSecret != "" {
		errs = append(errs, errors.New("client_secret: a client that proves itself by a certificate has none; remove it"))
	}
	return errs
}

// oddCertificateName says what is wrong with a name; "" = nothing.
func oddCertificateName(field, value string) string {
	if len(value) > 512 || !plainText(value) {
		return "use at most 512 bytes, none of them invisible"
	}
	switch field {
	case "tls_client_auth_subject_dn":
		if _, err := dn.Parse(value); err != nil {
			return fmt.Sprintf("%q %s (RFC 4514)", value, err)
		}
	case "tls_client_auth_san_dns":
		if strings.Trim(strings.ToLower(value), "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "" ||
			slices.Contains(strings.Split(value, "."), "") {
			return fmt.Sprintf("%q is not a host name; wildcards are not taken", value)
		}
	case "tls_client_auth_san_uri":
		if u, err := url.Parse(value); err != nil || !u.IsAbs() || !redirectBytes(value) {
			return fmt.Sprintf("%q is not an absolute URI", value)
		}
	case "tls_client_auth_san_ip":
		if a, err := netip.ParseAddr(value); err != nil || a.Zone() != "" {
			return fmt.Sprintf("%q is not an IP address", value)
		}
	case "tls_client_auth_san_email":
		if local, host, ok := strings.Cut(value, "@"); !ok || local == "" || host == "" || strings.ContainsAny(value, " \t") {
			return fmt.Sprintf("%q is not an email address", value)
		}
	}
	return ""
}
