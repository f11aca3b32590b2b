package config

import (
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"

	"signet/internal/loopback"
)

func (c Config) checkPasskeys(bad *complaints) {
	p := c.Passkeys
	issuer, err := url.Parse(c.Server.Issuer)
	if err != nil || p.RPID == "" && len(p.Origins) == 0 {
		return
	}
	id, host := p.RPID, issuer.Hostname()
	if id != "" && id != host {
		suffix, _ := publicsuffix.PublicSuffix(id)
		bad.check(strings.HasSuffix(host, "."+id) && domainForm.MatchString(id) && suffix != id, "passkeys.rp_id",
			"%q must be the issuer's host %s or a parent domain of it that one can register (WebAuthn section 5.1.2)", id, host)
	}
	bad.check(len(p.Origins) <= 4, "passkeys.origins", "must be at most 4: browsers look at no more than 5 names (WebAuthn section 5.11)")
	for _, o := range p.Origins {
		u, err := url.Parse(o)
		bad.check(err == nil && u.Host != "" && u.Scheme+"://"+u.Host == o && o == strings.ToLower(o) && u.Port() != defaultPort[u.Scheme] &&
			(u.Scheme == "https" || u.Scheme == "http" && loopback.Host(u.Hostname())), "passkeys.origins",
			"%q is not an origin; write it like https://login.example.com", o)
	}
}
