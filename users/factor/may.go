package factor

import (
	"errors"
	"time"
)

// By is what somebody shows to be allowed an act.
type By int

// What can be shown, from nothing to everything.
const (
	ByNothing      By = iota
	ByFirstFactor     // the first step of a sign-in that waits for its second (Proof.Decided)
	ByConfirmation    // the person signed in, who has no factor here, typed a code mailed to them, or came back from their upstream (rule V12)
	BySession         // a sign-in: how strong (Proof.Level) and when (Proof.At)
	ByLink            // a mailed link, good for its own acts only (Proof.Acts)
	ByUpstream        // what an upstream sent and signed, about its own login
	ByRegistration    // the account is made in this very transaction
	ByOperator        // an operator at the command line, or an upstream's rule that an operator wrote down
)

// Level is how strong a sign-in was.
type Level int

// The levels, weakest first.
const (
	Single    Level = iota // one factor
	Multi                  // two
	Resistant              // a passkey
)

// Act is what may be done to a person's ways to sign in, and what is guarded alike.
type Act int

// The acts.
const (
	SetPassword    Act = iota + 1 // a password, where there is none
	ChangePassword                // another password; the present one is asked for beside
	ResetPassword                 // another password, by a mailed link or an operator
	AddPasskey
	RemovePasskey
	AddAuthenticator
	RemoveAuthenticator
	MakeRecoveryCodes
	LinkLogin
	UnlinkLogin
	ChangeAddress
	VerifyAddress
	TrustBrowser // no second step in this browser for a while
	ResetFactors // all second factors go
	Freeze       // "this was not me": nobody signs in, and what was added since an email goes
	Export
	DeleteAccount
)

// Recent is how long a sign-in counts as recent for acts on the account itself (rule F10).
const Recent = 10 * time.Minute

// Proof is what a caller shows. It is made in server/login, from a mailed link by who issued it, and at the command line; nowhere
// else.
type Proof struct {
	By     By
	UserID string
	Epoch  int64 // of the person when the proof was made; whatever ends everything of theirs ends the proof
	Level  Level
	At     time.Time // when the person last proved who they are
	// Decided is the second step of a sign-in that waits for it: None, Ask or Enrol. It was decided with the first step.
	Decided Step
	// Password tells that the present password was checked for this act.
	Password bool
	// Both tells that the second factor was shown for this very act.
	Both bool
	Acts []Act // of a link
}

// Account is what a person has, read when the act is asked for and once more in the transaction that carries it out.
type Account struct {
	Password      bool
	Authenticator bool
	Recovery      int // codes not used yet
	Passkeys      int
	Logins        int  // linked ones that the person can sign in with
	Required      bool // the person must have a second factor
	Disabled      bool
	Frozen        bool
}

// Second reports whether the person has a second factor. Recovery codes stand for one, they are none.
func (a Account) Second() bool { return a.Authenticator || a.Passkeys > 0 }

// local reports whether the person can prove here, and not only at an upstream, who they are.
func (a Account) local() bool { return a.Password || a.Second() }

// ways is in how many ways the person can begin a sign-in.
func (a Account) ways() int {
	n := a.Passkeys + a.Logins
	if a.Password {
		n++
	}
	return n
}

// Why an act is not allowed, for errors.Is.
var (
	// ErrConfirm: the person has to prove again who they are, as strongly as they can.
	ErrConfirm = errors.New("a recent sign-in with the strongest factor is needed")
	// ErrNotAllowed: what was shown never allows this.
	ErrNotAllowed = errors.New("not allowed")
	// ErrLast: without it the person could not sign in any more.
	ErrLast = errors.New("last way to sign in")
	// ErrNeeded: the person must have a second factor, and it is their last.
	ErrNeeded = errors.New("a second factor is required")
)

// May says whether somebody who shows the proof may do the act to the account: the one rule for everything that adds, replaces or
// removes a way to sign in (rule V01). ErrConfirm, ErrNotAllowed, ErrLast, ErrNeeded. The Permit is checked once more, against
// the account as it is then, in the transaction of the act.
func May(p Proof, act Act, a Account) (Permit, error) {
	if p.UserID == "" {
		return Permit{}, ErrNotAllowed
	}
	if err := decide(p, act, a, time.Now()); err != nil {
		return Permit{}, err
	}
	return Permit{proof: p, act: act}, nil
}

func decide(p Proof, act Act, a Account, now time.Time) error {
	if p.By == ByOperator {
		return nil
	}
	if a.Disabled || a.Frozen && !(p.By == ByLink && (act == ResetPassword || act == Freeze || act == VerifyAddress)) {
		return ErrNotAllowed
	}
	if err := shown(p, act, a, now); err != nil {
		return err
	}
	return left(act, a)
}

// shown judges the proof.
func shown(p Proof, act Act, a Account, now time.Time) error {
	fresh := now.Sub(p.At) < Recent
	switch p.By {
	case ByRegistration:
		return only(a.ways() == 0 && !a.Second() && (act == SetPassword || act == AddPasskey || act == LinkLogin || act == VerifyAddress))
	case ByUpstream:
		return only(act == UnlinkLogin || act == VerifyAddress)
	case ByLink:
		for _, own := range p.Acts {
			if own == act {
				return nil
			}
		}
		return ErrNotAllowed
	case ByFirstFactor:
		enrols := act == AddAuthenticator || act == AddPasskey || act == MakeRecoveryCodes
		return only(fresh && p.Decided == Enrol && enrols && !a.Authenticator && a.Passkeys == 0)
	case ByConfirmation:
		first := act == SetPassword || act == AddPasskey || act == AddAuthenticator || act == MakeRecoveryCodes
		if act != Export && act != DeleteAccount && !first || a.local() {
			return ErrConfirm
		}
		return confirm(fresh)
	case BySession:
		return bySession(p, act, a, fresh)
	}
	return ErrNotAllowed
}

func bySession(p Proof, act Act, a Account, fresh bool) error {
	strong := !a.Second() || p.Level >= Multi
	switch act {
	case TrustBrowser:
		return only(p.Both && fresh && a.Second() && p.Level >= Multi)
	case ChangePassword:
		return confirm(p.Password && a.Password && (!a.Second() || strong && fresh))
	case ResetPassword, ResetFactors, Freeze:
		return ErrNotAllowed
	case SetPassword:
		if a.Password {
			return ErrNotAllowed
		}
	}
	return confirm(strong && fresh)
}

// left judges what the person would be left with.
func left(act Act, a Account) error {
	switch act {
	case RemovePasskey:
		if a.Passkeys == 1 && a.ways() == 1 {
			return ErrLast
		}
		if a.Required && a.Passkeys == 1 && !a.Authenticator {
			return ErrNeeded
		}
	case RemoveAuthenticator:
		if a.Required && a.Passkeys == 0 {
			return ErrNeeded
		}
	case UnlinkLogin:
		if a.Logins == 1 && a.ways() == 1 {
			return ErrLast
		}
	}
	return nil
}

func only(ok bool) error {
	if !ok {
		return ErrNotAllowed
	}
	return nil
}

func confirm(ok bool) error {
	if !ok {
		return ErrConfirm
	}
	return nil
}
