package mtls

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// maxChain is how many certificates are read at most: a client's own and those between it and its authority.
const maxChain = 5

// Certificate is one that a client proved to have the private key of. Nothing else about it is known.
type Certificate struct {
	Leaf  *x509.Certificate
	Chain []*x509.Certificate // that came with it, and may lead to an authority
}

// OfConnection is the certificate that a connection was made with; nil = none.
func OfConnection(state *tls.ConnectionState) (*Certificate, error) {
	if state == nil || len(state.PeerCertificates) == 0 {
		return nil, nil
	}
	if len(state.PeerCertificates) > maxChain {
		return nil, errors.New("too many certificates")
	}
	return &Certificate{Leaf: state.PeerCertificates[0], Chain: state.PeerCertificates[1:]}, nil
}

// Thumbprint is the confirmation x5t#S256: the base64url SHA-256 of the DER (RFC 8705 section 3.1); "" of none.
func (c *Certificate) Thumbprint() string {
	if c == nil {
		return ""
	}
	sum := sha256.Sum256(c.Leaf.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// ParseAuthorities reads a PEM file of the authorities whose certificates are believed. Certificates that are none spoil all of it: one
// of a client would be believed by itself.
func ParseAuthorities(file []byte) (*x509.CertPool, error) {
	pool, found := x509.NewCertPool(), 0
	for {
		var block *pem.Block
		if block, file = pem.Decode(file); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("it has a %s; name a file with certificates only", strings.ToLower(block.Type))
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		if !cert.BasicConstraintsValid || !cert.IsCA {
			return nil, fmt.Errorf("the certificate of %q is not one of an authority (CA:TRUE is missing)", cert.Subject)
		}
		pool.AddCert(cert)
		found++
	}
	if found == 0 {
		return nil, errors.New("it has no certificate in PEM form")
	}
	return pool, nil
}

// Confirmation is the claim cnf of a token that is bound to the key of a proof, to a certificate, or to both; nil = to neither
// (RFC 9449 section 6.1, RFC 8705 section 3.1).
func Confirmation(jkt, x5t string) json.RawMessage {
	switch {
	case jkt == "" && x5t == "":
		return nil
	case x5t == "":
		return json.RawMessage(`{"jkt":"` + jkt + `"}`)
	case jkt == "":
		return json.RawMessage(`{"x5t#S256":"` + x5t + `"}`)
	}
	return json.RawMessage(`{"jkt":"` + jkt + `","x5t#S256":"` + x5t + `"}`)
}
