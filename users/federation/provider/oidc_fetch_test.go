package provider_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"signet/users/federation/federationtest"
	"signet/users/federation/provider"
)

func TestO04_OneFetchForManySignIns(t *testing.T) {
	s := federationtest.NewOIDC(t, federationtest.OIDCOptions{}, openidAda)
	p := openidProvider(t, openidSettings(s, provider.KindOIDC), openidGuarded(t))
	left, cancel := context.WithCancel(t.Context())
	cancel() // who leaves ends nothing for the others
	var group sync.WaitGroup
	for n := range 40 {
		group.Go(func() {
			if n%4 == 0 {
				if _, err := p.Begin(left, openidAuthRequest()); err != nil && !errors.Is(err, provider.ErrDown) {
					t.Errorf("got %v", err)
				}
				return
			}
			if _, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil); err != nil {
				t.Errorf("got %v", err)
			}
		})
	}
	group.Wait()
	if meta, keys := len(s.Requests("/.well-known/openid-configuration")), len(s.Requests("/keys")); meta != 1 || keys != 1 {
		t.Errorf("%d discoveries and %d fetches of keys, want one of each", meta, keys)
	}
}

func TestO04_WhoLeavesEndsNothingForOthers(t *testing.T) {
	s := federationtest.NewOIDC(t, federationtest.OIDCOptions{}, openidAda)
	settings := openidSettings(s, provider.KindOIDC)
	synctest.Test(t, func(t *testing.T) {
		p := openidProvider(t, settings, &http.Client{Transport: openidNear{s}})
		s.Slow(4 * time.Second)
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var group sync.WaitGroup
		group.Go(func() {
			began := time.Now()
			_, err := p.Begin(short, openidAuthRequest())
			if !errors.Is(err, provider.ErrDown) || time.Since(began) != time.Second {
				t.Errorf("who left: %v after %s", err, time.Since(began))
			}
		})
		synctest.Wait() // the fetch is theirs
		group.Go(func() {
			if _, err := p.Begin(t.Context(), openidAuthRequest()); err != nil {
				t.Errorf("who stayed: %v", err)
			}
		})
		group.Wait()
		if got := len(s.Requests("")); got != 1 {
			t.Errorf("%d requests", got)
		}
	})
}

func TestO04_WhatIsKeptAndForHowLong(t *testing.T) {
	s := federationtest.NewOIDC(t, federationtest.OIDCOptions{}, openidAda)
	settings := openidSettings(s, provider.KindOIDC)
	const discovery = "/.well-known/openid-configuration"
	synctest.Test(t, func(t *testing.T) {
		p := openidProvider(t, settings, &http.Client{Transport: openidNear{s}})
		begin := func(what string, want error, fetches int) {
			t.Helper()
			_, err := p.Begin(t.Context(), openidAuthRequest())
			wantError(t, what, err, want)
			if got := len(s.Requests(discovery)); got != fetches {
				t.Errorf("%s: %d fetches, want %d", what, got, fetches)
			}
		}
		s.Down(true)
		begin("down", provider.ErrDown, 1)
		time.Sleep(4 * time.Second)
		begin("a failure is remembered", provider.ErrDown, 1)
		time.Sleep(2 * time.Second)
		s.Down(false)
		begin("but not for long", nil, 2)
		time.Sleep(59 * time.Minute)
		begin("kept", nil, 2)
		time.Sleep(2 * time.Minute)
		begin("renewed", nil, 3)
		s.Fail(true, discovery)
		time.Sleep(61 * time.Minute)
		begin("stale while it fails", nil, 4)
		begin("and not asked for each time", nil, 4)
		time.Sleep(time.Hour)
		begin("too stale", provider.ErrDown, 5)
		s.Fail(false)
		time.Sleep(10 * time.Second)
		s.Slow(time.Hour)
		asked := time.Now()
		begin("slow", provider.ErrDown, 6)
		if took := time.Since(asked); took > 15*time.Second {
			t.Errorf("a slow upstream holds for %s", took)
		}
	})
}

func TestO04_NewKeys(t *testing.T) {
	s := federationtest.NewOIDC(t, federationtest.OIDCOptions{}, openidAda)
	settings := openidSettings(s, provider.KindOIDC)
	synctest.Test(t, func(t *testing.T) {
		p := openidProvider(t, settings, &http.Client{Transport: openidNear{s}})
		signIn := func(what string, want error, fetches int) {
			t.Helper()
			_, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
			wantError(t, what, err, want)
			if got := len(s.Requests("/keys")); got != fetches {
				t.Errorf("%s: %d fetches of keys, want %d", what, got, fetches)
			}
		}
		signIn("first", nil, 1)
		s.RotateKeys(t)
		signIn("a new key is fetched", nil, 2)
		s.TamperSigned(func(raw string) string { return raw[:len(raw)-8] + "AAAAAAAA" })
		for range 20 {
			signIn("not for each bad token", provider.ErrIdentity, 2)
		}
		time.Sleep(61 * time.Second)
		signIn("but again after a minute", provider.ErrIdentity, 3)
		s.TamperSigned(nil)
		signIn("good", nil, 3)
		s.RotateKeys(t)
		s.Down(true, "/keys")
		time.Sleep(2 * time.Hour)
		signIn("no keys", provider.ErrDown, 4)
	})
}

func TestOIDCDownAndSlowAreBounded(t *testing.T) {
	s := federationtest.NewOIDC(t, federationtest.OIDCOptions{}, openidAda)
	settings := openidSettings(s, provider.KindOIDC)
	synctest.Test(t, func(t *testing.T) {
		p := openidProvider(t, settings, &http.Client{Transport: openidNear{s}})
		for _, path := range []string{"/token", "/keys"} {
			for name, trouble := range map[string]func(on bool){
				"down": func(on bool) { s.Down(on, path) }, "fails": func(on bool) { s.Fail(on, path) },
				"slow": func(on bool) {
					if s.Slow(0); on {
						s.Slow(time.Hour, path)
					}
				},
			} {
				trouble(true)
				asked := time.Now()
				_, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
				wantError(t, path+" "+name, err, provider.ErrDown)
				if took := time.Since(asked); took > 25*time.Second {
					t.Errorf("%s %s: took %s", path, name, took)
				}
				trouble(false)
				time.Sleep(10 * time.Second) // failures are forgotten
			}
		}
		_, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
		wantError(t, "well again", err, nil)
	})
}
