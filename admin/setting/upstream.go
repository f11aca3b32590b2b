package setting

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"signet/internal/typed"
	"signet/users/membership"
)

// Upstream is a provider where people sign in, but its secrets. The fields are those of upstreams in the configuration.
type Upstream struct {
	ID                string            `json:"id" maxLength:"32" doc:"Part of the redirect URI."`
	Kind              string            `json:"kind" enum:"oidc,google,facebook,github,microsoft,apple"`
	Name              string            `json:"name,omitempty" maxLength:"40" doc:"On the button."`
	Hidden            bool              `json:"hidden,omitempty" doc:"No button: reached by idp_hint, or by an address of its routes."`
	Disabled          bool              `json:"disabled,omitempty" doc:"Nobody can sign in there."`
	Issuer            string            `json:"issuer,omitempty" maxLength:"512" doc:"Of oidc; of github, an Enterprise Server's address."`
	ClientID          string            `json:"client_id" maxLength:"512"`
	Scopes            []string          `json:"scopes,omitempty" maxItems:"50" doc:"Instead of the kind's own."`
	Prompt            string            `json:"prompt,omitempty" maxLength:"100" doc:"Instead of the kind's own."`
	Offline           bool              `json:"offline,omitempty" doc:"Ask for a refresh token."`
	Domains           []string          `json:"domains,omitempty" maxItems:"200" doc:"Only identities of these domains."`
	Routes            []string          `json:"routes,omitempty" maxItems:"200" doc:"Addresses of these domains sign in there."`
	NewAccounts       string            `json:"new_accounts,omitempty" enum:"as_signup,always,never"`
	AuthoritativeFor  []string          `json:"authoritative_for,omitempty" maxItems:"200" doc:"Domains whose addresses need no proof here."`
	Profile           string            `json:"profile,omitempty" enum:"first,always,never" doc:"When its claims are taken over."`
	Claims            map[string]string `json:"claims,omitempty" doc:"Our claim: theirs."`
	GroupsClaim       string            `json:"groups_claim,omitempty" maxLength:"200"`
	Groups            map[string]string `json:"groups,omitempty" doc:"Their group: ours."`
	TrustSecondFactor bool              `json:"trust_second_factor,omitempty"`
	KeepTokens        bool              `json:"keep_tokens,omitempty"`
	SignOut           bool              `json:"sign_out,omitempty" doc:"Signing out here signs out there."`
	GraphVersion      string            `json:"graph_version,omitempty" maxLength:"10" doc:"Of kind facebook."`
	Tenant            string            `json:"tenant,omitempty" maxLength:"200" doc:"Of kind microsoft."`
	TeamID            string            `json:"team_id,omitempty" maxLength:"100" doc:"Of kind apple."`
	KeyID             string            `json:"key_id,omitempty" maxLength:"100" doc:"Of kind apple."`

	Version int64 `json:"-"` // of the row: another secret is another version; 0 = none keeps it
}

// Secrets are what is sealed of an upstream. "" = there is none; in a change, it stays.
type Secrets struct {
	ClientSecret string `json:"client_secret,omitempty" maxLength:"1024"`
	PrivateKey   string `json:"private_key,omitempty" maxLength:"8192" doc:"Of kind apple: PKCS #8 in PEM."`
}

// over are the secrets after a change.
func (s Secrets) over(before Secrets) Secrets {
	if s.ClientSecret == "" {
		s.ClientSecret = before.ClientSecret
	}
	if s.PrivateKey == "" {
		s.PrivateKey = before.PrivateKey
	}
	return s
}

// Plain is the same upstream in the way that all of its kind are written: lists sorted, none that is empty.
func (u Upstream) Plain() Upstream {
	for _, list := range []*[]string{&u.Scopes, &u.Domains, &u.Routes, &u.AuthoritativeFor} {
		words := slices.Clone(*list)
		slices.Sort(words)
		if *list = slices.Compact(words); len(words) == 0 {
			*list = nil
		}
	}
	for _, m := range []*map[string]string{&u.Claims, &u.Groups} {
		if len(*m) == 0 {
			*m = nil
		}
	}
	return u
}

// clone shares nothing with u.
func (u Upstream) clone() Upstream {
	for _, list := range []*[]string{&u.Scopes, &u.Domains, &u.Routes, &u.AuthoritativeFor} {
		*list = slices.Clone(*list)
	}
	for _, m := range []*map[string]string{&u.Claims, &u.Groups} {
		*m = maps.Clone(*m)
	}
	return u
}

// issuers is what the issuer of everybody who is known by an upstream is, or begins with. A subject is somebody else at another issuer.
func (u Upstream) issuers() (issuer string, whole bool) {
	switch {
	case u.Kind == "microsoft" && len(u.Tenant) == 36 && strings.Count(u.Tenant, "-") == 4:
		return "https://login.microsoftonline.com/" + strings.ToLower(u.Tenant) + "/v2.0", true
	case u.Kind == "microsoft":
		return "https://login.microsoftonline.com/", false
	case u.Kind == "oidc":
		return u.Issuer, true
	case u.Kind == "github" && u.Issuer != "":
		return strings.TrimRight(u.Issuer, "/"), true
	}
	return map[string]string{"google": "https://accounts.google.com", "apple": "https://appleid.apple.com", "github": "https://github.com",
		"facebook": "https://www.facebook.com"}[u.Kind], true
}

// Elsewhere reports whether what is named is another provider than before: it must not get the secrets that were given for that one.
func (u Upstream) Elsewhere(before Upstream) bool {
	return u.Kind != before.Kind || u.Issuer != before.Issuer || u.Tenant != before.Tenant
}

// Bounds of what is kept.
const (
	mostUpstreams = 50
	longest       = 32 << 10 // bytes of one
)

// mistakes are those that the configuration's own rules do not know.
func (u Upstream) mistakes(full Secrets, others []Upstream) (wrong Invalid) {
	add := func(bad bool, field, format string, args ...any) {
		if bad {
			wrong = append(wrong, field+": "+fmt.Sprintf(format, args...))
		}
	}
	raw, _ := json.Marshal(u) // texts, lists and maps of texts
	add(len(raw) > longest, "upstream", "is longer than %d bytes", longest)
	add(u.Issuer != "" && u.Kind != "oidc" && u.Kind != "github", "issuer", "is known of this kind; leave it out")
	add(u.Name != "" && strings.TrimSpace(u.Name) == "", "name", "is blank")
	for _, scope := range u.Scopes {
		add(strings.ContainsFunc(scope, noScope) || scope == "", "scopes", "%q is not a scope (RFC 6749 section 3.3)", scope)
	}
	for _, theirs := range slices.Sorted(maps.Keys(u.Groups)) {
		add(theirs == "" || membership.CheckName(u.Groups[theirs]) != nil, "groups", "%q is no name of a group; write theirs: ours",
			u.Groups[theirs])
	}
	for _, other := range others {
		for _, domain := range u.Routes {
			add(slices.Contains(other.Routes, domain), "routes", "%s signs in at %s already", domain, other.ID)
		}
	}
	return append(append(wrong, beyond(u)...), beyond(full)...)
}

func noScope(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }

// beyond are the fields of a struct that are more than their tags say, or have characters that nobody sees, by whatever way they came.
func beyond(of any) (wrong Invalid) {
	all := reflect.ValueOf(of)
	for field, value := range all.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		var texts []string
		switch value := value.Interface().(type) {
		case string:
			texts = []string{value}
		case []string:
			texts = value
			if most, err := strconv.Atoi(field.Tag.Get("maxItems")); err == nil && len(value) > most {
				wrong = append(wrong, fmt.Sprintf("%s: has more than %d", name, most))
			}
		case map[string]string:
			texts = slices.AppendSeq(slices.Collect(maps.Keys(value)), maps.Values(value))
		}
		most, bound := strconv.Atoi(field.Tag.Get("maxLength"))
		for _, text := range texts {
			if bound == nil && utf8.RuneCountInString(text) > most {
				wrong = append(wrong, fmt.Sprintf("%s: is longer than %d characters", name, most))
			}
			if name != "private_key" && (typed.Hidden(text) || strings.ContainsRune(text, utf8.RuneError)) { // a PEM file has lines
				wrong = append(wrong, name+": has characters that nobody sees")
				break
			}
		}
	}
	return wrong
}
