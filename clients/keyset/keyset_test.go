package keyset_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"signet/clients"
	"signet/clients/keyset"
	"signet/internal/egress"
)

// site answers with what it is told to.
type site struct {
	mu    sync.Mutex
	asked int
	body  []byte
	age   time.Duration
	err   error
	slow  time.Duration
}

func (s *site) Fetch(context.Context, egress.Request) (egress.Response, error) {
	time.Sleep(s.slow)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	return egress.Response{Status: 200, Body: s.body, MaxAge: s.age}, s.err
}

func (s *site) show(t testing.TB, keys ...any) {
	t.Helper()
	var set jose.JSONWebKeySet
	for _, k := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k})
	}
	body, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.body = body
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func is(key *ecdsa.PrivateKey) func(jose.JSONWebKey) bool {
	return func(k jose.JSONWebKey) bool { return key.PublicKey.Equal(k.Key) }
}

func app() *clients.Client {
	return &clients.Client{Metadata: clients.Metadata{ClientID: "app", JWKSURI: "https://app.example/keys"}}
}

func TestKeySet_IsFetchedWhenNoneFits(t *testing.T) { // OpenID Connect Core section 10.1.1
	synctest.Test(t, func(t *testing.T) {
		s := &site{}
		cache, err := keyset.New(s)
		if err != nil {
			t.Fatal(err)
		}
		first, second := newKey(t), newKey(t)
		s.show(t, first.Public())
		for range 3 {
			if got, err := cache.Keys(t.Context(), app(), is(first)); err != nil || len(got) != 1 {
				t.Fatalf("%v %v", got, err)
			}
		}
		if s.asked != 1 {
			t.Errorf("asked %d times", s.asked)
		}
		s.show(t, second.Public())
		if got, _ := cache.Keys(t.Context(), app(), is(second)); is(second)(got[0]) || s.asked != 1 {
			t.Errorf("asked again at once (%d): anybody could make us ask", s.asked)
		}
		time.Sleep(31 * time.Second)
		if got, err := cache.Keys(t.Context(), app(), is(second)); err != nil || !is(second)(got[0]) || s.asked != 2 {
			t.Errorf("after half a minute: %v %v, asked %d times", got, err, s.asked)
		}
		time.Sleep(11 * time.Minute)
		if _, err := cache.Keys(t.Context(), app(), is(second)); err != nil || s.asked != 3 {
			t.Errorf("an old set that fits: %v, asked %d times", err, s.asked)
		}
	})
}

func TestKeySet_AnOldSetBridgesAnOutageOfAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, key := &site{age: time.Minute}, newKey(t)
		cache, err := keyset.New(s)
		if err != nil {
			t.Fatal(err)
		}
		s.err = errors.New("away")
		if _, err := cache.Keys(t.Context(), app(), is(key)); !errors.Is(err, keyset.ErrNoKeys) || !errors.Is(err, s.err) {
			t.Errorf("never seen: %v", err)
		}
		time.Sleep(time.Minute)
		s.err = nil
		s.show(t, key.Public())
		if _, err := cache.Keys(t.Context(), app(), is(key)); err != nil {
			t.Fatal(err)
		}
		s.err = errors.New("away")
		time.Sleep(50 * time.Minute)
		if _, err := cache.Keys(t.Context(), app(), is(key)); err != nil {
			t.Errorf("after 50 minutes: %v", err)
		}
		time.Sleep(20 * time.Minute)
		if _, err := cache.Keys(t.Context(), app(), is(key)); !errors.Is(err, keyset.ErrNoKeys) {
			t.Errorf("after 70 minutes: %v", err)
		}
	})
}

func TestKeySet_OneFetchForAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, key := &site{slow: time.Second}, newKey(t)
		s.show(t, key.Public())
		cache, err := keyset.New(s)
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if got, err := cache.Keys(t.Context(), app(), is(key)); err != nil || len(got) != 1 {
					t.Errorf("%v %v", got, err)
				}
			})
		}
		all.Wait()
		if s.asked != 1 {
			t.Errorf("asked %d times", s.asked)
		}
	})
}

func TestKeySet_WhatIsNoSetOfPublicKeys(t *testing.T) {
	key := newKey(t)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	many := make([]any, 51)
	for i := range many {
		many[i] = key.Public()
	}
	for name, tt := range map[string]struct {
		body []byte
		keys []any
		ok   int // keys
	}{
		"nothing": {body: []byte{}, ok: -1}, "no JSON": {body: []byte("<html>"), ok: -1}, "private": {keys: []any{key.Public(), key}, ok: -1},
		"symmetric": {body: []byte(`{"keys":[{"kty":"oct","k":"AAAA"}]}`), ok: -1}, "51 keys": {keys: many, ok: -1},
		"two lists":       {body: []byte(`{"keys":[],"keys":[]}`), ok: -1},
		"a name twice":    {body: []byte(`{"keys":[{"kty":"AKP","kid":"a","kid":"b"}]}`), ok: -1},
		"another case":    {body: []byte(`{"Keys":[{"kty":"oct","k":"AAAA"}]}`)},
		"a kind of later": {body: []byte(`{"keys":[{"kty":"AKP","alg":"ML-DSA-44","pub":"x"}]}`)},
		"a short one":     {keys: []any{small.Public(), key.Public()}, ok: 1},
	} {
		s := &site{body: tt.body}
		if tt.keys != nil {
			s.show(t, tt.keys...)
		}
		cache, err := keyset.New(s)
		if err != nil {
			t.Fatal(err)
		}
		got, err := cache.Keys(t.Context(), app(), is(key))
		if (err != nil) != (tt.ok < 0) || err == nil && len(got) != tt.ok {
			t.Errorf("%s: %d keys, %v", name, len(got), err)
		}
	}
}
