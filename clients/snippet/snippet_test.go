package snippet

import (
	"slices"
	"strings"
	"testing"

	"signet/clients"
	"signet/clients/detail"
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

var at = Server{Issuer: "https://id.example", Mutual: "https://mtls.example"}

// TestRFC9449_SnippetsShowTheKey: those of what sends proofs have one wherever the app's tokens are bound, and its tokens are fetched.
func TestRFC9449_SnippetsShowTheKey(t *testing.T) {
	m := clients.Metadata{ClientID: "it's", TokenEndpointAuthMethod: clients.MethodNone, DPoPBoundAccessTokens: true,
		RedirectURIs: []string{"https://shop.example/cb"}}
	for _, name := range Names() {
		text, err := at.Of(m).Text(name)
		want := SendsDPoP(name) && name != "curl-introspect" && name != "curl-revoke"
		if has := strings.Contains(strings.ToLower(text), "dpop"); err != nil || has != want {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
	if text, _ := at.Of(m).Text("curl"); !strings.Contains(text, `'it'\''s.jwk'`) {
		t.Errorf("not quoted for a shell: %s", text)
	}
}

// TestD06_WordsOfAnAppStayWordsInItsSnippets: an id, a scope or an address that somebody sent runs nothing where a snippet is pasted.
func TestD06_WordsOfAnAppStayWordsInItsSnippets(t *testing.T) {
	s := at.Of(clients.Metadata{ClientID: "x;$(id)'", Scope: "openid a`id`$(id)'", RedirectURIs: []string{"https://shop.example/cb?'+x()+'"},
		TokenEndpointAuthMethod: clients.MethodBasic})
	for name, want := range map[string][]string{
		"gitea":                  {`--key 'x;$(id)'\''' `, "--scopes \"openid a\\`id\\`\\$(id)'\""},
		"kube-apiserver":         {`--oidc-client-id='x;$(id)'\'''`, "--oidc-extra-scope='a`id`$(id)'\\'''"},
		"auth-js":                {`clientId: 'x;$(id)\'',`, "scope: 'openid a`id`$(id)\\''"},
		"oidc-client-ts":         {`client_id: 'x;$(id)\'',`, `redirect_uri: 'https://shop.example/cb?\'+x()+\'',`},
		"openid-client":          {`'x;$(id)\''`, `redirect_uri: 'https://shop.example/cb?\'+x()+\'',`},
		"passport-openidconnect": {`clientID: 'x;$(id)\'',`, `callbackURL: 'https://shop.example/cb?\'+x()+\'',`, "['a`id`$(id)\\'']"},
	} {
		text, err := s.Text(name)
		for _, part := range want {
			if err != nil || !strings.Contains(text, part) {
				t.Errorf("%s: %v, %q is not in\n%s", name, err, part, text)
			}
		}
	}
}

// TestRFC8705_SnippetsShowTheCertificate: each request by curl of an app that has one goes where it is asked for.
func TestRFC8705_SnippetsShowTheCertificate(t *testing.T) {
	for name, m := range map[string]clients.Metadata{
		"proves":   {ClientID: "shop", TokenEndpointAuthMethod: clients.MethodTLS},
		"self":     {ClientID: "shop", TokenEndpointAuthMethod: clients.MethodSelfSigned, Profile: clients.ProfileFAPI2},
		"is bound": {ClientID: "shop", TokenEndpointAuthMethod: clients.MethodBasic, CertificateBoundAccessTokens: true},
	} {
		for _, snippet := range Names() {
			text, err := at.Of(m).Text(snippet)
			if !strings.HasPrefix(snippet, "curl") {
				if Lacks(snippet, m) == "" {
					t.Errorf("%s: nobody says that %s shows no certificate", name, snippet)
				}
				continue
			}
			for request := range strings.SplitSeq(strings.ReplaceAll(text, "\\\n", ""), "\n") {
				if strings.HasPrefix(request, "curl ") && (!strings.Contains(request, "--cert 'shop.pem' --key 'shop-key.pem'") ||
					!strings.Contains(request, " https://mtls.example/")) {
					t.Errorf("%s, %s: %v\n%s", name, snippet, err, request)
				}
			}
		}
	}
}

// TestRFC9396_SnippetsAskForTheTypes, each with what has to be in it, wherever an app may ask.
func TestRFC9396_SnippetsAskForTheTypes(t *testing.T) {
	title := clients.Text{"": "A"}
	field := func(name, kind string, values ...detail.Value) detail.Field {
		return detail.Field{Name: name, Title: title, Kind: kind, Required: true, Values: values}
	}
	types := map[string]detail.Type{"payment": {Type: "payment", Title: title, Fields: []detail.Field{
		field("amount.value", detail.KindDecimal), field("amount.currency", detail.KindText, detail.Value{Value: "EUR"}),
		field("to", detail.KindText), field("for", detail.KindList), field("times", detail.KindNumber),
		field("now", detail.KindBoolean), {Name: "note", Title: title, Kind: detail.KindText}}}, "account": {Type: "account", Title: title}}
	known := func(name string) (r clients.Resource, of detail.Type, ok bool) {
		of, ok = types[name]
		return r, of, ok
	}
	m := clients.Metadata{ClientID: "shop", DetailsTypes: []string{"payment", "account"}}
	s := Server{Issuer: "https://id.example", Details: known}.Of(m)
	want := `[{"amount":{"currency":"EUR","value":"1.00"},"for":["example"],"now":true,"times":1,"to":"example","type":"payment"},` +
		`{"type":"account"}]`
	if s.Details != want {
		t.Errorf("%s", s.Details)
	}
	for _, name := range []string{"curl-par", "curl-rar", "curl-fapi", "curl-device", "curl-ciba"} {
		if text, err := s.Text(name); err != nil || !strings.Contains(text, "'authorization_details="+want+"'") {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
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
