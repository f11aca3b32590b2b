package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// TrustedIssuer says by signed assertions who somebody is; apps get access tokens for them (RFC 7523 section 2.1).
type TrustedIssuer struct {
	Issuer    string            `yaml:"issuer"`    // iss, exactly
	JWKS      any               `yaml:"jwks"`      // its public keys, or
	JWKSURI   string            `yaml:"jwks_uri"`  // where they are; neither: where its discovery document says
	Audiences []string          `yaml:"audiences"` // aud, one of these; empty = our issuer
	Clients   []string          `yaml:"clients"`   // that may present its assertions
	Upstream  string            `yaml:"upstream"`  // sub is whoever linked this upstream; "" = the one of the same issuer
	Subjects  map[string]string `yaml:"subjects"`  // sub: id of a person here; wins over links
	Scopes    []string          `yaml:"scopes"`    // that the tokens may have
	Resources []string          `yaml:"resources"` // that they may be for; empty = whatever the scopes belong to
	// Longest is how far ahead the end of an assertion may be; 0 = 10m.
	Longest        time.Duration `yaml:"longest"`
	AccessLifetime time.Duration `yaml:"access_lifetime"` // of the tokens; 0 = as for others of the client
	Reusable       bool          `yaml:"reusable"`        // an assertion may be presented again until it ends
}

// IDJAG is about identity assertion authorization grants, a draft of OAuth (draft-ietf-oauth-identity-assertion-authz-grant).
type IDJAG struct {
	// Accept: trusted issuers may send them, made for one app and perhaps for less than the issuer is trusted with.
	Accept bool `yaml:"accept"`
	// Issue: clients whose exchange policy names other authorization servers get them, for ID tokens.
	Issue bool `yaml:"issue"`
}

// longestAssertion is the furthest that the end of an assertion may be.
const longestAssertion = time.Hour

func (c Config) checkTrustedIssuers(bad *complaints) {
	bad.check(!c.IDJAG.Accept || len(c.TrustedIssuers) > 0, "id_jag.accept", "needs somebody in trusted_issuers")
	seen := map[string]bool{}
	for i, t := range c.TrustedIssuers {
		key := fmt.Sprintf("trusted_issuers[%d]", i)
		bad.check(c.reachable(t.Issuer), key+".issuer", "%q is not the https address in the assertions' iss", t.Issuer)
		bad.check(t.Issuer != c.Server.Issuer, key+".issuer", "is this server: whoever has one of its tokens needs no assertion")
		bad.check(!seen[t.Issuer], key+".issuer", "is there twice")
		seen[t.Issuer] = true
		bad.check(t.JWKS == nil || t.JWKSURI == "", key, "has jwks and jwks_uri; leave one of them out")
		bad.check(t.JWKSURI == "" || c.reachable(t.JWKSURI), key+".jwks_uri", "must be an https address")
		bad.check(len(t.Clients) > 0, key+".clients", "is empty: name the apps that may present its assertions")
		bad.check(len(t.Scopes) > 0, key+".scopes", "is empty: name the scopes that the tokens may have")
		bad.check(!slices.Contains(t.Scopes, "offline_access"), key+".scopes", "offline_access: nobody gets a refresh token by an assertion")
		for _, scope := range t.Scopes {
			bad.check(scope != "" && !strings.ContainsFunc(scope, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }),
				key+".scopes", "%q has characters a scope must not have (RFC 6749 section 3.3)", scope)
		}
		for _, id := range t.Resources {
			bad.check(absolute(id), key+".resources", "%q is not an absolute URI without fragment (RFC 8707 section 2)", id)
		}
		bad.check(t.Upstream == "" || slices.ContainsFunc(c.Upstreams, func(u Upstream) bool { return u.ID == t.Upstream }), key+".upstream",
			"%q is none of upstreams", t.Upstream)
		bad.check(len(t.Subjects) > 0 || c.UpstreamOf(t) != "", key,
			"nobody can be meant: set upstream to the one by which people linked this issuer, or list subjects")
		for sub, person := range t.Subjects {
			bad.check(sub != "" && person != "", key+".subjects", "%q needs the id of a person (signet user show)", sub)
		}
		between(bad, key+".longest", t.Longest, 0, longestAssertion)
		between(bad, key+".access_lifetime", t.AccessLifetime, 0, day)
	}
}

// UpstreamOf is the id of the upstream whose linked people an issuer's assertions are about; "" = none.
func (c Config) UpstreamOf(t TrustedIssuer) string {
	if t.Upstream != "" {
		return t.Upstream
	}
	for _, u := range c.Upstreams {
		if u.Stored { // the operator trusts by what the operator wrote
			continue
		}
		if u.Issuer == t.Issuer || u.Kind == UpstreamGoogle && t.Issuer == "https://accounts.google.com" ||
			u.Kind == UpstreamApple && t.Issuer == "https://appleid.apple.com" {
			return u.ID
		}
	}
	return ""
}

// reachable reports whether an address is an https one, or http at a host of egress.allow_hosts.
func (c Config) reachable(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && u.User == nil && u.Fragment == "" && len(address) <= 512 &&
		(u.Scheme == "https" || u.Scheme == "http" && slices.Contains(c.Egress.AllowHosts, u.Hostname()))
}
