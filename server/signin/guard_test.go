package signin_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"signet/server/servertest"
	"signet/storage"
)

// guessed is as if n passwords had been guessed at an address from unknown browsers.
func guessed(t *testing.T, s *servertest.Server, email string, n int64) {
	t.Helper()
	sum := sha256.Sum256([]byte(email + "|"))
	key := "n:signin guard " + base64.RawURLEncoding.EncodeToString(sum[:15])
	if _, err := s.Services().DB.AddToCounter(t.Context(), key, n, time.Now(), time.Hour); err != nil {
		t.Fatal(err)
	}
}

func TestF03_AfterGuessingPeopleSignInByMailAndKnownBrowsersByPassword(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s, box := servertest.NewWithMail(t, engine)
		ada := s.Person(t, "ada@example.com")
		laptop := s.Browser(t)
		laptop.Get(t, "/signin").SignIn(t, ada)
		box.Wait(t, ada.Email) // the new browser
		guessed(t, s, ada.Email, 100)
		guessed(t, s, "bob@example.com", 100)

		bodies := map[string]string{}
		for _, try := range []servertest.Person{ada, {User: ada.User, Password: "wrong and long"},
			{User: storage.User{Email: "bob@example.com"}, Password: servertest.NewPassword}} {
			b := s.Browser(t)
			b.Get(t, "/signin").SignIn(t, try)
			if b.Status != http.StatusForbidden || !b.Has("code-ask") {
				t.Errorf("%s with %q: %d: %s", try.Email, try.Password, b.Status, b.Text("main"))
			}
			if b.Get(t, "/account"); b.URL.Path != "/signin" {
				t.Errorf("%s with %q opens %s", try.Email, try.Password, b.URL)
			}
			b.Get(t, "/signin").SignIn(t, try)
			bodies[b.BodyWithout(try.Email)] += try.Email + " "
		}
		if len(bodies) != 1 {
			t.Errorf("answers differ: %v", bodies)
		}
		box.None(t, ada.Email) // guessing mails nothing

		app := s.App(t, "shop").With("openid")
		phone := s.Browser(t)
		r := app.Begin(t, phone)
		phone.SignIn(t, ada).Submit(t, "code-ask", nil)
		if phone.Submit(t, "code-submit", url.Values{"code": {box.Wait(t, ada.Email).Code(t)}}); phone.Has("consent-allow") {
			phone.Allow(t)
		}
		app.IDToken(t, r.Exchange(t, r.Code(t, phone)).Extra("id_token").(string)) // what the person came for went on

		guessed(t, s, ada.Email, 100)
		laptop.Get(t, "/signin?other=1").SignIn(t, ada)
		if laptop.URL.Path != "/account" {
			t.Errorf("a known browser: at %s: %s", laptop.URL, laptop.Text("main"))
		}
	})
}

func TestF03_ANewPasswordByLinkUnblocksThePassword(t *testing.T) {
	s, box := servertest.NewWithMail(t)
	ada := s.Person(t, "ada@example.com")
	guessed(t, s, ada.Email, 100)
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada)
	if !strings.Contains(b.Body, "/forgot") {
		t.Error("no way to a new password is shown")
	}
	s.Browser(t).Get(t, s.AskReset(t, box, ada.Email)).Submit(t, "password-submit", url.Values{"password": {servertest.NewPassword}})
	ada.Password = servertest.NewPassword
	if b.Get(t, "/signin").SignIn(t, ada); b.URL.Path != "/account" {
		t.Errorf("the new password: at %s: %s", b.URL, b.Text("main"))
	}
}

func TestF03_CodesAreOnlyForBlockedPasswordsWhereTheyAreNotOffered(t *testing.T) {
	s, box := servertest.NewWithMail(t)
	ada := s.Person(t, "ada@example.com")
	bob := s.Person(t, "bob@example.com")
	guessed(t, s, bob.Email, 100)
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, bob)
	if b.Submit(t, "code-ask", url.Values{"username": {ada.Email}}); b.URL.Path != "/signin" || b.Has("code-submit") {
		t.Errorf("a code for one whose password suffices: at %s", b.URL)
	}
	box.None(t, ada.Email)
	if b.Get(t, "/signin/code"); b.URL.Path != "/signin" || b.Has("code-submit") { // an address without a page leads to the one before
		t.Errorf("the page of codes is offered, at %s", b.URL)
	}
}
