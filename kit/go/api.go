package kit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Options of an [API]. All zero is a good choice.
type Options struct {
	// BaseURL is by what address clients reach the API: DPoP proofs are made for it and the path of the request. Left out, it is scheme and
	// host of the resource's identifier. It has a path only where a proxy takes that path away before the request comes here.
	BaseURL string
	// Audiences are further spellings of the identifier that aud may have. Nothing is normalised.
	Audiences []string
	// Ahead is how far another clock may be ahead of ours (30 s), Past how long a token is still taken after its end (10 s).
	Ahead, Past time.Duration
	// Algorithms that tokens may be signed with; left out, ES256, RS256, PS256 and EdDSA. MACs and none are refused by New.
	Algorithms []string
	// JWKS is the address of the issuer's keys. Left out, the issuer's discovery document says it.
	JWKS string
	// Stale is how long keys are used while the issuer cannot be reached (24 h).
	Stale time.Duration
	// HTTP makes the calls to the issuer. Redirects are not followed, whatever it says. Left out, a client with short timeouts.
	HTTP *http.Client

	DPoP          DPoP
	Proxy         Proxy          // in front of the API, where client certificates end there
	Status        Status         // of tokens that say where it is looked up
	Introspection *Introspection // nil: tokens are JWTs, and no call is made for one
	Document      Document
	Calls         Counter // of agents; nil: in memory, for this process alone

	// Implies reports whether a scope that a token has is enough where another one is needed. Nil: only the scope itself is.
	Implies func(has, needs string) bool
	// Logger gets a line for each refused request. Nil: none.
	Logger *slog.Logger
	// Observe is called once for each decision; "" = allowed. Nil: nobody is told.
	Observe func(ctx context.Context, reason Reason)
}

// API takes access tokens for one resource. It is safe for concurrent use, and there is nothing to close.
type API struct {
	issuer, resource string
	audiences        []string
	reached          string // the base URL of the requests
	metadata         string // address of the RFC 9728 document; "" = the identifier is no address

	o      Options
	http   *http.Client
	keys   *keySet
	seen   *memory[*Token]  // tokens that were verified
	asked  *memory[*inform] // answers of the introspection endpoint
	failed *memory[bool]    // logout tokens whose session could not be ended
	slots  chan struct{}    // introspection requests at a time

	heads     *memory[head] // headers of what the issuer signed
	proofKeys *memory[proofKey]

	statuses statusLists
}

var (
	defaultAlgorithms = []string{"ES256", "RS256", "PS256", "EdDSA"}
	allAlgorithms     = append([]string{"ES384", "ES512", "RS384", "RS512", "PS384", "PS512"}, defaultAlgorithms...)
)

// New makes the API of a resource: the identifier under which it is registered at the issuer, which its tokens have in aud. No call is
// made.
func New(issuer, resource string, o Options) (*API, error) {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(safe(issuer), "issuer %q must be an https URL, or http on this computer", issuer)
	id, err := url.Parse(resource)
	check(err == nil && id.Scheme != "" && id.Fragment == "", "resource %q must be an absolute URI without a fragment", resource)
	web := err == nil && isWeb(id)
	base := origin(id, web)
	if o.BaseURL != "" {
		u, err := url.Parse(o.BaseURL)
		good := err == nil && isWeb(u) && u.RawQuery == "" && u.Fragment == "" && u.User == nil
		check(good, "BaseURL %q must be an http or https URL without a query", o.BaseURL)
		check(!good || !web || sameOrigin(u, id), "BaseURL %q and resource %q have different hosts: clients would refuse the metadata",
			o.BaseURL, resource)
		base = u
	}
	check(base != nil, "BaseURL is needed, as the resource %q is not an http or https URL", resource)
	check(o.JWKS == "" || safe(o.JWKS), "JWKS %q must be an https URL, or http on this computer", o.JWKS)
	check(o.Ahead >= 0 && o.Past >= 0 && o.Stale >= 0, "durations must not be negative")
	for _, alg := range o.Algorithms {
		check(slices.Contains(allAlgorithms, alg), "algorithm %q is not one of %v", alg, allAlgorithms)
	}
	errs = append(errs, o.DPoP.check(), o.Proxy.check(), o.Introspection.check())
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("kit: %w", err)
	}
	return assemble(issuer, resource, id, base, o), nil
}

func assemble(issuer, resource string, id, base *url.URL, o Options) *API {
	o.Ahead, o.Past, o.Stale = or(o.Ahead, 30*time.Second), or(o.Past, 10*time.Second), or(o.Stale, 24*time.Hour)
	if o.DPoP.Replay == nil {
		o.DPoP.Replay = &proofs{}
	}
	if o.Calls == nil {
		o.Calls = &counted{}
	}
	if len(o.Algorithms) == 0 {
		o.Algorithms = defaultAlgorithms
	}
	a := &API{issuer: issuer, resource: resource, audiences: append([]string{resource}, o.Audiences...), o: o,
		reached: strings.TrimSuffix(base.String(), "/"),
		http:    client(o.HTTP), seen: &memory[*Token]{}, asked: &memory[*inform]{}, failed: &memory[bool]{}, slots: make(chan struct{}, 16),
		heads: &memory[head]{}, proofKeys: &memory[proofKey]{}}
	if isWeb(id) {
		a.metadata = wellKnown(id)
	}
	a.keys = &keySet{source: &source{issuer: issuer, jwks: o.JWKS, http: a.http}, stale: o.Stale}
	return a
}

// Warm fetches the issuer's keys, so that the first request need not wait. It is not needed: an API starts without its issuer, too.
func (a *API) Warm(ctx context.Context) error {
	_, err := a.keys.find(ctx, "", "")
	if errors.Is(err, ErrKey) { // there are keys
		return nil
	}
	return err
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// client makes the calls to the issuer: quickly or not at all, and to no address that an answer names.
func client(given *http.Client) *http.Client {
	c := &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 4,
		IdleConnTimeout: time.Minute, DialContext: (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
		TLSHandshakeTimeout: 3 * time.Second}}
	if given != nil {
		c = new(*given)
	}
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c
}

func isWeb(u *url.URL) bool {
	return (strings.EqualFold(u.Scheme, "https") || strings.EqualFold(u.Scheme, "http")) && u.Hostname() != ""
}

func origin(u *url.URL, web bool) *url.URL {
	if !web {
		return nil
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}
}

func sameOrigin(a, b *url.URL) bool {
	x, _ := normal(origin(a, true).String())
	y, _ := normal(origin(b, true).String())
	return x == y
}

// safe addresses are those that nobody on the way can answer for: what comes from there decides which tokens are good.
func safe(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || !isWeb(u) || u.User != nil || u.Fragment != "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || strings.HasSuffix(u.Hostname(), ".localhost") || ip != nil && ip.IsLoopback()
	return strings.EqualFold(u.Scheme, "https") || local
}
