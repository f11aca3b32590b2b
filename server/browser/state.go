package browser

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"time"

	"signet/server/web"
)

// Apps that watch the session from a frame (OpenID Connect Session Management 1.0) compare what they were told at the sign-in with the
// browser state: a random value in a cookie that scripts of ours can read, and that frames in pages of other sites get. It has nothing to
// do with the session's secret, stands for the account in view, and changes whenever somebody signs in, goes over to another account or
// signs out.

const stateCookie = "state"

const stateSize = 16 // bytes

// StateCookie is the name of the cookie with the browser state; "" = it is not kept.
func (b *Browser) StateCookie() string {
	if !b.states {
		return ""
	}
	return b.jar.name(stateCookie)
}

// State is the browser state, made where there is none; "" where it is not kept, or cannot be set because the request is for a part of
// another page.
func (b *Browser) State(w http.ResponseWriter, r *http.Request) string {
	if !b.states {
		return ""
	}
	if value, ok := b.stateOf(w, r); ok {
		return value
	}
	if !web.Navigation(r) {
		return ""
	}
	return b.newState(w, time.Time{})
}

// stateOf is the state that this answer sets, or else the one that the browser sent.
func (b *Browser) stateOf(w http.ResponseWriter, r *http.Request) (string, bool) {
	for _, line := range w.Header().Values("Set-Cookie") {
		if c, err := http.ParseSetCookie(line); err == nil && c.Name == b.jar.name(stateCookie) {
			return c.Value, c.Value != ""
		}
	}
	value := b.jar.read(r, stateCookie)
	raw, err := base64.RawURLEncoding.DecodeString(value)
	return value, err == nil && len(raw) == stateSize
}

// newState changes the state; until zero = the browser forgets it when closed.
func (b *Browser) newState(w http.ResponseWriter, until time.Time) string {
	if !b.states {
		return ""
	}
	raw := make([]byte, stateSize)
	rand.Read(raw)
	value := base64.RawURLEncoding.EncodeToString(raw)
	c := b.jar.cookie(stateCookie, value)
	c.HttpOnly = false
	if b.jar.secure {
		c.SameSite = http.SameSiteNoneMode
	}
	if !until.IsZero() {
		c.Expires, c.MaxAge = until, max(1, int(time.Until(until)/time.Second))
	}
	b.jar.set(w, c)
	return value
}
