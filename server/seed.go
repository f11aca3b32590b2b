package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"signet/config"
	"signet/oauth/keys"
	"signet/server/signin"
	"signet/users"
	"signet/users/membership"
)

// Seed makes the people of a test server, with their groups and roles.
func (h *Services) Seed(ctx context.Context) error {
	if h.Config.Seed == nil {
		return errors.New("this is no test server")
	}
	for _, u := range h.Config.Seed.Users {
		if err := h.seedUser(ctx, u); err != nil {
			return fmt.Errorf("users[%s]: %w", u.Email, err)
		}
	}
	return nil
}

func (h *Services) seedUser(ctx context.Context, u config.SeedUser) error {
	r := users.Registration{
		Email: u.Email, Username: u.Username, Name: u.Name, Voucher: users.VouchedByOperator(), Method: users.WithPassword(u.Password.Reveal()),
	}
	if !u.Unverified {
		r.Verification = users.VerifiedByOperator()
	}
	if u.Claims != nil {
		var err error
		if r.Claims, err = json.Marshal(u.Claims); err != nil {
			return err
		}
	}
	made, err := h.People.CreateAccount(ctx, r)
	if err != nil {
		return err
	}
	for _, group := range u.Groups {
		if err := h.Members.CreateGroup(ctx, group, ""); err != nil && !errors.Is(err, membership.ErrExists) {
			return err
		}
		if _, err := h.Members.Add(ctx, group, made.ID); err != nil {
			return err
		}
	}
	for _, role := range u.Roles {
		if err := h.Members.CreateRole(ctx, role, ""); err != nil && !errors.Is(err, membership.ErrExists) {
			return err
		}
		if _, err := h.Members.Give(ctx, role, membership.Holder{UserID: made.ID}); err != nil {
			return err
		}
	}
	return nil
}

// seeded are the people who sign in by one click; nil anywhere but on a test server.
func seeded(c config.Config) (all []signin.Seeded) {
	if c.Seed == nil {
		return nil
	}
	for _, u := range c.Seed.Users {
		all = append(all, signin.Seeded{Name: u.Name, Login: u.Email, Password: u.Password.Reveal()})
	}
	return all
}

// rsaOnNeed makes the RSA key of a test server, which takes longer than all else of its start, when the first request comes for which it
// may be needed: a protocol endpoint, or the key set, which must not grow between two looks.
func (h *Services) rsaOnNeed(next http.Handler) http.Handler {
	made := sync.OnceValue(func() error { return h.Keys.Need(context.Background(), keys.RS256) })
	prefix := h.Config.IssuerURL().EscapedPath()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, ours := strings.CutPrefix(r.URL.Path, prefix)
		if ours && (strings.HasPrefix(path, "/oauth2/") || path == "/userinfo") {
			if err := made(); err != nil {
				h.Log.ErrorContext(r.Context(), "no RSA key", "error", err)
			}
		}
		next.ServeHTTP(w, r)
	})
}
