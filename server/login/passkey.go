package login

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"signet/internal/ratelimit"
	"signet/server/web"
	"signet/users/passkey"
)

// WriteOptions answers the script of a page with the options of a passkey ceremony. What is refused is told by the form itself: the
// script then sends it without an answer.
func WriteOptions(w http.ResponseWriter, options json.RawMessage, err error) error {
	switch {
	case errors.Is(err, passkey.ErrThrottled):
		return &web.PageError{Status: http.StatusTooManyRequests, Kind: "too_many", Cause: err}
	case errors.Is(err, passkey.ErrNotFound), errors.Is(err, passkey.ErrWrong), errors.Is(err, passkey.ErrFull):
		return &web.PageError{Status: http.StatusForbidden, Kind: "denied", Cause: err}
	case err != nil:
		return err
	}
	return web.WriteJSON(w, http.StatusOK, options)
}

// Refusal is what a form says again with what went wrong. The zero value says nothing.
type Refusal struct {
	Problem    string // id of a text
	Status     int
	RetryAfter int // seconds
	Outcome    string
	Unknown    bool // the passkey is no account's: what keeps it may forget it
}

// RefusedPasskey is what a wrong passkey is told; the zero value if the error is ours.
func RefusedPasskey(err error) Refusal {
	if late, ok := errors.AsType[*ratelimit.Throttled](err); ok {
		return Refusal{"signin.throttled", http.StatusTooManyRequests, int(late.RetryAfter / time.Second), "throttled", false}
	}
	if errors.Is(err, passkey.ErrWrong) || errors.Is(err, passkey.ErrChanged) {
		return Refusal{"signin.passkey_wrong", http.StatusForbidden, 0, "failure", errors.Is(err, passkey.ErrUnknown)}
	}
	return Refusal{}
}
