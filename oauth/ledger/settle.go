package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"signet/audit"
	"signet/storage"
)

// ErrLost: another request spent or rotated the row between our read and our write. The caller begins the case again.
var ErrLost = errors.New("the grant changed meanwhile")

// writeKind is the kind of an act.
type writeKind int

const (
	nothing writeKind = iota
	insert
	spend
	rotate
	repeat
	touch
	revoke
)

// touchEvery is how often the use of a refresh token that is not rotated is noted, where its grant may be idle for long.
const touchEvery = time.Hour

// act is the one write that the orders given to the ledger come to.
type act struct {
	do       writeKind
	row      storage.Grant    // insert
	spend    storage.Spend    // spend
	rotation storage.Rotation // rotate
	asserted bool             // insert: of an assertion
}

// Why a grant was revoked, in grants.revoked_why.
const (
	WhyCodeReplayed  = "code replayed"
	WhyRefreshReused = "refresh token reused"
	WhyClient        = "revoked by the application"
)

// Insert notes that the case's row, which has no code, is to be inserted (grants without a browser).
func (c *Case) Insert() {
	row := c.State.Grant
	row.ExpiresAt, row.LastUsedAt = c.idleUntil(), c.Now
	if c.Refreshes() {
		row.Generation, row.RotatedAt = 1, c.Now
	}
	c.act = act{do: insert, row: row}
}

// Hold notes that the case's row has to outlive the tokens that were handed out at the authorization endpoint, and that it is to be
// inserted where it has no code.
func (c *Case) Hold() {
	if c.act.do != insert {
		c.act = act{do: insert, row: c.State.Grant}
	}
	until := c.Now.Add(c.Lifetimes.ID)
	if c.AccessToken != "" {
		until = time.Unix(c.Access.ExpiresAt, 0)
	}
	if row := &c.act.row; row.ExpiresAt.Before(until) {
		row.ExpiresAt = until
	}
}

// Rename gives the row that is to be inserted another id. Nothing that was signed may name the old one.
func (c *Case) Rename(id string) { c.State.ID, c.act.row.ID = id, id }

// Settle does what was noted. refused is the error the request ends with, nil if it is to be answered: a refused request
// leaves nothing behind but the revocation that its refusal is about. ErrLost: begin again.
func (l *Ledger) Settle(ctx context.Context, c *Case, refused error) error {
	if refused != nil && c.act.do != revoke {
		return nil
	}
	if c.Proof == nil {
		return l.do(ctx, c)
	}
	if c.act.do == nothing || c.act.do == repeat {
		if err := l.SpendProof(ctx, c.Proof); err != nil {
			return err
		}
		return l.do(ctx, c)
	}
	if c.act.do == revoke { // a request that was sent twice, or recorded, ends nothing
		return l.o.Store.Tx(ctx, func(ctx context.Context) error {
			if err := l.SpendProof(ctx, c.Proof); err != nil {
				return err
			}
			return l.do(ctx, c)
		})
	}
	return l.o.Store.Tx(ctx, func(ctx context.Context) error { // both or none
		if err := l.do(ctx, c); err != nil {
			return err
		}
		return l.SpendProof(ctx, c.Proof)
	})
}

// do does the one act.
func (l *Ledger) do(ctx context.Context, c *Case) error {
	switch c.act.do {
	case insert:
		return l.insert(ctx, c)
	case spend:
		return lost(l.o.Store.SpendCode(ctx, c.act.spend))
	case rotate:
		return lost(l.rotate(ctx, c))
	case touch:
		return lost(l.o.Keeper.TouchGrant(ctx, c.State.ID, c.Now, c.idleUntil()))
	case repeat:
		return l.repeated(ctx, c)
	case revoke:
		return l.revoke(ctx, c)
	}
	return nil
}

// insert writes the row, and, for a client that is told of sign-outs, that the person went to it in this session.
func (l *Ledger) insert(ctx context.Context, c *Case) error {
	row := c.act.row
	if c.act.asserted {
		return l.assert(ctx, c)
	}
	if l.o.Sessions == nil || row.SessionID == "" || !c.Client.ToldOfSignout() {
		return l.o.Store.InsertGrant(ctx, row)
	}
	return l.o.Store.Tx(ctx, func(ctx context.Context) error {
		if err := l.o.Store.InsertGrant(ctx, row); err != nil {
			return err
		}
		return l.o.Sessions.NoteSessionClient(ctx, row.SessionID, row.ClientID, c.Now)
	})
}

func lost(err error) error {
	if errors.Is(err, storage.ErrStale) {
		return fmt.Errorf("%w: %w", ErrLost, err)
	}
	return err
}

// rotate moves the row. One that was behind its token is written with an event: the database was restored, or a failover
// lost a write.
func (l *Ledger) rotate(ctx context.Context, c *Case) error {
	if c.Verdict != CatchUp {
		return l.o.Store.RotateGrant(ctx, c.act.rotation)
	}
	return l.o.Store.Tx(ctx, func(ctx context.Context) error {
		if err := l.o.Store.RotateGrant(ctx, c.act.rotation); err != nil {
			return err
		}
		return l.o.Events.Record(ctx, c.event(audit.GrantCaughtUp, map[string]int64{
			"row": c.State.Generation, "token": c.Presented.Generation,
		}))
	})
}

// revoke ends the grant of a used code or a reused refresh token, with the event that the account page shows its person.
func (l *Ledger) revoke(ctx context.Context, c *Case) error {
	name, why, count := audit.RefreshReused, WhyRefreshReused, l.o.Metrics.RefreshReuse
	if c.GrantType == "authorization_code" {
		name, why, count = audit.CodeReplayed, WhyCodeReplayed, l.o.Metrics.CodeReplay
	}
	count()
	return l.o.Store.Tx(ctx, func(ctx context.Context) error {
		first, err := l.o.Store.RevokeGrant(ctx, c.State.ID, why, c.Now)
		if err != nil || !first {
			return err
		}
		if err := l.o.Events.Record(ctx, c.event(name, nil)); err != nil || l.o.Notices == nil || c.State.UserID == "" {
			return err
		}
		return l.o.Notices.TokenReused(ctx, c.State.UserID, c.Client.ClientName)
	})
}

func (c *Case) event(name audit.Name, detail any) audit.Event {
	return audit.Event{
		Name: name, ActorID: c.Client.ClientID, UserID: c.State.UserID, ClientID: c.Client.ClientID,
		SessionID: c.State.SessionID, GrantID: c.State.ID, Detail: detail,
	}
}
