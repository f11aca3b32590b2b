package browser

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"signet/server/pages"
	"signet/storage"
	"signet/users/picture"
	"signet/users/session"
)

// Store is the part of *storage.DB that interactions in progress use.
type Store interface {
	InsertInteraction(ctx context.Context, i storage.Interaction, network, address, holder int) error
	InteractionByID(ctx context.Context, id string, by time.Time) (storage.Interaction, error)
	UpdateInteractionFacts(ctx context.Context, id string, old, facts json.RawMessage) error
	AnswerInteraction(ctx context.Context, i storage.Interaction, facts json.RawMessage, max int, now time.Time) error
	SpendInteraction(ctx context.Context, id string) error
}

// BoundsStore is the part of *storage.DB that decides which interaction gives way to a new one.
type BoundsStore interface {
	EvictInteractions(ctx context.Context, of storage.Interaction, since time.Time, bound, most int) (int, error)
	EvictAnswered(ctx context.Context, network string, most int, now time.Time) (int, error)
	CountInteractions(ctx context.Context, now time.Time) (map[string][2]int, error)
	PostInteraction(ctx context.Context, id string, now time.Time) error
}

// PastStore is the part of *storage.DB that TrimPast uses.
type PastStore interface {
	ExpiredInteractions(ctx context.Context, now time.Time, limit int) ([]storage.Interaction, error)
	PutPastInteraction(ctx context.Context, i storage.Interaction, max int) error
	CountPast(ctx context.Context, now time.Time) (int, error)
}

// Options of New.
type Options struct {
	Issuer          *url.URL
	Store           Store
	Bounds          BoundsStore
	Past            PastStore // nil = TrimPast is not called
	Sessions        *session.Sessions
	DeviceKeys      [][]byte      // MAC keys of the device cookie; the first signs, all verify
	MaxInteractions int           // live ones of a network; 300
	MaxTotal        int           // unexpired ones altogether; 10,000
	Lifetime        time.Duration // of an interaction; 30 min
	States          bool          // keep a browser state for apps that watch the session
}

// Browser knows the cookies of one issuer.
type Browser struct {
	path       string // of the issuer, without slash at the end
	jar        jar
	store      Store
	past       PastStore
	sessions   *session.Sessions
	deviceKeys [][]byte
	max        int
	lifetime   time.Duration
	bounds     BoundsStore
	quota      *quota
	states     bool
}

// New checks the options.
func New(o Options) (*Browser, error) {
	if o.Issuer == nil || o.Store == nil || o.Bounds == nil || o.Sessions == nil || len(o.DeviceKeys) == 0 {
		return nil, errors.New("browser needs an issuer, stores, sessions and device keys")
	}
	return &Browser{
		path: strings.TrimSuffix(o.Issuer.EscapedPath(), "/"), jar: newJar(o.Issuer), store: o.Store, past: o.Past, sessions: o.Sessions,
		states: o.States, deviceKeys: o.DeviceKeys, max: cmp.Or(o.MaxInteractions, 300),
		lifetime: cmp.Or(o.Lifetime, 30*time.Minute), bounds: o.Bounds,
		quota: newQuota(o.Bounds, cmp.Or(o.MaxTotal, 10_000)),
	}, nil
}

// Visitor is the person signed in in a browser.
type Visitor struct {
	SessionID string // the sid
	UserID    string
	UserEpoch int64
	AuthTime  time.Time
	ACR       string
	AMR       []string
	Person    pages.Person
	Remember  bool
	User      storage.User
	Current   bool // of Accounts: the one in view

	session storage.Session
}

// Present finds who is signed in, or, apart from them, who is but has asked for their account to be deleted: to all but the page that
// asks whether to keep it they are nobody. One read.
func (b *Browser) Present(r *http.Request) (visitor, leaving *Visitor, err error) {
	found, err := b.sessions.Find(r.Context(), b.jar.read(r, sessionCookie))
	if err != nil || found == nil {
		return nil, nil, err
	}
	v := b.visitor(r, *found)
	if !found.User.EraseAt.IsZero() {
		return nil, v, nil
	}
	return v, nil, nil
}

// Visitor tells who is signed in; nil = nobody. Two cookies of the name, one not of our making, a session ended or expired
// and a person who is disabled or whose account is to be erased are nobody.
func (b *Browser) Visitor(r *http.Request) (*Visitor, error) {
	v, _, err := b.Present(r)
	return v, err
}

func (b *Browser) visitor(r *http.Request, s storage.SessionUser) *Visitor {
	v := &Visitor{
		SessionID: s.Session.ID, UserID: s.UserID, UserEpoch: s.User.Epoch, AuthTime: s.AuthTime, ACR: s.ACR, AMR: s.AMR,
		Person: PersonOf(s.User), Remember: s.Remember, User: s.User, session: s.Session,
	}
	v.Person.Several = b.jar.read(r, accountsCookie) != ""
	return v
}

// PersonOf is how pages show a person.
func PersonOf(u storage.User) pages.Person {
	var profile struct{ Name, Locale, Zoneinfo, Picture string }
	_ = json.Unmarshal(u.Profile, &profile) // a name that cannot be read is not shown
	return pages.Person{
		Name: profile.Name, Email: u.Email, Username: u.Username, Mark: accountMark(u.ID), Locale: profile.Locale, Zone: profile.Zoneinfo,
		Picture: picture.IDOf(profile.Picture),
	}
}

// ForVisitor reports whether a form was shown to the visitor: another tab may have brought another account into view since. A form
// carries the mark of whom it was shown to (partial "as"); without one it counts only where there is one account. What is not
// a form has to be bound to its session by other means.
func ForVisitor(r *http.Request, v *Visitor) bool {
	if mark := r.PostFormValue("as"); mark != "" {
		return mark == v.Person.Mark
	}
	media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return !v.Person.Several || strings.TrimSpace(media) == "application/json"
}
