package confirm_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"signet/config"
	"signet/internal/mail"
	"signet/internal/seal"
	"signet/server/servertest"
	"signet/storage"
	"signet/users"
	"signet/users/factor"
)

// Rule V12: who has no factor here confirms by a code mailed to the verified address. It is no sign-in; it is written down and told.
func TestV12_AMailedCodeConfirms(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newWorld(t, true, engine)
		p := w.linked(t, "google")
		b := w.signedIn(t, p)
		before := w.proof(t, p)
		b.Get(t, "/account/delete")
		at(t, b, "asked to confirm", "/signin/confirm", http.StatusOK)
		w.through(t, b, p, nil)
		at(t, b, "back from Google", "/signin/confirm", http.StatusOK)
		if b.Has("with-google") || !strings.Contains(b.Text("main"), "GOOGLE could not confirm that it is you just now") {
			t.Errorf("the page says %s", b.Text("main"))
		}
		w.confirm(t, b, p)
		at(t, b, "confirmed", "/account/delete", http.StatusOK)
		if got := w.proof(t, p); got != before {
			t.Errorf("the session is %+v, was %+v", got, before)
		}
		if e := w.events(t, p.ID); e["signin.confirmed"] != 1 {
			t.Errorf("events %v", e)
		}
		if m := w.box.WaitAbout(t, p.Email, "You confirmed that it is you"); !strings.Contains(m.Text, "/not-me?t=") {
			t.Errorf("told %q: %s", m.Subject, m.Text)
		}
		for _, page := range []string{"/account/delete", "/account/second-step/add", "/account/password"} {
			if b.Get(t, page); b.URL.Path != page {
				t.Errorf("%s: at %s", page, b.URL)
			}
		}
		if b.Post(t, "/account/data", url.Values{}); b.Status != http.StatusOK ||
			!strings.HasPrefix(b.Header.Get("Content-Type"), "application/json") {
			t.Errorf("export: %d at %s", b.Status, b.URL)
		}
	})
}

// … and permits nothing that removes or replaces what there is.
func TestV12_AConfirmationRemovesNothing(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newWorld(t, true, engine)
		p := w.linked(t, "google")
		b := w.signedIn(t, p)
		w.confirm(t, b.Get(t, "/account/email"), p)
		for what, ask := range map[string]func(tab *servertest.Browser){
			"change the address": func(tab *servertest.Browser) { tab.Get(t, "/account/email") },
			"unlink": func(tab *servertest.Browser) {
				tab.Post(t, "/account/logins/remove", url.Values{"login": {"id-google"}})
			},
			"link another":         func(tab *servertest.Browser) { tab.Post(t, "/account/logins/add/facebook", url.Values{}) },
			"remove a passkey":     func(tab *servertest.Browser) { tab.Post(t, "/account/passkeys/remove", url.Values{"passkey": {"x"}}) },
			"remove authenticator": func(tab *servertest.Browser) { tab.Post(t, "/account/second-step/remove", url.Values{}) },
		} {
			tab := b.Tab(t)
			if ask(tab); tab.Status != http.StatusForbidden || !strings.Contains(tab.Text("main"), "Add a password or a passkey first") ||
				tab.Landed != nil {
				t.Errorf("%s: %d at %s: %s", what, tab.Status, tab.URL, tab.Text("main"))
			}
		}
		if list, err := w.Services().DB.IdentitiesOfUser(t.Context(), p.ID); err != nil || len(list) != 1 {
			t.Errorf("identities %v, %v", list, err)
		}
	})
}

// … without a verified address a new round trip to the linked upstream does.
func TestV12_WithoutAnAddressARoundTripConfirms(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		for _, mail := range []bool{true, false} {
			w := newWorld(t, mail, engine)
			var change []func(r *users.Registration)
			if mail {
				change = append(change, noAddress)
			}
			p := w.linked(t, "google", change...)
			b := w.signedIn(t, p)
			before := w.proof(t, p)
			b.Get(t, "/account/delete")
			at(t, b, "asked to confirm", "/signin/confirm", http.StatusOK)
			if b.Has("confirm-ask") {
				t.Error("a code is offered")
			}
			tab := b.Tab(t)
			if tab.Post(t, b.URL.RequestURI(), url.Values{}); tab.Status != http.StatusNotFound {
				t.Errorf("a code asked for all the same: %d", tab.Status)
			}
			w.through(t, b, p, nil)
			at(t, b, "back from it", "/account/delete", http.StatusOK)
			if got := w.proof(t, p); got != before {
				t.Errorf("the session is %+v, was %+v", got, before)
			}
			if e := w.events(t, p.ID); e["signin.confirmed"] != 1 {
				t.Errorf("events %v", e)
			}
			if b.Get(t, "/account/email"); b.Status != http.StatusForbidden {
				t.Errorf("another address: %d at %s", b.Status, b.URL)
			}
		}
	})
}

// … a wrong code, one of another browser or sign-in, and one that was used count nothing; five guesses end it.
func TestV12_OnlyTheRightCodeCounts(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newWorld(t, true, engine)
		p := w.linked(t, "google")
		b, other := w.signedIn(t, p), w.Browser(t).Get(t, "/signin")
		w.through(t, other, p, nil)
		w.AgeSessions(t, p.ID, time.Hour)
		b.Get(t, "/account/delete").Submit(t, "confirm-ask", nil)
		code := w.code(t, p)
		page := b.URL.RequestURI()
		wrong := func(what string, tab *servertest.Browser, code string) {
			t.Helper()
			tab.Submit(t, "confirm-submit", url.Values{"code": {code}})
			at(t, tab, what, "/signin/confirm", http.StatusForbidden)
		}
		other.Get(t, "/account/delete").Submit(t, "confirm-ask", nil)
		theirs := w.code(t, p)
		wrong("another browser", other, code)
		tab := b.Tab(t).Get(t, "/account/second-step/add")
		tab.Post(t, tab.URL.RequestURI(), url.Values{"code": {code}})
		at(t, tab, "another sign-in", "/signin/confirm", http.StatusForbidden)
		wrong("no code", b, "")
		b.Submit(t, "confirm-submit", url.Values{"code": {code}})
		at(t, b, "the right one", "/account/delete", http.StatusOK)
		if b.Post(t, page, url.Values{"code": {code}}); b.URL.Path != "/account" {
			t.Errorf("used again: at %s (%d)", b.URL, b.Status)
		}
		for n := range 4 {
			wrong(fmt.Sprint("guess ", n), other, fmt.Sprintf("%06d", n))
		}
		wrong("the right one, too late", other, theirs)
		if e := w.events(t, p.ID); e["signin.confirmed"] != 1 {
			t.Errorf("events %v", e)
		}
	})
}

// … nor does one that was mailed for signing in.
func TestV12_ACodeForSigningInConfirmsNothing(t *testing.T) {
	w := newWorld(t, true, servertest.Change(func(c *config.Config) { c.Signin.MailedCode = true }))
	p := w.linked(t, "google")
	b := w.signedIn(t, p)
	b.Get(t, "/account/delete")
	page := b.URL.RequestURI()
	i := b.URL.Query().Get("i")
	b.Tab(t).Get(t, "/signin/code?i="+i).Submit(t, "code-ask", url.Values{"username": {p.Email}})
	m := w.box.Wait(t, p.Email)
	for !strings.Contains(m.Subject, "sign-in code") {
		m = w.box.Wait(t, p.Email)
	}
	code := m.Code(t)
	b.Post(t, page, url.Values{"code": {code}})
	at(t, b, "a code for signing in", "/signin/confirm", http.StatusForbidden)
}

// … of many at once with the right code, one confirms, and all go on.
func TestV12_ManyTabsConfirmOnce(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newWorld(t, true, engine)
		p := w.linked(t, "google")
		b := w.signedIn(t, p)
		b.Get(t, "/account/delete").Submit(t, "confirm-ask", nil)
		page, fields := b.URL.RequestURI(), b.FormWith("confirm-submit").Fields
		fields.Set("code", w.code(t, p))
		var wg sync.WaitGroup
		ends := make([]string, 4)
		for n := range ends {
			tab := b.Tab(t)
			wg.Go(func() { ends[n] = fmt.Sprint(tab.Post(t, page, fields).Status, " ", tab.URL.Path) })
		}
		wg.Wait()
		for _, end := range ends {
			if end != "200 /account/delete" && end != "200 /account" {
				t.Errorf("a tab ends at %s", end)
			}
		}
		if e := w.events(t, p.ID); e["signin.confirmed"] != 1 {
			t.Errorf("events %v", e)
		}
	})
}

// … a factor that was added since makes it worth nothing, also for what was allowed before and is carried out now.
func TestV12_AFactorAddedSinceIsAskedFor(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newWorld(t, true, engine)
		p := w.linked(t, "google")
		b := w.signedIn(t, p)
		w.confirm(t, b.Get(t, "/account/second-step/add"), p)
		at(t, b, "confirmed", "/account/second-step/add", http.StatusOK)
		people := w.Services()
		account, err := people.Factors.Account(t.Context(), p.User)
		if err != nil {
			t.Fatal(err)
		}
		e, err := people.Factors.Begin(t.Context(), "a test", p.User)
		if err != nil {
			t.Fatal(err)
		}
		proof := factor.Proof{By: factor.ByConfirmation, UserID: p.ID, Epoch: p.Epoch, At: time.Now()}
		permit, err := factor.May(proof, factor.AddAuthenticator, account)
		if err != nil {
			t.Fatal(err)
		}
		w.AddPasskey(t, p.Person)
		if _, err := people.Factors.Confirm(t.Context(), permit, "a test", p.User,
			servertest.TOTP(t, e.Secret)); !errors.Is(err, factor.ErrChanged) {
			t.Errorf("carried out after a passkey was added: %v", err)
		}
		for _, page := range []string{"/account/second-step/add", "/account/delete", "/account/email"} {
			if b.Get(t, page); b.URL.Path != "/signin" {
				t.Errorf("%s: at %s", page, b.URL)
			}
		}
		if b.Post(t, "/account/data", url.Values{}); b.URL.Path != "/signin" {
			t.Errorf("export: at %s", b.URL)
		}
	})
}

// … the first passkey is added, and then it is what counts.
func TestV12_TheFirstPasskeyIsAdded(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newWorld(t, true, engine)
		p := w.linked(t, "google")
		b := w.signedIn(t, p)
		b.Post(t, "/account/passkeys/add", url.Values{})
		w.confirm(t, b, p)
		at(t, b, "confirmed", "/account/passkeys", http.StatusOK)
		options := b.Tab(t).Post(t, "/account/passkeys/options", url.Values{})
		answer := w.Device().Create(t, json.RawMessage(options.Body))
		b.Post(t, "/account/passkeys/add", url.Values{"credential": {answer}, "name": {"Key"}})
		at(t, b, "added", "/account/passkeys", http.StatusOK)
		if n, err := w.Services().DB.CountCredentials(t.Context(), p.ID); err != nil || n["passkey"] != 1 {
			t.Fatalf("credentials %v, %v", n, err)
		}
		b.Get(t, "/account/delete")
		at(t, b, "an act since", "/signin", http.StatusOK)
	})
}

// … a code is good for ten minutes, and so is what it confirms; signing out ends it.
func TestV12_AConfirmationLastsTenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servertest.New(t, servertest.HandlerOnly(), servertest.Change(func(c *config.Config) {
			c.Mail = config.Mail{Sender: config.MailSMTP, From: "Signet <signet@id.example.com>",
				SMTP: config.SMTP{Host: "localhost", Port: 25, TLS: "none"}}
		}))
		p := s.Person(t, "ada@example.com")
		b := s.Browser(t)
		b.Get(t, "/signin").SignIn(t, p)
		if _, err := s.Services().DB.DeleteCredentials(t.Context(), p.ID, "password"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(11 * time.Minute)
		b.Get(t, "/account/delete").Submit(t, "confirm-ask", nil)
		code := resolved(t, s, p.User)
		time.Sleep(10 * time.Minute)
		page := b.URL.RequestURI()
		b.Post(t, page, url.Values{"code": {code}})
		at(t, b, "after ten minutes", "/signin/confirm", http.StatusForbidden)
		b.Submit(t, "confirm-ask", nil)
		b.Submit(t, "confirm-submit", url.Values{"code": {resolved(t, s, p.User)}})
		at(t, b, "in time", "/account/delete", http.StatusOK)
		time.Sleep(9 * time.Minute)
		at(t, b.Get(t, "/account/delete"), "nine minutes later", "/account/delete", http.StatusOK)
		time.Sleep(time.Minute)
		at(t, b.Get(t, "/account/delete"), "ten minutes later", "/signin/confirm", http.StatusOK)
	})
}

// resolved is the code of the newest email that was asked for, as it is delivered.
func resolved(t *testing.T, s *servertest.Server, u storage.User) (code string) {
	t.Helper()
	rows, err := s.Services().DB.Messages(t.Context(), "", 100)
	if err != nil {
		t.Fatal(err)
	}
	var newest mail.Email
	for _, row := range rows {
		var l mail.Email
		plain, err := s.Services().Master.Open(row.Sealed, seal.Place("messages", row.ID, "sealed"))
		if err != nil || json.Unmarshal(plain, &l) != nil {
			t.Fatal(err)
		}
		if l.Ask == "confirm" && l.To == u.Email && l.At.After(newest.At) {
			newest = l
		}
	}
	out, ok, err := s.Services().People.Resolve(t.Context(), newest)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	return out.Code
}
