package signin_test

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"signet/config"
	"signet/server/servertest"
	"signet/storage"
	"signet/users"
	"signet/users/federation"
)

func TestD12_TheInvitedJoinByAnUpstream(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := upstreams(t, true, map[string]func(*config.Upstream){"work": func(u *config.Upstream) { u.NewAccounts = federation.AccountsNever }},
			engine, servertest.Change(inviteOnly))
		if err := w.House().Members.CreateGroup(t.Context(), "staff", ""); err != nil {
			t.Fatal(err)
		}
		b := w.Browser(t)
		told(t, w.through(t, b, "google", gmailAda.Subject), http.StatusForbidden, "no account for you here yet")

		link := invited(t, w.Server, users.Invitation{Email: "ada@corp.example", Groups: []string{"staff"}, Mailed: true})
		b.Get(t, link)
		if b.Has("with-work") || !b.Has("with-google") || !b.Has("with-facebook") {
			t.Errorf("upstreams offered: %s", b.Text("main"))
		}
		press(t, b, "google")
		if strings.Contains(b.Landed.String(), strings.TrimPrefix(link, "/join?t=")) {
			t.Error("the upstream is told the invitation")
		}
		w.back(t, b, "google", gmailAda.Subject)
		if b.Attribute("email", "value") != "ada@corp.example" || !strings.Contains(b.Text("main"), "The invitation is for this address") {
			t.Fatalf("at %s: %s", b.URL, b.Text("main"))
		}
		b.Submit(t, "newaccount-submit", url.Values{"email": {"eve@example.com"}})
		ada := w.here(t, b) // the invitation's address, whatever Google says and whatever was typed
		if ada.Email != "ada@corp.example" || !ada.EmailVerified {
			t.Errorf("got %+v", ada)
		}
		if groups, _, err := w.House().Members.Of(t.Context(), ada.ID); !slices.Equal(groups, []string{"staff"}) || err != nil {
			t.Errorf("groups %v, %v", groups, err)
		}
		if w.Browser(t).Get(t, link).Status != http.StatusGone {
			t.Error("the invitation is good twice")
		}
		if other := w.through(t, w.Browser(t), "google", gmailAda.Subject); w.here(t, other).ID != ada.ID {
			t.Error("she does not come back by Google")
		}
	})
}

// Where no mail is sent, an operator hands the link over, and it may be for whoever has it.
func TestD12_AnInvitationWithoutAddressTakesTheUpstreams(t *testing.T) {
	w := upstreams(t, false, nil, servertest.Change(inviteOnly))
	b := w.Browser(t)
	press(t, b.Get(t, invited(t, w.Server, users.Invitation{})), "google")
	w.back(t, b, "google", gmailAda.Subject).Submit(t, "newaccount-submit", url.Values{"email": {"eve@example.com"}})
	if ada := w.here(t, b); ada.Email != "ada@gmail.com" || !ada.EmailVerified {
		t.Errorf("got %+v", ada)
	}
	b = w.Browser(t)
	press(t, b.Get(t, invited(t, w.Server, users.Invitation{})), "facebook")
	w.back(t, b, "facebook", fbEve.Subject).Submit(t, "newaccount-submit", url.Values{"email": {"eve@example.com"}})
	if eve := w.here(t, b); eve.Email != "eve@example.com" || eve.EmailVerified {
		t.Errorf("got %+v", eve)
	}
}

func TestD12_InvitationsAtUpstreamsAreGoodOnceAndForOne(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := upstreams(t, false, map[string]func(*config.Upstream){"work": func(u *config.Upstream) { u.NewAccounts = federation.AccountsNever }},
			engine, servertest.Change(inviteOnly))
		secret := strings.TrimPrefix(invited(t, w.Server, users.Invitation{}), "/join?t=")
		begin := func(upstream, invitation string) *servertest.Browser {
			b := w.Browser(t)
			b.Get(t, "/signin")
			return b.Post(t, "/signin/with/"+upstream, url.Values{"t": {invitation}})
		}
		// Nonsense is none, nor does an upstream that makes no accounts make one.
		told(t, w.back(t, begin("google", strings.Repeat("x", 43)), "google", gmailAda.Subject), http.StatusForbidden, "no account for you here yet")
		told(t, w.back(t, begin("work", secret), "work", "w-1"), http.StatusForbidden, "No account here is connected")
		// What waits holds no secret that is good by itself.
		waiting := begin("google", secret)
		if rows, err := w.House().DB.Tickets(t.Context(), "federation state", time.Now(), "", 100); err != nil || len(rows) == 0 ||
			slices.ContainsFunc(rows, func(r storage.Ticket) bool { return bytes.Contains(r.Data, []byte(secret)) }) {
			t.Errorf("%d states, %v; the invitation is readable in one", len(rows), err)
		}
		w.back(t, waiting, "google", gmailBob.Subject)
		// Of two at once, one joins.
		other := w.back(t, begin("google", secret), "google", gmailAda.Subject)
		var joined, gone atomic.Int64
		var wg sync.WaitGroup
		for _, b := range []*servertest.Browser{waiting, other} {
			wg.Go(func() {
				switch b.Submit(t, "newaccount-submit", nil); b.Status {
				case http.StatusOK:
					joined.Add(1)
				case http.StatusGone:
					gone.Add(1)
				}
			})
		}
		wg.Wait()
		if joined.Load() != 1 || gone.Load() != 1 {
			t.Errorf("%d joined, %d were told that it is gone", joined.Load(), gone.Load())
		}
		told(t, w.back(t, begin("facebook", secret), "facebook", fbEve.Subject), http.StatusForbidden, "no account for you here yet")
	})
}
