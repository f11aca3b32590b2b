package snippet

import (
	"slices"
	"strings"
	"testing"

	"signet/clients"
)

func TestSnippetsAreWhole(t *testing.T) {
	s := Snippet{Issuer: "https://id.example", ID: "shop", Secret: "sgn_x", Redirect: "https://shop.example/cb", Scope: "openid email"}
	for _, name := range Names() {
		text, err := s.Text(name)
		if err != nil {
			t.Error(err)
		}
		if !strings.Contains(text, "shop") || !strings.Contains(text, "https://id.example") || strings.Contains(text, "<no value>") {
			t.Errorf("%s:\n%s", name, text)
		}
	}
	if _, err := s.Text("../texts/curl"); err == nil {
		t.Error("a path is taken for a name")
	}
}

func TestB09_SnippetsOfLibrariesThatReadTheIDToken(t *testing.T) {
	want := []string{"auth-js", "kube-apiserver", "oidc-client-ts", "passport-openidconnect"}
	got := slices.DeleteFunc(Names(), func(name string) bool { return !ReadsIDToken(name) })
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestRFC9449_SnippetsShowTheKey: those of what sends proofs have one wherever the app's tokens are bound.
func TestRFC9449_SnippetsShowTheKey(t *testing.T) {
	m := clients.Metadata{ClientID: "it's", TokenEndpointAuthMethod: clients.MethodNone, DPoPBoundAccessTokens: true,
		RedirectURIs: []string{"https://shop.example/cb"}}
	for _, name := range Names() {
		text, err := Of("https://id.example", m).Text(name)
		if has := strings.Contains(strings.ToLower(text), "dpop"); err != nil || has != SendsDPoP(name) && name != "curl-par" {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
	if text, _ := Of("https://id.example", m).Text("curl"); !strings.Contains(text, `'it'\''s.jwk'`) {
		t.Errorf("not quoted for a shell: %s", text)
	}
}

func TestNewKeySigns(t *testing.T) {
	one, err := NewKey()
	other, _ := NewKey()
	public := one.Public()
	if err != nil || one.KeyID == other.KeyID || !one.Valid() || !public.IsPublic() || !clients.Verifies(public, "ES256") {
		t.Errorf("%v %+v", err, one.Public())
	}
}
