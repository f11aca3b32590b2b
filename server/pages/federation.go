package pages

import (
	"strings"
	"time"
)

// Upstream is somebody else's provider as pages show it.
type Upstream struct {
	ID, Name string
	Mark     string // an asset's file name, or a path of ours that begins with "/"; "" = none
	Action   string // where its button posts
}

// Own tells that the mark is a picture of the operator's.
func (u Upstream) Own() bool { return strings.HasPrefix(u.Mark, "/") }

// ConnectFirst says that the address at the upstream has an account here, whose person has to sign in to it before the two are
// connected. Nothing is connected yet.
type ConnectFirst struct {
	App                *App
	Upstream           Upstream
	Email              string
	SignInURL, BackURL string
}

// Connect asks who signed in whether to connect; decision is connect or leave.
type Connect struct {
	App      *App
	Person   Person
	Upstream Upstream
	Label    string // address or name at the upstream
	Action   string
}

// NewAccount is the sign-up form of who comes from an upstream; the fields are name, email, username and terms.
type NewAccount struct {
	App                   *App
	Upstream              Upstream
	Action, BackURL       string
	Name, Email, Username string
	AskUsername           bool
	EmailFixed            bool // the upstream answers for the address
	Invited               bool // … is the invitation's
	ByMail                bool // an email proves it first
	Terms, Agreed         bool // as of SignUp
	Problems              []Problem
}

// Logins lists a person's identities at upstreams, adds and removes them.
type Logins struct {
	Person      Person
	Logins      []LoginLine
	Add         []Upstream
	Problem     string // message id, "" = none
	ProblemArgs map[string]string
	Done        string
}

// LoginLine is one.
type LoginLine struct {
	ID              string
	Upstream        Upstream
	Label           string // address or name there
	AddedAt, UsedAt time.Time
	Gone            bool // the upstream is configured no more: it signs nobody in
}

// DeletionStatus tells what became of the wish, told to us by an upstream, that somebody's data be deleted: "done", "waiting"
// (the account is deleted at At, unless its person signs in and keeps it), "kept", "unknown".
type DeletionStatus struct {
	Code, Upstream, State string
	At                    time.Time
}

// Template of the page.
func (ConnectFirst) Template() string { return "connect_first" }

// Title of the page.
func (ConnectFirst) Title() string { return "connectfirst.title" }

// Template of the page.
func (Connect) Template() string { return "connect" }

// Title of the page.
func (Connect) Title() string      { return "connect.title" }
func (p Connect) titleArgs() []any { return []any{"Name", p.Upstream.Name} }

// Template of the page.
func (NewAccount) Template() string { return "new_account" }

// Title of the page.
func (NewAccount) Title() string { return "newaccount.title" }
func (p NewAccount) wrong() bool { return len(p.Problems) > 0 }

// Template of the page.
func (Logins) Template() string { return "logins" }

// Title of the page.
func (Logins) Title() string     { return "logins.title" }
func (p Logins) wrong() bool     { return p.Problem != "" }
func (p Logins) person() *Person { return &p.Person }

// Template of the page.
func (DeletionStatus) Template() string { return "deletion_status" }

// Title of the page.
func (DeletionStatus) Title() string { return "deletion.title" }
