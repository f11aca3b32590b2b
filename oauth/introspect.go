package oauth

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"signet/clients"
	"signet/clients/claimmap"
	"signet/oauth/grants"
	"signet/oauth/ledger"
	"signet/oauth/refusal"
	"signet/oauth/tokens"
	"signet/storage"
)

// Introspection is the answer about a token (RFC 7662 section 2.2). Of an inactive one nothing but Active is said. Names
// and addresses are not part of it (rule K10): a resource that needs them asks for a claim.
type Introspection struct {
	Active    bool              `json:"active"`
	Scope     string            `json:"scope,omitempty"`
	ClientID  string            `json:"client_id,omitempty"`
	TokenType string            `json:"token_type,omitempty"`
	Subject   string            `json:"sub,omitempty"`
	Audience  tokens.Audience   `json:"aud,omitempty"`
	Issuer    string            `json:"iss,omitempty"`
	ExpiresAt int64             `json:"exp,omitempty"`
	IssuedAt  int64             `json:"iat,omitempty"`
	JTI       string            `json:"jti,omitempty"`
	AuthTime  int64             `json:"auth_time,omitempty"` // RFC 9470 section 6.2
	ACR       string            `json:"acr,omitempty"`
	AMR       []string          `json:"amr,omitempty"`
	Groups    []string          `json:"groups,omitempty"` // as the token has them
	Roles     []string          `json:"roles,omitempty"`
	Cnf       json.RawMessage   `json:"cnf,omitempty"` // the key it is bound to (RFC 9449 section 6.2)
	Act       json.RawMessage   `json:"act,omitempty"` // who acts for the subject (RFC 8693 section 4.1)
	CallLimit *tokens.CallLimit `json:"call_limit,omitempty"`
	MayAct    json.RawMessage   `json:"may_act,omitempty"`
	Details   json.RawMessage   `json:"authorization_details,omitempty"` // RFC 9396 section 9.2
	// Mapped are the claims of the client's map that the token has; they never replace one of the above.
	Mapped map[string]any `json:"-"`
}

// MarshalJSON writes all of them as one object.
func (i Introspection) MarshalJSON() ([]byte, error) {
	type own Introspection
	raw, err := json.Marshal(own(i))
	if err != nil || len(i.Mapped) == 0 {
		return raw, err
	}
	more, err := json.Marshal(i.Mapped)
	if err != nil {
		return nil, err
	}
	return append(append(raw[:len(raw)-1:len(raw)-1], ','), more[1:]...), nil
}

// mappedOf are the claims of a client's map that a verified access token has. Lists of groups and roles are read with the others.
func mappedOf(c *clients.Client, token string) map[string]any {
	names := claimmap.Names(c.ClaimsMap, claimmap.AccessToken)
	if len(names) == 0 {
		return nil
	}
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var all map[string]any
	if err := d.Decode(&all); err != nil {
		return nil
	}
	mapped := map[string]any{}
	for _, name := range names {
		if value, has := all[name]; has && name != "groups" && name != "roles" && !claimmap.Reserved(name) {
			mapped[name] = value
		}
	}
	return mapped
}

// Introspect tells an authenticated client about a token (RFC 7662, rule L03). An access token is told to
// the client it was issued to and to the clients that a resource of its audience names; a refresh token to its client only.
// To all others, and for all that is not a living token of ours, it is inactive. fosite's introspection is not used: any
// client may ask it about any token, and it takes one kind of token for the other. One read at most. The hint does not
// matter: a token says of itself what kind it is.
func (p *Provider) Introspect(ctx context.Context, caller *clients.Client, token string) (Introspection, error) {
	if caller.Public() {
		return Introspection{}, refusal.InvalidClient("Only a client that keeps a secret may ask about tokens.")
	}
	a, err := p.o.Issuer.VerifyAccess(token)
	if err == nil {
		return p.introspectAccess(ctx, caller, token, a)
	}
	r, err := p.o.Issuer.VerifyRefresh(token)
	if err == nil {
		return p.introspectRefresh(ctx, caller, r)
	}
	return Introspection{}, nil
}

// SignIntrospection makes a JWT of an answer, encrypted if the client wants that, for the client that asked (RFC 9701).
// Errors are *refusal.Refusal.
func (p *Provider) SignIntrospection(ctx context.Context, caller *clients.Client, answer Introspection) (string, error) {
	signed, err := p.o.Issuer.SignIntrospection(caller.IntrospectionSignedResponseAlg, caller.ClientID, answer)
	if err == nil {
		signed, err = sealed(ctx, p.o.Keys, caller, caller.IntrospectionEncryption(), signed, true)
	}
	if err != nil {
		return "", refusal.From(err)
	}
	return signed, nil
}

func (p *Provider) introspectAccess(ctx context.Context, caller *clients.Client, token string, a tokens.Access) (Introspection, error) {
	if time.Now().Unix() >= a.ExpiresAt { // the seconds that verifying spares another clock are not for asking us
		return Introspection{}, nil
	}
	if caller.ClientID != a.ClientID {
		may, err := p.named(ctx, caller, a.Audience, func(r clients.Resource) []string { return r.IntrospectedBy })
		if err != nil {
			return Introspection{}, refusal.From(err)
		} else if !may {
			return Introspection{}, nil
		}
	}
	_, client, err := p.grantState(ctx, a)
	if errors.Is(err, errInactive) {
		return Introspection{}, nil
	} else if err != nil {
		return Introspection{}, refusal.From(err)
	}
	return Introspection{
		Active: true, Scope: a.Scope, ClientID: a.ClientID, TokenType: a.TokenType(), Subject: a.Subject, Audience: a.Audience,
		Issuer: a.Issuer, ExpiresAt: a.ExpiresAt, IssuedAt: a.IssuedAt, JTI: a.JTI, AuthTime: a.AuthTime, ACR: a.ACR, AMR: a.AMR,
		Groups: a.Groups, Roles: a.Roles, Cnf: a.Cnf, Act: a.Act, MayAct: a.MayAct, CallLimit: a.CallLimit,
		Details: a.Details, Mapped: mappedOf(client, token),
	}, nil
}

// named: a resource that a token is for names the client in a list of its own. A resource that is not known may have just been made.
func (p *Provider) named(ctx context.Context, caller *clients.Client, audience []string,
	list func(clients.Resource) []string) (bool, error) {
	known := p.o.Clients.Resources()
	missing := func(id string) bool { _, ok := known.Find(id); return !ok && id != p.o.Issuer.URL() }
	if slices.ContainsFunc(audience, missing) {
		var err error
		if known, err = p.o.Clients.Renewed(ctx, known); err != nil {
			return false, err
		}
	}
	return slices.ContainsFunc(audience, func(aud string) bool {
		r, ok := known.Find(aud)
		return ok && slices.Contains(list(r), caller.ClientID)
	}), nil
}

func (p *Provider) introspectRefresh(ctx context.Context, caller *clients.Client, r tokens.Refresh) (Introspection, error) {
	if caller.ClientID != r.ClientID || !caller.HasGrant(clients.RefreshToken) {
		return Introspection{}, nil
	}
	s, err := p.reads.GrantStateByID(ctx, r.GrantID)
	if errors.Is(err, storage.ErrNotFound) {
		return Introspection{}, nil
	} else if err != nil {
		return Introspection{}, refusal.From(fmt.Errorf("look up a grant: %w", err))
	}
	if err := ledger.Readable(s.Grant); err != nil {
		return Introspection{}, err
	}
	now, l := time.Now(), p.lifetimes(caller)
	if now.Unix() >= r.ExpiresAt {
		return Introspection{}, nil
	}
	req := ledger.Request{Client: caller, State: &s, Lifetimes: l}
	if s.ClientID != caller.ClientID || grants.Refreshable(&s, now) != nil || !now.Before(req.EndsAt()) ||
		ledger.Decide(s.Grant, r.Generation, now, l.Grace) == ledger.Reuse {
		return Introspection{}, nil
	}
	return Introspection{
		Active: true, Scope: strings.Join(ledger.Kept(s.Scopes, caller), " "), ClientID: r.ClientID, Subject: p.o.Names.Subject(caller, s.UserID),
		Audience: tokens.Audience{r.Audience}, Issuer: r.Issuer, ExpiresAt: r.ExpiresAt, IssuedAt: r.IssuedAt,
	}, nil
}

// errInactive: the token was genuine and is dead.
var errInactive = errors.New("token is not active")

// grantState is the one joined read behind an access token: the token was not revoked, its client is enabled, its grant (if it
// has one) alive. Of a token that was exchanged the client that the grant was given to is asked, and all who act or acted. errInactive,
// with the reason for the log, otherwise.
func (p *Provider) grantState(ctx context.Context, a tokens.Access) (*storage.GrantState, *clients.Client, error) {
	client, err := p.enabled(ctx, a.ClientID, a.IssuedAt)
	if err != nil {
		return nil, nil, err
	}
	s, err := p.reads.GrantStateOfToken(ctx, a.GrantID, a.JTI)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return nil, nil, inactive("its grant is gone")
	case err != nil:
		return nil, nil, fmt.Errorf("look up the grant of a token: %w", err)
	case s.TokenRevoked:
		return nil, nil, inactive("it was revoked")
	case len(a.Act) > 0 && client.Exchange == nil && !ofAgent(a, &s):
		return nil, nil, inactive("its client may not exchange tokens any more")
	}
	if len(a.Act) > 0 {
		if err := p.actorsAlive(ctx, a, s.ClientID); err != nil {
			return nil, nil, err
		}
	}
	if a.GrantID == "" || len(a.ActStatus) > 0 { // else the grant ended with its client
		if err := p.sameClient(ctx, client, a); err != nil {
			return nil, nil, err
		}
	}
	first := s.ClientID
	if a.GrantID == "" && len(a.Act) > 0 { // of a client that acted for itself
		first = a.Subject
	}
	if first != "" && first != a.ClientID {
		other, err := p.enabled(ctx, first, a.IssuedAt)
		if err == nil && a.GrantID == "" {
			err = p.sameClient(ctx, other, a)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	if a.GrantID == "" {
		return &s, client, nil
	}
	if err := grants.Alive(&s, time.Now()); err != nil {
		return nil, nil, inactive(err.Error())
	}
	if client.Agent && a.ClientID == s.ClientID {
		if until := client.AgentEnds(s.AgentUntil, s.AgreedAt); until.IsZero() {
			return nil, nil, inactive(errNotAgreed.Error())
		} else if !time.Now().Before(until) {
			return nil, nil, inactive(errPastEnd.Error())
		}
	}
	return &s, client, ledger.Readable(s.Grant)
}

// ofAgent reports whether a token is an agent's own, of its own grant: it came by no exchange.
func ofAgent(a tokens.Access, s *storage.GrantState) bool {
	all, err := actorsOf(a.Act)
	return err == nil && len(all) == 1 && all[0].Subject == a.ClientID && s.ClientID == a.ClientID && !s.AgentUntil.IsZero() &&
		len(a.ActStatus) == 0
}

func inactive(why string) error { return fmt.Errorf("%w: %s", errInactive, why) }

// clocks is by how many seconds those of replicas may differ.
const clocks = 10

// enabled finds a client of a token that was issued at a time; errInactive if it may not be used, or was made later: the one that the token
// is of was deleted, and this one has its id.
func (p *Provider) enabled(ctx context.Context, id string, issued int64) (*clients.Client, error) {
	client, err := p.o.Clients.Client(ctx, id)
	switch {
	case errors.Is(err, clients.ErrUnknown):
		return nil, inactive("its client " + strconv.Quote(id) + " is gone")
	case err != nil:
		return nil, fmt.Errorf("look up the client of a token: %w", err)
	case !client.Enabled():
		return nil, inactive("its client " + strconv.Quote(id) + " is disabled")
	case client.CreatedAt.Unix() > issued+clocks:
		return nil, inactive("its client was deleted, and " + strconv.Quote(id) + " is another one")
	}
	return client, nil
}

// sameClient looks closer where a client was made about when a token was issued, and clocks do not tell which was first: the token names
// the place that its client had in the status lists, which ends with the client (errInactive). Without status lists it is taken.
func (p *Provider) sameClient(ctx context.Context, c *clients.Client, a tokens.Access) error {
	if p.o.Status == nil || c.CreatedAt.Unix()+clocks < a.IssuedAt || a.Status == nil && len(a.ActStatus) == 0 {
		return nil
	}
	place, err := p.o.Status.OfClient(ctx, c)
	if err != nil {
		return err
	}
	same := func(named json.RawMessage) bool { return bytes.Equal(named, place) }
	if !same(a.Status) && !slices.ContainsFunc(a.ActStatus, same) {
		return inactive("its client was deleted, and " + strconv.Quote(c.ClientID) + " is another one")
	}
	return nil
}
