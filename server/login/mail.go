package login

import (
	"errors"
	"net/http"

	"signet/oauth/flow"
	"signet/server/pages"
	"signet/server/web"
	"signet/users"
)

// NoMail is the page where no email can be sent.
func NoMail(err error) error {
	if errors.Is(err, users.ErrNoMail) {
		return &web.PageError{Status: http.StatusNotFound, Kind: "not_found", Cause: err}
	}
	return err
}

// LinkExpired is the page of a mailed link that is not good (any more); back leads to where another one is asked for.
func LinkExpired(err error, back string) error {
	if errors.Is(err, users.ErrGone) {
		return &web.PageError{Status: http.StatusGone, Kind: "link_gone", Cause: err, Back: back}
	}
	return err
}

// Again reports whether a form asks for an email once more, from the page that says to look into the mailbox.
func Again(r *http.Request) bool { return r.PostForm.Get("again") != "" }

// Mailbox is the page that says to look into the mailbox. what is "signup" or "reset".
func (l *Login) Mailbox(w http.ResponseWriter, r *http.Request, s *State, p pages.Mailbox) error {
	r, p.App = l.Prepare(w, r, s)
	p.BackURL = l.Path(flow.SignIn, s.In)
	return l.Pages.Render(w, r, http.StatusOK, p)
}
