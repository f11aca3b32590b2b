package clients

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"signet/clients/tools"
)

// Client is a registered client as the other packages use it: parsed once, immutable, shared from the cache.
type Client struct {
	Metadata
	Declared   bool      // in the configuration; else stored
	DisabledAt time.Time // zero = enabled
	CreatedAt  time.Time

	scopes    []string
	origins   []string
	secrets   []secret
	guessable bool // its secret is a short declared one

	seen *Resources // of a client with a metadata document: those that its scopes were taken from
}

// shortSecret is how many characters a declared secret has at least to count as one that nobody can guess.
const shortSecret = 32

// GuessableSecret reports whether the client's secret could be guessed: an operator chose it, and it has less than 32 characters.
// Signet's own have 256 random bits.
func (c *Client) GuessableSecret() bool { return c.guessable }

// secret is a live one, as a MAC. A declared client's has neither id nor times.
type secret struct {
	id        string
	mac       []byte
	expiresAt time.Time // zero = does not expire
	usedAt    time.Time
	masterKey string // see storage.ClientSecret
	sealed    []byte // … of a client that signs with it
	plain     []byte // of a declared one that does
}

// defaultScopes are those of a client whose registration names none (RFC 7591 section 2): who the person is, and staying signed in.
// Scopes of resources have to be registered.
var defaultScopes = []string{"openid", "profile", "email", "offline_access"}

func newClient(m Metadata) *Client {
	c := &Client{Metadata: m, scopes: slices.DeleteFunc(strings.Fields(m.Scope), tools.Is)}
	if c.FromDocument() {
		c.scopes = []string{"openid"}
	} else if len(c.scopes) == 0 {
		c.scopes = defaultScopes
	}
	c.origins = originsOf(m.RedirectURIs)
	return c
}

// originsOf lists the origins of redirect URIs, each once.
func originsOf(redirects []string) (origins []string) {
	for _, r := range redirects {
		if o := OriginOf(r); o != "" && !slices.Contains(origins, o) {
			origins = append(origins, o)
		}
	}
	return origins
}

// OriginOf writes an address's origin as browsers do (RFC 6454 section 6.2): lower case, without the scheme's own port.
func OriginOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	host := strings.TrimSuffix(strings.ToLower(u.Host), ":"+u.Port())
	if u.Port() == "" {
		return u.Scheme + "://" + host
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16) // 0443 is 443
	switch {
	case err != nil:
		return ""
	case u.Scheme == "https" && port == 443 || u.Scheme == "http" && port == 80:
		return u.Scheme + "://" + host
	}
	return u.Scheme + "://" + host + ":" + strconv.FormatUint(port, 10)
}

// Public reports whether the client cannot prove itself (RFC 6749 section 2.1).
func (c *Client) Public() bool { return c.TokenEndpointAuthMethod == MethodNone }

// Native reports whether it is a native app (RFC 8252).
func (c *Client) Native() bool { return c.ApplicationType == Native }

// Enabled reports whether it may be used.
func (c *Client) Enabled() bool { return c.DisabledAt.IsZero() }

// HasGrant reports whether it registered the grant type.
func (c *Client) HasGrant(g string) bool { return slices.Contains(c.GrantTypes, g) }

// Scopes it registered, or the default ones; do not change the slice.
func (c *Client) Scopes() []string { return c.scopes }

// HasScope reports whether the scope is one of its Scopes, or of the tools that an administrator allowed it.
func (c *Client) HasScope(s string) bool {
	return slices.Contains(c.scopes, s) || c.AdminTools && tools.Is(s)
}

// Origins of its redirect URIs: they may read answers of the token endpoint (CORS).
func (c *Client) Origins() []string { return c.origins }

// NeedsPKCE reports whether its authorization requests must carry a code challenge.
func (c *Client) NeedsPKCE() bool { return c.RequirePKCE || c.Public() }

// SkipsConsent reports whether the consent question may be left out: first-party, no agent, and not a public client anyone on the same
// device could pose as (RFC 8252 section 8.6).
func (c *Client) SkipsConsent() bool {
	return c.FirstParty && !c.Agent && !(c.Public() && slices.ContainsFunc(c.RedirectURIs, LooksNative))
}

// LoopbackOnly reports whether all its redirect URIs are on this computer or private-use schemes.
func (c *Client) LoopbackOnly() bool {
	return len(c.RedirectURIs) > 0 && !slices.ContainsFunc(c.RedirectURIs, func(u string) bool { return !LooksNative(u) })
}
