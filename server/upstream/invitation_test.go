package upstream_test

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
	"signet/server/upstream/upstreamtest"
	"signet/storage"
	"signet/users"
	"signet/users/federation"
)

func TestD12_TheInvitedJoinByAnUpstream(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := upstreamtest.New(t, true, upstreamtest.Changes{"work": func(u *config.Upstream) { u.NewAccounts = federation.AccountsNever }},
			engine, servertest.YAML("signup: {mode: invite}"))
		if err := w.Services().Members.CreateGroup(t.Context(), "staff", ""); err != nil {
			t.Fatal(err)
		}
		b := w.Browser(t)
		upstreamtest.Shows(t, w.SignIn(t, b, "google", upstreamtest.GoogleAda.Subject), http.StatusForbidden, "no account for you here yet")

		link := w.Invite(t, users.Invitation{Email: "ada@corp.example", Groups: []string{"staff"}, Mailed: true})
		b.Get(t, link)
		if b.Has("with-work") || !b.Has("with-google") || !b.Has("with-facebook") {
			t.Errorf("upstreams offered: %s", b.Text("main"))
		}
		upstreamtest.Press(t, b, "google")
		if strings.Contains(b.Landed.String(), strings.TrimPrefix(link, "/join?t=")) {
			t.Error("the upstream is told the invitation")
		}
		w.Return(t, b, "google", upstreamtest.GoogleAda.Subject)
		if b.Attribute("email", "value") != "ada@corp.example" || !strings.Contains(b.Text("main"), "The invitation is for this address") {
			t.Fatalf("at %s: %s", b.URL, b.Text("main"))
		}
		b.Submit(t, "newaccount-submit", url.Values{"email": {"eve@example.com"}})
		ada := w.Visitor(t, b) // the invitation's address, whatever Google says and whatever was typed
		if ada.Email != "ada@corp.example" || !ada.EmailVerified {
			t.Errorf("got %+v", ada)
		}
		if groups, _, err := w.Services().Members.Of(t.Context(), ada.ID); !slices.Equal(groups, []string{"staff"}) || err != nil {
			t.Errorf("groups %v, %v", groups, err)
		}
		if w.Browser(t).Get(t, link).Status != http.StatusGone {
			t.Error("the invitation is good twice")
		}
		if other := w.SignIn(t, w.Browser(t), "google", upstreamtest.GoogleAda.Subject); w.Visitor(t, other).ID != ada.ID {
			t.Error("she does not come back by Google")
		}
	})
}

// Where no mail is sent, an operator hands the link over, and it may be for whoever has it.
func TestD12_AnInvitationWithoutAddressTakesTheUpstreams(t *testing.T) {
	w := upstreamtest.New(t, false, nil, servertest.YAML("signup: {mode: invite}"))
	b := w.Browser(t)
	upstreamtest.Press(t, b.Get(t, w.Invite(t, users.Invitation{})), "google")
	w.Return(t, b, "google", upstreamtest.GoogleAda.Subject).Submit(t, "newaccount-submit", url.Values{"email": {"eve@example.com"}})
	if ada := w.Visitor(t, b); ada.Email != "ada@gmail.com" || !ada.EmailVerified {
		t.Errorf("got %+v", ada)
	}
	b = w.Browser(t)
	upstreamtest.Press(t, b.Get(t, w.Invite(t, users.Invitation{})), "facebook")
	w.Return(t, b, "facebook", upstreamtest.FacebookEve.Subject).Submit(t, "newaccount-submit", url.Values{"email": {"eve@example.com"}})
	if eve := w.Visitor(t, b); eve.Email != "eve@example.com" || eve.EmailVerified {
		t.Errorf("got %+v", eve)
	}
}

func TestD12_InvitationsAtUpstreamsAreGoodOnceAndForOne(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := upstreamtest.New(t, false, upstreamtest.Changes{"work": func(u *config.Upstream) { u.NewAccounts = federation.AccountsNever }},
			engine, servertest.YAML("signup: {mode: invite}"))
		secret := strings.TrimPrefix(w.Invite(t, users.Invitation{}), "/join?t=")
		begin := func(upstream, invitation string) *servertest.Browser {
			b := w.Browser(t)
			b.Get(t, "/signin")
			return b.Post(t, "/signin/with/"+upstream, url.Values{"t": {invitation}})
		}
		// Nonsense is none, nor does an upstream that makes no accounts make one.
		upstreamtest.Shows(t, w.Return(t, begin("google", strings.Repeat("x", 43)), "google", upstreamtest.GoogleAda.Subject),
			http.StatusForbidden, "no account for you here yet")
		upstreamtest.Shows(t, w.Return(t, begin("work", secret), "work", upstreamtest.WorkAda), http.StatusForbidden,
			"No account here is connected")
		// What waits holds no secret that is good by itself.
		waiting := begin("google", secret)
		if rows, err := w.Services().DB.Tickets(t.Context(), "federation state", time.Now(), "", 100); err != nil || len(rows) == 0 ||
			slices.ContainsFunc(rows, func(r storage.Ticket) bool { return bytes.Contains(r.Data, []byte(secret)) }) {
			t.Errorf("%d states, %v; the invitation is readable in one", len(rows), err)
		}
		w.Return(t, waiting, "google", upstreamtest.GoogleBob.Subject)
		// Of two at once, one joins.
		other := w.Return(t, begin("google", secret), "google", upstreamtest.GoogleAda.Subject)
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
		upstreamtest.Shows(t, w.Return(t, begin("facebook", secret), "facebook", upstreamtest.FacebookEve.Subject), http.StatusForbidden,
			"no account for you here yet")
	})
}
