package oauth_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"signet/oauth"
	"signet/oauth/oauthtest"
	"signet/storage"
	"signet/storage/expired"
)

// TestJ09_WhatEndsAGrant: what ends it ends code, refresh and access tokens alike.
func TestJ09_WhatEndsAGrant(t *testing.T) { // rule J09; decision 0001
	now := time.Now
	for name, test := range map[string]struct {
		scope string
		end   func(t *testing.T, h *oauthtest.Protocol) error
		ends  bool
	}{
		"disabled": {"openid", func(t *testing.T, h *oauthtest.Protocol) error {
			return h.DB.SetUserDisabled(t.Context(), oauthtest.Ada, now(), now())
		}, true},
		"epoch": {"openid offline_access", func(t *testing.T, h *oauthtest.Protocol) error {
			return h.DB.RaiseEpoch(t.Context(), oauthtest.Ada, now())
		}, true},
		"signed-out": {"openid", func(t *testing.T, h *oauthtest.Protocol) error {
			_, err := h.DB.EndSession(t.Context(), oauthtest.Session, oauthtest.Ada, now())
			return err
		}, true},
		"signed-out-offline": {"openid offline_access", func(t *testing.T, h *oauthtest.Protocol) error {
			_, err := h.DB.EndSession(t.Context(), oauthtest.Session, oauthtest.Ada, now())
			return err
		}, false},
		"session-expired-and-swept": {"openid", func(t *testing.T, h *oauthtest.Protocol) error {
			_, err := h.DB.DeleteExpired(t.Context(), expired.Sessions, now().Add(48*time.Hour), 10)
			return err
		}, false},
		"consent-withdrawn": {"openid", func(t *testing.T, h *oauthtest.Protocol) error {
			_, err := h.DB.WithdrawConsent(t.Context(), oauthtest.Ada, "shop", now())
			return err
		}, true},
		"revoked": {"openid", func(t *testing.T, h *oauthtest.Protocol) error {
			_, err := h.DB.RevokeGrants(t.Context(), storage.GrantFilter{ClientID: "shop"}, "test", now())
			return err
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := protocol(t, oauthtest.Options{})
			epoch, err := h.DB.PutConsent(t.Context(), storage.Consent{UserID: oauthtest.Ada, ClientID: "shop", CreatedAt: now(), UpdatedAt: now()})
			if err != nil {
				t.Fatal(err)
			}
			consented := func(a *oauth.Authorization) { a.ConsentEpoch = epoch }
			used := get(t, h, "shop", oauthtest.Exchange(h.Code(t, "shop", test.scope, consented)))
			flight := oauthtest.Exchange(h.Code(t, "shop", test.scope, consented)) // an authorization in flight
			if err := test.end(t, h); err != nil {
				t.Fatal(err)
			}
			_, refreshErr := token(t, h, "shop", oauthtest.Refresh(used.RefreshToken))
			_, exchangeErr := token(t, h, "shop", flight)
			for what, ended := range map[string]bool{"refresh": refreshErr != nil, "code": exchangeErr != nil, "access": !alive(t, h, used)} {
				if ended != test.ends {
					t.Errorf("%s ended: %v, want %v", what, ended, test.ends)
				}
			}
			if test.ends {
				wants(t, refreshErr, "invalid_grant")
				wants(t, exchangeErr, "invalid_grant")
			}
		})
	}
}

func TestAuthorizationInFlightDoesNotSlipThrough(t *testing.T) { // decision 0001: sign-out everywhere raced against it
	h := protocol(t, oauthtest.Options{})
	a := h.Ask(t, "shop", "openid offline_access", nil) // read at epoch 3
	if err := h.DB.RaiseEpoch(t.Context(), oauthtest.Ada, time.Now()); err != nil {
		t.Fatal(err)
	}
	code, err := h.Authorize(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, h, "shop", oauthtest.Exchange(code.Code), "invalid_grant")
}

func TestUnreachableDatabaseIsNotTheClientsFault(t *testing.T) { // rule A18
	h := protocol(t, oauthtest.Options{})
	one := first(t, h, "shop", "openid")
	code := h.Code(t, "shop", "openid", nil)
	away := interpose(t, h, func(s *shim) { s.err = fmt.Errorf("%w: dial", storage.ErrUnavailable) })
	for name, act := range map[string]func() error{
		"code":    func() error { _, err := token(t, away, "shop", oauthtest.Exchange(code)); return err },
		"refresh": func() error { _, err := token(t, away, "shop", oauthtest.Refresh(one.RefreshToken)); return err },
		"userinfo": func() error {
			_, err := away.Provider.Userinfo(t.Context(), oauth.Presented{Token: one.AccessToken})
			return err
		},
		"introspection": func() error {
			_, err := away.Provider.Introspect(t.Context(), h.Client(t, "shop"), one.AccessToken)
			return err
		},
		"introspection-refresh": func() error {
			_, err := away.Provider.Introspect(t.Context(), h.Client(t, "shop"), one.RefreshToken)
			return err
		},
		"revocation": func() error { return away.Provider.Revoke(t.Context(), h.Client(t, "shop"), one.RefreshToken) },
	} {
		t.Run(name, func(t *testing.T) {
			err := act()
			wants(t, err, "temporarily_unavailable")
			if !errors.Is(err, storage.ErrUnavailable) {
				t.Error("the cause is lost")
			}
		})
	}
	get(t, h, "shop", oauthtest.Exchange(code)) // nothing was spent
	get(t, h, "shop", oauthtest.Refresh(one.RefreshToken))
}

func TestReplayIsNotSwallowedWhenTheDatabaseGoesAway(t *testing.T) { // rule A18; fosite hides such an error
	h := protocol(t, oauthtest.Options{})
	form := oauthtest.Exchange(h.Code(t, "shop", "openid", nil))
	winner := get(t, h, "shop", form)
	failing := interpose(t, h, func(s *shim) { s.revokeErr = fmt.Errorf("%w: gone", storage.ErrUnavailable) })
	refused(t, failing, "shop", form, "temporarily_unavailable") // not invalid_grant: the family is not revoked yet
	refused(t, h, "shop", form, "invalid_grant")
	if alive(t, h, winner) {
		t.Error("the family lives on")
	}
}
