package config

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// The kinds of upstream.
const (
	UpstreamOIDC      = "oidc"
	UpstreamGoogle    = "google"
	UpstreamFacebook  = "facebook"
	UpstreamGitHub    = "github"
	UpstreamMicrosoft = "microsoft"
	UpstreamApple     = "apple"
)

// Upstream is somebody else's provider that people may sign in with.
type Upstream struct {
	ID     string `yaml:"id"`     // part of the callback's address and of rows: never change it
	Kind   string `yaml:"kind"`   // oidc, google, facebook, github, microsoft, apple
	Name   string `yaml:"name"`   // on the button; "" = the kind's own
	Logo   string `yaml:"logo"`   // path of an SVG or PNG file; "" = the kind's own
	Hidden bool   `yaml:"hidden"` // no button: reached by idp_hint or by a routed address

	Issuer           string   `yaml:"issuer"`
	ClientID         string   `yaml:"client_id"`
	ClientSecret     Secret   `yaml:"client_secret"`
	ClientSecretFile string   `yaml:"client_secret_file"` // read into ClientSecret
	Scopes           []string `yaml:"scopes"`             // instead of the kind's own
	Prompt           string   `yaml:"prompt"`             // instead of the kind's own
	Offline          bool     `yaml:"offline"`            // ask for a refresh token

	Domains           []string          `yaml:"domains"`           // only identities of these
	Routes            []string          `yaml:"routes"`            // addresses of these domains sign in here
	NewAccounts       string            `yaml:"new_accounts"`      // as_signup, always, never; "" = as_signup
	AuthoritativeFor  []string          `yaml:"authoritative_for"` // domains whose verified addresses need no proof of ours; "*" = all
	Profile           string            `yaml:"profile"`           // first, always, never: when its claims are taken over; "" = first
	Claims            map[string]string `yaml:"claims"`            // our claim: theirs
	GroupsClaim       string            `yaml:"groups_claim"`      // their claim that names groups
	Groups            map[string]string `yaml:"groups"`            // their group: ours
	TrustSecondFactor bool              `yaml:"trust_second_factor"`
	KeepTokens        bool              `yaml:"keep_tokens"`
	SignOut           bool              `yaml:"sign_out"` // signing out here signs out there

	GraphVersion   string `yaml:"graph_version"` // facebook
	Tenant         string `yaml:"tenant"`        // microsoft
	TeamID         string `yaml:"team_id"`       // apple
	KeyID          string `yaml:"key_id"`        // apple
	PrivateKey     Secret `yaml:"private_key"`   // apple
	PrivateKeyFile string `yaml:"private_key_file"`

	// Stored: an administrator keeps it in the database; no file of this machine is read for it, and nothing inside is reached.
	Stored bool `yaml:"-"`
}

var (
	upstreamID   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)
	graphVersion = regexp.MustCompile(`^v[1-9][0-9]?\.[0-9]$`)
	// profileClaims are those of OpenID Connect Core section 5.1 that a profile holds.
	profileClaims = []string{
		"name", "given_name", "family_name", "middle_name", "nickname", "profile", "picture", "website", "gender", "birthdate", "zoneinfo",
		"locale",
		"phone_number", "phone_number_verified", "address",
	}
)

// signedOut is where upstreams send back to; an upstream of this id could not be told from it.
const signedOut = "signed-out"

func (c Config) checkUpstreams(bad *complaints) {
	seen, routes := map[string]bool{}, map[string]string{}
	for i, u := range c.Upstreams {
		key := fmt.Sprintf("upstreams[%d]", i)
		if u.ID != "" {
			key = "upstreams[" + u.ID + "]"
		}
		bad.check(upstreamID.MatchString(u.ID) && u.ID != signedOut, key+".id",
			"%q must be 1 to 32 small letters, digits and dashes, like google; it is part of the callback's address", u.ID)
		bad.check(!seen[u.ID], key, "is there twice; give one of them another id")
		seen[u.ID] = true
		u.check(bad, key)
		c.checkUpstreamIssuer(bad, key, u)
		for _, d := range u.Routes {
			bad.check(routes[d] == "", key+".routes", "%s signs in at %s already", d, routes[d])
			routes[d] = u.ID
		}
	}
	for _, cl := range c.Clients {
		for _, id := range cl.Upstreams {
			bad.check(seen[id], "clients["+cl.ClientID+"].upstreams", "%q is none of upstreams", id)
		}
	}
}

// CheckUpstream is what is wrong with an upstream that is to be kept in the database, beside those of the tree: a line for each mistake,
// which begins with the field.
func (c Config) CheckUpstream(u Upstream) error {
	var bad complaints
	c.Upstreams = append(slices.Clone(c.Upstreams), u)
	c.Clients = nil
	c.checkUpstreams(&bad)
	var own []error
	for _, err := range bad {
		for _, key := range []string{"upstreams[" + u.ID + "].", "upstreams[" + u.ID + "]: ", fmt.Sprintf("upstreams[%d].", len(c.Upstreams)-1)} {
			if text, is := strings.CutPrefix(err.Error(), key); is {
				own = append(own, errors.New(text))
				break
			}
		}
	}
	return errors.Join(own...)
}

// WithUpstream is the tree with an upstream that is kept in the database. What the tree declares wins: the id, and the domains of routes.
func (c Config) WithUpstream(u Upstream) Config {
	u.Stored = true
	for _, other := range c.Upstreams {
		if other.ID == u.ID {
			return c
		}
		u.Routes = slices.DeleteFunc(slices.Clone(u.Routes), func(d string) bool { return slices.Contains(other.Routes, d) })
	}
	c.Upstreams = append(slices.Clone(c.Upstreams), u)
	return c
}

// Written is the tree as its sources say it, without what the database keeps.
func (c Config) Written() Config {
	c = c.withoutSections()
	stored := func(u Upstream) bool { return u.Stored }
	if slices.ContainsFunc(c.Upstreams, stored) {
		c.Upstreams = slices.DeleteFunc(slices.Clone(c.Upstreams), stored)
	}
	return c
}

func (u Upstream) check(bad *complaints, key string) {
	oneOf(bad, key+".kind", u.Kind, UpstreamGoogle, UpstreamFacebook, UpstreamGitHub, UpstreamMicrosoft, UpstreamApple, UpstreamOIDC)
	bad.check(u.ClientID != "", key+".client_id", "is missing; the upstream's console shows it")
	bad.check(!sampleSecret.MatchString(u.ClientSecret.Reveal()), key+".client_secret",
		"is a sample; the upstream's console shows the real one")
	switch u.Kind {
	case UpstreamOIDC:
		bad.check(u.Name != "", key+".name", "is missing; it is on the button")
		bad.check(u.Issuer != "", key+".issuer", "is missing; write it as the provider's discovery document says it")
	case UpstreamApple:
		bad.check(u.TeamID != "" && u.KeyID != "" && !u.PrivateKey.Empty(), key, "needs team_id, key_id and private_key_file")
	case UpstreamGoogle, UpstreamFacebook, UpstreamGitHub, UpstreamMicrosoft:
		bad.check(!u.ClientSecret.Empty(), key+".client_secret", "is missing; write client_secret_file, or client_secret")
	}
	bad.check(len([]rune(u.Name)) <= 40, key+".name", "must have at most 40 characters")
	bad.check(u.GraphVersion == "" || graphVersion.MatchString(u.GraphVersion), key+".graph_version",
		"%q is not a version; write it like v25.0", u.GraphVersion)
	domains(bad, key+".domains", u.Domains)
	bad.check(u.Kind != UpstreamFacebook || len(u.Domains) == 0, key+".domains", "would let nobody in: Facebook verifies no addresses")
	domains(bad, key+".routes", u.Routes)
	domains(bad, key+".authoritative_for", slices.DeleteFunc(slices.Clone(u.AuthoritativeFor), func(d string) bool { return d == "*" }))
	oneOf(bad, key+".new_accounts", u.NewAccounts, "", "as_signup", "always", "never")
	oneOf(bad, key+".profile", u.Profile, "", "first", "always", "never")
	for ours, theirs := range u.Claims {
		bad.check(slices.Contains(profileClaims, ours), key+".claims."+ours, "is none of our claims: %s", strings.Join(profileClaims, ", "))
		bad.check(theirs != "", key+".claims."+ours, "is empty; name the upstream's claim")
	}
	bad.check(len(u.Groups) == 0 || u.GroupsClaim != "", key+".groups_claim", "is missing; it names the claim that groups is about")
	bad.check(!u.Offline || u.KeepTokens, key+".offline", "asks for a refresh token that nobody keeps; set keep_tokens, or leave it out")
}

func domains(bad *complaints, key string, list []string) {
	for _, d := range list {
		bad.check(domainForm.MatchString(d), key, "%q is not a domain; write it like example.com, in lower case, IDNs as xn--…", d)
	}
}

func (c Config) checkUpstreamIssuer(bad *complaints, key string, u Upstream) {
	if u.Issuer == "" {
		return
	}
	at, err := url.Parse(u.Issuer)
	ok := err == nil && at.Host != "" && at.User == nil && at.RawQuery == "" && at.Fragment == ""
	ok = ok && (at.Scheme == "https" || at.Scheme == "http" && slices.Contains(c.Egress.AllowHosts, at.Hostname()))
	bad.check(ok, key+".issuer", "%q is not an https address; write it like https://login.example.com", u.Issuer)
}
