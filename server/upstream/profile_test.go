package upstream_test

import (
	"bytes"
	"net/url"
	"slices"
	"strings"
	"testing"

	"signet/config"
	"signet/server/upstream/upstreamtest"
	"signet/users/federation"
)

func TestProfileAndGroupsAreTakenOver(t *testing.T) {
	for mode, want := range map[string]struct {
		name   string
		groups []string
	}{"first": {"Ada of Work", []string{"staff"}}, "always": {"Ada King", []string{"boss"}}, "never": {"Ada of Work", nil}} {
		w := upstreamtest.New(t, false, upstreamtest.Changes{"work": func(u *config.Upstream) {
			u.Profile, u.AuthoritativeFor, u.GroupsClaim = mode, []string{"work.example"}, "groups"
			u.Groups = map[string]string{"staff-eu": "staff", "bosses": "boss", "x": "there-is-none"}
			u.Claims = map[string]string{"nickname": "preferred_username"}
		}})
		for _, g := range []string{"staff", "boss", "own"} {
			if err := w.Services().Members.CreateGroup(t.Context(), g, ""); err != nil {
				t.Fatal(err)
			}
		}
		b := w.Browser(t)
		ada := w.Join(t, b, "work", upstreamtest.WorkAda)
		if _, err := w.Services().Members.Add(t.Context(), "own", ada.ID); err != nil {
			t.Fatal(err)
		}
		account, _ := w.Work.Account("w-1")
		account.Name, account.Groups, account.Email = "Ada King", []string{"bosses", "x"}, "king@work.example"
		w.Work.SetAccounts(account)
		other := w.Browser(t)
		w.SignIn(t, other, "work", upstreamtest.WorkAda)
		now := w.Visitor(t, other)
		groups, _, err := w.Services().Members.Of(t.Context(), ada.ID)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(now.Profile), want.name) || now.Email != "ada@work.example" ||
			!slices.Equal(slices.Sorted(slices.Values(groups)), slices.Sorted(slices.Values(append(want.groups, "own")))) {
			t.Errorf("%s: %s %s %v", mode, now.Profile, now.Email, groups)
		}
	}
}

func TestN09_TokensAreKeptOnlyWhereConfiguredAndSealed(t *testing.T) { // S01
	for _, keep := range []bool{false, true} {
		w := upstreamtest.New(t, false, upstreamtest.Changes{"google": func(u *config.Upstream) { u.KeepTokens, u.Offline = keep, keep }})
		b := w.Browser(t)
		ada := w.Join(t, b, "google", upstreamtest.GoogleAda.Subject)
		row := w.Linked(t, ada.ID)[0]
		if bytes.Contains(row.Tokens, []byte("ya29")) || keep != (len(row.Tokens) > 0) {
			t.Fatalf("keep %v: %q", keep, row.Tokens)
		}
		got, err := w.Services().Federation.Tokens(t.Context(), ada.ID, "google")
		if keep != (err == nil) || keep && (!strings.HasPrefix(got.Access, "ya29") || got.Refresh == "") {
			t.Errorf("keep %v: %+v, %v", keep, got, err)
		}
		if !keep {
			continue
		}
		moved := row // to another row, they do not open
		moved.ID, moved.Subject = "moved", "another"
		if err := w.Services().DB.DeleteIdentity(t.Context(), row.ID, ada.ID); err != nil {
			t.Fatal(err)
		}
		if err := w.Services().DB.InsertIdentity(t.Context(), moved); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Services().Federation.Tokens(t.Context(), ada.ID, "google"); err == nil {
			t.Error("sealed tokens open in another row")
		}
	}
}

func TestSigningOutSignsOutAtTheUpstreamToo(t *testing.T) {
	w := upstreamtest.New(t, false, upstreamtest.Changes{"work": func(u *config.Upstream) {
		u.SignOut, u.AuthoritativeFor = true, []string{"*"}
	}})
	app := w.App(t, "shop").With("openid")
	b := w.Browser(t)
	r := app.Begin(t, b)
	w.SignIn(t, b, "work", upstreamtest.WorkAda).Submit(t, "newaccount-submit", nil)
	id := r.Exchange(t, r.Code(t, b.Allow(t))).Extra("id_token").(string)
	b.Get(t, "/oauth2/logout?"+url.Values{"id_token_hint": {id}}.Encode())
	if b.Landed == nil || !strings.HasPrefix(b.Landed.String(), w.Work.URL+"/logout") {
		t.Fatalf("at %s, %v", b.URL, b.Landed)
	}
	q := b.Landed.Query()
	if q.Get("id_token_hint") == "" || q.Get("post_logout_redirect_uri") != "https://id.example.com/signin/with/signed-out" ||
		q.Get("state") == "" {
		t.Errorf("got %v", q)
	}
	upstreamtest.NoVisitor(t, b)
	stranger := w.Browser(t).Get(t, "/signin")
	stranger.Get(t, "/signin/with/signed-out?state="+q.Get("state"))
	if stranger.URL.Path != "/oauth2/logout/done" {
		t.Errorf("another browser: at %s", stranger.URL)
	}
	if b.Get(t, "/signin/with/signed-out?state="+q.Get("state")); b.URL.Path != "/oauth2/logout/done" ||
		!strings.Contains(b.Text("main"), "signed out") {
		t.Errorf("at %s: %s", b.URL, b.Text("main"))
	}
	if dump := b.Body; strings.Contains(dump, id) {
		t.Error("shows a token")
	}
	// An upstream that cannot be asked keeps nobody here.
	b = w.Browser(t)
	w.SignIn(t, b, "work", upstreamtest.WorkAda)
	w.Work.Down(true)
	b.Get(t, "/oauth2/logout").Submit(t, "logout-confirm", nil)
	upstreamtest.NoVisitor(t, b)
}

func TestASessionRemembersTheUpstreamItBeganAt(t *testing.T) { // the session keeps its beginning
	w := upstreamtest.New(t, false, upstreamtest.Changes{"work": func(u *config.Upstream) { u.AuthoritativeFor = []string{"*"} }})
	b := w.Browser(t)
	ada := w.Join(t, b, "work", upstreamtest.WorkAda)
	list, err := w.Services().Sessions.OfUser(t.Context(), ada.ID, 10)
	if err != nil || len(list) != 1 {
		t.Fatal(err)
	}
	from, err := w.Services().DB.UpstreamSessionByID(t.Context(), list[0].ID)
	if err != nil || from.Upstream != "work" || from.Subject != "w-1" || from.SID == "" || from.IDToken != nil {
		t.Errorf("got %+v, %v", from, err)
	}
	if _, err := w.Services().Federation.AfterLogout(t.Context(), "x", "y"); err == nil || err.Error() != federation.ErrExpired.Error() {
		t.Errorf("got %v", err)
	}
}
