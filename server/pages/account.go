package pages

import (
	"slices"
	"time"

	"signet/server/pages/acting"
)

// Account is the overview: who am I, how do I sign in, and the way to all else.
type Account struct {
	Person          Person
	Verified        bool
	Mail            bool      // an email can be sent to verify the address
	PasswordChanged time.Time // zero = there is none
	Factors         *Factors  // nil = not told
	Notices         []string  // message ids without "notice.", the most urgent first
	Sessions, Apps  int
	Requests        bool // apps wait for a decision
	LastActivity    *EventLine
	Done            string // what was just done, a message id without "done."; "" = nothing
}

// Check is one line of the security check-up: the texts begin with "checkup." and its name, and Page is where it is done.
type Check struct {
	Name, Page string
	Done       bool
}

// CheckUp is what keeps an account safe and how much of it is done, what matters most first. Nothing where it is not known.
func (p Account) CheckUp() []Check {
	var list []Check
	if p.Mail && p.Person.Email != "" {
		list = append(list, Check{"email", "/account/email", p.Verified})
	}
	if f := p.Factors; f != nil {
		list = append(list, Check{"second", "/account/second-step", f.TOTP || f.Passkeys > 0},
			Check{"passkey", "/account/passkeys", f.Passkeys > 0})
	}
	return list
}

// Next is the one thing to do next; nil = all is done.
func (p Account) Next() *Check {
	for _, c := range p.CheckUp() {
		if !c.Done {
			return &c
		}
	}
	return nil
}

// Fine reports whether nothing is left to do, here or by a notice.
func (p Account) Fine() bool {
	return p.Next() == nil && len(p.Notices) == 0 && (p.Factors == nil || !p.Factors.FewCodes())
}

// Factors is what a person has beside a password.
type Factors struct {
	TOTP         bool
	RecoveryLeft int // recovery codes not used yet
	Passkeys     int
}

// FewCodes tells that the recovery codes go to an end.
func (f Factors) FewCodes() bool { return f.TOTP && f.RecoveryLeft <= fewCodes }

const fewCodes = 3

// Profile is the form of what a person says of themselves. Values are by field: a claim's name, or "address." and the name
// of its part.
type Profile struct {
	Person   Person
	Values   map[string]string
	Zones    []string   // names to choose a time zone from
	Locales  []Language // to choose a language from; others may be typed
	Problems []Problem
	Done     string
	// HasPicture: one of ours, whose address is no field then. Upload: one may be sent.
	HasPicture, Upload bool
}

// Language is one that pages are in: its tag and its own name.
type Language struct{ Tag, Name string }

// Value of a field.
func (p Profile) Value(field string) string { return p.Values[field] }

// Typed is one line of the form, for its template.
type Typed struct {
	ID, Type, Token, Value, Hint string
	Plain                        bool // nothing for a spelling checker
	Problems                     []Problem
}

// Field is one line of the form: the claim's name, the input's type, the autocomplete token.
func (p Profile) Field(id, kind, token string) Typed {
	f := Typed{ID: id, Type: kind, Token: token, Value: p.Values[id], Problems: p.Problems}
	if slices.Contains(hinted, id) {
		f.Hint = id + "-hint"
	}
	f.Plain = kind != "text" || token == "username" || token == "bday"
	return f
}

// hinted fields have a text "profile.hint." and their name.
var hinted = []string{"name", "username", "birthdate", "picture", "phone_number"}

// Sessions lists the browsers that the person is signed in in.
type Sessions struct {
	Person   Person
	Sessions []SessionLine
	Done     string
}

// SessionLine is one browser.
type SessionLine struct {
	ID, Agent, Address string
	StartedAt, SeenAt  time.Time
	Current            bool
}

// Apps lists the connected apps.
type Apps struct {
	Person Person
	Agents []AppLine
	Apps   []AppLine
	Asked  bool // apps that are elsewhere can ask for a decision (CIBA)
	Done   string
}

// Lists are those that act by themselves, and the others.
func (a Apps) Lists() [][]AppLine { return [][]AppLine{a.Agents, a.Apps} }

// Count is how many they are.
func (a Apps) Count() int { return len(a.Agents) + len(a.Apps) }

// AppLine is one connected app.
type AppLine struct {
	App
	Scopes          []ScopeLine
	Resources       []string // names of the APIs it may use
	Elsewhere       []string // other authorization servers where it may act for the person
	KnownAs         string   // what it calls the person (sub), where each sector has a name of its own; "" = what all others do
	Since, LastUsed time.Time
	Agent           *acting.Line // nil = it does not act by itself
}

// Activity lists what happened to the account, newest first.
type Activity struct {
	Person             Person
	Events             []EventLine
	Path, Kind         string // of this page; which of activityKinds is in view, "" = all
	OlderURL, FirstURL string // "" = there are none
}

// activityKinds are what can be looked at by itself (parameter kind); texts are "activity.kind." and the name.
var activityKinds = []string{"", "signins", "security", "apps", "account"}

// EventLine is one fact of the audit log.
type EventLine struct {
	Name           string // of package audit; texts are "event." and the name
	At             time.Time
	Agent, Network string
	App            App    // that it is about; without a name = none
	Elsewhere      string // the other authorization server that it is about; "" = none
	ByOther        bool   // an operator did it, not the person
}

// YourData: take it along, or delete the account. Grace is how long a deleted account can be had back, 0 = not at all.
type YourData struct {
	Person Person
	Grace  time.Duration
	Done   string
}

// DeleteAccount says what happens and wants the address or user name typed (confirm).
type DeleteAccount struct {
	Person   Person
	Grace    time.Duration
	Problems []Problem
}

// AccountClosed says it is done.
type AccountClosed struct {
	Grace     time.Duration
	SignInURL string
}

// KeepAccount asks somebody who signed in to an account that is to be erased (decision=keep|leave).
type KeepAccount struct {
	Action string
	Who    Person
	At     time.Time // of the erasure
}

// Template of the page.
func (Account) Template() string { return "account" }

// Title of the page.
func (Account) Title() string     { return "account.title" }
func (p Account) person() *Person { return &p.Person }

// Template of the page.
func (Profile) Template() string { return "profile" }

// Title of the page.
func (Profile) Title() string     { return "profile.title" }
func (p Profile) wrong() bool     { return len(p.Problems) > 0 }
func (p Profile) person() *Person { return &p.Person }

// Template of the page.
func (Sessions) Template() string { return "sessions" }

// Title of the page.
func (Sessions) Title() string     { return "account.sessions" }
func (p Sessions) person() *Person { return &p.Person }

// Template of the page.
func (Apps) Template() string { return "apps" }

// Title of the page.
func (Apps) Title() string     { return "account.apps" }
func (p Apps) person() *Person { return &p.Person }

// Template of the page.
func (Activity) Template() string { return "activity" }

// Title of the page.
func (Activity) Title() string     { return "activity.title" }
func (p Activity) person() *Person { return &p.Person }

// Template of the page.
func (YourData) Template() string { return "your_data" }

// Title of the page.
func (YourData) Title() string     { return "data.title" }
func (p YourData) person() *Person { return &p.Person }

// Template of the page.
func (DeleteAccount) Template() string { return "delete_account" }

// Title of the page.
func (DeleteAccount) Title() string     { return "delete.title" }
func (p DeleteAccount) wrong() bool     { return len(p.Problems) > 0 }
func (p DeleteAccount) person() *Person { return &p.Person }

// Template of the page.
func (AccountClosed) Template() string { return "account_closed" }

// Title of the page.
func (AccountClosed) Title() string { return "closed.title" }

// Template of the page.
func (KeepAccount) Template() string { return "keep_account" }

// Title of the page.
func (KeepAccount) Title() string { return "keep.title" }
