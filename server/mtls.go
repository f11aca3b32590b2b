package server

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"signet/clients"
	"signet/config"
	"signet/internal/regular"
	"signet/oauth/clientauth"
	"signet/oauth/mtls"
	"signet/server/web"
)

// mtlsServer serves the routes for programs where certificates are asked for. Who shows none is answered, too: package clientauth decides
// whom a certificate proves, and by whom it has to be signed.
func (s *Server) mtlsServer() (*http.Server, error) {
	c, err := s.loadTLS("server.mtls.tls", s.services.Config.Server.Certificate())
	if err != nil {
		return nil, err
	}
	srv := s.httpServer(s.now(func(s *Server) http.Handler { return s.asking }))
	srv.TLSConfig = c
	srv.TLSConfig.ClientAuth = tls.RequestClientCert
	return srv, nil
}

// certificates are how clients prove themselves by one.
func (h *Services) certificates() clientauth.Certificates {
	m := h.Config.Server.MTLS
	if !m.On() {
		return clientauth.Certificates{}
	}
	c := clientauth.Certificates{Of: web.Certificate}
	if m.CAFile != "" {
		c.Authorities = (&authorities{file: m.CAFile}).get
	}
	return c
}

// certificateHeader is where proxies say which certificate a client showed to them.
func (h *Services) certificateHeader() web.CertificateHeader {
	m := h.Config.Server.MTLS
	if m.Header == "" {
		return web.CertificateHeader{}
	}
	at, err := url.Parse(m.URL)
	if err != nil {
		return web.CertificateHeader{} // config has refused it
	}
	return web.CertificateHeader{Name: m.Header, Form: mtls.Form(m.HeaderForm), URL: at}
}

// certificateMethods are the ways to prove a client by a certificate that are offered.
func (h *Services) certificateMethods() (methods []string) {
	m := h.Config.Server.MTLS
	if m.On() && m.CAFile != "" {
		methods = append(methods, clients.MethodTLS)
	}
	if m.On() {
		methods = append(methods, clients.MethodSelfSigned)
	}
	return methods
}

// authorities are those of the file, which is looked at again at most once a minute.
type authorities struct {
	file string

	mu      sync.Mutex
	pool    *x509.CertPool
	changed time.Time
	looked  time.Time
}

// get gives those that the file has, or had when it could be read last; nil = it never could.
func (a *authorities) get() *x509.CertPool {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if now.Sub(a.looked) < time.Minute {
		return a.pool
	}
	a.looked = now
	changed, err := newest(a.file)
	if err != nil || a.pool != nil && changed.Equal(a.changed) {
		return a.pool
	}
	if pool, err := readAuthorities(a.file); err == nil {
		a.pool, a.changed = pool, changed
	}
	return a.pool
}

func readAuthorities(file string) (*x509.CertPool, error) {
	text, err := regular.Read(file, regular.PEM)
	if err != nil {
		return nil, err
	}
	return mtls.ParseAuthorities(text)
}

// checkMTLS says what is wrong with the files of server.mtls.
func checkMTLS(c config.Config) error {
	m := c.Server.MTLS
	errs := []error{checkTLS("server.mtls.tls", m.TLS)}
	if m.CAFile != "" {
		if _, err := readAuthorities(m.CAFile); err != nil {
			errs = append(errs, fmt.Errorf("server.mtls.ca_file: %w; name a PEM file of the authorities that sign the apps' certificates", err))
		}
	}
	return errors.Join(errs...)
}
