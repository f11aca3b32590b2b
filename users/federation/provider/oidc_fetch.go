package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"

	"signet/internal/exact"
)

const (
	openidFresh  = time.Hour       // what was fetched is good for so long …
	openidStale  = 2 * time.Hour   // … and so long where it cannot be fetched again (O04)
	openidFailed = 5 * time.Second // nobody asks again so soon after a failure
	openidForced = time.Minute     // between fetches that a token with an unknown key asks for
	openidBody   = 1 << 20         // bytes; the guarded client takes fewer
)

// openidMetadata is what we need of a discovery document (OpenID Connect Discovery section 3).
type openidMetadata struct {
	Issuer        string     `json:"issuer"`
	Authorization string     `json:"authorization_endpoint"`
	Token         string     `json:"token_endpoint"`
	Userinfo      string     `json:"userinfo_endpoint"`
	Keys          string     `json:"jwks_uri"`
	EndSession    string     `json:"end_session_endpoint"`
	Scopes        openidList `json:"scopes_supported"`
	Responses     openidList `json:"response_types_supported"`
	AuthMethods   openidList `json:"token_endpoint_auth_methods_supported"`
	Algs          openidList `json:"id_token_signing_alg_values_supported"`
	UserinfoAlgs  openidList `json:"userinfo_signing_alg_values_supported"`
	Challenges    openidList `json:"code_challenge_methods_supported"`
	Claims        openidList `json:"claims_supported"`
	Iss           bool       `json:"authorization_response_iss_parameter_supported"`
}

// openidList is what an upstream supports of something. One that is not a list of texts says nothing; no sign-in depends on it (rule D1).
type openidList []string

// UnmarshalJSON is for json.Unmarshaler.
func (l *openidList) UnmarshalJSON(raw []byte) error {
	var values []any
	if json.Unmarshal(raw, &values) != nil || values == nil {
		*l = nil
		return nil
	}
	*l = openidList{}
	for _, v := range values {
		if s, ok := v.(string); ok {
			*l = append(*l, s)
		}
	}
	return nil
}

// openidAlgs may sign: never none, never a shared secret (N02).
var openidAlgs = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512, jose.PS256, jose.PS384, jose.PS512, jose.EdDSA,
}

// algs are those of openidAlgs that the document lists; RS256, which all have, if it lists none at all.
func (m openidMetadata) algs() []jose.SignatureAlgorithm {
	if m.Algs == nil {
		return []jose.SignatureAlgorithm{jose.RS256}
	}
	var algs []jose.SignatureAlgorithm
	for _, alg := range openidAlgs {
		if slices.Contains(m.Algs, string(alg)) {
			algs = append(algs, alg)
		}
	}
	return algs
}

// openidCache keeps what is fetched from an upstream. However many ask, one fetch runs, and none of them can end it for the others.
type openidCache[T any] struct {
	fetch  func(ctx context.Context) (T, error)
	flight singleflight.Group

	mu                        sync.Mutex
	value                     T
	err                       error // of the last fetch
	gotAt, failedAt, forcedAt time.Time
}

// get gives it; force asks for a newer one than is kept, which not everybody can have.
func (c *openidCache[T]) get(ctx context.Context, force bool) (T, error) {
	asked := time.Now()
	if value, err, ok := c.kept(asked, force); ok {
		return value, err
	}
	done := c.flight.DoChan("", func() (any, error) {
		return nil, c.renew(context.WithoutCancel(ctx), asked)
	})
	var none T
	select {
	case <-ctx.Done():
		return none, fmt.Errorf("%w: %w", ErrDown, ctx.Err())
	case got := <-done:
		c.mu.Lock()
		defer c.mu.Unlock()
		if got.Err != nil && (c.gotAt.IsZero() || time.Since(c.gotAt) >= openidStale) {
			return none, got.Err
		}
		return c.value, nil
	}
}

// kept gives what needs no fetch.
func (c *openidCache[T]) kept(now time.Time, force bool) (value T, err error, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	age := now.Sub(c.gotAt)
	force = force && now.Sub(c.forcedAt) >= openidForced
	failed := c.err != nil && now.Sub(c.failedAt) < openidFailed
	switch {
	case age < openidFresh && (!force || failed), age < openidStale && failed:
		return c.value, nil, true
	case failed:
		return value, c.err, true
	}
	if force {
		c.forcedAt = now
	}
	return value, nil, false
}

// renew fetches, unless somebody else did since it was asked for.
func (c *openidCache[T]) renew(ctx context.Context, asked time.Time) error {
	c.mu.Lock()
	got := c.gotAt.After(asked)
	c.mu.Unlock()
	if got {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, openidPatience)
	defer cancel()
	value, err := c.fetch(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err = err; err != nil {
		c.failedAt = time.Now()
		return err
	}
	c.value, c.gotAt = value, time.Now()
	return nil
}

// fetchMetadata gets the discovery document.
func (p *openid) fetchMetadata(ctx context.Context) (openidMetadata, error) {
	var m openidMetadata
	from := strings.TrimSuffix(p.quirks.base, "/") + "/.well-known/openid-configuration"
	if err := p.getJSON(ctx, "discovery document", from, "", &m); err != nil {
		return m, err
	}
	right := m.Issuer == p.quirks.base
	if p.quirks.document != nil {
		right = p.quirks.document(m.Issuer)
	}
	if !right { // Discovery section 4.3
		return m, fmt.Errorf("%w: its discovery document is another issuer's", ErrUpstream)
	}
	for name, endpoint := range map[string]string{
		"authorization_endpoint": m.Authorization, "token_endpoint": m.Token, "jwks_uri": m.Keys, "userinfo_endpoint": m.Userinfo,
		"end_session_endpoint": m.EndSession,
	} {
		optional := name == "userinfo_endpoint" || name == "end_session_endpoint"
		if !(endpoint == "" && optional) && !p.addresses(endpoint) {
			return m, fmt.Errorf("%w: its discovery document has no usable %s", ErrUpstream, name)
		}
	}
	if len(m.algs()) == 0 {
		return m, fmt.Errorf("%w: it signs with nothing we may take", ErrUpstream)
	}
	return m, nil
}

// addresses reports whether an endpoint is where a browser or we may be sent: https, as the issuer is.
func (p *openid) addresses(endpoint string) bool {
	u, err := url.Parse(endpoint)
	return err == nil && u.Host != "" && u.User == nil && u.Fragment == "" &&
		(u.Scheme == "https" || u.Scheme == "http" && strings.HasPrefix(p.quirks.base, "http://"))
}

// openidKey is a key that an upstream signs with.
type openidKey struct {
	jose.JSONWebKey
	issuer string // whose tokens it is good for; "" = the upstream's. Microsoft's keys say so
}

// fetchKeys gets the keys. One that cannot be read is left out (RFC 7517 section 5).
func (p *openid) fetchKeys(ctx context.Context) ([]openidKey, error) {
	m, err := p.meta.get(ctx, false)
	if err != nil {
		return nil, err
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := p.getJSON(ctx, "key set", m.Keys, "", &set); err != nil {
		return nil, err
	}
	var keys []openidKey
	for _, raw := range set.Keys {
		var key openidKey
		var more struct {
			Issuer string `json:"issuer"`
		}
		if key.JSONWebKey.UnmarshalJSON(raw) != nil || exact.Unmarshal(raw, &more) != nil || !key.Valid() || !key.IsPublic() || key.Use == "enc" {
			continue
		}
		key.issuer = more.Issuer
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: its key set has no usable key", ErrUpstream)
	}
	return keys, nil
}

// getJSON asks for a document. what names it in errors.
func (p *openid) getJSON(ctx context.Context, what, from, bearer string, into any) error {
	return fetchJSON(ctx, p.client, what, from, bearer, map[string]string{"Accept": "application/json"}, into)
}

// fetchJSON asks for a document; bearer is a token, "" = none. ErrDown, ErrUpstream.
func fetchJSON(ctx context.Context, client *http.Client, what, from, bearer string, header map[string]string, into any) error {
	all := http.Header{}
	for name, value := range header {
		all.Set(name, value)
	}
	if bearer != "" {
		all.Set("Authorization", "Bearer "+bearer)
	}
	body, _, err := fetch(ctx, client, what, from, all)
	if err != nil {
		return err
	}
	if exact.Unmarshal(body, into) != nil {
		return fmt.Errorf("%w: %s: not to be read", ErrDown, what)
	}
	return nil
}

// fetch asks for something, and says of which media type it is, in lower case. ErrDown, ErrUpstream.
func fetch(ctx context.Context, client *http.Client, what, from string, header http.Header) (body []byte, media string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %s: no usable address", ErrUpstream, what)
	}
	req.Header = header
	res, err := client.Do(req)
	if err != nil {
		return nil, "", openidDown(what, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, "", openidStatus(what, res.StatusCode)
	}
	body, err = io.ReadAll(io.LimitReader(res.Body, openidBody+1))
	if err != nil {
		return nil, "", openidDown(what, err)
	}
	if len(body) > openidBody {
		return nil, "", fmt.Errorf("%w: %s: not to be read", ErrDown, what)
	}
	media, _, _ = mime.ParseMediaType(res.Header.Get("Content-Type"))
	return body, media, nil
}
