package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"signet/audit"
	"signet/storage"
)

// ErrLost: another request spent or rotated the row between our read and our write. The caller begins the request again.
var ErrLost = errors.New("the grant changed meanwhile")

// writeKind is the kind of a pending write.
type writeKind int

const (
	nothing writeKind = iota
	insert
	spend
	rotate
	repeat
	touch
	revoke
	tell
)

// touchEvery is how often the use of a refresh token that is not rotated is noted, where its grant may be idle for long.
const touchEvery = time.Hour

// pendingWrite is the one write that the orders given to the ledger come to.
type pendingWrite struct {
	do       writeKind
	row      storage.Grant    // insert
	spend    storage.Spend    // spend
	rotation storage.Rotation // rotate
	asserted bool             // insert: of an assertion
	told     audit.Event      // tell
}

// Why a grant was revoked, in grants.revoked_why.
const (
	whyCodeReplayed  = "code replayed"
	whyRefreshReused = "refresh token reused"
	WhyClient        = "revoked by the application"
)

// Insert notes that the request's row, which has no code, is to be inserted (grants without a browser).
func (req *Request) Insert() {
	row := req.State.Grant
	row.ExpiresAt, row.LastUsedAt = req.idleUntil(), req.Now
	if req.Refreshes() {
		row.Generation, row.RotatedAt = 1, req.Now
	}
	req.write = pendingWrite{do: insert, row: row}
}

// Hold notes that the request's row has to outlive the tokens that were handed out at the authorization endpoint, and that it is to be
// inserted where it has no code.
func (req *Request) Hold() {
	if req.write.do != insert {
		req.write = pendingWrite{do: insert, row: req.State.Grant}
	}
	until := req.Now.Add(req.Lifetimes.ID)
	if req.AccessToken != "" {
		until = time.Unix(req.Access.ExpiresAt, 0)
	}
	if row := &req.write.row; row.ExpiresAt.Before(until) {
		row.ExpiresAt = until
	}
}

// Rename gives the row that is to be inserted another id. Nothing that was signed may name the old one.
func (req *Request) Rename(id string) { req.State.ID, req.write.row.ID = id, id }

// Tell notes that nothing but an event is to be written. It is of a grant that is not the request's row.
func (req *Request) Tell(e audit.Event) { req.write = pendingWrite{do: tell, told: e} }

// Settle does what was noted. refused is the error the request ends with, nil if it is to be answered: a refused request
// leaves nothing behind but the revocation that its refusal is about. ErrLost: begin again.
func (l *Ledger) Settle(ctx context.Context, req *Request, refused error) error {
	if refused != nil && req.write.do != revoke {
		return nil
	}
	if req.Proof == nil {
		return l.do(ctx, req)
	}
	if req.write.do == nothing || req.write.do == repeat {
		if err := l.SpendProof(ctx, req.Proof); err != nil {
			return err
		}
		return l.do(ctx, req)
	}
	if req.write.do == revoke { // a request that was sent twice, or recorded, ends nothing
		return l.o.Outcomes.Tx(ctx, func(ctx context.Context) error {
			if err := l.SpendProof(ctx, req.Proof); err != nil {
				return err
			}
			return l.do(ctx, req)
		})
	}
	return l.o.Outcomes.Tx(ctx, func(ctx context.Context) error { // both or none
		if err := l.do(ctx, req); err != nil {
			return err
		}
		return l.SpendProof(ctx, req.Proof)
	})
}

// do does the pending write.
func (l *Ledger) do(ctx context.Context, req *Request) error {
	switch req.write.do {
	case insert:
		return l.insert(ctx, req)
	case spend:
		return lost(l.o.Outcomes.SpendCode(ctx, req.write.spend))
	case rotate:
		return lost(l.rotate(ctx, req))
	case touch:
		return lost(l.o.Keeper.TouchGrant(ctx, req.State.ID, req.Now, req.idleUntil()))
	case repeat:
		return l.repeated(ctx, req)
	case revoke:
		return l.revoke(ctx, req)
	case tell:
		return l.o.Events.Record(ctx, req.write.told)
	}
	return nil
}

// insert writes the row, and, for a client that is told of sign-outs, that the person went to it in this session.
func (l *Ledger) insert(ctx context.Context, req *Request) error {
	row := req.write.row
	if req.write.asserted {
		return l.assert(ctx, req)
	}
	if l.o.Sessions == nil || row.SessionID == "" || !req.Client.ToldOfSignout() {
		return l.o.Outcomes.InsertGrant(ctx, row)
	}
	return l.o.Outcomes.Tx(ctx, func(ctx context.Context) error {
		if err := l.o.Outcomes.InsertGrant(ctx, row); err != nil {
			return err
		}
		return l.o.Sessions.NoteSessionClient(ctx, row.SessionID, row.ClientID, req.Now)
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
func (l *Ledger) rotate(ctx context.Context, req *Request) error {
	if req.Verdict != Resync {
		return l.o.Outcomes.RotateGrant(ctx, req.write.rotation)
	}
	return l.o.Outcomes.Tx(ctx, func(ctx context.Context) error {
		if err := l.o.Outcomes.RotateGrant(ctx, req.write.rotation); err != nil {
			return err
		}
		return l.o.Events.Record(ctx, req.event(audit.GrantCaughtUp, map[string]int64{
			"row": req.State.Generation, "token": req.Presented.Generation,
		}))
	})
}

// revoke ends the grant of a used code or a reused refresh token, with the event that the account page shows its person.
func (l *Ledger) revoke(ctx context.Context, req *Request) error {
	name, why, count := audit.RefreshReused, whyRefreshReused, l.o.Metrics.RefreshReuse
	if req.GrantType == "authorization_code" {
		name, why, count = audit.CodeReplayed, whyCodeReplayed, l.o.Metrics.CodeReplay
	}
	count()
	return l.o.Outcomes.Tx(ctx, func(ctx context.Context) error {
		first, err := l.o.Outcomes.RevokeGrant(ctx, req.State.ID, why, req.Now)
		if err != nil || !first {
			return err
		}
		if err := l.o.Events.Record(ctx, req.event(name, nil)); err != nil || l.o.Notices == nil || req.State.UserID == "" {
			return err
		}
		return l.o.Notices.TokenReused(ctx, req.State.UserID, req.Client)
	})
}

func (req *Request) event(name audit.Name, detail any) audit.Event {
	return audit.Event{
		Name: name, ActorID: req.Client.ClientID, UserID: req.State.UserID, ClientID: req.Client.ClientID,
		SessionID: req.State.SessionID, GrantID: req.State.ID, Detail: detail,
	}
}
