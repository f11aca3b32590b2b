package server

import (
	"crypto/x509"
	"fmt"

	"signet/config"
	"signet/internal/egress"
	"signet/internal/regular"
)

// wayOut makes a client for requests of ours to addresses that anybody may have named; an offline server's reaches nobody.
func (h *Services) wayOut(o egress.Options) *egress.Client {
	o.Off, o.Roots, o.Allow = o.Off || h.offline, h.roots, h.Config.Egress.AllowHosts
	return egress.New(o)
}

// chosenWay is wayOut to addresses that the operator chose, which may be inside where the configuration lists their hosts.
func (h *Services) chosenWay(o egress.Options) *egress.Client {
	o.Inner = append(o.Inner, h.Config.Egress.InnerHosts...)
	return h.wayOut(o)
}

// Roots are the certificates that requests of ours trust: the system's and those of egress.ca_file; nil = the system's.
func Roots(c config.Config) (*x509.CertPool, error) {
	if c.Egress.CAFile == "" {
		return nil, nil
	}
	text, err := regular.Read(c.Egress.CAFile, regular.PEM)
	if err != nil {
		return nil, fmt.Errorf("egress.ca_file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil { // there is none on this machine
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("egress.ca_file: there is no certificate in %s", c.Egress.CAFile)
	}
	return pool, nil
}
