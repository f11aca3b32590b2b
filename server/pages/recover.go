package pages

import "time"

// How far somebody is who has lost the second factor.
const (
	RecoverAsk     = "ask"     // no way by mail: a person has to help
	RecoverBegin   = "begin"   // nothing was begun
	RecoverCode    = "code"    // a code was mailed
	RecoverWaiting = "waiting" // the wait runs
	RecoverReady   = "ready"   // the link was mailed
)

// Recover is the way back of somebody who has made the first step of a sign-in and has lost what the second wants. Problem
// is "recover.wrong" or "recover.gone".
type Recover struct {
	App                             *App
	Person                          Person
	Action, State, Problem, Contact string
	BackURL                         string
	Sent                            bool // an email is on its way
	ReadyAt                         time.Time
	Wait                            time.Duration
}

// RecoverLink is the page of a mailed link of the way back. Act is "finish" or "stop".
type RecoverLink struct {
	Act, Action, Secret    string
	SignInURL, PasswordURL string
	Done                   bool
}

// Template of the page.
func (Recover) Template() string { return "recover" }

// Title of the page.
func (Recover) Title() string { return "recover.title" }
func (p Recover) wrong() bool { return p.Problem != "" }

// Template of the page.
func (RecoverLink) Template() string { return "recover_link" }

// Title of the page.
func (p RecoverLink) Title() string {
	if p.Done {
		return "recover." + p.Act + ".done"
	}
	return "recover." + p.Act + ".title"
}
