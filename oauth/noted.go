package oauth

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"signet/audit"
	"signet/clients"
	"signet/internal/telemetry"
	"signet/oauth/ledger"
)

// errUnbound: a code or refresh token came without the key or the certificate that it is bound to.
var errUnbound = errors.New("it is bound to what the request does not prove")

const (
	notedFor  = time.Minute
	mostNoted = 1000 // clients that are remembered
)

// noted remembers of which clients something was written down a moment ago, so that whoever sends the same many times fills no table.
type noted struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// news reports whether nothing was written down of it for a while.
func (n *noted) news(what string, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if now.Sub(n.last[what]) < notedFor {
		return false
	}
	if n.last == nil || len(n.last) >= mostNoted {
		n.last = map[string]time.Time{}
	}
	n.last[what] = now
	return true
}

// noteProof writes down that somebody has what is bound to a key, and not the key, or sends what was recorded. The client is known to be
// itself by then; for proofs that nobody answers for nothing is written.
func (p *Provider) noteProof(ctx context.Context, req *ledger.Request, refused error) {
	name := audit.ProofRefused
	switch {
	case errors.Is(refused, ledger.ErrProofReplayed):
		name = audit.ProofReplayed
	case !errors.Is(refused, errUnbound):
		return
	}
	e := audit.Event{Name: name, ActorID: req.Client.ClientID, ClientID: req.Client.ClientID}
	if req.State != nil {
		e.GrantID = req.State.ID
	}
	p.note(ctx, e, req.Now)
}

// noteAssertion counts what became of an assertion, and writes down that one was used again: somebody may have recorded it.
func (p *Provider) noteAssertion(ctx context.Context, req *ledger.Request, refused error) {
	if req.GrantType != clients.JWTBearer && req.Source.Issuer == "" {
		return
	}
	outcome := "taken"
	switch {
	case errors.Is(refused, ledger.ErrAssertionReplayed):
		outcome = "replayed"
		p.note(ctx, audit.Event{
			Name: audit.AssertionReplayed, ActorID: req.Client.ClientID, ClientID: req.Client.ClientID,
			Detail: map[string]string{"issuer": req.Source.Issuer},
		}, req.Now)
	case refused != nil:
		outcome = "refused"
	}
	p.o.Metrics.Asserted(req.Source.Issuer, outcome)
}

// note writes an event of a client down, if none of the kind was a moment ago.
func (p *Provider) note(ctx context.Context, e audit.Event, now time.Time) {
	if !p.noted.news(string(e.Name)+" "+e.ClientID, now) {
		return
	}
	if err := p.o.Events.Record(ctx, e); err != nil { // the refusal counts more
		telemetry.Add(ctx, slog.String("error", err.Error()))
	}
}
