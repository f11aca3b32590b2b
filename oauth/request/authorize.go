package request

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"signet/clients"
	"signet/internal/spaced"
	"signet/oauth/flow"
	"signet/oauth/pushed"
	"signet/oauth/refusal"
)

// PageOnly is an error that must end on our own page: the client or the redirect URI is not to be trusted (RFC 6749 section
// 4.1.2.1).
type PageOnly struct {
	Kind       string          // "unknown_client", "client_disabled", "redirect_mismatch", "redirect_missing", "invalid_request", "expired", …
	Code       string          // error code of the standard; "" = invalid_request
	ClientID   string          // as it was sent
	Client     *clients.Client // nil when unknown
	Received   string          // the redirect URI sent
	Registered []string
	Cause      error
}

// Error is for the log.
func (e *PageOnly) Error() string {
	if e.Cause != nil {
		return e.Kind + ": " + e.Cause.Error()
	}
	return e.Kind
}

// Unwrap gives the cause.
func (e *PageOnly) Unwrap() error { return e.Cause }

// Redirectable is an error the client may be told at its redirect URI.
type Redirectable struct {
	Refusal      *refusal.Refusal
	Client       *clients.Client
	RedirectURI  string
	State        string
	ResponseMode string // "query", "fragment" or "form_post"; with ".jwt" the answer is signed
	Silent       bool   // nothing is to be shown: prompt=none
}

// Error is for the log.
func (e *Redirectable) Error() string { return e.Refusal.Error() }

// Unwrap gives the refusal.
func (e *Redirectable) Unwrap() error { return e.Refusal }

// Clients finds what a request names.
type Clients interface {
	Client(ctx context.Context, id string) (*clients.Client, error)
	Resources() *clients.Resources
	Renewed(ctx context.Context, seen *clients.Resources) (*clients.Resources, error)
}

// Opener finds what was pushed; *pushed.Requests.
type Opener interface {
	Open(ctx context.Context, clientID, uri string) (flow.Request, error)
}

// Parser makes authorization requests.
type Parser struct {
	Clients Clients
	Issuer  string
	// ResponseTypes are those of clients.ResponseTypes that the server offers; nil = code alone.
	ResponseTypes []string
	// SignUp: people can make accounts, so that an app can ask for that (prompt=create).
	SignUp bool
	// Pushes opens pushed requests; nil = there are none.
	Pushes Opener
	// Documents makes clients known by their metadata documents; nil = there are none.
	Documents Documents
	// MustPush: requests come in no other way.
	MustPush bool
	// DPoP: codes can be bound to a key (RFC 9449 section 10).
	DPoP bool
	// Objects judges request objects; nil = they are not supported.
	Objects *Objects
	// Hint verifies an id_token_hint and returns its subject and audience (OpenID Connect Core section 3.1.2.1).
	Hint func(token string) (subject string, audience []string, err error)
}

const (
	maxState     = 4096
	maxNonce     = 512
	maxHint      = 254
	maxUpstream  = 64
	maxParameter = 4096
	maxToken     = 16 << 10 // of an id_token_hint: what Signet signs it reads (oauth/keys)
)

var challenge = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// Authorize judges the form of an authorization request. Errors are *PageOnly, *Redirectable, or the storage's.
func (p *Parser) Authorize(ctx context.Context, form url.Values) (flow.Request, *clients.Client, error) {
	return p.authorize(ctx, form, false)
}

// Pushed is Authorize of a request that its client pushes (RFC 9126 section 2.1).
func (p *Parser) Pushed(ctx context.Context, form url.Values) (flow.Request, *clients.Client, error) {
	return p.authorize(ctx, form, true)
}

// open gives what was pushed: it was judged then. Only where it leads is looked at again, for the registration may have changed.
func (p *Parser) open(ctx context.Context, c *clients.Client, uri string) (flow.Request, error) {
	req, err := p.Pushes.Open(ctx, c.ClientID, uri)
	if errors.Is(err, pushed.ErrGone) {
		return req, &PageOnly{Kind: "expired", Code: "invalid_request_uri", ClientID: c.ClientID, Client: c, Cause: err}
	} else if err != nil {
		return req, err
	}
	if matched, ok := c.MatchRedirect(req.RedirectURI); !ok || matched != req.RedirectURI {
		return req, &PageOnly{Kind: "redirect_mismatch", ClientID: c.ClientID, Client: c, Received: req.RedirectURI, Registered: c.RedirectURIs}
	}
	return req, nil
}

// authorize judges a form; direct: the client itself sent it here.
func (p *Parser) authorize(ctx context.Context, form url.Values, direct bool) (flow.Request, *clients.Client, error) {
	once := []string{"client_id", "redirect_uri", "response_mode", "state"}
	reference := p.Pushes != nil && !direct && strings.HasPrefix(form.Get("request_uri"), pushed.Prefix)
	if reference {
		once = []string{"client_id", "request_uri"} // what else there is does not count (RFC 9126 section 4)
	}
	if err := repeated(form, once...); err != nil {
		return flow.Request{}, nil, &PageOnly{Kind: "invalid_request", ClientID: form.Get("client_id"), Cause: err}
	}
	find := p.client
	if reference { // it was known when it pushed
		find = func(ctx context.Context, form url.Values) (*clients.Client, error) {
			return p.Clients.Client(ctx, form.Get("client_id"))
		}
	}
	c, err := find(ctx, form)
	if errors.Is(err, clients.ErrUnknown) {
		return flow.Request{}, nil, &PageOnly{Kind: "unknown_client", ClientID: form.Get("client_id"), Cause: err}
	}
	if err != nil {
		return flow.Request{}, nil, err
	}
	if !c.Enabled() {
		return flow.Request{}, c, &PageOnly{Kind: "client_disabled", ClientID: c.ClientID, Client: c}
	}
	if reference {
		req, err := p.open(ctx, c, form.Get("request_uri"))
		return req, c, err
	}
	var unread *refusal.Refusal                             // why the parameters cannot be had
	if !direct && (p.MustPush || c.RequirePushedRequests) { // nothing is fetched for such a one
		unread = refusal.InvalidRequest("This client must push its authorization requests.")
	} else {
		form, unread = p.unpacked(ctx, c, form, direct)
	}
	if err := repeated(form, "redirect_uri", "response_mode", "state"); err != nil {
		return flow.Request{}, c, &PageOnly{Kind: "invalid_request", ClientID: c.ClientID, Client: c, Cause: err}
	}
	req := flow.Request{ClientID: c.ClientID, State: form.Get("state"), ResponseMode: modeOf(form)}
	if err := redirect(&req, c, form); err != nil {
		if bad, ok := errors.AsType[*PageOnly](err); ok && unread != nil && bad.Kind == "redirect_missing" { // it is in the object perhaps
			bad.Kind, bad.Cause = "invalid_request", unread
		}
		return flow.Request{}, c, err
	}
	if !printable(req.State) {
		return flow.Request{}, c, &PageOnly{Kind: "invalid_request", ClientID: c.ClientID, Client: c,
			Cause: errors.New("state has control characters")}
	}
	no := func(why *refusal.Refusal) *Redirectable {
		return &Redirectable{Refusal: why, Client: c, RedirectURI: req.RedirectURI, State: req.State, ResponseMode: req.ResponseMode,
			Silent: slices.Contains(spaced.Words(form.Get("prompt")), "none")}
	}
	if len(req.State) > maxState { // the client and the address are known: it is told there, without the state
		req.State = ""
		return flow.Request{}, c, no(refusal.InvalidRequest("state is longer than 4096 bytes."))
	}
	if unread != nil {
		return flow.Request{}, c, no(unread)
	}
	known, err := p.resourcesOf(ctx, c, form)
	if err != nil {
		return flow.Request{}, c, err
	}
	if r := p.judge(&req, c, form, known); r != nil {
		return flow.Request{}, c, no(r)
	}
	return req, c, nil
}

func repeated(form url.Values, names ...string) error {
	for _, n := range names {
		if len(form[n]) > 1 {
			return fmt.Errorf("%s is repeated", n)
		}
	}
	return nil
}

// redirect matches the redirect URI (RFC 6749 section 3.1.2.3; OpenID Connect Core section 3.1.2.1 wants it sent).
func redirect(req *flow.Request, c *clients.Client, form url.Values) error {
	sent := form.Get("redirect_uri")
	bad := &PageOnly{Kind: "redirect_mismatch", ClientID: c.ClientID, Client: c, Received: sent, Registered: c.RedirectURIs}
	if sent == "" {
		if len(c.RedirectURIs) != 1 || c.Profile != "" || slices.Contains(spaced.Words(form.Get("scope")), "openid") {
			bad.Kind = "redirect_missing"
			return bad
		}
		req.RedirectURI = c.RedirectURIs[0]
		return nil
	}
	matched, ok := c.MatchRedirect(sent)
	if !ok {
		return bad
	}
	req.RedirectURI, req.RedirectURISent = matched, true
	return nil
}

// judge checks the rest; what it finds goes back to the client.
func (p *Parser) judge(req *flow.Request, c *clients.Client, form url.Values, known *clients.Resources) *refusal.Refusal {
	if err := Clean(form); err != nil {
		r, _ := errors.AsType[*refusal.Refusal](err)
		return r
	}
	for name, v := range form {
		limit := maxParameter
		if name == "id_token_hint" {
			limit = maxToken
		}
		for _, one := range v {
			if len(one) > limit {
				return refusal.InvalidRequest("A parameter is too long.")
			}
		}
	}
	if form.Get("registration") != "" {
		return refusal.RegistrationNotSupported("The registration parameter is not supported.")
	}
	steps := []func(*flow.Request, *clients.Client, url.Values) *refusal.Refusal{p.responseType, pkce, p.key, p.prompts, p.openID, identity}
	for _, step := range steps {
		if r := step(req, c, form); r != nil {
			return r
		}
	}
	if r := detailsOf(req, c, form, known); r != nil {
		return r
	}
	if r := scopes(req, c, form, known); r != nil {
		return r
	}
	return p.resources(req, c, form, known)
}

// pkce: S256 only; a missing method means plain and is refused (RFC 7636 section 4.3, RFC 9700 section 2.1.1).
func pkce(req *flow.Request, c *clients.Client, form url.Values) *refusal.Refusal {
	sent, method := form.Get("code_challenge"), form.Get("code_challenge_method")
	switch {
	case sent == "" && method != "":
		return refusal.InvalidRequest("code_challenge is missing.")
	case sent == "" && c.NeedsPKCE() && clients.Answers(req.ResponseType, "code"):
		return refusal.InvalidRequest("This client must send a code_challenge (PKCE).")
	case sent == "":
		return nil
	case method != "S256":
		return refusal.InvalidRequest("Only the code_challenge_method S256 is supported.")
	case !challenge.MatchString(sent):
		return refusal.InvalidRequest("code_challenge must be 43 characters of base64url.")
	}
	req.CodeChallenge, req.CodeChallengeMethod = sent, method
	return nil
}

// key reads dpop_jkt, the thumbprint of the key that the code is to be bound to (RFC 9449 section 10).
func (p *Parser) key(req *flow.Request, _ *clients.Client, form url.Values) *refusal.Refusal {
	sent := form.Get("dpop_jkt")
	if !p.DPoP || sent == "" {
		return nil
	}
	if !challenge.MatchString(sent) {
		return refusal.InvalidRequest("dpop_jkt must be the SHA-256 thumbprint of a key, 43 characters of base64url.")
	}
	req.DPoPJKT = sent
	return nil
}

// prompts reads prompt and max_age (OpenID Connect Core section 3.1.2.1, Initiating User Registration via OpenID Connect 1.0). Where nobody
// can make an account, create is the sign-in page.
func (p *Parser) prompts(req *flow.Request, c *clients.Client, form url.Values) *refusal.Refusal {
	req.Prompts = spaced.Words(form.Get("prompt"))
	for i, v := range req.Prompts {
		if !slices.Contains([]string{"none", "login", "consent", "select_account", "create"}, v) {
			return refusal.InvalidRequest("The prompt value is not supported.")
		}
		if v == "create" && !p.SignUp {
			req.Prompts[i] = "login"
		}
	}
	if slices.Contains(req.Prompts, "none") && len(req.Prompts) > 1 {
		return refusal.InvalidRequest("prompt none must stand alone.")
	}
	req.MaxAge = c.DefaultMaxAge
	if raw := form.Get("max_age"); raw != "" {
		seconds, err := strconv.ParseUint(raw, 10, 31)
		if err != nil {
			return refusal.InvalidRequest("max_age must be a number of seconds, 0 or more.")
		}
		age := int64(seconds)
		req.MaxAge = &age
	}
	return nil
}
