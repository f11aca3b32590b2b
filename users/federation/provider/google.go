package provider

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"signet/users/identifier"
)

// newGoogle is developers.google.com/identity/openid-connect/openid-connect.
func newGoogle(s Settings, client *http.Client) (Provider, error) {
	issuer := cmp.Or(s.Issuer, "https://accounts.google.com")
	_, bare, _ := strings.Cut(issuer, "://")
	return newOpenid(s, client, oidcQuirks{
		base:   issuer,
		prompt: "select_account",
		request: func(a AuthRequest, q url.Values) {
			if a.Fresh {
				// Google knows neither prompt=login nor max_age, and does not ask for the password again: choosing the account is the
				// most that it lets the person do.
				q.Del("max_age")
				q.Set("prompt", "select_account")
			}
			if s.Offline { // a refresh token comes only with a consent
				q.Set("access_type", "offline")
				q.Set("prompt", strings.TrimSpace(openidBeside(q.Get("prompt"))+" consent"))
			}
			switch len(s.Domains) { // a help for the person, no check: that is in domain
			case 0:
			case 1:
				q.Set("hd", s.Domains[0])
			default:
				q.Set("hd", "*")
			}
		},
		issuer: func(_ openidMetadata, iss string, _ map[string]any) (string, bool) { // both spellings are one identity (N06)
			return issuer, iss == issuer || iss == bare
		},
		finish: func(i *Identity, _ url.Values) error {
			domain := identifier.EmailDomain(i.Email)
			i.Authoritative = i.EmailVerified && (domain == "gmail.com" || domain == "googlemail.com" || domain != "" && domain == googleHosted(*i))
			return nil
		},
		domain: func(i Identity) bool { return slices.Contains(s.Domains, googleHosted(i)) },
	})
}

// googleHosted is the Workspace domain of the account; "" = it is of none. Only the token's word for it counts.
func googleHosted(i Identity) string { return strings.ToLower(i.Text("hd")) }
