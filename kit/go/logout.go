package kit

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4/json"
)

// Logout receives logout tokens for a client of the issuer, by which a service that has sessions of its own learns that one has ended
// (OpenID Connect Back-Channel Logout 1.0): mount it at the client's backchannel_logout_uri. The function ends the session sid, or, if sid
// is "", all of the person sub; if it fails, the issuer tries again.
func (a *API) Logout(clientID string, end func(ctx context.Context, sub, sid string) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", "POST")
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, 2*maxToken)
		c, err := a.loggedOut(r, clientID)
		if err == nil {
			err = a.once(r.Context(), clientID, c, end)
		}
		if err == nil {
			return
		}
		if a.o.Logger != nil {
			a.o.Logger.LogAttrs(r.Context(), slog.LevelWarn, "logout refused", slog.String("reason", string(reasonOf(err))), slog.Any("error", err))
		}
		w.Header().Set("Content-Type", "application/json")
		status, code := http.StatusBadRequest, "invalid_request"
		if errors.Is(err, ErrUnavailable) {
			status, code = http.StatusServiceUnavailable, "temporarily_unavailable"
		}
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": code})
	})
}

const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// logout are the claims of a logout token (section 2.4).
type logout struct {
	claims
	Session string                     `json:"sid"`
	Events  map[string]json.RawMessage `json:"events"`
	Nonce   json.RawMessage            `json:"nonce"`
}

// loggedOut validates the logout token of a request (section 2.6).
func (a *API) loggedOut(r *http.Request, clientID string) (c logout, err error) {
	sent := r.PostFormValue("logout_token")
	if sent == "" || len(sent) > maxToken || len(r.PostForm["logout_token"]) != 1 {
		return c, fmt.Errorf("%w: one logout_token is needed", ErrRequest)
	}
	raw, err := a.opened(r.Context(), sent, "logout+jwt")
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return c, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := a.fresh(&c.claims); err != nil {
		return c, err
	}
	var event map[string]json.RawMessage
	switch {
	case !slices.Contains(c.Audience, clientID):
		return c, fmt.Errorf("%w: %.200q", ErrAudience, c.Audience)
	case c.IssuedAt == nil || c.JTI == "" || c.Subject == "" && c.Session == "" || c.Nonce != nil,
		json.Unmarshal(c.Events[logoutEvent], &event) != nil || event == nil:
		return c, fmt.Errorf("%w: not the claims of a logout token", ErrMalformed)
	}
	return c, nil
}

// once ends the session, for each logout token once: whoever gets hold of one must not end later sessions with it. Where ending failed the
// token may come again.
func (a *API) once(ctx context.Context, clientID string, c logout, end func(ctx context.Context, sub, sid string) error) error {
	sum := sha256.Sum256([]byte("logout\x00" + clientID + "\x00" + c.JTI))
	key := base64.RawURLEncoding.EncodeToString(sum[:])
	until := c.Expires.time().Add(a.o.Past + time.Second)
	fresh, err := a.o.DPoP.Replay.Once(ctx, key, until)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if again, _ := a.failed.get(key); !fresh && !again {
		return fmt.Errorf("%w: the logout token", ErrReplay)
	}
	err = end(ctx, c.Subject, c.Session)
	a.failed.put(key, err != nil, until)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}
