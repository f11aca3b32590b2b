package config

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"signet/internal/loopback"
)

// bareScheme is a scheme (RFC 3986 section 3.1) without a dot.
var bareScheme = regexp.MustCompile(`^[a-z][a-z0-9+-]{1,62}$`)

// foreignSchemes belong to others, or run what they are given.
var foreignSchemes = strings.Fields(
	`http https ws wss ftp ftps file data blob javascript vbscript about view-source filesystem mailto tel sms
	urn intent android-app ms-settings chrome chrome-extension moz-extension resource jar view itms itms-apps market ldap ldaps ssh git`)

func (c Config) checkApps(bad *complaints) {
	for _, s := range c.Apps.PrivateSchemes {
		bad.check(!strings.Contains(s, "."), "apps.private_schemes", "%q has a dot and needs no permission; leave it out", s)
		bad.check(strings.Contains(s, ".") || bareScheme.MatchString(s), "apps.private_schemes",
			"%q is not a scheme; write it like myapp, in lower case", s)
		bad.check(!slices.Contains(foreignSchemes, s), "apps.private_schemes", "%q is not a scheme that an app may have for itself", s)
	}
	for _, o := range c.Apps.Origins {
		bad.check(appOrigin(o), "apps.origins", "%q is not an origin; write it like capacitor://localhost, in lower case and without a path", o)
	}
}

// appOrigin reports whether a text is an origin as browsers send it (RFC 6454 section 6.2): of a web view's scheme, of a site, or http of
// this computer.
func appOrigin(o string) bool {
	u, err := url.Parse(o)
	if err != nil || u.Hostname() == "" || o != u.Scheme+"://"+u.Host || o != strings.ToLower(o) || strings.ContainsAny(u.Host, "*@ ") {
		return false
	}
	switch u.Scheme {
	case "https":
		return u.Port() != defaultPort[u.Scheme]
	case "http":
		return u.Port() != defaultPort[u.Scheme] && loopback.Host(u.Hostname())
	}
	return !slices.Contains(foreignSchemes, u.Scheme)
}
