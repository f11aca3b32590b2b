package flow

import (
	"slices"
	"time"

	"signet/oauth/refusal"
)

// Step is what an authorization request needs next.
type Step int

// The steps, in the order in which Next asks for them.
const (
	SignIn Step = iota + 1
	ChooseAccount
	Terms // the terms of service of this server, not the app's
	Consent
	Finish
)

// Seen is what the dispatcher found out about the browser in front of it.
type Seen struct {
	UserID        string    // who is signed in, "" = nobody
	AuthTime      time.Time // when that person last proved it
	ConsentNeeded bool      // something is asked for that this person was not yet offered
	TermsDue      bool      // the person has not accepted the terms of service of today
	ACR           string    // the class of that sign-in
	Required      string    // the class that the client's registration demands, "" = none
	Reachable     string    // the strongest class this person can reach; "" = not looked up, for nothing is wanting
}

// Next decides what comes next, or refuses: access_denied when the person said no, and under prompt=none whatever would have
// shown a page (OpenID Connect Core section 3.1.2.6). Errors are *refusal.Refusal.
func Next(in Interaction, s Seen, now time.Time) (Step, error) {
	if in.Facts.Denied || in.Facts.RefusedSign {
		return 0, refusal.AccessDenied("The person refused.")
	}
	step := next(in, s, now)
	if step != SignIn && in.unmet(s) {
		return 0, refusal.UnmetAuthenticationRequirements("The person did not sign in as strongly as was asked for.")
	}
	if step == SignIn && in.fresh(in.Facts.SignedInAt, s) && in.otherPerson(s) {
		return 0, refusal.LoginRequired("Another person signed in than the request names.")
	}
	if !in.Request.Prompted("none") {
		return step, nil
	}
	switch step {
	case SignIn:
		return 0, refusal.LoginRequired("Nobody is signed in, or must sign in again.")
	case ChooseAccount:
		return 0, refusal.AccountSelectionRequired("An account has to be chosen.")
	case Terms:
		return 0, refusal.InteractionRequired("The person has to accept the terms of service first.")
	case Consent:
		return 0, refusal.ConsentRequired("The person has not agreed to this yet.")
	}
	return step, nil
}

func next(in Interaction, s Seen, now time.Time) Step {
	req := in.Request
	switch {
	case s.UserID == "", in.otherPerson(s), in.signInAgain(s, now), in.stepUp(s):
		return SignIn
	case req.Prompted("select_account") && !in.fresh(in.Facts.AccountAt, s):
		return ChooseAccount
	case s.TermsDue:
		return Terms
	case (s.ConsentNeeded || req.Prompted("consent")) && !in.fresh(in.Facts.DecidedAt, s):
		return Consent
	}
	return Finish
}

// fresh tells that the fact is of this interaction and of the person who is here now; what another person did does not count.
func (in Interaction) fresh(at time.Time, s Seen) bool {
	return !at.IsZero() && in.Facts.UserID == s.UserID && s.UserID != ""
}

// stepUp: a stronger sign-in is asked for than this one was, and the person can do it, or must find a way: the registration
// leads to setting a second factor up (RFC 9470 section 5). A sign-in made within this interaction was as strong as the
// person would have it.
func (in Interaction) stepUp(s Seen) bool {
	if in.fresh(in.Facts.SignedInAt, s) {
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
func (in Interaction) otherPerson(s Seen) bool { return !in.Request.IsAbout(s.UserID) }

// signInAgain: prompt=login, or older than max_age, which is 0 for "now" (Core section 3.1.2.1). Seconds are compared, as
// auth_time has no more. A sign-in made within this interaction is young enough, however long the person then takes.
func (in Interaction) signInAgain(s Seen, now time.Time) bool {
	if in.fresh(in.Facts.SignedInAt, s) {
		return false
	}
	if slices.Contains(in.Request.Prompts, "login") {
		return true
	}
	age := in.Request.MaxAge
	return age != nil && (*age == 0 || now.Unix()-s.AuthTime.Unix() > *age)
}
