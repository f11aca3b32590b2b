package main

import (
	"net/url"
	"slices"
	"time"

	"signet/config"
	"signet/internal/regular"
	"signet/storage/sqlitefile"
)

// warnings are those of the configuration, and of the files that it names.
func warnings(c config.Config) []string {
	return slices.Concat(c.Warnings(), openToAll(c), onNetwork(c, sqlitefile.Network), certificateWarnings(c, time.Now()))
}

// certificateWarnings tells what callers will not accept of the certificates of TLS. A proxy in between looks at no name.
func certificateWarnings(c config.Config, now time.Time) (all []string) {
	for _, one := range []struct {
		key, address string
		files        config.TLS
	}{{"server.tls.cert_file", c.Server.Issuer, c.Server.TLS}, {"server.mtls.tls.cert_file", c.Server.MTLS.URL, c.Server.MTLS.TLS}} {
		if !one.files.On() {
			continue
		}
		pair, err := regular.KeyPair(one.files.CertFile, one.files.KeyFile)
		if err != nil || pair.Leaf == nil {
			continue // which is a mistake, and told as one
		}
		const day = "2006-01-02 15:04 UTC"
		switch {
		case now.After(pair.Leaf.NotAfter):
			all = append(all, one.key+": the certificate ended on "+pair.Leaf.NotAfter.UTC().Format(day)+", so browsers and apps refuse it: "+
				"renew it under the same name, and it is taken up within a minute; if it is new, look at this machine's clock")
		case now.Before(pair.Leaf.NotBefore):
			all = append(all, one.key+": the certificate begins on "+pair.Leaf.NotBefore.UTC().Format(day)+
				" only: look at this machine's clock, or wait until then")
		}
		at, err := url.Parse(one.address)
		if err == nil && len(c.Server.TrustedProxies) == 0 && at.Hostname() != "" && pair.Leaf.VerifyHostname(at.Hostname()) != nil {
			all = append(all, one.key+": the certificate is not for "+at.Hostname()+", so browsers and apps refuse it: get one that names it")
		}
	}
	return all
}
