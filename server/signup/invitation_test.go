package signup_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"signet/config"
	"signet/server/servertest"
	"signet/users"
)

func inviteOnly(c *config.Config) { c.Signup.Mode = config.SignupInvite }

func TestD12_OnlyTheInvitedJoin(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s, box := servertest.NewWithMail(t, engine, servertest.Change(inviteOnly))
		if err := s.Services().Members.CreateGroup(t.Context(), "staff", ""); err != nil {
			t.Fatal(err)
		}
		b := s.Browser(t)
		if b.Get(t, "/signup"); b.Status != http.StatusForbidden {
			t.Errorf("sign-up without an invitation: %d", b.Status)
		}
		s.Invite(t, users.Invitation{Email: "ada@example.com", Groups: []string{"staff"}, Mailed: true})
		link := servertest.Local(t, box.Wait(t, "ada@example.com").LinkWith(t, "/join?t="))
		b.Get(t, link)
		b.Submit(t, "signup-submit", url.Values{"name": {"Ada"}, "username": {"eve@example.com"}, "password": {servertest.NewPassword}})
		if b.URL.RequestURI() != "/account?done=signup" {
			t.Fatalf("at %s: %s", b.URL, b.Text("main"))
		}
		u, err := s.Services().People.Show(t.Context(), "ada@example.com") // the invitation's address, whatever was typed
		if err != nil || !u.EmailVerified {
			t.Fatalf("verified %v, %v", u.EmailVerified, err)
		}
		if groups, _, err := s.Services().Members.Of(t.Context(), u.ID); !slices.Equal(groups, []string{"staff"}) || err != nil {
			t.Errorf("groups %v, %v", groups, err)
		}
		if s.Browser(t).Get(t, link).Status != http.StatusGone {
			t.Error("the invitation is good twice")
		}
	})
}

func TestOneInvitationMakesOneAccount(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly())
		secret := strings.TrimPrefix(s.Invite(t, users.Invitation{}), "/join?t=")
		var won atomic.Int64
		var wg sync.WaitGroup
		for _, name := range []string{"ada", "bob", "eve", "joe"} {
			wg.Go(func() {
				_, err := s.Services().People.CreateAccount(t.Context(), users.Registration{
					Name: name, Email: name + "@example.com", Method: users.WithPassword(servertest.NewPassword),
					Voucher: users.VouchedByInvitation(secret),
				})
				if err == nil {
					won.Add(1)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d joined by one invitation", won.Load())
		}
	})
}

func TestD12_InvitationsEndWithTheModeAndByHand(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Change(inviteOnly))
	made, link, err := s.Services().People.Invite(t.Context(), users.Invitation{Email: "ada@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Services().People.Uninvite(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	if b := s.Browser(t); b.Get(t, servertest.Local(t, link)).Status != http.StatusGone {
		t.Errorf("an invitation taken back: %d", b.Status)
	}
	again := s.Invite(t, users.Invitation{Email: "ada@example.com"})
	closed := servertest.New(t, servertest.HandlerOnly(), servertest.On(s.Services().DB),
		servertest.Change(func(c *config.Config) { c.Signup.Mode = config.SignupClosed }))
	if b := closed.Browser(t); b.Get(t, again).Status != http.StatusForbidden {
		t.Errorf("sign-up is closed now, and the invitation answers %d", b.Status)
	}
}
