package upstream_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"signet/config"
	"signet/server/servertest"
	"signet/server/upstream/upstreamtest"
	"signet/users"
	"signet/users/federation/federationtest"
)

func TestN05_OnlyAnAuthoritativeUpstreamAnswersForAnAddress(t *testing.T) {
	elsewhere, workspace := upstreamtest.GoogleAda, upstreamtest.GoogleAda
	elsewhere.Email = "ada@example.org" // verified by Google, which does not run its mailboxes
	workspace.Email, workspace.Hosted = "ada@example.org", "example.org"
	unverified := upstreamtest.GoogleAda
	unverified.EmailVerified = false
	for name, tt := range map[string]struct {
		account federationtest.Account
		change  func(*config.Upstream)
		fixed   bool
	}{
		"gmail":             {account: upstreamtest.GoogleAda, fixed: true},
		"gmail, unverified": {account: unverified},
		"elsewhere":         {account: elsewhere},
		"workspace":         {account: workspace, fixed: true},
		"configured": {account: elsewhere, change: func(u *config.Upstream) { u.AuthoritativeFor = []string{"example.org"} },
			fixed: true},
		"configured for all": {account: elsewhere, change: func(u *config.Upstream) { u.AuthoritativeFor = []string{"*"} }, fixed: true},
		"another domain":     {account: elsewhere, change: func(u *config.Upstream) { u.AuthoritativeFor = []string{"org"} }},
	} {
		w := upstreamtest.New(t, true, upstreamtest.Changes{"google": func(u *config.Upstream) {
			if tt.change != nil {
				tt.change(u)
			}
		}})
		w.Google.SetAccounts(tt.account)
		b := w.Browser(t)
		w.SignIn(t, b, "google", upstreamtest.GoogleAda.Subject)
		if got := strings.Contains(b.Body, "readonly"); got != tt.fixed {
			t.Errorf("%s: address taken as verified: %v", name, got)
		}
	}
}

func TestD03_AnAddressThatTheUpstreamDoesNotAnswerForIsVerifiedByMail(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := upstreamtest.New(t, true, nil, engine)
		app := w.App(t, "shop").With("openid")
		b := w.Browser(t)
		r := app.Begin(t, b)
		w.SignIn(t, b, "facebook", upstreamtest.FacebookEve.Subject) // without an address
		b.Submit(t, "newaccount-submit", nil)
		upstreamtest.Shows(t, b, http.StatusBadRequest, "email address")
		b.Submit(t, "newaccount-submit", url.Values{"email": {"eve@example.com"}})
		upstreamtest.NoVisitor(t, b)
		link := servertest.Local(t, w.Box.Wait(t, "eve@example.com").LinkWith(t, "/verify?t="))
		b.Get(t, link).Submit(t, "link-submit", nil)
		if r.Code(t, b.Allow(t)) == "" {
			t.Error("what the person came for is lost")
		}
		eve := w.Visitor(t, b)
		if list, err := w.Services().Federation.Linked(t.Context(), eve.ID); err != nil || len(list) != 1 || !eve.EmailVerified {
			t.Errorf("%v, %v, %+v", list, err, eve)
		}
		other := w.Browser(t)
		if w.SignIn(t, other, "facebook", upstreamtest.FacebookEve.Subject); w.Visitor(t, other).ID != eve.ID {
			t.Error("not the same person")
		}
	})
}

func TestD03_InAnotherBrowserTheIdentityIsNotAttached(t *testing.T) {
	w := upstreamtest.New(t, true, nil)
	attacker := w.Browser(t)
	w.SignIn(t, attacker, "facebook", upstreamtest.FacebookEve.Subject).Submit(t, "newaccount-submit",
		url.Values{"email": {"victim@example.com"}})
	link := servertest.Local(t, w.Box.Wait(t, "victim@example.com").LinkWith(t, "/verify?t="))
	victim := w.Browser(t).Get(t, link)
	victim.Submit(t, "password-submit", url.Values{"password": {servertest.NewPassword}})
	u := w.Visitor(t, victim)
	if list, err := w.Services().Federation.Linked(t.Context(), u.ID); err != nil || len(list) != 0 {
		t.Errorf("the attacker's identity is in the victim's account: %v, %v", list, err)
	}
	if w.SignIn(t, attacker.Get(t, "/signin"), "facebook", upstreamtest.FacebookEve.Subject); !attacker.Has("newaccount-submit") {
		t.Errorf("at %s: %s", attacker.URL, attacker.Text("main"))
	}
}

func TestD01_ATakenAddressIsNotTold(t *testing.T) {
	w := upstreamtest.New(t, true, nil)
	w.Person(t, "ada@example.com")
	answers := map[string]string{}
	for _, email := range []string{"ada@example.com", "new@example.com"} {
		b := w.Browser(t)
		w.SignIn(t, b, "facebook", upstreamtest.FacebookEve.Subject).Submit(t, "newaccount-submit", url.Values{"email": {email}})
		answers[email] = strings.ReplaceAll(b.Text("main"), email, "")
	}
	if answers["ada@example.com"] != answers["new@example.com"] {
		t.Errorf("answers differ: %v", answers)
	}
	if m := w.Box.Wait(t, "ada@example.com"); !strings.Contains(m.Text, "/signin") {
		t.Errorf("the owner got %q", m.Subject)
	}
}

func TestN04_D04_PreRegistrationInheritsNothing(t *testing.T) { // N04, D04
	w := upstreamtest.New(t, true, nil)
	attacker := w.Browser(t).Get(t, "/signup").Submit(t, "signup-submit",
		url.Values{"name": {"X"}, "username": {"ada@gmail.com"}, "password": {servertest.NewPassword}})
	link := servertest.Local(t, w.Box.Wait(t, "ada@gmail.com").LinkWith(t, "/verify?t="))
	ada := w.Browser(t)
	u := w.Join(t, ada, "google", upstreamtest.GoogleAda.Subject)
	if attacker.Get(t, link); attacker.Status != http.StatusGone {
		t.Errorf("the sign-up that waited lives on: %d %s", attacker.Status, attacker.Text("main"))
	}
	if _, err := w.Services().People.SignIn(t.Context(), users.Attempt{Login: u.Email, Password: servertest.NewPassword}); err == nil {
		t.Error("the attacker's password opens the account")
	}
}

func TestD12_N10_NewAccountsOnlyWhereTheyMayBe(t *testing.T) { // D12, N10
	closed := servertest.YAML("signup: {mode: closed}")
	domains := servertest.YAML("signup: {domains: [example.com]}")
	set := func(mode string) upstreamtest.Changes {
		return upstreamtest.Changes{"google": func(u *config.Upstream) { u.NewAccounts = mode }}
	}
	for name, tt := range map[string]struct {
		change upstreamtest.Changes
		opt    servertest.Option
		want   string // "" = the form
	}{
		"closed":               {nil, closed, "no account for you here yet"},
		"closed, always":       {set("always"), closed, ""},
		"open, never":          {set("never"), servertest.YAML(""), "No account here is connected"},
		"domains":              {nil, domains, "cannot be used here"},
		"domains bind always":  {set("always"), domains, "cannot be used here"},
		"open, as sign-up has": {nil, servertest.YAML(""), ""},
	} {
		w := upstreamtest.New(t, false, tt.change, tt.opt)
		b := w.Browser(t)
		w.SignIn(t, b, "google", upstreamtest.GoogleAda.Subject)
		if tt.want == "" {
			if b.Submit(t, "newaccount-submit", nil); w.Visitor(t, b).Email != "ada@gmail.com" {
				t.Errorf("%s: nobody", name)
			}
			continue
		}
		if upstreamtest.Shows(t, b, http.StatusForbidden, tt.want); t.Failed() {
			t.Fatal(name)
		}
	}
}

func TestN10_TermsAreAcceptedFirst(t *testing.T) { // N10
	w := upstreamtest.New(t, false, nil, servertest.YAML("terms: {version: '1', url: 'https://example.com/terms'}"))
	b := w.Browser(t)
	w.SignIn(t, b, "google", upstreamtest.GoogleAda.Subject).Submit(t, "newaccount-submit", nil)
	upstreamtest.Shows(t, b, http.StatusBadRequest, "terms")
	b.Submit(t, "newaccount-submit", url.Values{"terms": {"1"}})
	if w.Visitor(t, b).Terms != "1" {
		t.Error("not noted")
	}
}
