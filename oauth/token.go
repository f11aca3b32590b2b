package oauth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/url"
	"slices"
	"time"

	"github.com/ory/fosite"

	"signet/clients"
	"signet/internal/telemetry"
	"signet/oauth/dpop"
	"signet/oauth/flow"
	"signet/oauth/grants"
	"signet/oauth/ledger"
	"signet/oauth/mtls"
	"signet/oauth/refusal"
)

// Answer is a token response (RFC 6749 section 5.1); its fields are written in this order.
type Answer struct {
	AccessToken     string `json:"access_token"`
	IssuedTokenType string `json:"issued_token_type,omitempty"` // of a token exchange (RFC 8693 section 2.2.1)
	TokenType       string `json:"token_type"`
	ExpiresIn       int64  `json:"expires_in"` // seconds
	RefreshToken    string `json:"refresh_token,omitempty"`
	IDToken         string `json:"id_token,omitempty"`
	Scope           string `json:"scope,omitempty"` // left out where none was asked for
	// Details are those of the access token (RFC 9396 section 7).
	Details json.RawMessage `json:"authorization_details,omitempty"`
}

// CheckGrantType refuses a token request whose grant nobody here knows (unsupported_grant_type, RFC 6749 section 5.2; fosite
// says invalid_request). It needs no client.
func (p *Provider) CheckGrantType(form url.Values) error {
	switch grant := form.Get("grant_type"); {
	case grant == "":
		return refusal.InvalidRequest("The parameter grant_type is missing.")
	case p.register.find(grant) == nil:
		return refusal.UnsupportedGrantType("This grant_type is not supported.")
	}
	return nil
}

// attempts at one token request: a lost race is decided again, at most twice.
const attempts = 3

// TokenRequest is what a token request brings.
type TokenRequest struct {
	Client *clients.Client // authenticated
	Form   url.Values      // checked for repeated parameters
	Proof  *dpop.Proof     // of possession, judged; nil = none (RFC 9449)
	// Certificate that the client proved to have the key of; nil = none (RFC 8705).
	Certificate *mtls.Certificate
	// Push: the client did not ask, and is sent the answer (CIBA Core section 10.3). It is called once all is signed, in the transaction that
	// makes the tokens good; nil = the client asked.
	Push func(ctx context.Context, answer *Answer, grantID string) error
}

// Token answers a token request. Errors are *refusal.Refusal.
func (p *Provider) Token(ctx context.Context, r TokenRequest) (*Answer, error) {
	client, form := r.Client, r.Form
	grant := form.Get("grant_type")
	telemetry.Add(ctx, slog.String("client_id", client.ClientID), slog.String("grant_type", grant))
	if err := p.CheckGrantType(form); err != nil {
		return nil, err
	}
	kind := p.register.find(grant)
	if err := kind.mayUse(client); err != nil {
		return nil, err
	}
	if grant == clients.CIBA && client.Pushes() != (r.Push != nil) {
		return nil, refusal.UnauthorizedClient("This client is sent its tokens: it cannot ask for them.") // CIBA Core section 11
	}
	for _, name := range kind.needs {
		if form.Get(name) == "" {
			return nil, refusal.InvalidRequest("The parameter " + name + " is missing.")
		}
	}
	if client.DPoPBoundAccessTokens && r.Proof == nil {
		return nil, refusal.InvalidDPoPProof("This client's tokens are bound to a key: send a DPoP proof.")
	}
	if client.CertificateBoundAccessTokens && r.Certificate == nil {
		return nil, refusal.InvalidRequest("This client's tokens are bound to a certificate: bring it to the address in mtls_endpoint_aliases.")
	}
	if no := r.Proof.Fits(client); no != nil {
		return nil, no
	}
	req := &ledger.Request{
		Client: client, GrantType: grant, Form: form, Proof: r.Proof, Certificate: r.Certificate, Pushed: r.Push != nil,
		Lifetimes: p.lifetimes(client),
	}
	ctx = ledger.With(ctx, req)
	var answer *Answer
	var err error
	for range attempts {
		req.Begin(time.Now())
		answer, err = p.attempt(ctx, req, r.Push)
		if !errors.Is(err, ledger.ErrLost) {
			break
		}
		telemetry.Add(ctx, slog.Bool("raced", true))
	}
	if req.State != nil {
		telemetry.Add(ctx, slog.String("user_id", req.State.UserID), slog.String("grant_id", req.State.ID))
	}
	p.noteAssertion(ctx, req, err)
	if err != nil {
		p.noteProof(ctx, req, err)
		if sent, used, wrong := req.WrongRedirect(); wrong {
			telemetry.Add(ctx, telemetry.URI("redirect_uri", sent), telemetry.URI("authorized_uri", used))
		}
		return nil, refusal.From(err)
	}
	p.o.Metrics.TokenIssued(grant)
	if p.o.Exchanged != nil && req.SubjectClient != "" {
		p.o.Exchanged(client.ClientID, req.SubjectClient)
	}
	return answer, nil
}

// attempt is one pass through all stations. Nothing is signed while a transaction is open.
func (p *Provider) attempt(ctx context.Context, req *ledger.Request, push func(context.Context, *Answer, string) error) (*Answer, error) {
	answer, refused := p.decide(ctx, req)
	if push != nil && refused == nil {
		return answer, p.writes.Tx(ctx, func(ctx context.Context) error {
			if err := p.ledger.Settle(ctx, req, nil); err != nil {
				return err
			}
			return push(ctx, answer, req.State.ID)
		})
	}
	if err := p.ledger.Settle(ctx, req, refused); err != nil {
		return nil, err
	}
	return answer, refused
}

// decide checks and signs; nothing is written.
func (p *Provider) decide(ctx context.Context, req *ledger.Request) (*Answer, error) {
	if answer := p.register.find(req.GrantType).answer; answer != nil {
		return answer(p, ctx, req)
	}
	asked, err := p.core.NewAccessRequest(ctx, clean(req.Form), ledger.NewSession(req))
	if err != nil {
		return nil, err
	}
	for _, check := range checks {
		if err := check(p, ctx, req); err != nil {
			return nil, err
		}
	}
	if request, ok := asked.(*fosite.AccessRequest); ok { // what fosite granted, replaced by what the checks left of it
		request.GrantedScope, request.GrantedAudience = req.Allowed, req.Audience
	}
	given, err := p.core.NewAccessResponse(ctx, asked)
	if err != nil {
		return nil, err
	}
	answer := &Answer{
		AccessToken: given.GetAccessToken(), TokenType: req.Access.TokenType(), ExpiresIn: req.Access.ExpiresAt - req.Access.IssuedAt,
		Scope: req.Access.Scope,
	}
	if answer.Scope == "" {
		answer.Scope = req.AnsweredScope()
	}
	answer.Details = req.Access.Details
	answer.RefreshToken, _ = given.GetExtra("refresh_token").(string)
	answer.IDToken, _ = given.GetExtra("id_token").(string)
	return answer, nil
}

// checks run between fosite's two passes, in this order: what was presented is genuine and the client's own, nothing is
// signed or written yet. The sender constraint stands first.
var checks = []func(*Provider, context.Context, *ledger.Request) error{
	(*Provider).bind,
	(*Provider).guard,
	(*Provider).addressed,
	(*Provider).narrow,
	(*Provider).strong,
}

// bind: what is bound to a key or a certificate is good for that one only (RFC 9449 sections 5 and 10, RFC 8705 section 4). Nothing was
// consumed yet, so whoever has it can still come.
func (p *Provider) bind(_ context.Context, req *ledger.Request) error {
	switch {
	case req.HoldsKey():
		return nil
	case !req.HoldsCertificate():
		return refusal.InvalidGrant("The grant is bound to another certificate than the one of this request, or there is none.").
			Because(errUnbound)
	case req.Proof == nil:
		return refusal.InvalidDPoPProof("The grant is bound to a key: send its DPoP proof.").Because(errUnbound)
	}
	return refusal.InvalidGrant("The DPoP proof is of another key than the grant is bound to.").Because(errUnbound)
}

// guard: person, session, consent and time still allow the grant (rule J09).
func (p *Provider) guard(_ context.Context, req *ledger.Request) error {
	alive := p.register.find(req.GrantType).alive
	if req.State == nil || alive == nil {
		return nil
	}
	if err := alive(req.State, req.Now); errors.Is(err, grants.ErrPaused) { // not invalid_grant, upon which the agent would forget the token
		return refusal.AccessDenied("The person has paused this agent. Its tokens are good again once they let it go on.").Because(err)
	} else if err != nil {
		return refusal.InvalidGrant("The grant is no longer valid.").Because(err)
	}
	if req.OfAgent() && req.State.AgentUntil.IsZero() {
		return refusal.InvalidGrant("The grant is no longer valid.").Because(errNotAgreed)
	}
	if ends := req.EndsAt(); !ends.IsZero() && !req.Now.Before(ends) {
		return refusal.InvalidGrant("The grant is no longer valid.").Because(errPastEnd)
	}
	return nil
}

// addressed: a code counts while its client may still get one where it went. An address that the registration, or the metadata document,
// has no more may be somebody else's by now. What is known of the client decides, without a read.
func (p *Provider) addressed(ctx context.Context, req *ledger.Request) error {
	if req.GrantType != clients.AuthorizationCode || req.State == nil {
		return nil
	}
	went := cmp.Or(req.Facts.RedirectURI, req.Facts.RedirectUsed)
	if _, is := req.Client.MatchRedirect(went); !is && went != "" { // earlier releases did not note where it went if none was sent
		telemetry.Add(ctx, telemetry.URI("redirect_uri", went), telemetry.URIs("registered_uris", req.Client.RedirectURIs))
		return refusal.InvalidGrant("The code went to a redirect_uri that the client does not have any more.")
	}
	return nil
}

// strong: what the client, or a resource that was named, demands of the sign-in by now holds for what is fetched for the first time, too.
// The person signs in again for the next.
func (p *Provider) strong(_ context.Context, req *ledger.Request) error {
	if req.State == nil || !p.register.find(req.GrantType).fetches || flow.Reaches(req.State.ACR, flow.ACRMulti) {
		return nil
	}
	known := p.o.Clients.Resources()
	demands := func(id string) bool { r, ok := known.Find(id); return ok && r.RequireSecondFactor }
	if req.Client.RequireSecondFactor || slices.ContainsFunc(req.State.Resources, demands) {
		return refusal.InvalidGrant("A second factor is demanded by now. Ask the person again.")
	}
	return nil
}

var (
	errPastEnd   = errors.New("past the end that its client's grants have now")
	errNotAgreed = errors.New("its client is an agent, with which the person has agreed on nothing")
)

// lifetimes that hold for a client: its own, else the server's.
func (p *Provider) lifetimes(c *clients.Client) ledger.Lifetimes {
	l := p.o.Lifetimes
	if c.FAPI() { // FAPI 2.0 Security Profile section 5.3.2.1
		l.Code = min(l.Code, time.Minute)
	}
	l.Access = cmp.Or(time.Duration(c.AccessTokenLifetime), l.Access)
	l.Idle = cmp.Or(time.Duration(c.RefreshTokenIdle), l.Idle)
	l.Absolute = cmp.Or(time.Duration(c.RefreshTokenLifetime), l.Absolute)
	return l
}
