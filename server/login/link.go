package login

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"signet/oauth/flow"
	"signet/server/browser"
	"signet/storage"
	"signet/users/session"
	"signet/users/ticket"
)

// Tickets is the part of *ticket.Tickets that remembers where mailed links led.
type Tickets interface {
	Issue(ctx context.Context, o ticket.Order) (id, secret string, err error)
	Of(ctx context.Context, p ticket.Purpose, owner string) ([]storage.Ticket, error)
}

// purposeUsed is a mailed link that was used in a browser: opened there once more, it leads to where it led.
const purposeUsed ticket.Purpose = "link.used"

// usedFor is how long that is remembered: as long as a sign-in may take.
const usedFor = 30 * time.Minute

// used is the ticket's data.
type used struct {
	Browser     string `json:"browser"`
	UserID      string `json:"user_id,omitempty"` // who was signed in by it; "" = nobody
	Interaction string `json:"interaction,omitempty"`
	Page        string `json:"page,omitempty"` // of ours, instead
}

// LinkUsed remembers for a while where a mailed link led that was used in this browser: on with the sign-in s and the person it signed
// in, or, with a page, there.
func (l *Login) LinkUsed(r *http.Request, secret, userID, interaction, page string) error {
	mark := l.Browser.Mark(r)
	if mark == "" || l.Tickets == nil {
		return nil
	}
	_, _, err := l.Tickets.Issue(r.Context(), ticket.Order{
		Purpose: purposeUsed, Owner: session.Hash(secret), Data: used{mark, userID, interaction, page}, Lifetime: usedFor, Only: true,
	})
	if err != nil {
		return fmt.Errorf("remember used link: %w", err)
	}
	return nil
}

// FollowLink leads to where a link led that is used up, if that was in this browser and its person is signed in still; ok reports
// whether it did.
func (l *Login) FollowLink(w http.ResponseWriter, r *http.Request, secret string) (ok bool, err error) {
	mark := l.Browser.Mark(r)
	if mark == "" || l.Tickets == nil {
		return false, nil
	}
	list, err := l.Tickets.Of(r.Context(), purposeUsed, session.Hash(secret))
	if err != nil || len(list) == 0 {
		return false, err
	}
	var was used
	if err := ticket.Read(list[len(list)-1], &was); err != nil || was.Browser != mark {
		return false, err
	}
	v, err := l.Browser.Visitor(r)
	if err != nil {
		return false, err
	}
	if was.UserID != "" && (v == nil || v.UserID != was.UserID) {
		return false, nil
	}
	if was.Page != "" {
		return true, l.Browser.Go(w, r, was.Page, nil)
	}
	in, err := l.Browser.Resume(r, was.Interaction)
	if browser.IsExpired(err) || err == nil && in.Over {
		return true, l.Browser.Go(w, r, homePath, nil)
	}
	if err != nil {
		return false, err
	}
	if in.Purpose == flow.PurposeAuthorize {
		return true, l.Browser.Go(w, r, dispatcherPath, &in)
	}
	return true, l.Browser.Go(w, r, homePath, nil)
}
