package federation

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"signet/audit"
	"signet/storage"
	"signet/users/federation/provider"
	"signet/users/session"
)

// ErrGone: the identity was unlinked this very moment.
var ErrGone = errors.New("identity is no longer linked")

// AMRFederated is the authentication method reference of who signed in at an upstream; the upstream's own stand beside it.
const AMRFederated = "fed"

// How an upstream that is trusted may say that two factors were used, in acr or amr (RFC 8176 section 2).
var multi = []string{"mfa", "2", "phr", "phrh", "http://schemas.openid.net/pape/policies/2007/06/multi-factor"}

const (
	maxMethods = 8
	maxMethod  = 24  // bytes
	maxLabel   = 254 // bytes
)

// Known finds whose an identity is. ErrUnknown.
func (s *Service) Known(ctx context.Context, a Callback) (storage.User, error) {
	row, err := s.Stores.Identities.IdentityBySubject(ctx, a.Upstream, a.Identity.Issuer, a.Identity.Subject)
	if errors.Is(err, storage.ErrNotFound) {
		return storage.User{}, ErrUnknown
	}
	if err != nil {
		return storage.User{}, fmt.Errorf("find identity: %w", err)
	}
	return s.People.Show(ctx, row.UserID)
}

// How is the sign-in of a person by an identity of theirs. In its transaction the identity has to be theirs still, and what
// the upstream says is taken over; ErrGone.
func (s *Service) How(a Callback, who storage.User) (session.How, error) {
	u, err := s.find(a.Upstream)
	if err != nil {
		return session.How{}, err
	}
	from, err := s.from(u, a.Identity)
	if err != nil {
		return session.How{}, err
	}
	acr, amr := u.classOf(a.Identity)
	hold := s.People.LockEpoch(who.ID, who.Epoch)
	var at time.Time // they may have signed in there long ago
	if !a.Fresh {
		at = a.Identity.AuthTime
	}
	return session.How{ACR: acr, AMR: amr, AuthTime: at, Remember: a.Remember, From: from, Within: func(ctx context.Context) error {
		if err := hold(ctx); err != nil {
			return err
		}
		if err := s.use(ctx, u, who.ID, a.Identity); err != nil {
			return err
		}
		return s.Audit.Record(ctx, audit.Event{
			Name: audit.SignInSucceeded, UserID: who.ID, Detail: map[string]string{"by": "upstream", "upstream": u.ID},
		})
	}}, nil
}

// classOf is what a sign-in counts as here. What the upstream tells of methods is passed on; that they were two factors, only
// from an upstream that is trusted for it.
func (u *upstream) classOf(i provider.Identity) (acr string, amr []string) {
	acr, amr = session.ACRSingle, []string{AMRFederated}
	for _, m := range i.AMR {
		odd := strings.ContainsFunc(m, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
		})
		known := slices.Contains(amr, m) || m == session.AMRMulti && !u.TrustSecondFactor
		if m == "" || odd || len(m) > maxMethod || len(amr) > maxMethods || known {
			continue
		}
		amr = append(amr, m)
	}
	if u.TrustSecondFactor && (slices.Contains(multi, i.ACR) || slices.Contains(i.AMR, session.AMRMulti)) {
		acr = session.ACRMulti
		if !slices.Contains(amr, session.AMRMulti) {
			amr = append(amr, session.AMRMulti)
		}
	}
	return acr, amr
}

// from is where the session began, for signing out; nil where there is nothing to go back to.
func (s *Service) from(u *upstream, i provider.Identity) (*storage.UpstreamSession, error) {
	from := &storage.UpstreamSession{Upstream: u.ID, Issuer: i.Issuer, Subject: i.Subject, SID: i.SID}
	if _, can := u.provider.(provider.LogoutURLer); !can || !u.SignOut || i.IDToken == "" {
		return from, nil
	}
	var err error
	from.IDToken, err = s.Sealer.Seal([]byte(i.IDToken), s.Place("upstream_sessions", u.ID+" "+i.Issuer+" "+i.Subject, "id_token"))
	return from, err
}

// use notes that an identity was used, by whom it must be, and takes over what its upstream says where that is done each time.
func (s *Service) use(ctx context.Context, u *upstream, userID string, i provider.Identity) error {
	row, err := s.Stores.Identities.IdentityBySubject(ctx, u.ID, i.Issuer, i.Subject)
	if errors.Is(err, storage.ErrNotFound) || err == nil && row.UserID != userID {
		return ErrGone
	}
	if err != nil {
		return fmt.Errorf("use identity: %w", err)
	}
	tokens, err := s.sealTokens(u, row.ID, i.Tokens)
	if err != nil {
		return err
	}
	err = s.Stores.Identities.UseIdentity(ctx, row.ID, label(i), tokens, time.Now())
	if errors.Is(err, storage.ErrNotFound) {
		return ErrGone
	}
	if err != nil {
		return fmt.Errorf("use identity: %w", err)
	}
	if u.Profile != ProfileAlways {
		return nil
	}
	return s.takeOver(ctx, u, userID, i)
}

// label is how the account page shows an identity.
func label(i provider.Identity) string {
	text := strings.ToValidUTF8(cmp.Or(i.Email, i.Username, i.Text("name")), "")
	return audit.Cut(text[:min(len(text), maxLabel)])
}

func (s *Service) sealTokens(u *upstream, id string, t provider.Tokens) ([]byte, error) {
	if !u.KeepTokens || t.Access == "" {
		return nil, nil
	}
	raw, err := json.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("keep tokens: %w", err)
	}
	return s.Sealer.Seal(raw, s.Place("identities", id, "tokens"))
}

// ErrNoTokens: none are stored, or they are no longer valid.
var ErrNoTokens = errors.New("no tokens")

// refreshEarly is how long before its end an access token is renewed.
const refreshEarly = time.Minute

// Tokens are those kept for a person at an upstream, renewed if it is time. ErrNoTokens, ErrUnknown; provider.ErrDown.
func (s *Service) Tokens(ctx context.Context, userID, upstreamID string) (provider.Tokens, error) {
	u, err := s.find(upstreamID)
	if err != nil {
		return provider.Tokens{}, err
	}
	for range 2 { // a second time where another replica was quicker
		row, err := s.linked(ctx, userID, upstreamID)
		if err != nil {
			return provider.Tokens{}, err
		}
		if len(row.Tokens) == 0 || !u.KeepTokens {
			return provider.Tokens{}, ErrNoTokens
		}
		raw, err := s.Sealer.Open(row.Tokens, s.Place("identities", row.ID, "tokens"))
		if err != nil {
			return provider.Tokens{}, fmt.Errorf("read tokens: %w", err)
		}
		var t provider.Tokens
		if err := json.Unmarshal(raw, &t); err != nil {
			return provider.Tokens{}, fmt.Errorf("read tokens: %w", err)
		}
		if t.ExpiresAt.IsZero() || time.Now().Before(t.ExpiresAt.Add(-refreshEarly)) {
			return t, nil
		}
		fresh, err := s.renew(ctx, u, row, t)
		if !errors.Is(err, storage.ErrStale) {
			return fresh, err
		}
	}
	return provider.Tokens{}, provider.ErrDown
}

// renew asks for new tokens. Those that are no longer valid are deleted.
func (s *Service) renew(ctx context.Context, u *upstream, row storage.Identity, old provider.Tokens) (provider.Tokens, error) {
	refresher, can := u.provider.(provider.Refresher)
	if !can || old.Refresh == "" {
		return provider.Tokens{}, ErrNoTokens
	}
	asking, cancel := context.WithTimeout(ctx, answerLife)
	defer cancel()
	fresh, err := refresher.Refresh(asking, old.Refresh)
	if errors.Is(err, provider.ErrUpstream) {
		if err := s.Stores.Identities.ReplaceIdentityTokens(ctx, row.ID, row.Tokens, nil); err != nil {
			return provider.Tokens{}, err
		}
		return provider.Tokens{}, fmt.Errorf("%w: %w", ErrNoTokens, err)
	}
	if err != nil {
		return provider.Tokens{}, err
	}
	fresh.Refresh = cmp.Or(fresh.Refresh, old.Refresh)
	sealed, err := s.sealTokens(u, row.ID, fresh)
	if err != nil {
		return provider.Tokens{}, err
	}
	return fresh, s.Stores.Identities.ReplaceIdentityTokens(ctx, row.ID, row.Tokens, sealed)
}

// linked is a person's identity at an upstream, the one used last of several; ErrUnknown.
func (s *Service) linked(ctx context.Context, userID, upstreamID string) (storage.Identity, error) {
	rows, err := s.Stores.Identities.IdentitiesOfUser(ctx, userID)
	if err != nil {
		return storage.Identity{}, fmt.Errorf("find identity: %w", err)
	}
	rows = slices.DeleteFunc(rows, func(i storage.Identity) bool { return i.Upstream != upstreamID })
	if len(rows) == 0 {
		return storage.Identity{}, ErrUnknown
	}
	return slices.MaxFunc(rows, func(a, b storage.Identity) int { return a.LastUsedAt.Compare(b.LastUsedAt) }), nil
}
