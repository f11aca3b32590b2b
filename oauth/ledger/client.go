package ledger

import (
	"slices"

	"github.com/ory/fosite"

	"signet/clients"
	"signet/clients/tools"
)

// Client shows one of our clients to fosite. It has no secrets and no keys: fosite never authenticates anybody here.
type Client struct{ *clients.Client }

// GetID implements fosite.Client.
func (c Client) GetID() string { return c.ClientID }

// GetHashedSecret implements fosite.Client: there is none to compare with.
func (c Client) GetHashedSecret() []byte { return nil }

// GetRedirectURIs implements fosite.Client.
func (c Client) GetRedirectURIs() []string { return c.RedirectURIs }

// GetGrantTypes implements fosite.Client.
func (c Client) GetGrantTypes() fosite.Arguments { return c.GrantTypes }

// GetResponseTypes implements fosite.Client.
func (c Client) GetResponseTypes() fosite.Arguments { return c.ResponseTypes }

// GetScopes implements fosite.Client.
func (c Client) GetScopes() fosite.Arguments {
	if c.AdminTools { // those are judged where the request is (package request), and by no other grant
		return append(slices.Clone(c.Scopes()), tools.Read, tools.Write)
	}
	return c.Scopes()
}

// IsPublic implements fosite.Client.
func (c Client) IsPublic() bool { return c.Public() }

// GetAudience implements fosite.Client: audiences are decided by clients.Audience, not by fosite.
func (c Client) GetAudience() fosite.Arguments { return nil }

// Kept are those of the scopes that the client may still have: what it lost since is dropped, not refused (security
// requirement J15).
func Kept(scopes []string, c *clients.Client) []string {
	return slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return !c.HasScope(s) })
}
