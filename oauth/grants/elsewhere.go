package grants

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ory/fosite"

	"signet/oauth/ledger"
	"signet/oauth/refusal"
	"signet/storage"
)

// Polls notes that an app asked, and tells what became of its request; *storage.DB does. storage.ErrNotFound where there is none of that
// kind and client.
type Polls interface {
	PollWaiting(ctx context.Context, kind, idHash, clientID string, now time.Time) (storage.Waiting, error)
}

// Fetcher makes what was approved the request's own; *ledger.Ledger does.
type Fetcher interface {
	Fetch(ctx context.Context, kind, hash string) error
}

// Elsewhere is a grant whose client asks with a code until a person has decided in a browser elsewhere: that of devices (RFC 8628 section
// 3.4), and that of apps that name the person (CIBA Core section 10.1).
type Elsewhere struct {
	Grant     string // its type
	Kind      string // of package ledger
	Parameter string // in which the code comes
	Polls     Polls
	Fetcher   Fetcher
	Signer
}

// CanHandleTokenEndpointRequest implements fosite.TokenEndpointHandler.
func (d *Elsewhere) CanHandleTokenEndpointRequest(_ context.Context, r fosite.AccessRequester) bool {
	return r.GetGrantTypes().ExactOne(d.Grant)
}

// CanSkipClientAuth implements fosite.TokenEndpointHandler: never, the client was authenticated before.
func (*Elsewhere) CanSkipClientAuth(context.Context, fosite.AccessRequester) bool { return false }

// HandleTokenEndpointRequest implements fosite.TokenEndpointHandler: what the person decided (RFC 8628 section
// 3.5, CIBA Core section 11).
func (d *Elsewhere) HandleTokenEndpointRequest(ctx context.Context, r fosite.AccessRequester) error {
	req, err := ledger.Of(ctx)
	if err != nil {
		return err
	}
	hash := ledger.HashCode(req.Form.Get(d.Parameter))
	w, err := d.Polls.PollWaiting(ctx, d.Kind, hash, req.Client.ClientID, req.Now)
	if errors.Is(err, storage.ErrNotFound) {
		return refusal.InvalidGrant("The " + d.Parameter + " is unknown, or over for long.")
	} else if err != nil {
		return fmt.Errorf("poll for a decision: %w", err)
	}
	switch {
	case w.State == "denied":
		return refusal.AccessDenied("The person said no.")
	case w.State != "approved" && !req.Now.Before(w.ExpiresAt):
		return refusal.ExpiredToken("Nobody decided in time. Begin again.")
	case w.State != "approved" && w.Early:
		return refusal.SlowDown(fmt.Sprintf("Wait %d seconds between two questions.", int(w.Interval/time.Second)))
	case w.State != "approved":
		return refusal.AuthorizationPending("The person has not decided yet.")
	}
	if err := d.Fetcher.Fetch(ctx, d.Kind, hash); err != nil {
		return err
	}
	r.SetID(req.State.ID)
	r.SetSession(ledger.NewSession(req))
	return nil
}

// PopulateTokenEndpointResponse implements fosite.TokenEndpointHandler: it signs. The code is used up when the answer is settled.
func (d *Elsewhere) PopulateTokenEndpointResponse(ctx context.Context, r fosite.AccessRequester, out fosite.AccessResponder) error {
	req, err := ledger.Of(ctx)
	if err != nil {
		return err
	}
	return d.sign(ctx, req, r, out)
}
