package flow

import (
	"cmp"
	"slices"
	"time"

	"signet/oauth/refusal"
)

// Step is what a sign-in needs next.
type Step int

// The steps, in the order in which Next asks for them.
const (
	Factor        Step = iota + 1 // the second factor, of the sign-in that waits for it
	Enrol                         // … which is to be set up first
	Confirm                       // somebody who has no factor here confirms in another way that it is them (rule V12)
	Keep                          // the account is to be deleted: shall it be kept?
	SignIn                        //
	SignUp                        // … where a new account is asked for
	ChooseAccount                 // of those signed in in this browser
	Link                          // an identity at an upstream waits for the account it may be linked to
	OfferPasskey                  //
	Terms                         // the terms of service of this server, not the app's
	Consent                       //
	Finish                        // the answer to the app, or the page that was asked for
)

// Seen is what was found out about the browser in front of us. It is made in server/login and nowhere else, from everything that
// bears on the order: a page that asked with less would get another answer than the dispatcher.
type Seen struct {
	UserID        string    // who is signed in, "" = nobody
	Subject       string    // what the client of the request calls them; "" = the same
	AuthTime      time.Time // when that person last proved it
	ACR           string    // the class of that sign-in
	Pending       bool      // the person of Progress.PendingFactor may go on with it
	Confirm       bool      // there is somebody who has no factor here to prove with who they are, and is to
	Mailable      bool      // … a code can be mailed to them
	Leaving       bool      // somebody is signed in whose account is to be deleted; they are nobody (UserID) until it is kept
	Behind        bool      // accounts are signed in behind the one in view
	Linkable      bool      // the identity that waits may be linked by the person signed in
	Offerable     bool      // the passkey that was offered to the person may be added
	TermsDue      bool      // the person has not accepted the terms of service of today
	ConsentNeeded bool      // something is asked for that this person was not yet offered
	ScopesGone    bool      // nothing of what was asked for is the client's any more
	ConsentEpoch  int64     // of the consent now: raised where it is withdrawn
	Required      string    // the class that the client's registration demands, "" = none
	Reachable     string    // the strongest class this person can reach; "" = not looked up, for nothing is wanting
}

// Next decides what comes next, or refuses: access_denied when the person said no, and under prompt=none whatever would have
// shown a page (OpenID Connect Core section 3.1.2.6). Errors are *refusal.Refusal.
func Next(in Interaction, s Seen, now time.Time) (Step, error) {
	if in.Progress.Denied || in.Progress.Cancelled {
		return 0, refusal.AccessDenied("The person refused.")
	}
	step := next(in, s, now)
	if in.Request.Prompted("none") && s.UserID != "" && s.ConsentNeeded && !s.ScopesGone {
		return 0, in.toStranger()
	}
	if step > ChooseAccount && in.unmet(s) { // they are chosen, and signed in as well as they will be
		return 0, refusal.UnmetAuthenticationRequirements("The person did not sign in as strongly as was asked for.")
	}
	if step >= Consent && s.ScopesGone {
		return 0, refusal.InvalidScope("None of the scopes asked for is this client's any more.")
	}
	if step == SignIn && in.fresh(in.Progress.SignedInAt, s) && in.otherPerson(s) {
		return 0, refusal.LoginRequired("Another person signed in than the one who was asked for.")
	}
	if step == Confirm && in.Purpose == PurposeAuthorize && !s.Mailable { // an app is told what was proven, or nothing
		return 0, refusal.LoginRequired("The person cannot prove again who they are.")
	}
	if !in.Request.Prompted("none") {
		return step, nil
	}
	switch step {
	case Finish:
		return step, nil
	case Link, OfferPasskey, Terms:
		return 0, refusal.InteractionRequired("The person has to answer a question first.")
	case Consent:
		return 0, refusal.ConsentRequired("The person has not agreed to this yet.")
	case ChooseAccount:
		if s.UserID != "" {
			return 0, refusal.AccountSelectionRequired("An account has to be chosen.")
		}
	}
	return 0, signInFirst()
}

func signInFirst() error { return refusal.LoginRequired("Nobody is signed in, or must sign in again.") }

// toStranger is what an app learns without asking that the person has not agreed to: that somebody is signed in, which every app can find
// out, and not who (a name that it has from elsewhere is answered like a wrong one), how they signed in, or what else they were to do.
func (in Interaction) toStranger() error {
	if in.Request.NamesPerson() {
		return signInFirst()
	}
	return refusal.ConsentRequired("The person has not agreed to this yet.")
}

func next(in Interaction, s Seen, now time.Time) Step {
	req, pending := in.Request, in.Progress.Pending(now)
	switch {
	case s.Pending && pending != nil && pending.Enrol:
		return Enrol
	case s.Pending && pending != nil:
		return Factor
	case s.Confirm && !in.fresh(in.Progress.SignedInAt, s) && !in.confirmed(s):
		return Confirm
	case s.Leaving:
		return Keep
	case s.UserID == "" && s.Behind && req.LoginHint == "" && !req.NamesPerson() && !req.Prompted("create"):
		return ChooseAccount
	case s.UserID == "", in.otherPerson(s), in.signInAgain(s, now), in.stepUp(s):
		if req.Prompted("create") {
			return SignUp
		}
		return SignIn
	case req.Prompted("select_account") && !in.fresh(in.Progress.AccountAt, s):
		return ChooseAccount
	case s.Linkable:
		return Link
	case s.Offerable && in.Progress.OfferedTo == s.UserID && in.fresh(in.Progress.SignedInAt, s):
		return OfferPasskey
	case s.TermsDue:
		return Terms
	case in.Purpose == PurposeAuthorize && (s.ConsentNeeded || req.Prompted("consent")) && !in.decided(s):
		return Consent
	}
	return Finish
}

// fresh reports whether the fact is of this interaction and of the person who is here now; what another person did does not count.
func (in Interaction) fresh(at time.Time, s Seen) bool {
	return !at.IsZero() && in.Progress.UserID == s.UserID && s.UserID != ""
}

// decided reports whether the question was answered within this interaction, and what was allowed is not withdrawn since.
func (in Interaction) decided(s Seen) bool {
	return in.fresh(in.Progress.DecidedAt, s) && in.Progress.ConsentEpoch == s.ConsentEpoch
}

// confirmed reports whether the person confirmed within this interaction that it is them. It is no sign-in, and answers no app.
func (in Interaction) confirmed(s Seen) bool {
	return in.Purpose == PurposeConfirm && in.fresh(in.Progress.ConfirmedAt, s)
}

// stepUp: a stronger sign-in is asked for than this one was, and the person can do it, or must find a way: the registration
// leads to setting a second factor up (RFC 9470 section 5). A sign-in made within this interaction was as strong as the
// person would have it.
func (in Interaction) stepUp(s Seen) bool {
	if in.fresh(in.Progress.SignedInAt, s) {
		return false
	}
	for _, d := range in.demands(s) {
		if d.reached(s.ACR) {
			continue
		}
		if d.reached(s.Reachable) || s.Required != "" && slices.Contains(d.any, s.Required) {
			return true
		}
	}
	return false
}

// unmet: what must be reached is not, and asking again would not help.
func (in Interaction) unmet(s Seen) bool {
	return slices.ContainsFunc(in.demands(s), func(d demand) bool { return d.essential && !d.reached(s.ACR) })
}

// otherPerson: the id_token_hint, or sub of the claims parameter, names somebody else (Core sections 3.1.2.1 and 3.1.2.2).
func (in Interaction) otherPerson(s Seen) bool {
	return !in.Request.IsAbout(cmp.Or(s.Subject, s.UserID))
}

// signInAgain: a confirmation, prompt=login, or older than max_age, which is 0 for "now" (Core section 3.1.2.1). Seconds are
// compared, as auth_time has no more. A sign-in made within this interaction is young enough, however long the person then takes.
func (in Interaction) signInAgain(s Seen, now time.Time) bool {
	if in.fresh(in.Progress.SignedInAt, s) || in.confirmed(s) {
		return false
	}
	if in.Purpose == PurposeConfirm || in.Request.Prompted("login") || in.Request.Prompted("create") {
		return true
	}
	age := in.Request.MaxAge
	return age != nil && (*age == 0 || now.Unix()-s.AuthTime.Unix() > *age)
}
