package token_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"signet/oauth/oauthtest"
)

func TestE10_RefusedClientsAreNamedInTheLog(t *testing.T) {
	d := open(t, oauthtest.Options{})
	for name, test := range map[string]struct{ id, want string }{
		"known":   {"shop", "shop"},
		"unknown": {"shpo", "shpo"},
		"hostile": {"a\nlevel=ERROR\u202e", `a\nlevel=ERROR\u202e`},
		"long":    {strings.Repeat("x", 5000), strings.Repeat("x", 200) + "..."},
	} {
		for _, path := range []string{"/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"} {
			d.log.Reset()
			form := url.Values{"grant_type": {"client_credentials"}, "token": {"x"}}
			r := asked("x", form, path)
			r.SetBasicAuth(url.QueryEscape(test.id), "s3cret-of-nobody")
			w := &nowhere{head: map[string][]string{}}
			d.door.ServeHTTP(w, r)
			var line map[string]any
			if err := json.Unmarshal(d.log.Bytes(), &line); err != nil {
				t.Fatalf("%s: %v: %s", name, err, d.log)
			}
			if line["client_id"] != test.want || w.status != 401 {
				t.Errorf("%s at %s: %d, log %s", name, path, w.status, d.log)
			}
			if strings.Contains(d.log.String(), "s3cret") {
				t.Errorf("%s: the secret is in the log: %s", name, d.log)
			}
		}
	}
}
