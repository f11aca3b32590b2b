// Package pages turns typed page structs into HTML in the person's language, with the operator's brand.
//
// A page is a struct here, a template of the same snake-case name in templates/pages, and texts in templates/lang. Pages
// know nothing of cookies or domain services. The files are embedded and parsed once. Begin with Page and Pages.Render.
package pages

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"time"

	"signet/server/pages/acting"
)

// Page is what Render takes: each page struct names its template (without .html) and its title's message id.
type Page interface {
	Template() string
	Title() string
}

// Person is how a page shows who is signed in.
type Person struct {
	Name, Email, Username string
	Mark                  string // stands for the account in forms (partial "as"); "" = not told
	Several               bool   // other accounts are signed in in this browser too
	Locale, Zone          string // language and time zone of the account; "" = it does not say
	Picture               string // id of the picture that we serve; "" = there is none
}

// Login is what the person types to say who they are.
func (p Person) Login() string { return cmp.Or(p.Email, p.Username) }

// Shown is how the person is called among others.
func (p Person) Shown() string { return cmp.Or(p.Name, p.Login()) }

// Problem is one mistake in a form: the field's id and the message id of its text.
type Problem struct {
	Field, Message string
	Args           map[string]string
}

// SignIn asks for e-mail or user name and password. Problem is "signin.wrong", "signin.throttled", "signin.busy",
// "signin.disabled".
type SignIn struct {
	App        *App    // nil = signing in to the account page
	Action     string  // form target
	Username   string  // typed before, or login_hint
	Problem    string  // message id of the one message for both fields, "" = none
	RetryAfter int     // seconds, for a throttled answer
	Reauth     *Person // the person must sign in again; the name is fixed
	SignUpURL  string  // "" = closed
	ForgotURL  string
	OtherURL   string // where to choose another account, with Reauth; "" = none
	CodeURL    string // where to have a code mailed instead; "" = not offered
	CancelURL  string // back to the app with access_denied; "" = none
	Remember   bool   // "keep me signed in" was ticked before
	// Where a passkey goes and where its script asks; "" = there are none.
	PasskeyURL, PasskeyOptions string
	PasskeyUnknown             bool              // the one that was shown is no account's
	Upstreams                  []Upstream        // to sign in at instead
	ProblemArgs                map[string]string // of Problem's texts
	NameFirst                  bool              // ask for the name alone: it decides where to sign in
	PasswordURL                string            // with NameFirst, the page that asks for the password too
	Seeded                     []Person          // who signs in by one click, on a test server
}

// SignUp creates an account.
type SignUp struct {
	App                   *App
	Action, SignInURL     string
	Name, Email, Username string
	MinLength             int
	AskUsername           bool
	Token                 string // of an invitation, or of the first run
	First                 bool   // the account is the first administrator's
	Fixed                 bool   // the address is the invitation's
	Terms                 bool   // ask to accept the terms of service
	Agreed                bool   // … which the form accepted already
	Problems              []Problem
	// Where a passkey instead of a password goes and where its script asks; "" = there are none.
	PasskeyURL, PasskeyOptions string
	Upstreams                  []Upstream // to sign up with instead
}

// ChooseAccount: go on as one of those signed in in this browser (account=ID), or another (decision=other), or sign one of
// them out (sign_out=ID).
type ChooseAccount struct {
	App       *App
	Action    string
	CancelURL string // back to the app with access_denied; "" = none
	Accounts  []AccountLine
}

// AccountLine is one account that is signed in in this browser.
type AccountLine struct {
	ID      string // of the session
	Person  Person
	Current bool
}

// ScopeLine is one scope in plain words. Name, e-mail and the like come from the message catalogue by scope; a resource's
// scope that has no title shows its name, and the resource's.
type ScopeLine struct {
	Scope              string
	Title, Description map[string]string // of a resource's scope by language; "" = every language without its own
	Owner              string            // the resources whose it is
	Sensitive          bool              // a resource says so
	Checked            bool
	LeftOut            bool // offered before, and not allowed
}

// Consent asks what the app may do.
type Consent struct {
	App           App
	Action        string
	Person        Person
	Fixed         []ScopeLine    // "will be able to"
	Choices       []ScopeLine    // "you choose"
	Before        []ScopeLine    // what was allowed before, and stays: comes back with the answer
	Kept          *acting.Line   // what was agreed with an agent before, and stays
	Acts          *acting.Choice // of an app that acts by itself; nil = it does not
	Details       []DetailsLine
	DetailsDigest string   // comes back with the answer
	Question      string   // … so does what it is an answer to
	Resources     []string // names of the APIs that the app says it will call
	Nothing       bool     // the answer allowed nothing: ask again
	Loopback      bool     // warn: the app runs on this computer, anyone could pretend to be it
	ClientHost    string   // of an app that registered itself: whose host its client id names; "" = somebody registered it
	FirstOf       string   // … the host, where no app from there was used before today
	NotYouURL     string
	AccountURL    string
}

// SignOut asks before ending the session.
type SignOut struct {
	App    *App
	Action string
	Person Person
	Hidden map[string]string // carried form fields
	Others int               // accounts that are signed in in this browser beside (decision=all ends them too)
}

// SignedOut says it is done.
type SignedOut struct {
	SignInURL string
	App       *App
	BackURL   string
}

// SigningOut tells apps in frames that a session has ended, and goes on (OpenID Connect Front-Channel Logout 1.0 section 3).
type SigningOut struct {
	Frames  []string
	NextURL string
}

// FormPost sends the answer to the client by a form that submits itself (OAuth 2.0 Form Post Response Mode).
type FormPost struct {
	App    *App
	Action string
	Fields [][2]string // in order
}

// Again is the field of a form that a page of ours sent by itself.
const Again = "signet_again"

// SendAgain is the page that sends a form to an address of ours, which another site's page sent without our cookies.
func SendAgain(action string, form url.Values) FormPost {
	page := FormPost{Action: action, Fields: [][2]string{{Again, "1"}}}
	for _, name := range slices.Sorted(maps.Keys(form)) {
		for _, value := range form[name] {
			page.Fields = append(page.Fields, [2]string{name, value})
		}
	}
	return page
}

// ChangePassword changes it; the fields are current and password.
type ChangePassword struct {
	First     bool // there is none yet: nothing to ask for but the new one
	Person    Person
	MinLength int
	Problems  []Problem
}

// Error is the one page for what went wrong.
type Error struct {
	Kind      string
	Args      map[string]string
	Facts     [][2]string
	Back      string
	Reference string
	At        time.Time
}

// Demo is where the demo app begins.
type Demo struct {
	StartURL string
	Error    string // OAuth error code of the last try, "" = none
}

// DemoTokens shows what the demo app got.
type DemoTokens struct {
	Tokens     []DemoToken
	Refreshed  int    // how often
	RefreshURL string // form target; "" = there is no refresh token
	AgainURL   string
	SignOutURL string
}

// DemoToken is one token, taken apart for reading.
type DemoToken struct {
	Kind           string      // "access", "id", "refresh_token", "userinfo"
	Header, Claims [][2]string // in order
	Raw            string
}
