package server_test

import (
	"fmt"
	"slices"

	"signet/server/web"
)

// rule says why a way to sign in that was changed in a cell may have been; an error where nothing lets it (V01). It is not what
// the server does but what it has to: the table can be written anew, this cannot.
func rule(s *state, d *driver, differ []web.Touch) error {
	only := func(kinds ...web.Touch) bool {
		return !slices.ContainsFunc(differ, func(k web.Touch) bool { return !slices.Contains(kinds, k) })
	}
	switch {
	case d.upstream && only(web.LinkedLogin, web.TrustedBrowser):
		return nil // what the upstream says of its own account
	case s.name == "frozen" && !slices.Contains([]string{"POST /reset", "POST /not-me", "POST /undo-address"}, d.route):
		return fmt.Errorf("the account is frozen")
	case d.link:
		return nil // what the mailed link is for
	case d.owner && s.ends == atFactor && only(web.RecoveryCodes, web.TrustedBrowser):
		return nil // both factors were shown
	case d.route == "POST /signin/factor/setup" && s.enrol() && only(web.Authenticator, web.RecoveryCodes, web.TrustedBrowser):
		return nil // what this very sign-in asks for
	case d.route == "POST /signin/factor/setup/passkey" && s.enrol() && only(web.Passkey, web.TrustedBrowser):
		return nil // likewise
	case d.route == "POST /account/keep" && d.owner:
		return nil // both factors were shown, if there are two
	case !s.session:
		return fmt.Errorf("nobody is signed in")
	case s.strong:
		return nil
	case s.first && slices.Contains(firstFactorRoutes, d.route) && only(web.Password, web.Passkey, web.Authenticator, web.RecoveryCodes):
		return nil // rule V12: to add one, never to remove any
	case d.password && s.has == "" && !s.added:
		return nil // the present password was typed, and is all that there is
	}
	return fmt.Errorf("the strongest factor was not shown within ten minutes")
}

// firstFactorRoutes add a factor.
var firstFactorRoutes = []string{"POST /account/password", "POST /account/passkeys/add", "POST /account/second-step/add"}

// unseen are touches that no cell can show, with the reason.
var unseen = map[string]string{
	"POST /signin/with/{upstream}/deletion trusted browser": "an account without another way to sign in is asked for no second factor",
	"POST /not-me trusted browser":                          "nobody signs in to a frozen account",
	"POST /undo-address trusted browser":                    "nobody signs in to a frozen account",
	"POST /recover/finish trusted browser":                  "no second factor is left that could be asked for",
}
