package account_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"signet/config"
	"signet/internal/mail/mailtest"
	"signet/server/servertest"
	"signet/storage"
	"signet/storage/storagetest"
	"signet/users/factor"
)

// A whole life: sign-up, mistakes, a profile, an app, a second account in the same browser, deletion. Afterwards nobody who
// gets hold of the database learns that this person was here, but that an id did this and that.
func TestR07_NothingIsLeftInTheDatabase(t *testing.T) {
	for engine, dsn := range storagetest.Addresses {
		for _, grace := range []time.Duration{0, 168 * time.Hour} {
			t.Run(engine+" "+grace.String(), func(t *testing.T) { wholeLife(t, dsn(t), grace) })
		}
	}
}

func wholeLife(t *testing.T, dsn string, grace time.Duration) {
	db, err := storage.Open(t.Context(), storage.Options{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	box := mailtest.Start(t)
	s := servertest.New(t, servertest.HandlerOnly(), servertest.On(db), servertest.Mail(box),
		servertest.Change(func(c *config.Config) { c.Accounts.DeleteGrace = grace }))
	shop, bob := s.App(t, "shop"), s.Person(t, "bob@example.com")

	people := s.Services().People
	zeb := s.Person(t, "zebedee@quillfeather.example")
	permit := servertest.Permit(t, zeb.ID, factor.ChangeAddress)
	if _, err := people.SetClaims(t.Context(), permit, []byte(`{"email_verified":true}`)); err != nil {
		t.Fatal(err)
	}
	b := s.Browser(t).Get(t, "/signin")
	b.Submit(t, "login-submit", url.Values{"username": {zeb.Email}, "password": {"Zebedee is wrong"}})
	b.Get(t, "/signin").SignIn(t, zeb)
	b.Get(t, "/account/profile").Submit(t, "profile-submit", url.Values{"name": {"Zebedee Quillfeather"}, "username": {"quilly"},
		"website": {"https://quillfeather.example/"}, "street_address": {"Quill Street 1"}, "picture": {"https://quillfeather.example/z.png"}})
	if !strings.Contains(b.Body, "profile has been saved") {
		t.Fatalf("at %s: %s", b.URL, b.Text("main"))
	}
	r := shop.Begin(t, b, oauth2.SetAuthURLParam("login_hint", zeb.Email))
	b.Allow(t)
	r.Exchange(t, r.Code(t, b))
	b.Get(t, "/signin?other=1").SignIn(t, bob)
	b.Get(t, "/signin?other=1").SignIn(t, zeb)
	b.Get(t, "/account/data").Submit(t, "data-download", nil)
	if before := strings.ToLower(storagetest.Dump(t, dsn)); !strings.Contains(before, "zebedee") ||
		!strings.Contains(before, "quillfeather") || !strings.Contains(before, "quilly") {
		t.Fatal("the dump holds nothing of anybody")
	}

	b.Get(t, "/account/delete").Submit(t, "delete-submit", url.Values{"confirm": {"quilly"}})
	if b.URL.Path != "/account/closed" {
		t.Fatalf("at %s: %s", b.URL, b.Text("main"))
	}
	if grace > 0 {
		email(t, box, zeb.Email, "Your account will be deleted")
		b.Get(t, "/signin?other=1").SignIn(t, zeb)
		if b.URL.Path != "/account/keep" || !b.Has("keep-submit") {
			t.Errorf("a sign-in during the grace time leads to %s", b.URL)
		}
		if err := db.SetUserErase(t.Context(), zeb.ID, time.Now().Add(-time.Second), time.Now()); err != nil {
			t.Fatal(err)
		}
		if n, err := s.Services().Deletion.EraseDue(t.Context()); n != 1 || err != nil {
			t.Fatalf("erased %d, %v", n, err)
		}
	}
	email(t, box, zeb.Email, "Your account has been deleted")
	after := storagetest.Dump(t, dsn)
	table := ""
	for line := range strings.Lines(after) {
		if name, ok := strings.CutPrefix(line, "# "); ok {
			table = strings.TrimSpace(name)
		}
		for _, trace := range []string{"zebedee", "quill"} {
			if strings.Contains(strings.ToLower(line), trace) {
				t.Errorf("left: %s", line)
			}
		}
		if strings.Contains(line, zeb.ID) && table != "events" {
			t.Errorf("%s: %s", table, line)
		}
	}
	if !strings.Contains(after, zeb.ID) || !strings.Contains(after, "bob@example.com") {
		t.Error("events, or others, are gone as well")
	}
}

// email waits for the one of that subject; others may come before.
func email(t *testing.T, box *mailtest.Box, to, subject string) {
	t.Helper()
	for range 10 {
		if box.Wait(t, to).Subject == subject {
			return
		}
	}
	t.Errorf("no email %q", subject)
}
