package account

import (
	"context"
	"net/http"

	"signet/server/browser"
	"signet/server/pages"
)

// overview is the page /account.
func (h *Handler) overview(w http.ResponseWriter, r *http.Request, v *browser.Visitor) error {
	ctx := r.Context()
	page := pages.Account{Person: v.Person, Verified: v.User.EmailVerified, Mail: h.Credentials.MailOn(), Done: done(r)}
	var err error
	if page.PasswordChanged, err = h.Profile.PasswordChanged(ctx, v.UserID); err != nil {
		return err
	}
	page.PasswordChanged = v.Person.At(page.PasswordChanged)
	if page.Factors, err = h.factors(ctx, v.UserID); err != nil {
		return err
	}
	reuse, err := h.Profile.ReuseSeen(ctx, v.UserID)
	if err != nil {
		return err
	}
	if !reuse.IsZero() {
		page.Notices = append(page.Notices, "reuse")
	}
	sessions, err := h.Sessions.OfUser(ctx, v.UserID, shownSessions)
	if err != nil {
		return err
	}
	apps, err := h.Connected.Apps(ctx, v.UserID)
	if err != nil {
		return err
	}
	if h.Asked != nil {
		if page.Requests, err = h.Asked(ctx, v.UserID); err != nil {
			return err
		}
	}
	events, _, err := h.Profile.Activity(ctx, v.UserID, "", 1)
	if err != nil {
		return err
	}
	if lines := h.eventLines(ctx, v.Person, events); len(lines) > 0 {
		page.LastActivity = &lines[0]
	}
	page.Sessions, page.Apps = len(sessions), len(apps)
	return h.Pages.Render(w, r, http.StatusOK, page)
}

func (h *Handler) factors(ctx context.Context, userID string) (*pages.Factors, error) {
	if h.Factors == nil {
		return nil, nil
	}
	f, err := h.Factors(ctx, userID)
	if err != nil {
		return nil, err
	}
	return &pages.Factors{TOTP: f.TOTP, RecoveryLeft: f.RecoveryLeft, Passkeys: f.Passkeys}, nil
}
