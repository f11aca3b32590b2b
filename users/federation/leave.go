package federation

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"signet/audit"
	"signet/storage"
	"signet/users"
	"signet/users/deletion"
	"signet/users/ticket"
)

const (
	purposeLeave ticket.Purpose = "federation sign-out"
	leaveLife                   = 15 * time.Minute
)

// Leave is where a browser has to go to be signed out at the upstream that a session began at, and then comes back to; nil =
// nowhere. It is asked before the session ends. An upstream that cannot be asked keeps nobody from signing out.
func (s *Service) Leave(ctx context.Context, sessionID, browser, back string) (*url.URL, error) {
	row, err := s.Store.UpstreamSessionByID(ctx, sessionID)
	if errors.Is(err, storage.ErrNotFound) || err == nil && len(row.IDToken) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("sign out at the upstream: %w", err)
	}
	u := s.byID[row.Upstream]
	if u == nil || !u.SignOut || browser == "" {
		return nil, nil
	}
	leaver, leaves := u.provider.(Leaver)
	if !leaves {
		return nil, nil
	}
	idToken, err := s.Sealer.Open(row.IDToken, s.Place("upstream_sessions", row.Upstream+" "+row.Issuer+" "+row.Subject, "id_token"))
	if err != nil {
		s.Log.WarnContext(ctx, "ID token of an upstream session not read", slog.String("upstream", u.ID), slog.Any("error", err))
		return nil, nil
	}
	_, secret, err := s.Tickets.Issue(ctx, ticket.Order{Purpose: purposeLeave, Owner: browser, Data: back, Lifetime: leaveLife})
	if err != nil {
		return nil, err
	}
	asking, cancel := context.WithTimeout(ctx, answerLife)
	defer cancel()
	to, err := leaver.Leave(asking, string(idToken), s.SignedOut, secret)
	if err != nil {
		s.Log.WarnContext(ctx, "not signed out at the upstream", slog.String("upstream", u.ID), slog.Any("error", err))
		return nil, nil
	}
	return to, nil
}

// Left is where a browser goes on to that comes back from signing out at an upstream. ErrExpired.
func (s *Service) Left(ctx context.Context, secret, browser string) (back string, err error) {
	row, err := s.Tickets.Look(ctx, purposeLeave, secret, &back)
	if err == nil && (browser == "" || row.Owner != browser) {
		return "", ErrExpired
	}
	if err == nil {
		_, err = s.Tickets.Spend(ctx, purposeLeave, secret, nil)
	}
	if errors.Is(err, ticket.ErrGone) {
		return "", ErrExpired
	}
	return back, err
}

// Logout ends the sessions that a logout token of an upstream is about (OpenID Connect Back-Channel Logout 1.0 section 2.7).
// ErrUnknown: the upstream sends none; ErrIdentity: not a good token, or one that came before; ErrDown.
func (s *Service) Logout(ctx context.Context, upstreamID, raw string) error {
	u, err := s.find(upstreamID)
	if err != nil {
		return err
	}
	notified, ok := u.provider.(Notified)
	if !ok {
		return ErrUnknown
	}
	asking, cancel := context.WithTimeout(ctx, answerLife)
	defer cancel()
	t, err := notified.ReadLogout(asking, raw)
	if err != nil {
		return err
	}
	if t.JTI == "" || t.Subject == "" && t.SID == "" {
		return fmt.Errorf("%w: a logout token about nobody", ErrIdentity)
	}
	sum := sha256.Sum256([]byte(t.JTI))
	until := time.Now().Add(time.Hour)
	if t.ExpiresAt.After(until) {
		until = t.ExpiresAt
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		err := s.Store.SpendOnce(ctx, "upstream logout", u.ID, base64.RawURLEncoding.EncodeToString(sum[:]), until)
		if errors.Is(err, storage.ErrConflict) {
			return fmt.Errorf("%w: the logout token came before", ErrIdentity)
		}
		if err != nil {
			return err
		}
		return s.endSessions(ctx, u.ID, t.Issuer, t.Subject, t.SID, "")
	})
}

// endSessions ends those that began at an upstream but one: of its session, or of a subject.
func (s *Service) endSessions(ctx context.Context, upstreamID, issuer, subject, sid, except string) error {
	list, err := s.Store.SessionsFrom(ctx, upstreamID, issuer, subject, sid)
	if err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	for _, one := range list {
		if one.ID == except {
			continue
		}
		if err := s.Sessions.End(ctx, one.ID, one.UserID, "signed out at "+upstreamID); err != nil {
			return err
		}
	}
	return nil
}

const (
	purposeDeletion ticket.Purpose = "federation deletion"
	deletionLife                   = 180 * 24 * time.Hour
)

// What became of somebody's wish at an upstream that their data be deleted.
const (
	DeletionDone    = "done"
	DeletionWaiting = "waiting" // the account is erased at Deletion.At, unless its person wants it kept
	DeletionKept    = "kept"    // its person signed in and kept the account
)

// Deletion is the state of one.
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

// Deauthorize takes back what a person gave at an upstream that tells us so by a signed request: the tokens, the sessions that
// began there, and the link, unless it is the only way they can sign in. ErrUnknown, ErrIdentity.
func (s *Service) Deauthorize(ctx context.Context, upstreamID, raw string) error {
	_, row, err := s.signed(ctx, upstreamID, raw)
	if err != nil || row == nil {
		return err
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		_, err := s.takeBack(ctx, *row)
		return err
	})
}

// Delete does what a person wants who had an upstream tell us to delete their data: the link goes with all that the upstream
// said; the account too if there is no other way to sign in to it, after the grace time, in which they may keep it. The code is
// for Deletion. A wish about nobody is done at once. ErrUnknown, ErrIdentity.
func (s *Service) Delete(ctx context.Context, upstreamID, raw string) (code string, err error) {
	u, row, err := s.signed(ctx, upstreamID, raw)
	if err != nil {
		return "", err
	}
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
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
	provider, ok := u.provider.(Deauthorizing)
	if !ok {
		return nil, nil, ErrUnknown
	}
	req, err := provider.ReadSignedRequest(raw)
	if err != nil {
		return nil, nil, err
	}
	row, err := s.Store.IdentityBySubject(ctx, u.ID, provider.Issuer(), req.Subject)
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
	rows, err := s.Store.IdentitiesOfUser(ctx, row.UserID)
	if err != nil {
		return false, fmt.Errorf("list identities: %w", err)
	}
	left := rows[:0]
	for _, r := range rows {
		if r.ID != row.ID {
			left = append(left, r)
		}
	}
	others, err := s.otherWays(ctx, row.UserID, left)
	if err != nil {
		return false, err
	}
	if others {
		err = s.remove(ctx, row, row.Upstream, "")
		if errors.Is(err, ErrNotFound) { // unlinked this very moment
			err = nil
		}
		return false, err
	}
	if len(row.Tokens) > 0 {
		err = s.Store.ReplaceIdentityTokens(ctx, row.ID, row.Tokens, nil)
		if err != nil && !errors.Is(err, storage.ErrStale) {
			return true, err
		}
	}
	if err := s.endSessions(ctx, row.Upstream, row.Issuer, row.Subject, "", ""); err != nil {
		return true, err
	}
	return true, s.Audit.Record(ctx, audit.Event{Name: audit.UpstreamDeauthorized, UserID: row.UserID, Detail: map[string]string{"upstream": row.Upstream}})
}

// Deletion tells what became of a wish. ErrNotFound.
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
