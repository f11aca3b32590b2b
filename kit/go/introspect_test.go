package kit

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// asked is an API that introspects, and what its endpoint was asked.
type asked struct {
	*world
	n      int
	answer func(token string) (int, any)
}

func newAsked(t *testing.T, always bool) *asked {
	a := &asked{world: newWorld(t, Options{})}
	keys := serving(issuer, *a.jwks.Load())
	o := Options{Introspection: &Introspection{ClientID: "api", Secret: "a b:c", Always: always}}
	o.HTTP = &http.Client{Transport: issuerOf(func(r *http.Request) (int, string) {
		if r.URL.Path != "/introspect" {
			return keys(r)
		}
		a.n++
		if id, secret, _ := r.BasicAuth(); r.Method != "POST" || id != "api" || secret != "a+b%3Ac" {
			t.Errorf("%s by %q %q", r.Method, id, secret)
		}
		status, v := a.answer(r.FormValue("token"))
		raw, _ := json.Marshal(v)
		return status, string(raw)
	})}
	var err error
	if a.api, err = New(issuer, resource, o); err != nil {
		t.Fatal(err)
	}
	return a
}

func active(changes body) body {
	return changed(good(body{"active": true, "token_type": "Bearer", "exp": time.Now().Unix() + 600}), changes)
}

func TestIntrospection(t *testing.T) {
	for name, c := range map[string]struct {
		answer any
		want   error
	}{
		"active":               {active(nil), nil},
		"inactive":             {body{"active": false}, ErrInactive},
		"inactive, with more":  {active(body{"active": false}), ErrInactive},
		"active as a text":     {active(body{"active": "true"}), ErrUnavailable},
		"nothing":              {body{}, ErrInactive},
		"a refresh token":      {active(body{"token_type": nil}), ErrType},
		"another API":          {active(body{"aud": "https://other.example"}), ErrAudience},
		"no audience":          {active(body{"aud": nil}), ErrAudience},
		"another issuer":       {active(body{"iss": "https://evil.example"}), ErrIssuer},
		"over":                 {active(body{"exp": 1}), ErrExpired},
		"bound, as Bearer":     {active(body{"cnf": body{"jkt": "x"}}), ErrBinding},
		"bound to who knows":   {active(body{"cnf": body{"x": "x"}}), ErrBinding},
		"a list":               {[]int{1}, ErrUnavailable},
		"scope is a list":      {active(body{"scope": []string{"a"}}), ErrMalformed},
		"claims that come two": {json.RawMessage(`{"active":true,"active":false}`), ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAsked(t, false)
				if m, ok := c.answer.(body); ok && m["exp"] != nil && m["exp"] != 1 {
					m["exp"] = time.Now().Unix() + 600
				}
				a.answer = func(string) (int, any) { return 200, c.answer }
				for range 3 {
					if err := a.verify("opaque"); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
						t.Errorf("%v, want %v", err, c.want)
					}
				}
				if a.n != 1 {
					t.Errorf("asked %d times", a.n)
				}
			})
		})
	}
}

func TestIntrospectionOfJWTs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsked(t, true)
		revoked := false
		a.answer = func(string) (int, any) { return 200, active(body{"active": !revoked}) }
		token := a.now(nil)
		if err := a.verify(token); err != nil {
			t.Fatal(err)
		}
		revoked = true
		time.Sleep(keepActive)
		if err := a.verify(token); !errors.Is(err, ErrInactive) {
			t.Errorf("revoked ten seconds ago: %v", err)
		}
		before := a.n // what is not good is not asked about
		if err := a.verify(a.now(body{"aud": "x"})); !errors.Is(err, ErrAudience) || a.n != before {
			t.Errorf("%v, asked %d times", err, a.n-before)
		}
		a.answer = func(string) (int, any) { return 500, nil }
		time.Sleep(keepInactive)
		if err := a.verify(token); !errors.Is(err, ErrUnavailable) {
			t.Errorf("the endpoint is away: %v", err)
		}
	})
}

// Without introspection a token that is no JWT is none.
func TestOpaqueTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if err := newWorld(t, Options{}).verify("opaque"); !errors.Is(err, ErrMalformed) {
			t.Error(err)
		}
	})
}
