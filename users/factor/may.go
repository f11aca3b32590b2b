package factor

import (
	"errors"
	"slices"
	"time"
)

// By is what somebody shows to be allowed an act. The values are stored with the state of a sign-in at an upstream.
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
	ByOperator        // an operator at the command line
)

// Level is how strong a sign-in was. The values are stored.
type Level int

// The levels, weakest first.
const (
	Single    Level = iota // one factor
	Multi                  // two
	Resistant              // a passkey
)

// Act is what may be done to a person's ways to sign in, and what is guarded alike. The values are stored.
type Act int

// The acts.
const (
	SetPassword    Act = iota + 1 // a password, where there is none
	ChangePassword                // another password; the present one is asked for beside
	ResetPassword                 // another password, by a mailed link or an operator
	AddPasskey
	RemovePasskey
	AddAuthenticator // with the first recovery codes
	RemoveAuthenticator
	MakeRecoveryCodes // in place of those there are
	LinkLogin
	UnlinkLogin
	ChangeAddress
	VerifyAddress
	TrustBrowser // no second factor in this browser for a while
	ResetFactors // all second factors go
	Freeze       // "this was not me": nobody signs in, and what was added since an email goes
	Export
	DeleteAccount
	DropAttached // what was added before anybody had verified the address goes
	Unfreeze     // by an operator; a new password by a link does it, too
)

const (
	// Recent is how long a sign-in counts as recent for acts on the account itself (rule F10).
	Recent = 10 * time.Minute
	// AtUpstream is how long the person may stay at an upstream whose login they link: for LinkLogin, a sign-in that was recent when
	// they left (Proof.AskedAt) counts as recent until then.
	AtUpstream = 15 * time.Minute
)

// Proof is what a caller shows. It is made in server/login, from a mailed link by who issued it, and at the command line; nowhere
// else. What the names of its fields are in JSON is stored.
type Proof struct {
	By     By        `json:"by"`
	UserID string    `json:"user"`
	Epoch  int64     `json:"epoch"` // of the person when the proof was made; whatever ends everything of theirs ends the proof
	Level  Level     `json:"level,omitempty"`
	At     time.Time `json:"at,omitzero"` // when the person last proved who they are
	// AskedAt is when LinkLogin was asked for and allowed; it is carried out when the person comes back from the upstream. Other acts
	// do not look at it.
	AskedAt time.Time `json:"asked_at,omitzero"`
	// Decided is the second factor of a sign-in that waits for it: None, Ask or Enrol. It was decided with the first step.
	Decided Step `json:"decided,omitempty"`
	// Password tells that the present password was checked for this act.
	Password bool `json:"password,omitempty"`
	// Both tells that the second factor was shown for this very act.
	Both bool  `json:"both,omitempty"`
	Acts []Act `json:"acts,omitempty"` // of a link
}

// fresh reports whether the person proved who they are recently enough for the act.
func (p Proof) fresh(act Act, now time.Time) bool {
	if act == LinkLogin && !p.AskedAt.IsZero() {
		if p.AskedAt.After(now) || now.Sub(p.AskedAt) > AtUpstream {
			return false
		}
		now = p.AskedAt
	}
	return now.Sub(p.At) < Recent
}

// Account is what a person has, read when the act is asked for and once more in the transaction that carries it out.
type Account struct {
	Password      bool
	Authenticator bool
	Recovery      int // codes not used yet
	Passkeys      int
	Logins        int  // linked ones that the person can sign in with
	Unusable      int  // linked ones at upstreams that are not configured (any more)
	Required      bool // the person must have a second factor
	Disabled      bool
	Frozen        bool
}

// Second reports whether the person has a second factor. Recovery codes can be used in place of one, they are none.
func (a Account) Second() bool { return a.Authenticator || a.Passkeys > 0 }

// local reports whether the person can prove here, and not only at an upstream, who they are.
func (a Account) local() bool { return a.Password || a.Second() }

// Local reports whether the person has a factor here: who has none confirms in another way that it is them (rule V12).
func (a Account) Local() bool { return a.local() }

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
	if p.Epoch < 0 && !(p.By == ByUpstream && act == UnlinkLogin || p.By == ByLink && act == Freeze) { // AnyEpoch is not everybody's
		return ErrNotAllowed
	}
	if !open(p, act, a) {
		return ErrNotAllowed
	}
	if err := shown(p, act, a, now); err != nil {
		return err
	}
	return left(act, a)
}

// open reports whether a disabled or frozen account is no obstacle. An upstream may always take its own login back, and "this was not
// me" is always heard; the link to a new password is what a frozen account waits for.
func open(p Proof, act Act, a Account) bool {
	if p.By == ByUpstream && act == UnlinkLogin || p.By == ByLink && act == Freeze {
		return true
	}
	if p.By == ByLink && (act == ResetPassword || act == VerifyAddress || act == DropAttached) {
		return !a.Disabled
	}
	return !a.Disabled && !a.Frozen
}

// shown judges the proof.
func shown(p Proof, act Act, a Account, now time.Time) error {
	fresh := p.fresh(act, now)
	switch p.By {
	case ByRegistration:
		first := act == SetPassword || act == AddPasskey || act == LinkLogin
		return only(first && a.ways() == 0 && !a.Second())
	case ByUpstream:
		return only(act == UnlinkLogin || act == VerifyAddress)
	case ByLink:
		return only(slices.Contains(p.Acts, act))
	case ByFirstFactor: // recovery codes come with the authenticator; alone they would outlive its enrolment
		enrols := act == AddAuthenticator || act == AddPasskey
		return only(fresh && p.Decided == Enrol && enrols && !a.Second())
	case ByConfirmation:
		first := act == SetPassword || act == AddPasskey || act == AddAuthenticator
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
		if !a.Password {
			return ErrNotAllowed
		}
		return confirm(p.Password && (!a.Second() || strong && fresh))
	case SetPassword:
		if a.Password {
			return ErrNotAllowed
		}
	case MakeRecoveryCodes: // they are of use beside a second factor only, and must not be there before it
		if !a.Second() {
			return ErrNotAllowed
		}
	case AddPasskey, RemovePasskey, AddAuthenticator, RemoveAuthenticator, LinkLogin, UnlinkLogin, ChangeAddress, Export, DeleteAccount:
	default:
		return ErrNotAllowed
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
	case UnlinkLogin: // of several, Ways knows which it is
		if a.ways() == 0 || a.ways() == 1 && a.Logins == 1 && a.Unusable == 0 {
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
