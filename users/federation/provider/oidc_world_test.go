package provider_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"signet/internal/egress"
	"signet/users/federation/federationtest"
	"signet/users/federation/provider"
)

const openidCallback = "https://id.example.test/signin/with/up/callback"

var openidAda = federationtest.Account{
	Subject: "110169484474386276334", Email: "ada@example.com", EmailVerified: true, Name: "Ada Lovelace", GivenName: "Ada",
	FamilyName: "Lovelace", Picture: "https://lh3.googleusercontent.com/a/ada=s96-c", Login: "ada", Groups: []string{"staff", "maths"},
}

// openidGuarded is the client of the real server, which may reach this machine.
func openidGuarded(t *testing.T) *http.Client {
	t.Helper()
	c := egress.New(egress.Options{Allow: []string{"127.0.0.1"}, PerHost: 64, InFlight: 64, Total: 5 * time.Second})
	t.Cleanup(c.Close)
	return c.HTTP()
}

// openidNear asks a handler without a network, for bubbles of synctest, where sockets do not wait.
type openidNear struct{ handler http.Handler }

func (n openidNear) RoundTrip(r *http.Request) (res *http.Response, err error) {
	r = r.Clone(r.Context())
	r.RequestURI = r.URL.RequestURI()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	defer func() {
		if recover() != nil {
			err = errors.New("connection closed")
		}
	}()
	n.handler.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

// openidSettings are those that fit a server.
func openidSettings(s *federationtest.OIDC, kind string) provider.Settings {
	s.Register(openidCallback)
	return provider.Settings{ID: "up", Kind: kind, Issuer: s.Issuer(), ClientID: s.ClientID, ClientSecret: s.ClientSecret}
}

func openidProvider(t *testing.T, s provider.Settings, client *http.Client) provider.Provider {
	t.Helper()
	p, err := provider.New(s, client)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func openidAuthRequest() provider.AuthRequest {
	return provider.AuthRequest{
		State: oauth2.GenerateVerifier(), Nonce: oauth2.GenerateVerifier(), Verifier: oauth2.GenerateVerifier(), RedirectURI: openidCallback,
		BegunAt: time.Now(),
	}
}

// openidRequest is what Begin asks for.
func openidRequest(t *testing.T, p provider.Provider, a provider.AuthRequest) url.Values {
	t.Helper()
	u, err := p.Begin(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

// answerer is a server of federationtest.
type answerer interface {
	Answer(t testing.TB, begin *url.URL, subject string) (string, url.Values)
}

// openidSignIn goes there and back; change may tamper with what comes back.
func openidSignIn(ctx context.Context, t *testing.T, p provider.Provider, s answerer, a provider.AuthRequest, subject string,
	change func(url.Values)) (provider.Identity, error) {
	t.Helper()
	begin, err := p.Begin(ctx, a)
	if err != nil {
		return provider.Identity{}, err
	}
	callback, values := s.Answer(t, begin, subject)
	if callback != a.RedirectURI || values.Get("state") != a.State {
		t.Fatalf("sent back to %s with %v", callback, values)
	}
	if change != nil {
		change(values)
	}
	i, err := p.Complete(ctx, a, values)
	if err != nil {
		if text := err.Error(); strings.Contains(text, "secret-of-the-upstream") || a.Nonce != "" && strings.Contains(text, a.Nonce) ||
			strings.Contains(text, a.Verifier) {
			t.Errorf("an error tells too much: %s", text)
		}
		if i.Subject != "" || i.Claims != nil {
			t.Errorf("an error with an identity: %+v", i)
		}
	}
	return i, err
}

func wantError(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) || want == nil && got != nil {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// hmacSigned is a token with the claims of another, signed with a secret that both sides know.
func hmacSigned(t *testing.T, raw string, key []byte) string {
	t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: append(key, make([]byte, 32)...)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	compact, _ := signed.CompactSerialize()
	return compact
}
