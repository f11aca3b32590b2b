package clients

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// maxDocumentID is how long the address of a metadata document may be, in bytes.
const maxDocumentID = 2048

// ByAddress reports whether the client id is the address of a metadata document (OAuth Client ID Metadata Document section 3): https, with
// a path, and written in one way only, so that what people read and what is fetched are the same. Ids that Signet makes never are.
func (m Metadata) ByAddress() bool {
	id := m.ClientID
	rest, ok := strings.CutPrefix(id, "https://")
	if !ok || len(id) > maxDocumentID || !redirectBytes(id) {
		return false
	}
	u, err := url.Parse(id)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Opaque != "" || strings.Contains(id, "#") || oddHost(u) ||
		!strings.HasPrefix(strings.TrimPrefix(rest, u.Host), "/") || strings.ToLower(u.Host) != u.Host || strings.HasSuffix(u.Hostname(), ".") {
		return false
	}
	for _, b := range []byte(u.Path) { // %00 and %0A, too
		if b < ' ' || b == 0x7f || b == '\\' {
			return false
		}
	}
	return !slices.ContainsFunc(strings.Split(u.Path, "/"), func(s string) bool { return s == "." || s == ".." })
}

// FromDocument reports whether the client is known by its metadata document: nobody registered it.
func (c *Client) FromDocument() bool { return c.DocumentHash != "" }

// agreed are the members of a document that people agree to with an app: what it is called, looks like, where it leads, and how it proves
// to be itself.
type agreed struct {
	Name, Logo, Method string
	Redirects          []string
	Keys               any
	KeysAt             string
	Localized          map[string]string `json:",omitempty"`
}

// HashDocument is the same as long as a client is what people agreed to.
func (m Metadata) HashDocument() (string, error) {
	text, err := json.Marshal(agreed{m.ClientName, m.LogoURI, m.TokenEndpointAuthMethod, slices.Sorted(slices.Values(m.RedirectURIs)), m.JWKS,
		m.JWKSURI, m.Localized})
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:]), err
}

// AnyOpen reports whether a resource is for clients that nobody registered.
func (rs *Resources) AnyOpen() bool {
	return slices.ContainsFunc(rs.all, func(r Resource) bool { return r.Open })
}

// openScopes are those that a client has which nobody registered: openid, and those of open resources.
func (rs *Resources) openScopes() []string {
	list := []string{"openid"}
	for _, r := range rs.all {
		if !r.Open {
			continue
		}
		for _, s := range r.Scopes {
			if !slices.Contains(list, s) {
				list = append(list, s)
			}
		}
	}
	return list
}

// mayHave reports whether a client may get tokens for a resource, whatever its scopes are.
func (c *Client) mayHave(r Resource) bool {
	return r.Open || c == nil || !c.FromDocument() || c.AdminTools && r.OfTools()
}

// current is a client with the scopes that it has now: those of one that nobody registered follow the open resources, and the operator's
// list of hosts.
func (r *Registry) current(v *view, c *Client) *Client {
	if !c.FromDocument() {
		return c
	}
	now := r.resources.Load()
	if c.seen == now {
		return c
	}
	before := v.changed(c.ClientID)
	next := *c
	next.seen, next.scopes = now, now.openScopes()
	if next.Enabled() && (r.o.Documents == nil || !r.o.Documents(c.ClientID)) {
		next.DisabledAt = next.CreatedAt
	}
	v.keep(c.ClientID, before, &next, nil)
	return &next
}
