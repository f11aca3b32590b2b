package mfa_test

import (
	"net/http"
	"testing"

	"signet/server/servertest"
)

func TestPasskey_IsASecondStepWhereTwoAreWanted(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada := s.Person(t, "ada@example.com")
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada)
	d := s.AddPasskey(t, ada)
	s.MakeAdmin(t, ada)
	fresh := s.Browser(t)
	fresh.Get(t, "/signin").SignIn(t, ada)
	if fresh.URL.Path != "/signin/factor" || !fresh.Has("factor-passkey") || fresh.Has("code") {
		t.Fatalf("at %s: %s", fresh.URL, fresh.Text("main"))
	}
	other := s.Browser(t)
	other.Get(t, "/signin")
	fresh.SendPasskey(t, "factor-passkey", d.Get(t, other.PasskeyOptions(t, "login-passkey", nil))) // for another purpose
	if fresh.Status != http.StatusForbidden || !fresh.Has("factor-passkey") {
		t.Errorf("a sign-in's answer: %d at %s", fresh.Status, fresh.URL)
	}
	d.Bearer.Options.UserNotVerified = true // the password was the first factor
	fresh.SendPasskey(t, "factor-passkey", d.Get(t, fresh.PasskeyOptions(t, "factor-passkey", nil)))
	if fresh.URL.Path != "/account" {
		t.Errorf("at %s: %s", fresh.URL, fresh.Text("main"))
	}
}
