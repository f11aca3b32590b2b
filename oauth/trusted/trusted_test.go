package trusted_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"signet/clients"
	"signet/oauth/dpop/dpoptest"
	"signet/oauth/trusted"
)

const (
	self = "https://id.test"
	work = "https://login.work.test"
)

// source has keys at an address and at an issuer, and counts who asks.
type source struct {
	key          dpoptest.Key
	uris, issuer []string
	err          error
}

func (s *source) set() []jose.JSONWebKey { return []jose.JSONWebKey{{Key: s.key.Private.Public()}} }

func (s *source) Keys(_ context.Context, c *clients.Client, _ func(jose.JSONWebKey) bool) ([]jose.JSONWebKey, error) {
	s.uris = append(s.uris, c.JWKSURI)
	return s.set(), s.err
}

func (s *source) OfIssuer(_ context.Context, issuer string, _ func(jose.JSONWebKey) bool) ([]jose.JSONWebKey, error) {
	s.issuer = append(s.issuer, issuer)
	return s.set(), s.err
}

func assertion(t testing.TB, k dpoptest.Key, iss string) string {
	t.Helper()
	return k.Sign(t, map[string]any{"iss": iss, "sub": "7", "aud": self, "exp": time.Now().Unix() + 60, "jti": "a"},
		map[string]any{"typ": nil, "jwk": nil})
}

// TestKeysAreAskedForOfTrustedIssuersOnly, and only for an app that may present their assertions: nobody chooses where this server looks.
func TestKeysAreAskedForOfTrustedIssuersOnly(t *testing.T) {
	s := &source{key: dpoptest.New(t)}
	v := &trusted.Verifier{Self: self, Keys: s, Issuers: []trusted.Issuer{
		{Issuer: work, Clients: []string{"crm"}},
		{Issuer: "https://keys.test", JWKSURI: "https://keys.test/set", Clients: []string{"crm"}},
	}}
	for _, one := range []struct{ iss, client string }{
		{"https://evil.test", "crm"}, {"http://169.254.169.254/", "crm"}, {work, "other"}, {work + ".evil.test", "crm"}, {"", "crm"},
	} {
		if _, err := v.Verify(t.Context(), assertion(t, s.key, one.iss), one.client, time.Now()); !errors.Is(err, trusted.ErrRefused) {
			t.Errorf("%v: %v", one, err)
		}
	}
	if len(s.uris)+len(s.issuer) != 0 {
		t.Errorf("asked for keys: %v %v", s.uris, s.issuer)
	}
	a, err := v.Verify(t.Context(), assertion(t, s.key, work), "crm", time.Now())
	if err != nil || a.Subject != "7" || a.Once == "" {
		t.Errorf("%+v %v", a, err)
	}
	b, err := v.Verify(t.Context(), assertion(t, s.key, "https://keys.test"), "crm", time.Now())
	if err != nil || b.Once == a.Once {
		t.Errorf("the same jti of another issuer: %v %q", err, b.Once)
	}
	if len(s.uris) != 1 || s.uris[0] != "https://keys.test/set" || len(s.issuer) != 1 || s.issuer[0] != work {
		t.Errorf("asked: %v %v", s.uris, s.issuer)
	}
	s.err = errors.New("away")
	if _, err := v.Verify(t.Context(), assertion(t, s.key, work), "crm", time.Now()); !errors.Is(err, trusted.ErrRefused) ||
		!strings.Contains(err.Error(), "away") {
		t.Errorf("keys away: %v", err)
	}
}

func FuzzVerify(f *testing.F) {
	k := dpoptest.New(f)
	good := assertion(f, k, work)
	f.Add(good)
	f.Add("")
	f.Add("..")
	f.Add(good + ".")
	f.Add(strings.Repeat("a.", 9000))
	v := &trusted.Verifier{Self: self, Keys: &source{key: k}, Issuers: []trusted.Issuer{{Issuer: work, Clients: []string{"crm"}}}}
	now := time.Now()
	f.Fuzz(func(t *testing.T, text string) {
		a, err := v.Verify(t.Context(), text, "crm", now)
		if err == nil && text != good && !strings.HasPrefix(text, good[:strings.LastIndexByte(good, '.')+1]) {
			t.Errorf("taken: %+v", a)
		}
		if said := trusted.Outside(text); len(said) > 300 {
			t.Errorf("the log would have %d bytes", len(said))
		}
	})
}
