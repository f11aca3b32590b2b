package grants

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ory/fosite"

	"signet/audit"
	"signet/oauth/ledger"
	"signet/oauth/refusal"
	"signet/storage"
)

// PasswordChecker compares a person's password, in equal time and throttled like sign-in, and tells who they are.
// ErrWrongPassword, ErrBusy and *Throttled are its refusals; network is the prefix the request came from.
type PasswordChecker interface {
	CheckPassword(ctx context.Context, username, password, network string) (userID string, epoch int64, err error)
}

// What a PasswordChecker answers when it does not answer who.
var (
	// ErrWrongPassword: no such person, wrong password, disabled, or a second factor is set. Which, is not told.
	ErrWrongPassword = errors.New("name or password wrong")
	// ErrBusy: too many passwords are being compared.
	ErrBusy = errors.New("too many passwords are being compared")
)

// Throttled: too many tries.
type Throttled struct{ RetryAfter time.Duration }

// Error is for the log.
func (t *Throttled) Error() string { return "too many tries: wait " + t.RetryAfter.String() }

// People reads who somebody is.
type People interface {
	UserByID(ctx context.Context, id string) (storage.User, error)
}

// Password is the resource owner password credentials grant (RFC 6749 section 4.3). RFC 9700 section 2.4 forbids it; it is
// here for trusted first-party applications that cannot open a browser yet, and off unless the client's grant_types names
// it, it keeps a secret, and an operator marked it first-party.
type Password struct {
	Checker PasswordChecker
	People  People // read for clients that registered id_token_claims
	// Place gives a grant its place in the status lists; nil = it has none.
	Place func(ctx context.Context) (int64, error)
	Signer
}

// CanHandleTokenEndpointRequest implements fosite.TokenEndpointHandler.
func (*Password) CanHandleTokenEndpointRequest(_ context.Context, r fosite.AccessRequester) bool {
	return r.GetGrantTypes().ExactOne("password")
}

// CanSkipClientAuth implements fosite.TokenEndpointHandler.
func (*Password) CanSkipClientAuth(context.Context, fosite.AccessRequester) bool { return false }

// HandleTokenEndpointRequest implements fosite.TokenEndpointHandler: it checks the password and prepares the grant row. The
// row has no session, so nothing but the person, the client and time ends it.
func (p *Password) HandleTokenEndpointRequest(ctx context.Context, r fosite.AccessRequester) error {
	req, err := ledger.Of(ctx)
	if err != nil {
		return err
	}
	if p.Checker == nil || req.Client.Public() || !req.Client.FirstParty || req.Client.RequireSecondFactor {
		return refusal.UnauthorizedClient("This client may not use the password grant.")
	}
	scopes, err := OfClient(req.Client, req.Form.Get("scope"), true)
	if err != nil {
		return err
	}
	user, epoch, err := p.Checker.CheckPassword(ctx, req.Form.Get("username"), req.Form.Get("password"), audit.OriginOf(ctx).Network)
	if err != nil {
		return refuse(err)
	}
	row := storage.Grant{
		ID: rand.Text(), ClientID: req.Client.ClientID, UserID: user, UserEpoch: epoch, Scopes: scopes,
		Offline:  slices.Contains(scopes, "offline_access") && req.Refreshes(),
		AuthTime: req.Now, AMR: []string{"pwd"}, CreatedAt: req.Now, EndsAt: req.Now.Add(req.Lifetimes.Absolute),
	}
	facts := ledger.Facts{Access: int64(req.Lifetimes.Access / time.Second), Idle: int64(req.Lifetimes.Idle / time.Second)}
	if err := facts.Put(&row); err != nil {
		return err
	}
	if p.Place != nil {
		if row.StatusIndex, err = p.Place(ctx); err != nil {
			return err
		}
	}
	req.Facts = facts
	req.State = &storage.GrantState{Grant: row, User: storage.User{ID: user, Epoch: epoch}}
	r.SetID(row.ID)
	r.SetSession(ledger.NewSession(req))
	return nil
}

func refuse(err error) error {
	if wait, ok := errors.AsType[*Throttled](err); ok {
		return refusal.TooMany("Too many tries. Wait before the next one.", wait.RetryAfter).Because(err)
	}
	switch {
	case errors.Is(err, ErrWrongPassword):
		return refusal.InvalidGrant("The user name or password is wrong.").Because(err)
	case errors.Is(err, ErrBusy):
		return refusal.TemporarilyUnavailable("Too many people sign in at this moment.").Because(err)
	}
	return err
}

// PopulateTokenEndpointResponse implements fosite.TokenEndpointHandler: it signs, and notes the row.
func (p *Password) PopulateTokenEndpointResponse(ctx context.Context, r fosite.AccessRequester, out fosite.AccessResponder) error {
	req, err := ledger.Of(ctx)
	if err != nil {
		return err
	}
	// else nothing of the person's row is in a token
	if slices.Contains(req.Allowed, "openid") && req.Client.IDTokenClaims || len(req.Client.ClaimsMap) > 0 {
		if req.State.User, err = p.People.UserByID(ctx, req.State.UserID); err != nil {
			return fmt.Errorf("read the person of a password grant: %w", err)
		}
	}
	if err := p.sign(ctx, req, r, out); err != nil {
		return err
	}
	req.Insert()
	return nil
}
