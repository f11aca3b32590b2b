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
	"signet/users/session"
)

// Store is what the package needs of the ground.
type Store interface {
	InsertInteraction(ctx context.Context, i storage.Interaction, max int) error
	InteractionByID(ctx context.Context, id string, now time.Time) (storage.Interaction, error)
	UpdateInteractionFacts(ctx context.Context, id string, old, facts json.RawMessage) error
	SpendInteraction(ctx context.Context, id string) error
}

// Options of New.
type Options struct {
	Issuer          *url.URL
	Store           Store
	Sessions        *session.Sessions
	DeviceKeys      [][]byte      // MAC keys of the device cookie; the first signs, all verify
	MaxInteractions int           // live ones of a network; 300
	Lifetime        time.Duration // of an interaction; 30 min
}

// Browser knows the cookies of one issuer.
type Browser struct {
	path       string // of the issuer, without slash at the end
	jar        jar
	store      Store
	sessions   *session.Sessions
	deviceKeys [][]byte
	max        int
	lifetime   time.Duration
}

// New checks the options.
func New(o Options) (*Browser, error) {
	if o.Issuer == nil || o.Store == nil || o.Sessions == nil || len(o.DeviceKeys) == 0 {
		return nil, errors.New("browser needs an issuer, a store, sessions and device keys")
	}
	return &Browser{
		path: strings.TrimSuffix(o.Issuer.EscapedPath(), "/"), jar: newJar(o.Issuer), store: o.Store, sessions: o.Sessions,
		deviceKeys: o.DeviceKeys, max: cmp.Or(o.MaxInteractions, 300), lifetime: cmp.Or(o.Lifetime, 30*time.Minute),
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

// Visitor tells who is signed in; nil = nobody. Two cookies of the name, one not of our making, a session ended or expired
// and a person who is disabled or whose account is to be erased are nobody.
func (b *Browser) Visitor(r *http.Request) (*Visitor, error) {
	found, err := b.sessions.Find(r.Context(), b.jar.read(r, sessionCookie))
	if err != nil || found == nil || !found.User.EraseAt.IsZero() {
		return nil, err
	}
	return b.visitor(r, *found), nil
}

// Leaving tells who proved who they are although their account is to be erased; nil = nobody. To all but the page that asks
// whether to keep the account they are not signed in.
func (b *Browser) Leaving(r *http.Request) (*Visitor, error) {
	found, err := b.sessions.Find(r.Context(), b.jar.read(r, sessionCookie))
	if err != nil || found == nil || found.User.EraseAt.IsZero() {
		return nil, err
	}
	return b.visitor(r, *found), nil
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
	var profile struct{ Name string }
	_ = json.Unmarshal(u.Profile, &profile) // a name that cannot be read is not shown
	return pages.Person{Name: profile.Name, Email: u.Email, Username: u.Username, Mark: accountMark(u.ID)}
}

// Meant tells whether a form was shown to the visitor: another tab may have brought another account into view since. A form
// carries the mark of whom it was shown to (partial "as"); without one it counts only where there is one account. What is not
// a form has to be bound to its session by other means.
func Meant(r *http.Request, v *Visitor) bool {
	if mark := r.PostFormValue("as"); mark != "" {
		return mark == v.Person.Mark
	}
	media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return !v.Person.Several || strings.TrimSpace(media) == "application/json"
}
