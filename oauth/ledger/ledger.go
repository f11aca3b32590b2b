package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ory/fosite"

	"signet/audit"
	"signet/clients"
	"signet/storage"
)

// Grants reads the grant that a request presents a code or a refresh token of; *storage.DB does.
type Grants interface {
	GrantStateByCode(ctx context.Context, codeHash string) (storage.GrantState, error)
	GrantStateByID(ctx context.Context, id string) (storage.GrantState, error)
}

// Outcomes writes what becomes of a grant by a request; *storage.DB does.
type Outcomes interface {
	InsertGrant(ctx context.Context, g storage.Grant) error
	SpendCode(ctx context.Context, x storage.Spend) error
	RotateGrant(ctx context.Context, r storage.Rotation) error
	RevokeGrant(ctx context.Context, id, why string, now time.Time) (bool, error)
	Tx(ctx context.Context, fn func(ctx context.Context) error) error
}

// SessionClients keeps which clients were used in a session; *storage.DB does.
type SessionClients interface {
	NoteSessionClient(ctx context.Context, sessionID, clientID string, now time.Time) error
}

// Events is what the ledger needs of audit.Log.
type Events interface {
	Record(ctx context.Context, e audit.Event) error
}

// Notices tells people; nil where nobody can be told.
type Notices interface {
	// TokenReused: a code or refresh token of the person's was used again, and the app's grant ended. In the transaction of ctx.
	TokenReused(ctx context.Context, userID string, app *clients.Client) error
}

// Metrics counts what should not happen; *telemetry.Metrics does.
type Metrics interface {
	RefreshReuse()
	CodeReplay()
	Proof(outcome string) // of possession: replayed
}

// Options of New. Grants, Outcomes and Events are required.
type Options struct {
	Grants   Grants
	Outcomes Outcomes
	Events   Events
	Keeper   Keeper         // for clients whose refresh tokens are not rotated
	Counters Counters       // nil: what all replicas are to count together is counted in this process
	Replay   Replay         // for proofs of possession; nil where none are taken
	Sessions SessionClients // of clients that are told when one ends; nil = none is
	Metrics  Metrics        // nil counts nothing
	Notices  Notices        // nil tells nobody
}

// Ledger implements fosite's storage interfaces over grant rows. It is safe for concurrent use; a Request is not.
type Ledger struct {
	o       Options
	repeats *repeats
}

// New makes a ledger.
func New(o Options) (*Ledger, error) {
	if o.Grants == nil || o.Outcomes == nil || o.Events == nil {
		return nil, errors.New("ledger: Grants, Outcomes and Events are required")
	}
	if o.Metrics == nil {
		o.Metrics = noMetrics{}
	}
	seen, err := newRepeats()
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	return &Ledger{o: o, repeats: seen}, nil
}

type noMetrics struct{}

func (noMetrics) RefreshReuse() {}
func (noMetrics) CodeReplay()   {}
func (noMetrics) Proof(string)  {}

// errNotOurs is a storage call that nothing here makes; it would be a mistake in the list of handlers.
var errNotOurs = errors.New("ledger: not a way to this data")

// GetClient implements fosite.ClientManager: the client was found and authenticated before fosite was asked.
func (l *Ledger) GetClient(ctx context.Context, id string) (fosite.Client, error) {
	req, err := Of(ctx)
	if err != nil {
		return nil, err
	}
	if req.Client == nil || req.Client.ClientID != id {
		return nil, fosite.ErrNotFound
	}
	return Client{req.Client}, nil
}

// ClientAssertionJWTValid implements fosite.ClientManager: package clientauth judges assertions.
func (l *Ledger) ClientAssertionJWTValid(context.Context, string) error { return errNotOurs }

// SetClientAssertionJWT implements fosite.ClientManager.
func (l *Ledger) SetClientAssertionJWT(context.Context, string, time.Time) error { return errNotOurs }

// requester is the authorization request that the row came from, as fosite wants to see it: fresh for each call, for
// handlers change what they are given.
func (req *Request) requester() *fosite.Request {
	scopes := req.Allowed
	if scopes == nil {
		scopes = Kept(req.State.Scopes, req.Client)
	}
	if req.form == nil && req.GrantType == "authorization_code" { // only its handlers look at it
		req.form = req.Facts.form(req.Form)
	}
	return &fosite.Request{
		ID: req.State.ID, RequestedAt: req.State.CreatedAt, Client: Client{req.Client},
		RequestedScope: scopes, GrantedScope: scopes, GrantedAudience: req.Audience,
		Form: req.form, Session: NewSession(req),
	}
}

// take makes the row the request's own.
func (req *Request) take(s storage.GrantState) error {
	facts, err := FactsOf(s.Grant)
	if err != nil {
		return err
	}
	req.State, req.Facts = &s, facts
	return nil
}
