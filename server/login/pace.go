package login

import (
	"errors"
	"net/http"

	"signet/internal/ratelimit"
	"signet/server/browser"
	"signet/server/web"
)

// Pace counts something that a person does to their own account: nearly each is an event that is kept for a year, and anybody may have an
// account (rule V06). It goes by the session, so that who has stolen one keeps nobody else from ending it. The error is the page that says
// to wait.
func (l *Login) Pace(r *http.Request, v *browser.Visitor) error {
	if l.Acts == nil {
		return nil
	}
	err := l.Acts(r.Context(), v.SessionID)
	if late, ok := errors.AsType[*ratelimit.Throttled](err); ok {
		return &web.PageError{Status: http.StatusTooManyRequests, Kind: "too_many", RetryAfter: late.RetryAfter, Cause: err}
	}
	return err
}
