package clients

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"signet/storage"
)

// index is what has to be known of all clients at any time: whose browser apps may call us (CORS), and which have a logo. It holds
// strings and no metadata, so that 100,000 clients cost some dozens of megabytes, and it takes up one client at a time.
type index struct {
	mu        sync.RWMutex
	of        map[string]entry
	origins   map[string]int // how many clients have it
	exchanges int            // how many clients do
	keys      map[string]int // how many clients need a key of the algorithm
}

// entry is a client's.
type entry struct {
	origins   []string // of an enabled client
	logo      string
	logos     map[string]string // … in languages, by tag; nil for most
	exchanges bool              // an enabled client that exchanges tokens
	keys      []string          // of NeededKeys of an enabled client
}

// indexed is the part of the metadata that entries are made of.
type indexed struct {
	RedirectURIs []string `json:"redirect_uris"`
	LogoURI      string   `json:"logo_uri"`
	GrantTypes   []string `json:"grant_types"`

	Localized map[string]string `json:"localized"`

	IDToken       string `json:"id_token_signed_response_alg"`
	Userinfo      string `json:"userinfo_signed_response_alg"`
	Access        string `json:"access_token_signed_response_alg"`
	Introspection string `json:"introspection_signed_response_alg"`
	Authorization string `json:"authorization_signed_response_alg"`
}

func newIndex() *index {
	return &index{of: map[string]entry{}, origins: map[string]int{}, keys: map[string]int{}}
}

// entryOf reads what the index needs of a row.
func entryOf(row storage.Client) (entry, error) {
	var m indexed
	if err := json.Unmarshal(row.Metadata, &m); err != nil {
		return entry{}, fmt.Errorf("metadata of client %q: %w", row.ID, err)
	}
	e := entry{logo: m.LogoURI, logos: logosIn(m.Localized)}
	if row.DisabledAt.IsZero() {
		e.origins, e.exchanges = originsOf(m.RedirectURIs), slices.Contains(m.GrantTypes, TokenExchange)
		e.keys = Metadata{IDTokenSignedResponseAlg: m.IDToken, UserinfoSignedResponseAlg: m.Userinfo, AccessTokenSignedResponseAlg: m.Access,
			IntrospectionSignedResponseAlg: m.Introspection, AuthorizationSignedResponseAlg: m.Authorization}.NeededKeys()
	}
	return e, nil
}

// put takes up a client as it is now; an empty entry removes it.
func (x *index) put(id string, e entry) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, o := range x.of[id].origins {
		if x.origins[o]--; x.origins[o] == 0 {
			delete(x.origins, o)
		}
	}
	if x.of[id].exchanges {
		x.exchanges--
	}
	for _, alg := range x.of[id].keys {
		if x.keys[alg]--; x.keys[alg] == 0 {
			delete(x.keys, alg)
		}
	}
	delete(x.of, id)
	if len(e.origins) == 0 && e.logo == "" && e.logos == nil && !e.exchanges && len(e.keys) == 0 {
		return
	}
	x.of[id] = e
	if e.exchanges {
		x.exchanges++
	}
	for _, o := range e.origins {
		x.origins[o]++
	}
	for _, alg := range e.keys {
		x.keys[alg]++
	}
}

func (x *index) allowed(origin string) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.origins[origin] > 0
}

func (x *index) exchanging() bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.exchanges > 0
}

func (x *index) neededKeys() []string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if len(x.keys) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(x.keys))
}

// mostLogos bounds how many languages a client has pictures in: each is fetched and kept.
const mostLogos = 20

// logosIn are the addresses of logos in languages, by tag; nil if there are none.
func logosIn(localized map[string]string) (logos map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(localized)) {
		if tag, ok := strings.CutPrefix(name, "logo_uri#"); ok && len(logos) < mostLogos {
			if logos == nil {
				logos = map[string]string{}
			}
			logos[tag] = localized[name]
		}
	}
	return logos
}

// logos lists the addresses of logos by client id, and those in languages by Metadata.LogoIn.
func (x *index) logos() map[string]string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	list := map[string]string{}
	for id, e := range x.of {
		if e.logo != "" {
			list[id] = e.logo
		}
		for tag, uri := range e.logos {
			list[Metadata{ClientID: id}.LogoIn(tag)] = uri
		}
	}
	return list
}

// withDeclared adds the declared clients to an index of stored ones; they win.
func (x *index) withDeclared(declared map[string]*Client) {
	for _, id := range slices.Sorted(maps.Keys(declared)) {
		c := declared[id]
		x.put(id, entry{origins: c.Origins(), logo: c.LogoURI, logos: logosIn(c.Localized), exchanges: c.HasGrant(TokenExchange),
			keys: c.NeededKeys()})
	}
}
