package oauth_test

import (
	"errors"
	"strings"
	"testing"

	"signet/oauth"
	"signet/oauth/ledger"
	"signet/oauth/oauthtest"
	"signet/oauth/refusal"
	"signet/storage"
)

// A grant of a newer release says more than this one knows: it is answered with 503 and left as it is, so that a replica of the newer
// release serves the next try. It can still be revoked.
func TestFactsOfANewerReleaseAreLeftAlone(t *testing.T) {
	engines(t, func(t *testing.T, h *oauthtest.Protocol) {
		code, one := h.Code(t, "shop", "openid", nil), first(t, h, "shop", "openid")
		for _, facts := range []string{`{"v":7`, `{"v":1000000`, `{"v":-1`, `{"v":99999999999999999999`, `{"v":"1"`} {
			old := interpose(t, h, func(s *shim) { s.facts = strings.NewReplacer(`{"v":1`, facts) })
			shop := h.Client(t, "shop")
			for name, do := range map[string]func() error{
				"code":    func() error { _, err := token(t, old, "shop", oauthtest.Exchange(code)); return err },
				"refresh": func() error { _, err := token(t, old, "shop", oauthtest.Refresh(one.RefreshToken)); return err },
				"userinfo": func() error {
					_, err := old.Provider.Userinfo(t.Context(), oauth.Presented{Token: one.AccessToken})
					return err
				},
				"introspection": func() error { _, err := old.Provider.Introspect(t.Context(), shop, one.AccessToken); return err },
				"of a refresh token": func() error {
					_, err := old.Provider.Introspect(t.Context(), shop, one.RefreshToken)
					return err
				},
			} {
				err := do()
				no, ok := errors.AsType[*refusal.Refusal](err)
				if !ok || no.Status != 503 || no.Code != "temporarily_unavailable" || !errors.Is(err, ledger.ErrNewerFacts) {
					t.Errorf("%s with %s: %v", name, facts, err)
				}
			}
		}
		get(t, h, "shop", oauthtest.Exchange(code))
		two := get(t, h, "shop", oauthtest.Refresh(one.RefreshToken))
		old := interpose(t, h, func(s *shim) { s.facts = strings.NewReplacer(`{"v":1`, `{"v":7`) })
		if err := old.Provider.Revoke(t.Context(), h.Client(t, "shop"), two.RefreshToken); err != nil {
			t.Fatal(err)
		}
		if alive(t, h, two) {
			t.Error("revoked, and alive")
		}
	})
}

// Rows from before there were versions, and of this one, are read.
func TestFactsOfThisReleaseAndTheOneBefore(t *testing.T) {
	for _, data := range []string{``, `{}`, `{"nonce":"a"}`, `{"v":1}`, `{"v":1,"nonce":"{\"v\":2"}`} {
		if _, err := ledger.FactsOf(storage.Grant{Data: []byte(data)}); err != nil {
			t.Errorf("%s: %v", data, err)
		}
	}
}
