// Package claimmap has what a client's registration says of claims of its own: which claim, from what is known of a person, where it goes.
// It is a closed list of sources and few ways to write them, not a language: nothing of it can fail or be slow where tokens are made.
//
// It owns the rules, what is wrong with them, and what they come to. Who the person is, which scopes were granted and where tokens are
// written is package claims' (oauth/claims). Begin reading with Rule, then Apply.
package claimmap

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"signet/internal/typed"
)

// Where a claim goes.
const (
	IDToken     = "id_token"
	Userinfo    = "userinfo"
	AccessToken = "access_token"
)

// Sources, beside those that begin with a prefix.
const (
	FromGroups   = "groups"
	FromRoles    = "roles"
	fromClaims   = "claims."
	fromMetadata = "metadata."
)

// How a claim is written.
const (
	asText   = "text"
	asNumber = "number"
	asBool   = "bool"
	asList   = "list"
	asJoined = "joined"
)

// Rule gives an app one claim.
type Rule struct {
	Claim  string            `json:"claim" doc:"Name of the claim."`
	From   string            `json:"from,omitempty" doc:"metadata.PATH, claims.NAME (a standard claim), groups, or roles."`
	Value  string            `json:"value,omitempty" doc:"A constant; beside from: what is told of people of whom that is not known."`
	As     string            `json:"as,omitempty" doc:"text, number, bool, list, joined (by spaces), or as it is."`
	Prefix string            `json:"prefix,omitempty" doc:"Only texts that begin so, without it."`
	Values map[string]string `json:"values,omitempty" doc:"What is told for each text; others are left out."`
	Scope  string            `json:"scope,omitempty" doc:"Only where this scope was granted."`
	Into   []string          `json:"into,omitempty" doc:"id_token, userinfo, access_token; empty = the first two."`
}

// Bounds of a map.
const (
	mostRules  = 50
	mostValues = 100
	longest    = 200 // bytes of a text
	mostParts  = 5   // of a path of metadata
)

// reserved are claims that no map sets: the protocol's, those that apps know people by, and what is said about tokens beside their claims.
// email and phone_number with their proof are what other systems link accounts by.
var reserved = strings.Fields(`iss sub aud exp iat nbf jti auth_time nonce acr amr azp sid at_hash c_hash s_hash rt_hash cnf act may_act
	events scope scp client_id authorization_details grant_id status act_status call_limit txn toe vot vtm sub_jwk sub_id htm htu ath active
	username token_type email email_verified phone_number phone_number_verified updated_at address groups_overage`)

// Reserved reports whether no map may set the claim. Programs read EMAIL as email, too (encoding/json does).
func Reserved(claim string) bool {
	claim = strings.ToLower(claim)
	return slices.Contains(reserved, claim) || strings.HasPrefix(claim, "_") || strings.HasPrefix(claim, "urn:")
}

// Listed reports whether a claim is one that APIs read as groups or roles (RFC 9068 section 2.2.3.1): it is a list of such, or nothing.
func Listed(claim string) bool {
	claim = strings.ToLower(claim)
	return claim == FromGroups || claim == FromRoles || claim == "entitlements"
}

// Validate lists what is wrong with a map. taken are claims that the registration gives another meaning.
func Validate(rules []Rule, taken ...string) (errs []error) {
	if len(rules) > mostRules {
		return []error{fmt.Errorf("claims_map: at most %d", mostRules)}
	}
	seen := map[string]bool{}
	for _, r := range rules {
		for _, mistake := range r.mistakes() {
			errs = append(errs, fmt.Errorf("claims_map: %q: %s", r.Claim, mistake))
		}
		if seen[r.Claim] || slices.Contains(taken, r.Claim) && r.Claim != "" {
			errs = append(errs, fmt.Errorf("claims_map: %q: is given twice", r.Claim))
		}
		seen[r.Claim] = true
	}
	return errs
}

// mistakes names what is wrong with one rule.
func (r Rule) mistakes() (list []string) {
	add := func(bad bool, format string, args ...any) {
		if bad {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	add(!name(r.Claim), "use 1 to 100 letters, digits and _ . : / - for a claim")
	add(Reserved(r.Claim), "is a claim that nobody but Signet sets")
	add(!r.known(), "from: %q is none of metadata.PATH, claims.NAME, groups, roles", r.From)
	add(r.From == "" && r.Value == "", "say where it is from, or its value")
	add(!text(r.Value), "value: use at most %d bytes, none of them invisible", longest)
	add(!slices.Contains([]string{"", asText, asNumber, asBool, asList, asJoined}, r.As),
		"as: %q is none of text, number, bool, list, joined", r.As)
	add(Listed(r.Claim) && (r.From != FromGroups && r.From != FromRoles || r.Value != "" || r.As != "" && r.As != asList),
		"is a list of groups or roles: take it from groups or roles, as a list")
	add(!text(r.Prefix), "prefix: use at most %d bytes, none of them invisible", longest)
	add(len(r.Values) > mostValues, "values: at most %d", mostValues)
	for from, to := range r.Values {
		add(from == "" || !text(from) || to == "" || !text(to), "values: use 1 to %d bytes, none of them invisible", longest)
	}
	add(r.Scope != "" && !scope(r.Scope), "scope: %q is no scope", r.Scope)
	for i, place := range r.Into {
		add(!slices.Contains([]string{IDToken, Userinfo, AccessToken}, place) || slices.Contains(r.Into[:i], place),
			"into: %q is none of id_token, userinfo, access_token, each once", place)
	}
	return list
}

// known reports whether the source is one of the closed list.
func (r Rule) known() bool {
	if path, ok := strings.CutPrefix(r.From, fromMetadata); ok {
		parts := strings.Split(path, ".")
		return len(parts) <= mostParts && !slices.ContainsFunc(parts, func(p string) bool { return !typed.Key(p) })
	}
	if claim, ok := strings.CutPrefix(r.From, fromClaims); ok {
		return slices.Contains(sources, claim)
	}
	return r.From == "" || r.From == FromGroups || r.From == FromRoles
}

// sources are the standard claims that a map can take (OpenID Connect Core section 5.1).
var sources = strings.Fields(`name given_name family_name middle_name nickname preferred_username profile picture website email
	email_verified gender birthdate zoneinfo locale phone_number phone_number_verified address updated_at`)

func name(s string) bool {
	odd := func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("_.:/-", c))
	}
	return s != "" && len(s) <= 100 && !strings.ContainsFunc(s, odd)
}

func text(s string) bool { return len(s) <= longest && utf8.ValidString(s) && !typed.Hidden(s) }

func scope(s string) bool {
	return len(s) <= 128 && !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' })
}
