package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"signet/audit"
	"signet/clients"
	"signet/oauth/refusal"
	"signet/storage"
)

// Source is an assertion that a grant comes of (RFC 7523).
type Source struct {
	Issuer string
	Once   string    // what names it among all of the issuer; "" = it may come again
	Until  time.Time // … until when that is kept
}

// InsertFrom notes that the request's row is to be inserted, and that its Source is used up with it. There is an event of it, as
// its person did nothing.
func (req *Request) InsertFrom() {
	req.Insert()
	req.write.asserted = true
}

// ErrAssertionReplayed: an assertion was used before.
var ErrAssertionReplayed = errors.New("assertion used before")

// assert writes the row of an assertion, with what it brings along. In the transaction of ctx, if there is one.
func (l *Ledger) assert(ctx context.Context, req *Request) error {
	return l.o.Outcomes.Tx(ctx, func(ctx context.Context) error {
		if s := req.Source; s.Once != "" {
			err := l.o.Replay.SpendOnce(ctx, "assertion", s.Issuer, s.Once, s.Until)
			if errors.Is(err, storage.ErrConflict) {
				no := refusal.InvalidGrant
				if req.GrantType == clients.TokenExchange { // RFC 8693 section 2.2.2
					no = refusal.InvalidRequest
				}
				return no("The assertion was used before. Get a new one for each request.").Because(
					fmt.Errorf("%w: %w", ErrAssertionReplayed, err))
			} else if err != nil {
				return fmt.Errorf("use up an assertion: %w", err)
			}
		}
		if err := l.o.Outcomes.InsertGrant(ctx, req.write.row); err != nil {
			return err
		}
		return l.o.Events.Record(ctx, req.event(audit.GrantAsserted, map[string]string{"issuer": req.Source.Issuer}))
	})
}
