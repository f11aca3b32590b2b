package clientauth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"signet/clients"
	"signet/internal/telemetry"
	"signet/oauth/clientjwt"
	"signet/oauth/mtls"
	"signet/oauth/refusal"
)

// AssertionType of private_key_jwt (RFC 7523 section 2.2).
const AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// Registry finds clients and compares secrets.
type Registry interface {
	Client(ctx context.Context, id string) (*clients.Client, error)
	CheckSecret(ctx context.Context, c *clients.Client, secret string) bool
	CheckShared(ctx context.Context, c *clients.Client, fits func(key []byte) bool) bool
}

// Replay notes what may be used once.
type Replay interface {
	SpendOnce(ctx context.Context, kind, owner, idHash string, expiresAt time.Time) error
}

// Options of New.
type Options struct {
	Registry Registry
	Keys     clientjwt.Keys // nil = only those that are registered
	// IssuerKeys are for platforms whose tokens stand for clients; nil = only by keys and addresses that are registered.
	IssuerKeys IssuerKeys
	Replay     Replay
	Issuer     string
	Audiences  []string                     // accepted beside the issuer: the token endpoint's URL
	Network    func(r *http.Request) string // prefix of the caller's address
	// Certificates prove clients, too; without them nobody comes with one.
	Certificates Certificates
}

// Authenticator authenticates clients.
type Authenticator struct {
	o        Options
	throttle *throttle
}

// New makes one.
func New(o Options) (*Authenticator, error) {
	failures, err := newThrottle(o.Network)
	if err != nil {
		return nil, err
	}
	return &Authenticator{o: o, throttle: failures}, nil
}

// credentials are what a request presented.
type credentials struct {
	id, method, secret, assertion string
	certificate                   *mtls.Certificate // that came with the request, whatever it proves; nil = none
}

func (c credentials) isSecret() bool {
	return c.method == clients.MethodBasic || c.method == clients.MethodPost || c.method == clients.MethodJWTSecret
}

// bare requests bring nothing that could prove a client.
func (c credentials) bare() bool {
	return c.certificate == nil && !c.isSecret() && c.method != clients.MethodJWTKey
}

// Authenticate returns the client of a request, whose form has been read. Errors are *refusal.Refusal or the storage's.
func (a *Authenticator) Authenticate(ctx context.Context, r *http.Request, form url.Values) (*clients.Client, error) {
	cred, err := presented(r, form)
	if err == nil {
		cred.certificate, err = a.o.Certificates.of(r)
	}
	var c *clients.Client
	if err == nil {
		if c, err = a.o.Registry.Client(ctx, cred.id); errors.Is(err, clients.ErrUnknown) {
			err = nil
		}
	}
	switch { // the operator's first question about a refusal is whose it was
	case c != nil:
		telemetry.Add(ctx, slog.String("client_id", c.ClientID))
	case cred.id != "":
		telemetry.Add(ctx, telemetry.Sent("client_id", cred.id))
	}
	if err != nil {
		return nil, err
	}
	if cred.method == clients.MethodNone && c != nil && c.ByCertificate() { // the certificate is all that there is to present
		cred.method = c.TokenEndpointAuthMethod
	}
	check := func() (string, error) { return a.check(ctx, c, cred) }
	var why string
	if cred.bare() { // without a credential there is nothing to guess
		why, err = check()
	} else {
		why, err = a.throttle.judged(r, c, cred, check)
	}
	if err != nil {
		return nil, err
	}
	if why != "" {
		return nil, a.refused(cred, why)
	}
	return c, nil
}

// presented reads the one method of a request; two at once are refused (RFC 6749 section 2.3).
func presented(r *http.Request, form url.Values) (credentials, error) {
	cred := credentials{id: form.Get("client_id"), method: clients.MethodNone}
	var methods int
	if _, ok := r.Header["Authorization"]; ok {
		methods++
		cred.method = clients.MethodBasic
		user, pass, ok := r.BasicAuth()
		id, err1 := url.QueryUnescape(user)
		secret, err2 := url.QueryUnescape(pass)
		if !ok || err1 != nil || err2 != nil || len(r.Header["Authorization"]) > 1 {
			return cred, basicChallenge(refusal.InvalidClient("The Authorization header is malformed."))
		}
		if cred.id != "" && cred.id != id {
			return cred, refusal.InvalidRequest("client_id differs from the authenticated client.")
		}
		cred.id, cred.secret = id, secret
	}
	if form.Has("client_secret") {
		methods++
		cred.method, cred.secret = clients.MethodPost, form.Get("client_secret")
	}
	if form.Has("client_assertion") || form.Has("client_assertion_type") {
		methods++
		cred.method, cred.assertion = clients.MethodJWTKey, form.Get("client_assertion")
	}
	if methods > 1 {
		return cred, refusal.InvalidRequest("Use one client authentication method, not several.")
	}
	if cred.method == clients.MethodJWTKey {
		if form.Get("client_assertion_type") != AssertionType || cred.assertion == "" {
			return cred, refusal.InvalidClient("Send client_assertion with the client_assertion_type for JWT bearer.")
		}
		if clientjwt.Shared(cred.assertion) {
			cred.method = clients.MethodJWTSecret
		}
		if cred.id == "" { // a platform's token names somebody else: then the form says which client it stands for
			cred.id = unverifiedSubject(cred.assertion)
		}
	}
	if cred.id == "" {
		return cred, refusal.InvalidClient("The client is not named.")
	}
	return cred, nil
}

// check does the same work whether or not the client exists. A reason means refused.
func (a *Authenticator) check(ctx context.Context, c *clients.Client, cred credentials) (why string, err error) {
	var known bool
	switch cred.method {
	case clients.MethodBasic, clients.MethodPost:
		known = a.o.Registry.CheckSecret(ctx, c, cred.secret)
	case clients.MethodJWTKey, clients.MethodJWTSecret:
		if err := a.checkAssertion(ctx, c, cred); err != nil {
			if _, ok := errors.AsType[*assertionError](err); !ok {
				return "", err
			}
			return err.Error(), nil
		}
		known = c != nil
	case clients.MethodTLS, clients.MethodSelfSigned:
		if why := a.checkCertificate(ctx, c, cred.certificate); why != "" {
			return why, nil
		}
		known = true
	default:
		if known = c != nil; !known && cred.certificate != nil {
			_ = a.chains(cred.certificate) // it takes as long as for a client that is known (rule J04)
		}
	}
	switch {
	case c == nil:
		return "unknown client", nil
	case !c.Enabled():
		return "disabled client", nil
	case c.TokenEndpointAuthMethod != cred.method:
		return "method " + cred.method + ", registered " + c.TokenEndpointAuthMethod, nil
	case !known:
		return "wrong credential", nil
	}
	return "", nil
}

func (a *Authenticator) refused(cred credentials, why string) error {
	r := refusal.InvalidClient("Client authentication failed.").Because(errors.New(why))
	if cred.method == clients.MethodBasic {
		return basicChallenge(r)
	}
	return r
}

// basicChallenge adds the header that RFC 6749 section 5.2 demands when the client used it.
func basicChallenge(r *refusal.Refusal) *refusal.Refusal {
	c := *r
	c.Header = http.Header{"Www-Authenticate": {`Basic realm="signet", charset="UTF-8"`}}
	return &c
}
