package signettest_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	kit "signet/kit/go"
	"signet/kit/go/signettest"
)

const seed = `
users:
  - {email: ada@example.com, name: Ada Lovelace, groups: [staff], claims: {locale: de}}
  - {email: grace@example.com, username: grace, password: analytical engine, roles: [editor], unverified: true}
clients:
  - {client_id: app, token_endpoint_auth_method: none, application_type: native, redirect_uris: [http://127.0.0.1/callback],
     grant_types: [authorization_code, refresh_token], scope: openid email notes:read offline_access}
  - {client_id: shop, client_secret: a-secret-that-is-long-enough-for-this, redirect_uris: [https://shop.example/cb],
     scope: openid notes:read}
resources: [{identifier: https://notes.example, scopes: [notes:read]}]
tokens: {access_lifetime: 1s, refresh_grace: 0s}
`

func request(token string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "https://notes.example/", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

// TestOneClick: people sign in, by a public client and by one with a secret, and tokens end as the seed says.
func TestOneClick(t *testing.T) {
	id := signettest.Start(t, seed)
	api, err := kit.New(id.Issuer, "https://notes.example", kit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := id.Token(t, signettest.Ask{Scope: "openid offline_access notes:read", Resource: "https://notes.example"})
	if got.RefreshToken == "" || got.IDToken == "" || got.ExpiresIn != 1 {
		t.Errorf("%+v", got)
	}
	if _, err := api.Verify(request(got.AccessToken), kit.Scopes("notes:read")); err != nil {
		t.Error(err)
	}
	if _, err := api.Verify(request(got.IDToken)); err == nil {
		t.Error("an ID token is taken")
	}
	id.Token(t, signettest.Ask{ClientID: "shop", ClientSecret: "a-secret-that-is-long-enough-for-this",
		RedirectURI: "https://shop.example/cb", Login: "grace@example.com", Scope: "openid notes:read"})
}

// TestEachTestHasItsOwn: two servers at once share nothing, and neither outlives its test.
func TestEachTestHasItsOwn(t *testing.T) {
	var gone string
	t.Run("two", func(t *testing.T) {
		one, two := signettest.Start(t, ""), signettest.Start(t, "")
		if one.Issuer == two.Issuer {
			t.Error("they are the same")
		}
		for _, id := range []*signettest.Server{one, two} {
			if u, err := url.Parse(id.Issuer); err != nil || u.Hostname() != "localhost" {
				t.Errorf("issuer %s", id.Issuer)
			}
		}
		if id := one.Token(t, signettest.Ask{Scope: "openid email"}).IDToken; id == "" {
			t.Error("no ID token")
		}
		gone = one.Issuer
	})
	if res, err := http.Get(gone + "/healthz"); err == nil {
		_ = res.Body.Close()
		t.Errorf("%s still answers: %s", gone, res.Status)
	}
}

var goBlock = regexp.MustCompile("(?s)```go\n(.*?)\n```")

// TestReadme: what the README shows runs, in a module of its own that knows of a checkout alone.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := goBlock.FindSubmatch(text)
	kitDir, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	mod, modErr := os.ReadFile(filepath.Join(kitDir, "go.mod"))
	sum, sumErr := os.ReadFile(filepath.Join(kitDir, "go.sum"))
	if err := errors.Join(modErr, sumErr); err != nil || block == nil {
		t.Fatal(err, "or no block")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": strings.Replace(string(mod), "module signet/kit/go", "module readme", 1) +
			"\nrequire signet/kit/go v0.0.0\nreplace signet/kit/go => " + kitDir + "\n",
		"go.sum": string(sum),
		"notes_test.go": "package notes\n\nimport (\n\t\"net/http/httptest\"\n\t\"testing\"\n\n\tkit \"signet/kit/go\"\n" +
			"\t\"signet/kit/go/signettest\"\n)\n\n" + string(block[1]) + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := exec.Command("go", "test", "-mod=mod", "-count=1", ".")
	run.Dir = dir
	if out, err := run.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
