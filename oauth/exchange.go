package oauth

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"signet/clients"
	"signet/internal/spaced"
	"signet/internal/telemetry"
	"signet/oauth/claims"
	"signet/oauth/flow"
	"signet/oauth/grants"
	"signet/oauth/ledger"
	"signet/oauth/refusal"
	"signet/oauth/tokens"
	"signet/oauth/trusted"
	"signet/storage"
)

// The types of tokens that are exchanged (RFC 8693 section 3). All of ours are JWTs.
const (
	typeAccessToken = "urn:ietf:params:oauth:token-type:access_token"
	typeJWT         = "urn:ietf:params:oauth:token-type:jwt"
)

// mostActors is how many actors a token names, the one who acts included.
const mostActors = 4

// exchanger: only a client that proves to be itself, and that an operator gave a policy, exchanges tokens.
func exchanger(c *clients.Client) error {
	if err := machine(c); err != nil {
		return err
	}
	if c.Exchange == nil {
		return refusal.UnauthorizedClient("This client may not exchange tokens.")
	}
	return nil
}

// exchanged is what a token exchange comes to before it is signed.
type exchanged struct {
	subject tokens.Access
	person  *storage.GrantState // whom an ID token is about, read already; nil: the subject is another token
	foreign *trusted.Assertion  // of another issuer; nil: the subject is a token of this server
	actor   *tokens.Access      // nil: the client itself acts
	act     json.RawMessage
	cnf     json.RawMessage // of the new token: never the subject's
	aud     []string
	scopes  []string
	status  []json.RawMessage // of who acts
}

// exchange answers a token exchange (RFC 8693): a token of ours becomes an access token of the same grant that lives no longer, has no
// more scopes, is for a resource that the client's policy names, and says who acts. It has no row and no refresh token: one read for each
// token presented, nothing written. What was presented is judged by signature and policy first, and read last. fosite has no part in it,
// and the row is not the request's: it would be taken for the client's own.
func (p *Provider) exchange(ctx context.Context, req *ledger.Request) (*Answer, error) {
	if err := p.exchangeForm(req.Form); err != nil {
		return nil, err
	}
	var x exchanged
	if req.Form.Get("requested_token_type") == TypeIDJAG {
		return p.exchangeForServer(ctx, req, &x)
	}
	for _, step := range []func(context.Context, *ledger.Request, *exchanged) error{
		p.exchangeSubject, p.exchangeActor, p.exchangeTarget, p.exchangeAlive,
	} {
		if err := step(ctx, req, &x); err != nil {
			return nil, err
		}
	}
	if err := p.exchangeStatus(ctx, req, &x); err != nil {
		return nil, err
	}
	if x.foreign != nil {
		req.InsertFrom()
	} else {
		req.SubjectClient = x.subject.ClientID
	}
	return p.signExchanged(req, &x)
}

// exchangeForm refuses types of tokens that are not exchanged, and parameters of an actor_token that is not there (RFC 8693 section 2.1).
func (p *Provider) exchangeForm(form url.Values) error {
	is := func(name string, types ...string) bool { return slices.Contains(types, form.Get(name)) }
	assertion := p.o.IDJAG && is("requested_token_type", TypeIDJAG)
	switch {
	case !is("subject_token_type", typeAccessToken, typeJWT, typeIDToken):
		return refusal.InvalidRequest("subject_token_type is not supported: exchange an access token or an ID token of this server, " +
			"or a JWT of an issuer that it trusts.")
	case !assertion && !is("requested_token_type", "", typeAccessToken):
		return refusal.InvalidRequest("requested_token_type is not supported: ask for an access token.")
	case assertion && !is("subject_token_type", typeIDToken):
		return refusal.InvalidRequest("subject_token_type is not supported: an ID-JAG is given for an ID token.")
	case assertion && (form.Has("actor_token") || form.Has("actor_token_type")):
		return refusal.InvalidRequest("An ID-JAG names no actor: leave actor_token out.")
	case form.Get("authorization_details") != "":
		return refusal.InvalidAuthorizationDetails("A token exchange takes no authorization_details, and passes none on.")
	case form.Get("actor_token") == "" && form.Get("actor_token_type") != "":
		return refusal.InvalidRequest("There is actor_token_type and no actor_token.")
	case form.Get("actor_token") != "" && !is("actor_token_type", typeAccessToken, typeJWT):
		return refusal.InvalidRequest("actor_token_type is missing or not supported: the actor shows an access token of this server.")
	}
	return nil
}

// unacceptable answers for a token that the client may not present, whatever is wrong with it (RFC 8693 section 2.2.2).
func unacceptable(name string, why error) error {
	return refusal.InvalidRequest("The " + name + " is not a token that this client may exchange now.").Because(why)
}

// presented is a token of the request, judged by its signature and time alone.
func (p *Provider) presented(req *ledger.Request, name string) (tokens.Access, error) {
	a, err := p.o.Issuer.VerifyAccess(req.Form.Get(name))
	if err == nil && req.Now.Unix() >= a.ExpiresAt { // the seconds that verifying spares another clock
		err = tokens.ErrExpired
	}
	if err != nil {
		return a, unacceptable(name, err)
	}
	return a, nil
}

// exchangeSubject: the client may present the token. One that is bound to a key is not proven by whoever presents it, so it is taken only
// from a resource that it is for; what comes of it is bound to the client's own key, or to none where the policy allows that.
func (p *Provider) exchangeSubject(ctx context.Context, req *ledger.Request, x *exchanged) (err error) {
	if req.Form.Get("subject_token_type") == typeIDToken {
		return p.exchangeIDToken(ctx, req, x)
	}
	if from := p.o.Assertions.Names(req.Form.Get("subject_token")); from != "" && req.Form.Get("subject_token_type") == typeJWT {
		return p.exchangeForeign(ctx, req, x, from)
	}
	if x.subject, err = p.presented(req, "subject_token"); err != nil {
		return err
	}
	telemetry.Add(ctx, slog.String("subject_client", x.subject.ClientID))
	bound := len(x.subject.Cnf) > 0
	taken, named := req.Client.Exchange.TakesFrom(req.Client.ClientID, x.subject.ClientID)
	if !taken {
		return unacceptable("subject_token", errors.New("it is another client's, which subjects_from does not name"))
	}
	if named || bound {
		if err := p.meantFor(ctx, req, "subject_token", x.subject); err != nil {
			return err
		}
	}
	x.cnf = req.Confirmation()
	if !bound || x.cnf != nil || req.Client.Exchange.Bearer {
		return nil
	}
	if jkt, _ := x.subject.Bound(); jkt == "" {
		return refusal.InvalidRequest(
			"The subject_token is bound to a certificate, and the new token would be bound to none: send a DPoP proof, " +
				"or register tls_client_certificate_bound_access_tokens and bring a certificate to the address in mtls_endpoint_aliases.")
	}
	return refusal.InvalidDPoPProof("The subject_token is bound to a key: send a DPoP proof of your own.")
}

// meantFor: a resource that the token is for names the client in exchanged_by. Else whoever gets hold of a token for somebody else could
// use it here.
func (p *Provider) meantFor(ctx context.Context, req *ledger.Request, name string, a tokens.Access) error {
	is, err := p.named(ctx, req.Client, a.Audience, func(r clients.Resource) []string { return r.ExchangedBy })
	if err == nil && !is {
		err = unacceptable(name, errors.New("no resource that it is for names the client in exchanged_by"))
	}
	return err
}

// exchangeActor decides who acts: the client, or whom an actor_token is about, of a client that the policy names.
func (p *Provider) exchangeActor(ctx context.Context, req *ledger.Request, x *exchanged) error {
	who := actor{Subject: req.Client.ClientID, Act: x.subject.Act}
	client := req.Client.ClientID
	if req.Form.Get("actor_token") != "" {
		a, err := p.presented(req, "actor_token")
		switch {
		case err != nil:
			return err
		case !slices.Contains(req.Client.Exchange.Actors, a.ClientID):
			return unacceptable("actor_token", fmt.Errorf("it is of the client %q, which actors does not name", a.ClientID))
		case len(a.Act) > 0:
			return unacceptable("actor_token", errors.New("it says itself that somebody else acts"))
		case !holds(req, a):
			return unacceptable("actor_token", errors.New("it is bound to another key than the request proves"))
		}
		if a.ClientID != req.Client.ClientID {
			if err := p.meantFor(ctx, req, "actor_token", a); err != nil {
				return err
			}
		}
		x.actor, who.Subject, client = &a, a.Subject, a.ClientID
		if a.GrantID != "" { // it is about a person
			who.ClientID, who.GrantID = a.ClientID, a.GrantID
		}
	}
	telemetry.Add(ctx, slog.String("actor", who.Subject))
	if !mayAct(x.subject.MayAct, p.o.Issuer.URL(), who.Subject, client) {
		return unacceptable("subject_token", errors.New("its may_act names another actor"))
	}
	var err error
	if x.act, err = nested(who); err != nil {
		return unacceptable("subject_token", err)
	}
	return nil
}

// holds reports whether the request proves the key and the certificate that the token is bound to; true where it is bound to none.
func holds(req *ledger.Request, a tokens.Access) bool {
	jkt, x5t := a.Bound()
	if jkt != "" && (req.Proof == nil || req.Proof.JKT != jkt) || x5t != "" && req.Certificate.Thumbprint() != x5t {
		return false
	}
	return len(a.Cnf) == 0 || jkt != "" || x5t != ""
}

// mayAct reports whether a token's may_act, if it has one, names the actor (RFC 8693 section 4.4). A member that is not known here may be
// one that the actor does not fit.
func mayAct(raw json.RawMessage, issuer, id, client string) bool {
	if len(raw) == 0 {
		return true
	}
	var named map[string]any
	if err := json.Unmarshal(raw, &named); err != nil || named["sub"] == nil {
		return false
	}
	is := map[string]any{"sub": id, "iss": issuer, "client_id": client}
	for name, value := range named {
		if is[name] == nil || is[name] != value {
			return false
		}
	}
	return true
}

// actor is the act claim: who acts, and who did before (RFC 8693 section 4.1). A client has its id as sub; a person, by an actor_token, the
// client and the grant of that token beside it.
type actor struct {
	Subject  string          `json:"sub"`
	ClientID string          `json:"client_id,omitempty"`
	GrantID  string          `json:"grant_id,omitempty"`
	Act      json.RawMessage `json:"act,omitempty"`
}

// actorsOf are those of an act claim, who acts now first.
func actorsOf(act json.RawMessage) (all []actor, err error) {
	for raw := act; len(raw) > 0; {
		var one actor
		if err := json.Unmarshal(raw, &one); err != nil {
			return nil, fmt.Errorf("read act: %w", err)
		}
		all, raw = append(all, one), one.Act
	}
	return all, nil
}

// nested is the act claim of a token that the actor gets for one with an act claim of its own.
func nested(who actor) (json.RawMessage, error) {
	before, err := actorsOf(who.Act)
	if err != nil {
		return nil, err
	}
	if len(before) >= mostActors {
		return nil, fmt.Errorf("it was exchanged by %d actors already", mostActors)
	}
	return json.Marshal(who)
}

// actorsAlive: all who acted may still: clients are enabled, and of the last person who acted the grant lives. Clients cost nothing, as
// they are known here; the person one read, and only where a token names one.
func (p *Provider) actorsAlive(ctx context.Context, a tokens.Access, granted string) error {
	all, err := actorsOf(a.Act)
	if err != nil {
		return inactive(err.Error())
	}
	person := ""
	for _, one := range all {
		client := cmp.Or(one.ClientID, one.Subject)
		if one.GrantID == "" && clients.LooksLikePerson(client) {
			continue // of a release that did not write more about people
		}
		c, err := p.enabled(ctx, client, a.IssuedAt)
		if err == nil && one.GrantID == "" && client != granted { // whoever acts by a grant ended with it
			err = p.sameClient(ctx, c, a)
		}
		if err != nil {
			return err
		}
		person = cmp.Or(person, one.GrantID)
	}
	if person == "" || person == a.GrantID {
		return nil
	}
	s, err := p.reads.GrantStateByID(ctx, person)
	if errors.Is(err, storage.ErrNotFound) {
		return inactive("the grant of its actor is gone")
	} else if err != nil {
		return fmt.Errorf("look up the grant of an actor: %w", err)
	}
	if err := grants.Alive(&s, time.Now()); err != nil {
		return inactive("its actor's grant: " + err.Error())
	}
	return nil
}

// exchangeTarget decides for which resources the new token is, and with which scopes: those of the subject token that the policy allows and
// that belong there.
func (p *Provider) exchangeTarget(ctx context.Context, req *ledger.Request, x *exchanged) error {
	policy, issuer := req.Client.Exchange, p.o.Issuer.URL()
	asked := slices.Concat(req.Form["audience"], req.Form["resource"])
	if len(asked) == 0 && len(policy.Targets) == 1 {
		asked = policy.Targets
	}
	if len(asked) == 0 {
		return refusal.InvalidTarget("Say by resource or audience for whom the token is to be.")
	}
	known := p.o.Clients.Resources()
	missing := func(id string) bool { _, ok := known.Named(issuer, id); return !ok }
	if slices.ContainsFunc(asked, missing) {
		var err error
		if known, err = p.o.Clients.Renewed(ctx, known); err != nil {
			return err
		}
	}
	for _, id := range asked {
		spelled, ok := known.Named(issuer, id)
		if !ok || !policy.Reaches(known, issuer, spelled) {
			return refusal.InvalidTarget("A resource is unknown, or not one that this client may exchange tokens for.")
		}
		if !slices.Contains(x.aud, spelled) {
			x.aud = append(x.aud, spelled)
		}
	}
	if weak := slices.ContainsFunc(x.aud, func(id string) bool { return p.tooWeak(known, id, req.Now, x.subject) }); weak {
		return refusal.InvalidTarget("The sign-in behind the subject_token is weaker, or longer ago, than the resource demands.")
	}
	x.scopes = known.Within(spaced.Words(x.subject.Scope), x.aud, issuer)
	x.scopes = slices.DeleteFunc(x.scopes, func(s string) bool { return !slices.Contains(policy.Scopes, s) })
	if wanted := spaced.Words(req.Form.Get("scope")); len(wanted) > 0 {
		if slices.ContainsFunc(wanted, func(s string) bool { return !slices.Contains(x.scopes, s) }) {
			return refusal.InvalidScope("A scope is not one that the subject_token, the resource and this client's policy have in common.")
		}
		x.scopes = slices.DeleteFunc(x.scopes, func(s string) bool { return !slices.Contains(wanted, s) })
	}
	for _, id := range x.aud {
		if len(known.Within(x.scopes, []string{id}, issuer)) == 0 && (id == issuer || !known.WithoutScopes([]string{id})) {
			return refusal.InvalidScope("No scope is left for a resource that the token is to be for.")
		}
	}
	return nil
}

// tooWeak reports whether a resource demands a stronger or younger sign-in than the token tells of (RFC 9470). One without a person has
// none.
func (p *Provider) tooWeak(known *clients.Resources, id string, now time.Time, a tokens.Access) bool {
	r, ok := known.Find(id)
	if !ok || a.GrantID == "" {
		return false
	}
	return r.RequireSecondFactor && !flow.Reaches(a.ACR, flow.ACRMulti) || r.MaxAge > 0 && now.Unix()-a.AuthTime > r.MaxAge
}

// exchangeAlive reads what the tokens stand on. Whose grant it is goes to the log only.
func (p *Provider) exchangeAlive(ctx context.Context, req *ledger.Request, x *exchanged) error {
	if x.foreign != nil {
		if err := p.exchangeRow(ctx, req, x); err != nil {
			return err
		}
	} else if x.person == nil {
		s, _, err := p.grantState(ctx, x.subject)
		if errors.Is(err, errInactive) {
			return unacceptable("subject_token", err)
		} else if err != nil {
			return err
		}
		if s.ID != "" {
			telemetry.Add(ctx, slog.String("user_id", s.UserID), slog.String("grant_id", s.ID))
		}
	}
	if x.actor == nil {
		return nil
	}
	_, _, err := p.grantState(ctx, *x.actor)
	if errors.Is(err, errInactive) {
		return unacceptable("actor_token", err)
	}
	return err
}

// exchangeStatus: the new token has the place in the status lists of whom it is about, and those of all who act.
func (p *Provider) exchangeStatus(ctx context.Context, req *ledger.Request, x *exchanged) error {
	if p.o.Status == nil {
		return nil
	}
	own, err := p.o.Status.OfClient(ctx, req.Client)
	if err != nil {
		return err
	}
	x.status = slices.Clone(x.subject.ActStatus)
	if x.actor != nil && len(x.actor.Status) > 0 {
		x.status = append(x.status, x.actor.Status)
	}
	if !slices.ContainsFunc(x.status, func(s json.RawMessage) bool { return string(s) == string(own) }) {
		x.status = append(x.status, own)
	}
	return nil
}

// signExchanged signs the new token. What it says of the person and of the sign-in is what the subject token says; whom it is about stays
// what the resources call them.
func (p *Provider) signExchanged(req *ledger.Request, x *exchanged) (*Answer, error) {
	a := tokens.Access{
		Subject: x.subject.Subject, Audience: x.aud, ClientID: req.Client.ClientID, Scope: strings.Join(x.scopes, " "),
		IssuedAt: req.Now.Unix(), ExpiresAt: min(req.Now.Add(req.Lifetimes.Access).Unix(), x.subject.ExpiresAt), JTI: rand.Text(),
		AuthTime: x.subject.AuthTime, ACR: x.subject.ACR, AMR: x.subject.AMR, GrantID: x.subject.GrantID,
		Cnf: x.cnf, Act: x.act, MayAct: x.subject.MayAct, CallLimit: x.subject.CallLimit, Status: x.subject.Status, ActStatus: x.status,
	}
	if x.actor != nil {
		a.ExpiresAt = min(a.ExpiresAt, x.actor.ExpiresAt)
	}
	if slices.Contains(req.Client.Exchange.Scopes, claims.ScopeGroups) {
		a.Groups = x.subject.Groups
	}
	if slices.Contains(req.Client.Exchange.Scopes, claims.ScopeRoles) {
		a.Roles = x.subject.Roles
	}
	signed, err := p.o.Issuer.SignAccess(req.Client.AccessTokenSignedResponseAlg, a)
	if err != nil {
		return nil, err
	}
	if len(signed) > maxAccess {
		return nil, tooLong("access token", len(a.Groups), len(a.Roles), 0)
	}
	return &Answer{
		AccessToken: signed, IssuedTokenType: typeAccessToken, TokenType: a.TokenType(), ExpiresIn: a.ExpiresAt - a.IssuedAt, Scope: a.Scope,
	}, nil
}
