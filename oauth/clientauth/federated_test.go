package clientauth_test

import (
	"maps"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"signet/oauth/clientauth"
	"signet/storage/storagetest"
)

// A platform's token stands for a client only as it was registered (RFC 7523 section 3): exactly this workload, made for this server.
func TestFederated_ATokenOfAPlatform(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, storagetest.SQLite(t))
		pod := func(change func(c map[string]any, o *jose.SignerOptions)) string {
			return w.assertion(t, func(c map[string]any, o *jose.SignerOptions) {
				c["iss"], c["sub"], c["aud"] = platform, "system:serviceaccount:shop:worker", []string{issuer}
				c["exp"] = time.Now().Add(time.Hour).Unix()
				delete(c, "jti")
				if change != nil {
					change(c, o)
				}
			})
		}
		with := func(name string, value any) string {
			return pod(func(c map[string]any, _ *jose.SignerOptions) {
				if c[name] = value; value == nil {
					delete(c, name)
				}
			})
		}
		job := func(claims map[string]any) string {
			return pod(func(c map[string]any, _ *jose.SignerOptions) {
				c["sub"], c["aud"] = "repo:acme/shop", "signet"
				maps.Copy(c, claims)
			})
		}
		form := func(id, token string) url.Values {
			f := url.Values{"client_assertion_type": {clientauth.AssertionType}, "client_assertion": {token}}
			if id != "" {
				f.Set("client_id", id)
			}
			return f
		}
		again := pod(nil)
		far := time.Now().Add(25 * time.Hour).Unix()
		for _, test := range []struct {
			name, id, token string
			ok              bool
		}{
			{"a pod", "workload", again, true},
			{"the same token again", "workload", again, true},
			{"typ of SPIFFE", "workload", pod(func(_ map[string]any, o *jose.SignerOptions) { o.WithType("JOSE") }), true},
			{"a job", "workload", job(map[string]any{"repository_id": "7", "ref": "main"}), true},
			{"a job, its id a number", "workload", job(map[string]any{"repository_id": 7, "ref": "main"}), true},

			{"no client_id", "", again, false},
			{"another client", "jwt", again, false},
			{"a client without platforms", "basic", again, false},
			{"unknown client", "nobody", again, false},
			{"another sub", "workload", with("sub", "system:serviceaccount:shop:worker2"), false},
			{"the beginning of the sub", "workload", with("sub", "system:serviceaccount:shop:work"), false},
			{"the client as sub", "workload", with("sub", "workload"), false},
			{"another issuer", "workload", with("iss", "https://kubernetes.example/"), false},
			{"no issuer", "workload", with("iss", nil), false},
			{"the platform's own audience", "workload", with("aud", platform), false},
			{"two audiences", "workload", with("aud", []string{issuer, "https://other.example"}), false},
			{"no audience", "workload", with("aud", nil), false},
			{"expired", "workload", with("exp", time.Now().Add(-time.Minute).Unix()), false},
			{"no end", "workload", with("exp", nil), false},
			{"ends too late", "workload", with("exp", far), false},
			{"not yet", "workload", with("nbf", time.Now().Add(time.Hour).Unix()), false},
			{"a job, audience of the other credential", "workload", job(map[string]any{"repository_id": "7", "ref": "main", "aud": issuer}), false},
			{"a job of another repository", "workload", job(map[string]any{"repository_id": "8", "ref": "main"}), false},
			{"a job without its ref", "workload", job(map[string]any{"repository_id": "7"}), false},
			{"a job, ref null", "workload", job(map[string]any{"repository_id": "7", "ref": nil}), false},
			{"a job, ref in a list", "workload", job(map[string]any{"repository_id": "7", "ref": []string{"main"}}), false},
			{"a DPoP proof", "workload", pod(func(_ map[string]any, o *jose.SignerOptions) { o.WithType("dpop+jwt") }), false},
			{"signed by somebody else", "workload", again[:len(again)-8] + "AAAAAAAA", false},
			{"its own client assertion, with typ of SPIFFE", "jwt",
				w.assertion(t, func(_ map[string]any, o *jose.SignerOptions) { o.WithType("JOSE") }), false},
		} {
			id, err := w.try(t.Context(), form(test.id, test.token), "X-Test-Network", test.name)
			if test.ok && (err != nil || id != "workload") || !test.ok && err == nil {
				t.Errorf("%s: %q, %v", test.name, id, err)
			}
		}
		time.Sleep(61 * time.Minute)
		if _, err := w.try(t.Context(), form("workload", again)); err == nil {
			t.Error("an hour later it still stands for the client")
		}
	})
}
