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

	"signet/storage"
	"signet/users/federation/provider"
	"signet/users/ticket"
)

const (
	purposeLogout ticket.Purpose = "federation sign-out"
	logoutLife                   = 15 * time.Minute
)

// LogoutURL is where a browser has to go to be signed out at the upstream that a session began at, from where it comes back to the
// address back; nil = nowhere. It is called before the session ends. An upstream that does not answer keeps nobody from signing out.
func (s *Service) LogoutURL(ctx context.Context, sessionID, browser, back string) (*url.URL, error) {
	row, err := s.Stores.Sessions.UpstreamSessionByID(ctx, sessionID)
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
	ender, can := u.provider.(provider.LogoutURLer)
	if !can {
		return nil, nil
	}
	idToken, err := s.Sealer.Open(row.IDToken, s.Place("upstream_sessions", row.Upstream+" "+row.Issuer+" "+row.Subject, "id_token"))
	if err != nil {
		s.Log.WarnContext(ctx, "ID token of an upstream session not read", slog.String("upstream", u.ID), slog.Any("error", err))
		return nil, nil
	}
	_, secret, err := s.Tickets.Issue(ctx, ticket.Order{Purpose: purposeLogout, Owner: browser, Data: back, Lifetime: logoutLife})
	if err != nil {
		return nil, err
	}
	asking, cancel := context.WithTimeout(ctx, answerLife)
	defer cancel()
	to, err := ender.LogoutURL(asking, string(idToken), s.SignedOut, secret)
	if err != nil {
		s.Log.WarnContext(ctx, "not signed out at the upstream", slog.String("upstream", u.ID), slog.Any("error", err))
		return nil, nil
	}
	return to, nil
}

// AfterLogout is where a browser goes on to that comes back from signing out at an upstream. ErrExpired.
func (s *Service) AfterLogout(ctx context.Context, secret, browser string) (back string, err error) {
	row, err := s.Tickets.Look(ctx, purposeLogout, secret, &back)
	if err == nil && (browser == "" || row.Owner != browser) {
		return "", ErrExpired
	}
	if err == nil {
		_, err = s.Tickets.Spend(ctx, purposeLogout, secret, nil)
	}
	if errors.Is(err, ticket.ErrGone) {
		return "", ErrExpired
	}
	return back, err
}

// Logout ends the sessions that a logout token of an upstream is about (OpenID Connect Back-Channel Logout 1.0 section 2.7).
// ErrUnknown: the upstream sends none; provider.ErrIdentity: not a valid token, or one that came before; provider.ErrDown.
func (s *Service) Logout(ctx context.Context, upstreamID, raw string) error {
	u, err := s.find(upstreamID)
	if err != nil {
		return err
	}
	reader, ok := u.provider.(provider.BackChannelLogout)
	if !ok {
		return ErrUnknown
	}
	asking, cancel := context.WithTimeout(ctx, answerLife)
	defer cancel()
	t, err := reader.ReadLogout(asking, raw)
	if err != nil {
		return err
	}
	if t.JTI == "" || t.Subject == "" && t.SID == "" {
		return fmt.Errorf("%w: a logout token about nobody", provider.ErrIdentity)
	}
	sum := sha256.Sum256([]byte(t.JTI))
	until := time.Now().Add(time.Hour)
	if t.ExpiresAt.After(until) {
		until = t.ExpiresAt
	}
	return s.Stores.Acts.Tx(ctx, func(ctx context.Context) error {
		err := s.Stores.Acts.SpendOnce(ctx, "upstream logout", u.ID, base64.RawURLEncoding.EncodeToString(sum[:]), until)
		if errors.Is(err, storage.ErrConflict) {
			return fmt.Errorf("%w: the logout token came before", provider.ErrIdentity)
		}
		if err != nil {
			return err
		}
		return s.endSessions(ctx, u.ID, t.Issuer, t.Subject, t.SID, "")
	})
}

// endSessions ends those that began at an upstream but one: of its session, or of a subject.
func (s *Service) endSessions(ctx context.Context, upstreamID, issuer, subject, sid, except string) error {
	list, err := s.Stores.Sessions.SessionsFrom(ctx, upstreamID, issuer, subject, sid)
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
