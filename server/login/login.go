package login

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"signet/clients"
	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
	"signet/users/factor"
)

// People is the part of *users.Service that a sign-in uses.
type People interface {
	Show(ctx context.Context, who string) (storage.User, error)
	TermsDue(u storage.User) bool
	LockEpoch(userID string, epoch int64) func(ctx context.Context) error
	Notify(ctx context.Context, userID, kind string, args map[string]string) error
	Confirmed(ctx context.Context, userID, by string) error
}

// Factors is the part of *factor.Service that it uses.
type Factors interface {
	Of(ctx context.Context, userID string) (factor.Enrolled, error)
	Required(ctx context.Context, userID string) (bool, error)
	Reachable(ctx context.Context, userID string) (factor.Level, error)
	Account(ctx context.Context, u storage.User) (factor.Account, error)
}

// Consents remembers what was agreed to.
type Consents interface {
	Read(ctx context.Context, userID, clientID string) (storage.Consent, error)
}

// Offers says whom a passkey may be offered to.
type Offers interface {
	Offer(ctx context.Context, userID string) (bool, error)
}

// Recovery is what lets people in again who have lost their second factor.
type Recovery interface {
	Cancel(ctx context.Context, userID string) error
}

// Options of New.
type Options struct {
	Browser  *browser.Browser
	Pages    *pages.Pages
	People   People
	Factors  Factors
	Consents Consents
	// Client finds an app by its id; clients.ErrUnknown.
	Client func(ctx context.Context, id string) (*clients.Client, error)
	// Subject is what a client calls a person; nil = by the person's id.
	Subject func(c *clients.Client, userID string) string
	// Resources are the APIs at this moment.
	Resources func() *clients.Resources
	// App is how pages show the client that sent the person here, by its id and the address it will get the answer at.
	App func(ctx context.Context, clientID, redirectURI string) *pages.App
	// Tx runs fn in one transaction.
	Tx func(ctx context.Context, fn func(ctx context.Context) error) error
	// Passkeys says whom one may be offered to; nil = browsers offer none at this address.
	Passkeys Offers
	// IdentityOf is whose account an identity may be linked to that waits in a browser; "" = nobody's, or it is gone. Nil = none waits.
	IdentityOf func(ctx context.Context, id, browser string) (userID string, err error)
	// Tickets remember where mailed links led, and who confirmed that it is them; nil = that is not remembered.
	Tickets Tickets
	// MailOn tells that codes can be mailed.
	MailOn bool
	// Upstreams that people may sign in at; nil = none.
	Upstreams Upstreams
	// Recovery ends when somebody signs in with both factors; nil = there is none.
	Recovery Recovery
	// TrustFor is how long a browser may spare its person the second factor; 0 = never.
	TrustFor time.Duration
	// Acts counts what is done to an account in a session, see Pace; nil = it is not counted.
	Acts func(ctx context.Context, sessionID string) error
	// Count notes the outcome of a try by a way: "password", "passkey", "upstream google". Nil counts nothing.
	Count func(way, outcome string)
}

// Login loads states and leads on.
type Login struct{ Options }

// New checks the options.
func New(o Options) (*Login, error) {
	if o.Browser == nil || o.Pages == nil || o.People == nil || o.Factors == nil || o.Consents == nil || o.Client == nil ||
		o.Resources == nil || o.App == nil || o.Tx == nil {
		return nil, errors.New("login needs a browser, pages, people, factors, consents, clients, resources, apps and transactions")
	}
	if o.Count == nil {
		o.Count = func(string, string) {}
	}
	return &Login{o}, nil
}

// paths of the steps' pages.
var paths = map[flow.Step]string{
	flow.Factor: "/signin/factor", flow.Enrol: "/signin/factor/setup", flow.Keep: "/account/keep", flow.SignIn: "/signin",
	flow.Confirm: "/signin/confirm",
	flow.SignUp:  "/signup", flow.ChooseAccount: "/choose", flow.Link: "/signin/connect", flow.OfferPasskey: "/signin/offer",
	flow.Terms: "/terms", flow.Consent: "/consent",
}

const (
	dispatcherPath = "/oauth2/continue"
	returnPath     = "/oauth2/return"
	homePath       = "/account"
)

// Path of a step's page, with the sign-in in progress behind it.
func (l *Login) Path(step flow.Step, in flow.Interaction) string {
	return l.Browser.Path(paths[step], &in)
}

// Another is where somebody else signs in, beside whoever is signed in already.
func (l *Login) Another(in flow.Interaction) string {
	return WithQuery(l.Path(flow.SignIn, in), "other=1")
}

// WithQuery puts a parameter behind one of our paths.
func WithQuery(path, parameter string) string {
	if strings.Contains(path, "?") {
		return path + "&" + parameter
	}
	return path + "?" + parameter
}

// MaxLogin is how much of a typed name is read and shown again, in bytes.
const MaxLogin = 254

// Typed is a form field as it may be shown again, at most limit bytes of it.
func Typed(r *http.Request, field string, limit int) string {
	s := strings.ToValidUTF8(r.PostForm.Get(field), "\uFFFD")
	return strings.ToValidUTF8(s[:min(len(s), limit)], "")
}

// Cut is a name as it may be shown.
func Cut(s string) string { return strings.ToValidUTF8(s[:min(len(s), MaxLogin)], "") }

// Secret is what a link brings: no more of it is read than any secret has.
func Secret(s string) string {
	const most = 128 // bytes
	return s[:min(len(s), most)]
}

// ParseForm reads the form of a request.
func ParseForm(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return &web.PageError{Status: http.StatusBadRequest, Kind: "invalid_request", Cause: err}
	}
	return nil
}
