package tokens_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"signet/oauth/keys"
	"signet/oauth/keys/keystest"
	"signet/oauth/tokens"
)

// seeds are tokens of every kind and what people make of them.
func seeds(f *testing.F, i *tokens.Issuer) {
	f.Helper()
	later := time.Now().Add(24 * time.Hour).Unix()
	a, r, d := access(), refresh(), id()
	a.ExpiresAt, r.ExpiresAt, d.ExpiresAt = later, later, later
	at, errA := i.SignAccess("", a)
	rt, errR := i.SignRefresh(r)
	dt, errD := i.SignID("", d)
	for token, err := range map[string]error{at: errA, rt: errR, dt: errD} {
		f.Add(sign(f, token, err))
		f.Add(token + ".")
		f.Add(token[:len(token)-1])
		f.Add(strings.Replace(token, ".", "..", 1))
	}
	f.Add("eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.eyJzdWIiOiJldmUifQ.")
	f.Add("..")
}

// FuzzVerifyAccess: nothing panics, and what is accepted is accepted by go-jose with the published key too.
func FuzzVerifyAccess(f *testing.F) {
	ring := keystest.Ring(f)
	i := newIssuer(f, ring)
	seeds(f, i)
	var set jose.JSONWebKeySet
	body, _ := ring.JWKS()
	if err := json.Unmarshal(body, &set); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, token string) {
		got, err := i.VerifyAccess(token)
		if err != nil {
			return
		}
		sig, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
		if err != nil {
			t.Fatalf("go-jose cannot read what we accept: %v", err)
		}
		head := sig.Signatures[0].Protected
		keys := set.Key(head.KeyID)
		if len(keys) != 1 || head.ExtraHeaders[jose.HeaderType] != "at+jwt" {
			t.Fatalf("header %+v", head)
		}
		if _, err := sig.Verify(keys[0]); err != nil || got.Issuer != issuer {
			t.Fatalf("go-jose refuses what we accept: %v", err)
		}
	})
}

// FuzzVerifyRefresh: nothing panics, and nothing is accepted but what signing its claims again would give.
func FuzzVerifyRefresh(f *testing.F) {
	i := newIssuer(f, keystest.Ring(f))
	seeds(f, i)
	f.Fuzz(func(t *testing.T, token string) {
		got, err := i.VerifyRefresh(token)
		if err != nil {
			return
		}
		if again, err := i.SignRefresh(got); err != nil || again != token {
			t.Fatalf("accepted a token we never made: %v", err)
		}
	})
}

func BenchmarkSignAccess(b *testing.B) {
	i := newIssuer(b, keystest.Ring(b))
	a := access()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := i.SignAccess("", a); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSignRefresh(b *testing.B) {
	i := newIssuer(b, keystest.Ring(b))
	r := refresh()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := i.SignRefresh(r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyAccess(b *testing.B) {
	ring := keystest.Ring(b, keys.ES256, keys.RS256)
	i := newIssuer(b, ring)
	for _, alg := range ring.Algs() {
		token, err := i.SignAccess(alg, access())
		sign(b, token, err)
		b.Run("remembered-"+alg, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := i.VerifyAccess(token); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("new-"+alg, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				fresh := newIssuer(b, ring)
				if _, err := fresh.VerifyAccess(token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkVerifyRefresh(b *testing.B) {
	i := newIssuer(b, keystest.Ring(b))
	token, err := i.SignRefresh(refresh())
	sign(b, token, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := i.VerifyRefresh(token); err != nil {
			b.Fatal(err)
		}
	}
}
