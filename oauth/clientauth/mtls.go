package clientauth

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"signet/clients"
	"signet/internal/dn"
	"signet/internal/telemetry"
	"signet/oauth/clientjwt"
	"signet/oauth/mtls"
)

// Certificates are how clients prove themselves by one (RFC 8705 section 2).
type Certificates struct {
	// Of gives the certificate of a request; nil = none. An error is a refusal of the request.
	Of func(r *http.Request) (*mtls.Certificate, error)
	// Authorities are those of tls_client_auth; nil, or none = the method is refused.
	Authorities func() *x509.CertPool
}

// of gives the certificate of a request; nil also where none can come.
func (c Certificates) of(r *http.Request) (*mtls.Certificate, error) {
	if c.Of == nil {
		return nil, nil
	}
	return c.Of(r)
}

// checkCertificate reports why a certificate does not prove a client that registered to prove itself by one; "" = it does.
func (a *Authenticator) checkCertificate(ctx context.Context, c *clients.Client, cert *mtls.Certificate) (why string) {
	switch {
	case cert == nil:
		return "no certificate came with the request: the client has to use the endpoints of mtls_endpoint_aliases"
	case weak(cert.Leaf):
		return "certificate: its RSA key has less than 2048 bits"
	case c.TokenEndpointAuthMethod == clients.MethodSelfSigned:
		return a.registeredKey(ctx, c, cert)
	}
	if err := a.chains(cert); err != nil {
		return "certificate: " + err.Error()
	}
	field, want := c.CertificateName()
	if !named(cert.Leaf, field, want) {
		return "certificate: " + field + " is not the registered one"
	}
	return ""
}

// chains reports whether a certificate is one for clients of the authorities that are believed, today (RFC 5280 section 6). Whether it was
// revoked is not asked.
func (a *Authenticator) chains(cert *mtls.Certificate) error {
	var roots *x509.CertPool
	if a.o.Certificates.Authorities != nil {
		roots = a.o.Certificates.Authorities()
	}
	if roots == nil { // a nil pool would mean the authorities of this machine
		return errors.New("there are no authorities (server.mtls.ca_file)")
	}
	between := x509.NewCertPool()
	for _, one := range cert.Chain {
		between.AddCert(one)
	}
	_, err := cert.Leaf.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil { // it names what whoever made the certificate wrote into it
		return errors.New(telemetry.Outside(err.Error()))
	}
	return nil
}

// weak keys can be broken.
func weak(leaf *x509.Certificate) bool {
	k, ok := leaf.PublicKey.(*rsa.PublicKey)
	return ok && k.N.BitLen() < 2048
}

// named reports whether the certificate has exactly the registered name (RFC 8705 section 2.1.2). Texts are compared whole: what stands
// behind a NUL is a part of them, and a * only itself.
func named(leaf *x509.Certificate, field, want string) bool {
	switch field {
	case "tls_client_auth_subject_dn":
		registered, err := dn.Parse(want)
		if err != nil {
			return false
		}
		subject, err := dn.FromDER(leaf.RawSubject)
		return err == nil && dn.Equal(subject, registered)
	case "tls_client_auth_san_dns":
		return slices.ContainsFunc(leaf.DNSNames, func(name string) bool { return lowerASCII(name) == lowerASCII(want) })
	case "tls_client_auth_san_uri":
		return slices.Contains(uris(leaf), want)
	case "tls_client_auth_san_ip":
		registered, err := netip.ParseAddr(want)
		return err == nil && slices.ContainsFunc(leaf.IPAddresses, func(ip net.IP) bool {
			addr, ok := netip.AddrFromSlice(ip)
			return ok && addr.Unmap() == registered.Unmap()
		})
	case "tls_client_auth_san_email":
		return slices.ContainsFunc(leaf.EmailAddresses, func(address string) bool { return mailbox(address) == mailbox(want) })
	}
	return false
}

// mailbox writes the host of an address in lower case; what is before the @ counts as it is.
func mailbox(address string) string {
	local, host, _ := strings.Cut(address, "@")
	return local + "@" + lowerASCII(host)
}

// lowerASCII leaves everything else alone: beyond ASCII, too, there are capitals whose small form is a to z.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

var subjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}

// uris are the URIs among the subject's alternative names, letter by letter as they are in the certificate (RFC 5280 section 4.2.1.6).
func uris(leaf *x509.Certificate) (all []string) {
	const tagURI = 6
	for _, e := range leaf.Extensions {
		if !e.Id.Equal(subjectAltName) {
			continue
		}
		var names []asn1.RawValue
		if _, err := asn1.Unmarshal(e.Value, &names); err != nil {
			return nil
		}
		for _, n := range names {
			if n.Class == asn1.ClassContextSpecific && n.Tag == tagURI {
				all = append(all, string(n.Bytes))
			}
		}
	}
	return all
}

// registeredKey reports why the certificate's key is none that the client registered; "" = it is one (RFC 8705 section 2.2). A key with a
// certificate of its own (x5c) is good for this one only. Who signed it, and until when it is valid, does not matter.
func (a *Authenticator) registeredKey(ctx context.Context, c *clients.Client, cert *mtls.Certificate) string {
	public, ok := cert.Leaf.PublicKey.(interface{ Equal(x crypto.PublicKey) bool })
	if !ok {
		return "certificate: its key is of no known kind"
	}
	fits := func(k jose.JSONWebKey) bool {
		return k.Use != "enc" && public.Equal(k.Key) && (len(k.Certificates) == 0 || k.Certificates[0].Equal(cert.Leaf))
	}
	keys, err := registeredKeys(ctx, a.o.Keys, c, fits)
	switch {
	case err != nil:
		return err.Error()
	case !slices.ContainsFunc(keys, fits):
		return "certificate: its key is not in the client's jwks"
	}
	return ""
}

func registeredKeys(ctx context.Context, source clientjwt.Keys, c *clients.Client,
	fits func(jose.JSONWebKey) bool) ([]jose.JSONWebKey, error) {
	switch {
	case c.JWKSURI == "" && c.JWKS == nil:
		return nil, errors.New("the client registered no keys")
	case c.JWKSURI == "":
		return c.JWKS.Keys, nil
	case source == nil:
		return nil, errors.New("jwks_uri is not asked here")
	}
	return source.Keys(ctx, c, fits)
}
