package grants

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"

	"signet/clients"
	"signet/internal/telemetry"
	"signet/oauth/ledger"
	"signet/oauth/refusal"
	"signet/oauth/trusted"
	"signet/storage"
)

// Links finds whom a subject of another issuer is linked to; *storage.DB does. storage.ErrNotFound: to nobody.
type Links interface {
	IdentityBySubject(ctx context.Context, upstream, issuer, subject string) (storage.Identity, error)
}

// Bearer is the JWT bearer grant (RFC 7523 section 2.1): an app presents what an issuer that the configuration trusts has signed about
// somebody. The token is for the person who linked that subject, or whom the configuration names for it: nobody is found by an address,
// and no account is made. The grant has a row, so that all that ends grants ends this one; there is no refresh token, and no ID token.
type Bearer struct {
	Assertions *trusted.Verifier
	People     People
	Links      Links
	// Place gives a grant its place in the status lists; nil = it has none.
	Place  func(ctx context.Context) (int64, error)
	Access oauth2.AccessTokenStrategy
	// Resources are those known now.
	Resources func() *clients.Resources
}

// CanHandleTokenEndpointRequest implements fosite.TokenEndpointHandler.
func (*Bearer) CanHandleTokenEndpointRequest(_ context.Context, r fosite.AccessRequester) bool {
	return r.GetGrantTypes().ExactOne(clients.JWTBearer)
}

// CanSkipClientAuth implements fosite.TokenEndpointHandler: never, the client was authenticated before.
func (*Bearer) CanSkipClientAuth(context.Context, fosite.AccessRequester) bool { return false }

// HandleTokenEndpointRequest implements fosite.TokenEndpointHandler: it judges the assertion, finds the person and prepares the row.
func (b *Bearer) HandleTokenEndpointRequest(ctx context.Context, r fosite.AccessRequester) error {
	req, err := ledger.Of(ctx)
	if err != nil {
		return err
	}
	presented := req.Form.Get("assertion")
	telemetry.Add(ctx, slog.String("assertion_issuer", trusted.Outside(presented)))
	a, err := b.Assertions.Verify(ctx, presented, req.Client.ClientID, req.Now)
	if errors.Is(err, trusted.ErrRefused) {
		return unusable(err)
	} else if err != nil {
		return err
	}
	if err := Fits(req, a); err != nil {
		return err
	}
	scopes, err := ofAssertion(req, a)
	if err != nil {
		return err
	}
	targets, err := b.targetsOf(req, a, scopes)
	if err != nil {
		return err
	}
	who, err := b.Person(ctx, a)
	if err != nil {
		return err
	}
	return b.prepare(ctx, req, r, a, who, scopes, targets)
}

// Fits judges an assertion by the request that it came with, which it becomes the source of.
func Fits(req *ledger.Request, a trusted.Assertion) error {
	req.Source = ledger.Source{Issuer: a.From.Issuer, Once: a.Once, Until: a.Expires}
	if a.JKT != "" && (req.Proof == nil || req.Proof.JKT != a.JKT) {
		return unusable(errors.New("it is bound to another key than the request proves"))
	}
	if req.Client.RequireSecondFactor || len(req.Client.Upstreams) > 0 && !slices.Contains(req.Client.Upstreams, a.From.Upstream) {
		return refusal.UnauthorizedClient("This client demands another sign-in than an assertion stands for.")
	}
	return nil
}

// unusable answers for an assertion, whatever is wrong with it.
func unusable(why error) error {
	return refusal.InvalidGrant("The assertion is not one that this client can use now.").Because(why)
}

// Person is whom the assertion means.
func (b *Bearer) Person(ctx context.Context, a trusted.Assertion) (who storage.User, err error) {
	id := a.From.Subjects[a.Subject]
	if id == "" && a.From.Upstream != "" {
		linked, err := b.Links.IdentityBySubject(ctx, a.From.Upstream, a.From.Issuer, a.Subject)
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return who, fmt.Errorf("look up a linked identity: %w", err)
		}
		id = linked.UserID
	}
	if id == "" {
		return who, unusable(errors.New("its sub is linked to nobody here"))
	}
	who, err = b.People.UserByID(ctx, id)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return who, unusable(errors.New("its sub stands for a person who is not here"))
	case err != nil:
		return who, fmt.Errorf("read the person of an assertion: %w", err)
	case !who.DisabledAt.IsZero() || !who.FrozenAt.IsZero() || !who.EraseAt.IsZero():
		return who, unusable(errors.New("its person is disabled, frozen, or about to be deleted"))
	}
	return who, nil
}

// ofAssertion are the scopes of the grant: the client's own that the issuer's policy has, or what the request asks for of them.
func ofAssertion(req *ledger.Request, a trusted.Assertion) ([]string, error) {
	scopes, err := OfClient(req.Client, req.Form.Get("scope"), true)
	if err != nil {
		return nil, err
	}
	outside := func(s string) bool {
		return !slices.Contains(a.From.Scopes, s) || a.Limits.Scopes != nil && !slices.Contains(a.Limits.Scopes, s)
	}
	if req.Form.Get("scope") != "" && slices.ContainsFunc(scopes, outside) {
		return nil, refusal.InvalidScope("A scope is not one that assertions of this issuer are good for.")
	}
	if req.Form.Get("scope") == "" { // all, the personal ones that the policy names, too
		scopes = slices.Clone(req.Client.Scopes())
	}
	if scopes = slices.DeleteFunc(slices.Clone(scopes), outside); len(scopes) == 0 {
		return nil, refusal.InvalidScope("The client has none of the scopes that assertions of this issuer are good for.")
	}
	return scopes, nil
}

// targetsOf are the resources that the grant is for: those of the request, or those of the issuer's policy and the assertion that the
// scopes belong to; none = whatever the scopes belong to.
func (b *Bearer) targetsOf(req *ledger.Request, a trusted.Assertion, scopes []string) (targets []string, err error) {
	asked, known, self := req.Form["resource"], b.Resources(), b.Assertions.Self
	same := func(one, other string) bool {
		a, ok := known.Named(self, one)
		b, there := known.Named(self, other)
		return one == other || ok && there && a == b
	}
	outside := func(list []string, id string) bool {
		return len(list) > 0 && !slices.ContainsFunc(list, func(r string) bool { return same(r, id) })
	}
	for _, id := range asked {
		if outside(a.From.Resources, id) || outside(a.Limits.Resources, id) {
			return nil, refusal.InvalidTarget("A resource is not one that assertions of this issuer are good for.")
		}
	}
	possible := a.Limits.Resources
	if len(possible) == 0 {
		possible = a.From.Resources
	}
	if len(asked) > 0 || len(possible) == 0 {
		return asked, nil
	}
	for _, id := range possible {
		if outside(a.From.Resources, id) {
			continue
		}
		spelled, ok := known.Named(self, id)
		if !ok || len(known.Within(scopes, []string{spelled}, self)) > 0 {
			targets = append(targets, id)
		}
	}
	if len(targets) == 0 {
		return nil, refusal.InvalidScope("None of the scopes belongs to a resource that assertions of this issuer are good for.")
	}
	return targets, nil
}

// prepare makes the row of the grant. It has no session, and ends with its only access token.
func (b *Bearer) prepare(ctx context.Context, req *ledger.Request, r fosite.AccessRequester, a trusted.Assertion, who storage.User,
	scopes, targets []string) error {
	if a.From.Access > 0 {
		req.Lifetimes.Access = min(req.Lifetimes.Access, a.From.Access)
	}
	row, err := b.Row(ctx, req, who, storage.Grant{
		ID: rand.Text(), Scopes: scopes, Resources: targets, AuthTime: a.AuthTime, EndsAt: req.Now.Add(req.Lifetimes.Access),
	})
	if err != nil {
		return err
	}
	r.SetID(row.ID)
	r.SetSession(ledger.NewSession(req))
	return nil
}

// Row completes the row of a grant by an assertion and makes it the request's.
func (b *Bearer) Row(ctx context.Context, req *ledger.Request, who storage.User, row storage.Grant) (storage.Grant, error) {
	row.ClientID, row.UserID, row.UserEpoch, row.CreatedAt = req.Client.ClientID, who.ID, who.Epoch, req.Now
	facts := ledger.Facts{Access: int64(req.Lifetimes.Access / time.Second)}
	if err := facts.Put(&row); err != nil {
		return row, err
	}
	if b.Place != nil {
		var err error
		if row.StatusIndex, err = b.Place(ctx); err != nil {
			return row, err
		}
	}
	req.Facts, req.State = facts, &storage.GrantState{Grant: row, User: who}
	return row, nil
}

// PopulateTokenEndpointResponse implements fosite.TokenEndpointHandler: it signs, and notes the row.
func (b *Bearer) PopulateTokenEndpointResponse(ctx context.Context, r fosite.AccessRequester, out fosite.AccessResponder) error {
	req, err := ledger.Of(ctx)
	if err != nil {
		return err
	}
	access, _, err := b.Access.GenerateAccessToken(ctx, r)
	if err != nil {
		return err
	}
	out.SetAccessToken(access)
	out.SetTokenType("bearer") // fosite wants one; the answer has the token's own
	req.InsertFrom()
	return nil
}
