package grants

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ory/fosite"

	"signet/clients"
	"signet/oauth/ledger"
	"signet/oauth/refusal"
	"signet/storage"
)

// Polls notes that a device asked, and tells what became of its request; *storage.DB does. storage.ErrNotFound where there is none of that
// kind and client.
type Polls interface {
	PollWaiting(ctx context.Context, kind, idHash, clientID string, now time.Time) (storage.Waiting, error)
}

// Fetcher makes what was approved the case's own; *ledger.Ledger does.
type Fetcher interface {
	Fetch(ctx context.Context, kind, hash string) error
}

// Device is the device authorization grant (RFC 8628 section 3.4): the device asks with its code until the person has decided in a browser
// elsewhere.
type Device struct {
	Polls   Polls
	Fetcher Fetcher
	Signer
}

// CanHandleTokenEndpointRequest implements fosite.TokenEndpointHandler.
func (*Device) CanHandleTokenEndpointRequest(_ context.Context, r fosite.AccessRequester) bool {
	return r.GetGrantTypes().ExactOne(clients.DeviceCode)
}

// CanSkipClientAuth implements fosite.TokenEndpointHandler: never, the client was authenticated before.
func (*Device) CanSkipClientAuth(context.Context, fosite.AccessRequester) bool { return false }

// HandleTokenEndpointRequest implements fosite.TokenEndpointHandler: what the person decided (RFC 8628 section 3.5).
func (d *Device) HandleTokenEndpointRequest(ctx context.Context, r fosite.AccessRequester) error {
	c, err := ledger.Of(ctx)
	if err != nil {
		return err
	}
	hash := ledger.HashCode(c.Form.Get("device_code"))
	w, err := d.Polls.PollWaiting(ctx, ledger.KindDevice, hash, c.Client.ClientID, c.Now)
	if errors.Is(err, storage.ErrNotFound) {
		return refusal.InvalidGrant("The device_code is unknown, or over for long.")
	} else if err != nil {
		return fmt.Errorf("poll for a device: %w", err)
	}
	switch {
	case w.State == "denied":
		return refusal.AccessDenied("The person said no.")
	case w.State != "approved" && !c.Now.Before(w.ExpiresAt):
		return refusal.ExpiredToken("Nobody decided in time. Begin again.")
	case w.State != "approved" && w.Early:
		return refusal.SlowDown(fmt.Sprintf("Wait %d seconds between two questions.", int(w.Interval/time.Second)))
	case w.State != "approved":
		return refusal.AuthorizationPending("The person has not decided yet.")
	}
	if err := d.Fetcher.Fetch(ctx, ledger.KindDevice, hash); err != nil {
		return err
	}
	r.SetID(c.State.ID)
	r.SetSession(ledger.NewSession(c))
	return nil
}

// PopulateTokenEndpointResponse implements fosite.TokenEndpointHandler: it signs. The code is used up when the answer is settled.
func (d *Device) PopulateTokenEndpointResponse(ctx context.Context, r fosite.AccessRequester, out fosite.AccessResponder) error {
	c, err := ledger.Of(ctx)
	if err != nil {
		return err
	}
	return d.sign(ctx, c, r, out)
}
