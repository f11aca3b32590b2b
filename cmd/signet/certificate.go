package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/spf13/cobra"

	"signet/clients"
	"signet/server"
)

// certificateFlags are the words about an app's certificate (RFC 8705).
type certificateFlags struct {
	dn, dns, uri, ip, email string
	file                    string
	bound                   bool
}

func (f *certificateFlags) flags(c *cobra.Command) {
	s := c.Flags()
	s.StringVar(&f.dn, "tls-subject-dn", "",
		"`name` of the certificate by which the app proves itself, like CN=worker,O=Example (tls_client_auth)")
	s.StringVar(&f.dns, "tls-san-dns", "", "or the host `name` in it")
	s.StringVar(&f.uri, "tls-san-uri", "", "or the `URI` in it")
	s.StringVar(&f.ip, "tls-san-ip", "", "or the IP `address` in it")
	s.StringVar(&f.email, "tls-san-email", "", "or the email `address` in it")
	s.StringVar(&f.file, "certificate", "",
		"PEM `file` with the very certificate by which the app proves itself (self_signed_tls_client_auth)")
	s.BoolVar(&f.bound, "certificate-bound", false, "refuse token requests without a certificate: all tokens are bound to it")
}

// apply changes what was named on the command line. A name takes the place of another one.
func (f *certificateFlags) apply(a *app, cmd *cobra.Command, m *clients.Metadata) error {
	if cmd.Flags().Changed("auth-method") || f.file != "" { // a name goes with tls_client_auth only
		setCertificateName(m, certificateFlags{})
	}
	named := false
	for _, flag := range []string{"tls-subject-dn", "tls-san-dns", "tls-san-uri", "tls-san-ip", "tls-san-email"} {
		named = named || cmd.Flags().Changed(flag)
	}
	if named {
		m.TokenEndpointAuthMethod = clients.MethodTLS
		setCertificateName(m, *f)
	}
	if cmd.Flags().Changed("certificate-bound") {
		m.CertificateBoundAccessTokens = f.bound
	}
	if f.file == "" {
		return nil
	}
	text, err := a.readText(f.file)
	if err != nil {
		return fmt.Errorf("--certificate: %w", err)
	}
	if m.JWKS, err = keyOfCertificate(text); err != nil {
		return fmt.Errorf("--certificate: %w", err)
	}
	m.JWKSURI, m.TokenEndpointAuthMethod = "", clients.MethodSelfSigned
	return nil
}

func setCertificateName(m *clients.Metadata, f certificateFlags) {
	m.TLSClientAuthSubjectDN, m.TLSClientAuthSANDNS, m.TLSClientAuthSANURI = f.dn, f.dns, f.uri
	m.TLSClientAuthSANIP, m.TLSClientAuthSANEmail = f.ip, f.email
}

// keyOfCertificate makes the key set that a certificate is registered by: its key, with itself as x5c (RFC 8705 section 2.2.2).
func keyOfCertificate(text string) (*jose.JSONWebKeySet, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("there is no certificate in PEM form first in the file")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	return &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: cert.PublicKey, Certificates: []*x509.Certificate{cert}}}}, nil
}

// warnOfCertificate says what the server lacks for an app that comes with a certificate.
func (a *app) warnOfCertificate(h *server.Services, m clients.Metadata) {
	on := h.Config.Server.MTLS
	switch {
	case (m.ByCertificate() || m.CertificateBoundAccessTokens) && !on.On():
		a.notice("Warning: the app gets no token until server.mtls.url is set: see docs/mtls.md")
	case m.TokenEndpointAuthMethod == clients.MethodTLS && on.CAFile == "":
		a.notice("Warning: the app cannot prove itself until server.mtls.ca_file names the authority of its certificate")
	}
}
