package oauth_test

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"signet/oauth"
	"signet/oauth/oauthtest"
	"signet/oauth/refusal"
	"signet/oauth/tokens"
	"signet/storage"
	"signet/storage/storagetest"
)

// protocol is one on SQLite in which Ada is signed in.
func protocol(t *testing.T, o oauthtest.Options) *oauthtest.Protocol {
	t.Helper()
	if o.DB == nil {
		o.DB = storagetest.SQLite(t)
	}
	h := oauthtest.New(t, o)
	h.SignIn(t)
	return h
}

// engines runs a test on both.
func engines(t *testing.T, test func(t *testing.T, h *oauthtest.Protocol)) {
	t.Helper()
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		test(t, protocol(t, oauthtest.Options{DB: open(t)}))
	})
}

// token makes a token request of an authenticated client.
func token(t *testing.T, h *oauthtest.Protocol, client string, form url.Values) (*oauth.Answer, error) {
	t.Helper()
	return h.Provider.Token(t.Context(), oauth.TokenRequest{Client: h.Client(t, client), Form: form})
}

// get is token that must succeed.
func get(t *testing.T, h *oauthtest.Protocol, client string, form url.Values) *oauth.Answer {
	t.Helper()
	a, err := token(t, h, client, form)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// refused is token that must fail with the code.
func refused(t *testing.T, h *oauthtest.Protocol, client string, form url.Values, code string) {
	t.Helper()
	a, err := token(t, h, client, form)
	wants(t, err, code)
	if a != nil {
		t.Error("an answer beside the error")
	}
}

func wants(t *testing.T, err error, code string) {
	t.Helper()
	no, ok := errors.AsType[*refusal.Refusal](err)
	if !ok || no.Code != code {
		t.Fatalf("got %v, want %s", err, code)
	}
}

// first authorizes and exchanges.
func first(t *testing.T, h *oauthtest.Protocol, client, scope string) *oauth.Answer {
	t.Helper()
	return get(t, h, client, oauthtest.Exchange(h.Code(t, client, scope, nil)))
}

// with changes a form; a value "" removes.
func with(form url.Values, pairs ...string) url.Values {
	form = maps(form)
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			form.Del(pairs[i])
		} else {
			form[pairs[i]] = strings.Split(pairs[i+1], "|")
		}
	}
	return form
}

func maps(form url.Values) url.Values {
	out := url.Values{}
	for k, v := range form {
		out[k] = slices.Clone(v)
	}
	return out
}

// claims of an access token of ours.
func claims(t *testing.T, h *oauthtest.Protocol, a *oauth.Answer) tokens.Access {
	t.Helper()
	got, err := h.Issuer.VerifyAccess(a.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// idOf are the claims of an ID token of ours.
func idOf(t *testing.T, h *oauthtest.Protocol, a *oauth.Answer) tokens.ID {
	t.Helper()
	got, err := h.Issuer.VerifyIDHint(a.IDToken)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func count(list []string, what string) (n int) {
	for _, s := range list {
		if s == what {
			n++
		}
	}
	return n
}

// alive reports whether the access token still works at the userinfo endpoint.
func alive(t *testing.T, h *oauthtest.Protocol, a *oauth.Answer) bool {
	t.Helper()
	_, err := h.Provider.Userinfo(t.Context(), oauth.Presented{Token: a.AccessToken})
	if err != nil && !errors.Is(err, refusal.InvalidToken("")) {
		t.Fatal(err)
	}
	return err == nil
}
