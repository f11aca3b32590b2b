package federation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"signet/audit"
	"signet/storage"
	"signet/users"
	"signet/users/deletion"
	"signet/users/factor"
	"signet/users/federation/provider"
	"signet/users/ticket"
)

const (
	purposeDeletion ticket.Purpose = "federation deletion"
	deletionLife                   = 180 * 24 * time.Hour
)

// States of a Deletion.
const (
	DeletionDone    = "done"
	DeletionWaiting = "waiting" // the account is erased at Deletion.At, unless its person wants it kept
	DeletionKept    = "kept"    // its person signed in and kept the account
)

// Deletion is what became of a person's request at an upstream that their data be deleted.
type Deletion struct {
	State    string
	Upstream string // its name
	At       time.Time
}

// deletionTicket is the ticket's data.
type deletionTicket struct {
	Upstream string    `json:"upstream"`
	UserID   string    `json:"user,omitempty"` // who goes with it; "" = nobody, it is done
	At       time.Time `json:"at"`
}

// Deauthorize removes what came from an upstream that reports by a signed request that a person removed the app: the tokens, the
// sessions that began there, and the link, unless it is the only way they can sign in. ErrUnknown; provider.ErrIdentity.
func (s *Service) Deauthorize(ctx context.Context, upstreamID, raw string) error {
	_, row, err := s.signed(ctx, upstreamID, raw)
	if err != nil || row == nil {
		return err
	}
	return s.Stores.Acts.Tx(ctx, func(ctx context.Context) error {
		_, err := s.takeBack(ctx, *row)
		return err
	})
}

// Delete carries out a person's request at an upstream that their data be deleted: the link goes with all that the upstream said;
// the account too if there is no other way to sign in to it, after the grace time, in which they may keep it. The code is for
// Deletion. A request about nobody here is done at once. ErrUnknown; provider.ErrIdentity.
func (s *Service) Delete(ctx context.Context, upstreamID, raw string) (code string, err error) {
	u, row, err := s.signed(ctx, upstreamID, raw)
	if err != nil {
		return "", err
	}
	err = s.Stores.Acts.Tx(ctx, func(ctx context.Context) error {
		d := deletionTicket{Upstream: u.ID, At: time.Now().UTC()}
		if row != nil {
			only, err := s.takeBack(ctx, *row)
			if err != nil {
				return err
			}
			if only {
				d.UserID = row.UserID
				at, err := s.Deletions.Request(ctx, row.UserID)
				if err != nil && !errors.Is(err, deletion.ErrLastAdmin) { // who stays, and sees so
					return err
				}
				if err == nil {
					d.At = at
				}
			}
		}
		_, code, err = s.Tickets.Issue(ctx, ticket.Order{Purpose: purposeDeletion, Owner: u.ID, Data: d, Lifetime: deletionLife})
		return err
	})
	return code, err
}

// signed reads a signed request and finds whose identity it is about; nil = nobody's.
func (s *Service) signed(ctx context.Context, upstreamID, raw string) (*upstream, *storage.Identity, error) {
	u, err := s.find(upstreamID)
	if err != nil {
		return nil, nil, err
	}
	reader, ok := u.provider.(provider.SignedRequestReader)
	if !ok {
		return nil, nil, ErrUnknown
	}
	req, err := reader.ReadSignedRequest(raw)
	if err != nil {
		return nil, nil, err
	}
	row, err := s.Stores.Identities.IdentityBySubject(ctx, u.ID, reader.Issuer(), req.Subject)
	if errors.Is(err, storage.ErrNotFound) {
		return u, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("find identity: %w", err)
	}
	return u, &row, nil
}

// takeBack removes the link, unless it is the only way its person can sign in: then only what came with it.
func (s *Service) takeBack(ctx context.Context, row storage.Identity) (only bool, err error) {
	proof := factor.Proof{By: factor.ByUpstream, UserID: row.UserID, Epoch: factor.AnyEpoch}
	permit, err := s.Ways.May(ctx, proof, factor.UnlinkLogin)
	if err == nil {
		_, err = s.remove(ctx, permit, row.ID, row.Upstream, "")
	}
	if errors.Is(err, ErrNotFound) || errors.Is(err, factor.ErrChanged) { // unlinked this very moment, or its person is gone
		return false, nil
	}
	if !errors.Is(err, ErrLast) {
		return false, err
	}
	if len(row.Tokens) > 0 {
		err = s.Stores.Identities.ReplaceIdentityTokens(ctx, row.ID, row.Tokens, nil)
		if err != nil && !errors.Is(err, storage.ErrStale) {
			return true, err
		}
	}
	if err := s.endSessions(ctx, row.Upstream, row.Issuer, row.Subject, "", ""); err != nil {
		return true, err
	}
	return true, s.Audit.Record(ctx, audit.Event{
		Name: audit.UpstreamDeauthorized, UserID: row.UserID, Detail: map[string]string{"upstream": row.Upstream},
	})
}

// Deletion finds a request by its code. ErrNotFound.
func (s *Service) Deletion(ctx context.Context, code string) (Deletion, error) {
	var d deletionTicket
	_, err := s.Tickets.Look(ctx, purposeDeletion, code, &d)
	if errors.Is(err, ticket.ErrGone) {
		return Deletion{}, ErrNotFound
	}
	if err != nil {
		return Deletion{}, err
	}
	state := Deletion{State: DeletionDone, Upstream: s.nameOf(d.Upstream), At: d.At}
	if d.UserID == "" {
		return state, nil
	}
	who, err := s.People.Show(ctx, d.UserID)
	switch {
	case errors.Is(err, users.ErrNotFound):
	case err != nil:
		return Deletion{}, err
	case who.EraseAt.IsZero():
		state.State = DeletionKept
	default:
		state.State, state.At = DeletionWaiting, who.EraseAt
	}
	return state, nil
}
