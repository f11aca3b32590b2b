package session

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"signet/audit"
	"signet/storage"
)

// How a person proved who they are: acr and amr of OpenID Connect Core section 2, amr values of RFC 8176 section 2.
const (
	// ACRSingle is one factor, such as a password.
	ACRSingle = "1"
	// ACRMulti is two factors.
	ACRMulti = "2"
	// ACRResistant is what nobody can be tricked out of: a passkey (phishing-resistant, OpenID EAP ACR values).
	ACRResistant = "phr"
	// AMRPassword is a password.
	AMRPassword = "pwd"
	// AMROTP is a one-time code.
	AMROTP = "otp"
	// AMRHardware and AMRSoftware are a key that cannot, or can, leave the device.
	AMRHardware = "hwk"
	AMRSoftware = "swk"
	// AMRUser is a test of who is there: fingerprint, face, PIN.
	AMRUser = "user"
	// AMRMulti says that there was more than one factor, besides which.
	AMRMulti = "mfa"
)

// touchEvery is how often the time of last use is written at most.
const touchEvery = time.Minute

// Stores are the parts of *storage.DB that the package uses, by what they are for.
type Stores struct {
	Sessions sessionStore
	Origins  originStore
	Lists    listStore
	Ends     endStore
}

// StoresOf are those of a database.
func StoresOf(db *storage.DB) Stores { return Stores{db, db, db, db} }

type sessionStore interface {
	Tx(ctx context.Context, fn func(ctx context.Context) error) error
	InsertSession(ctx context.Context, s storage.Session) error
	SessionBySecret(ctx context.Context, secretHash string) (storage.SessionUser, error)
	RenewSession(ctx context.Context, oldSecretHash string, s storage.Session) error
	TouchSession(ctx context.Context, id, address string, seenAt, expiresAt time.Time) error
}

type originStore interface {
	PutUpstreamSession(ctx context.Context, u storage.UpstreamSession) error
}

type listStore interface {
	SessionsOfUser(ctx context.Context, userID string, now time.Time, limit int) ([]storage.Session, error)
	Sessions(ctx context.Context, now time.Time, after string, limit int) ([]storage.Session, error)
}

type endStore interface {
	EndSession(ctx context.Context, id, userID string, now time.Time) (bool, error)
	EndSessionsOfUser(ctx context.Context, userID, except string, now time.Time) ([]string, error)
	RevokeGrants(ctx context.Context, f storage.GrantFilter, why string, now time.Time) (int64, error)
}

// Options of New. Zero durations take the defaults.
type Options struct {
	Stores   Stores
	Audit    *audit.Log
	Idle     time.Duration // unused this long, a session expires; 24 h
	Lifetime time.Duration // absolute, with "keep me signed in"; 30 d
	Short    time.Duration // absolute, without; 24 h
	// Ended is told of each session that ends by an act, in the transaction that ends it; nil = nobody is told.
	Ended func(ctx context.Context, sessionID string) error
}

// Sessions starts, finds, renews and ends them.
type Sessions struct {
	stores                Stores
	audit                 *audit.Log
	told                  func(ctx context.Context, sessionID string) error
	idle, lifetime, short time.Duration
}

// New checks the options.
func New(o Options) (*Sessions, error) {
	if st := o.Stores; st.Sessions == nil || st.Origins == nil || st.Lists == nil || st.Ends == nil || o.Audit == nil {
		return nil, errors.New("sessions need stores and an audit log")
	}
	if o.Ended == nil {
		o.Ended = func(context.Context, string) error { return nil }
	}
	return &Sessions{
		stores: o.Stores, audit: o.Audit, told: o.Ended,
		idle: cmp.Or(o.Idle, 24*time.Hour), lifetime: cmp.Or(o.Lifetime, 30*24*time.Hour), short: cmp.Or(o.Short, 24*time.Hour),
	}, nil
}

// How says how a person was authenticated just now.
type How struct {
	AMR      []string // "pwd"
	ACR      string   // "1"
	Remember bool     // "keep me signed in"
	// AuthTime is when the person proved it, where that was earlier, at an upstream; zero = now.
	AuthTime time.Time
	// Within, if set, runs first in the transaction that starts or renews the session: it makes the proof count (the
	// password is still the same) or does what the proof was asked for. Its error undoes everything.
	Within func(ctx context.Context) error
	// From is the session at an upstream that it came of; nil = the person signed in here. Its SessionID is filled in.
	From *storage.UpstreamSession
}

// Password is the How of a right password.
func Password(remember bool, within func(ctx context.Context) error) How {
	return How{AMR: []string{AMRPassword}, ACR: ACRSingle, Remember: remember, Within: within}
}

// Start signs a person in, in a browser that held old (nil = none), and returns the session and the secret for its
// cookie. The same person keeps the session and its id; of another person the old one ends with its online grants.
func (s *Sessions) Start(ctx context.Context, old *storage.Session, userID string, how How) (storage.Session, string, error) {
	secret := newSecret()
	var started storage.Session
	begin := func(old *storage.Session) error {
		return s.stores.Sessions.Tx(ctx, func(ctx context.Context) (err error) {
			if how.Within != nil {
				if err := how.Within(ctx); err != nil {
					return err
				}
			}
			if started, err = s.start(ctx, old, userID, how, Hash(secret)); err != nil || how.From == nil {
				return err
			}
			from := *how.From
			from.SessionID = started.ID
			return s.stores.Origins.PutUpstreamSession(ctx, from)
		})
	}
	err := begin(old)
	if errors.Is(err, errRaced) {
		// Another tab renewed or ended the old session since it was read. That is no reason to fail this person.
		err = begin(nil)
	}
	if err != nil {
		return storage.Session{}, "", fmt.Errorf("start session: %w", err)
	}
	return started, secret, nil
}

// errRaced: the old session has another secret by now, or was ended.
var errRaced = errors.New("session changed meanwhile")

func (s *Sessions) start(ctx context.Context, old *storage.Session, userID string, how How, hash string) (storage.Session, error) {
	now := time.Now()
	origin := audit.OriginOf(ctx)
	n := storage.Session{
		ID: rand.Text(), SecretHash: hash, UserID: userID, AuthTime: now, ACR: how.ACR, AMR: how.AMR,
		Agent: audit.Cut(origin.Agent), Address: cmp.Or(origin.Address, origin.Network), Remember: how.Remember,
		CreatedAt: now, SeenAt: now, EndsAt: now.Add(s.short),
	}
	if !how.AuthTime.IsZero() && how.AuthTime.Before(now) {
		n.AuthTime = how.AuthTime
	}
	if how.Remember {
		n.EndsAt = now.Add(s.lifetime)
	}
	n.ExpiresAt = s.expiry(n, now)
	name := audit.SessionStarted
	if old != nil && old.UserID == userID {
		n.ID, n.CreatedAt = old.ID, old.CreatedAt
		err := s.stores.Sessions.RenewSession(ctx, old.SecretHash, n)
		if errors.Is(err, storage.ErrStale) {
			return storage.Session{}, errRaced
		}
		if err != nil {
			return storage.Session{}, err
		}
		name = audit.SessionRenewed
	} else {
		if old != nil {
			if _, err := s.end(ctx, old.ID, old.UserID, "another person signed in", now); err != nil {
				return storage.Session{}, err
			}
		}
		if err := s.stores.Sessions.InsertSession(ctx, n); err != nil {
			return storage.Session{}, err
		}
	}
	return n, s.audit.Record(ctx,
		audit.Event{Name: name, UserID: userID, SessionID: n.ID, Detail: map[string]any{"amr": how.AMR, "acr": how.ACR}})
}

// expiry is when a session seen now expires unless it is seen again.
func (s *Sessions) expiry(of storage.Session, seen time.Time) time.Time {
	if idle := seen.Add(s.idle); idle.Before(of.EndsAt) {
		return idle
	}
	return of.EndsAt
}

// Find returns the live session of a secret with its person, or nil if there is none: unknown, ended, expired, or the
// person is disabled. One joined read; the time of use is written at most once a minute.
func (s *Sessions) Find(ctx context.Context, secret string) (*storage.SessionUser, error) {
	if !wellFormed(secret) {
		return nil, nil
	}
	found, err := s.stores.Sessions.SessionBySecret(ctx, Hash(secret))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find session: %w", err)
	}
	now := time.Now()
	if !Live(found, now) {
		return nil, nil
	}
	if now.Sub(found.SeenAt) >= touchEvery {
		origin := audit.OriginOf(ctx)
		found.SeenAt, found.ExpiresAt = now, s.expiry(found.Session, now)
		found.Address = cmp.Or(origin.Address, origin.Network, found.Address)
		if err := s.stores.Sessions.TouchSession(ctx, found.Session.ID, found.Address, found.SeenAt, found.ExpiresAt); err != nil {
			return nil, fmt.Errorf("touch session: %w", err)
		}
	}
	return &found, nil
}

// Live reports whether a session counts at now: neither ended nor expired, and its person not disabled.
func Live(s storage.SessionUser, now time.Time) bool {
	return s.EndedAt.IsZero() && now.Before(s.ExpiresAt) && now.Before(s.EndsAt) && s.User.DisabledAt.IsZero()
}

const secretSize = 32 // bytes

// newSecret makes the text that goes into the cookie.
func newSecret() string {
	b := make([]byte, secretSize)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

func wellFormed(secret string) bool {
	if len(secret) != base64.RawURLEncoding.EncodedLen(secretSize) {
		return false
	}
	_, err := base64.RawURLEncoding.DecodeString(secret)
	return err == nil
}

// Hash is what the database holds of a secret.
func Hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
