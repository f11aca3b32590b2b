package main

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"signet/clients"
	"signet/clients/detail"
	"signet/clients/snippet"
	"signet/oauth/mtls/mtlstest"
	"signet/server/servertest"
	"signet/storage/storagetest"
)

// pasted is a folder in which an app's snippets are run, as they are, but for what an answer had in the place of each "…".
type pasted struct {
	*testing.T
	s    *servertest.Server
	ada  servertest.Person
	from snippet.Server
	ca   mtlstest.Pair
	dir  string
	env  []string
	b    *servertest.Browser
}

func newPasted(t *testing.T) *pasted {
	t.Helper()
	for _, needed := range []string{"curl", "openssl"} {
		if _, err := exec.LookPath(needed); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skipf("%s is in the snippets", needed)
		}
	}
	p := &pasted{T: t, ca: mtlstest.Authority(t, "Apps CA"), dir: t.TempDir()}
	shown := p.ca.Sign(t, "mtls", func(c *x509.Certificate) { c.DNSNames = []string{"localhost"} })
	cert, key := shown.Write(t)
	authority, listen := filepath.Join(p.dir, "ca.pem"), freeAddress(t)
	mutual := "https://localhost" + listen[strings.LastIndexByte(listen, ':'):]
	issuer, err := snippet.NewKey()
	text, jsonErr := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{issuer.Public()}})
	err = errors.Join(err, jsonErr, os.WriteFile(authority, p.ca.PEM(), 0o600), writeKeyFile(filepath.Join(p.dir, "company.jwk"), issuer))
	if err != nil {
		t.Fatal(err)
	}
	db := storagetest.SQLite(t)
	p.ada = servertest.New(t, servertest.HandlerOnly(), servertest.On(db)).Person(t, "ada@example.com")
	p.s = servertest.New(t, servertest.Quiet(), servertest.On(db), servertest.YAML(fmt.Sprintf(`
server: {mtls: {url: %q, listen: %q, ca_file: %q, tls: {cert_file: %q, key_file: %q}}}
id_jag: {issue: true}
trusted_issuers: [{issuer: "https://login.example.com", jwks: %s, clients: [crm], subjects: {emp-7: %q}, scopes: [orders]}]
`, mutual, listen, authority, cert, key, text, p.ada.ID)))
	p.b = p.s.Browser(t)
	p.b.Get(t, "/signin").SignIn(t, p.ada)
	title := clients.Text{"": "Payment"}
	if err := p.s.Services().Clients.PutResource(t.Context(), clients.Resource{Identifier: "https://shop.example", Name: "Shop",
		Scopes: []string{"orders"}, ExchangedBy: []string{"api"}, IntrospectedBy: []string{"api"},
		DetailsTypes: []detail.Type{{Type: "payment", Title: title, Fields: []detail.Field{
			{Name: "to", Title: title, Kind: detail.KindText, Required: true},
			{Name: "amount.value", Title: title, Kind: detail.KindDecimal, Required: true},
		}}}}); err != nil {
		t.Fatal(err)
	}
	p.from = snippet.Server{Issuer: p.s.URL, Mutual: mutual, Details: p.s.Services().Clients.Resources().DetailsOwner}
	p.env = append(os.Environ(), "CURL_CA_BUNDLE="+authority)
	return p
}

// app registers one, with what it proves itself by in the folder.
func (p *pasted) app(id string, change ...func(m *clients.Metadata)) snippet.Snippet {
	p.Helper()
	key, err := snippet.NewKey()
	if err != nil {
		p.Fatal(err)
	}
	app := p.s.App(p.T, id, append([]func(m *clients.Metadata){func(m *clients.Metadata) {
		m.TokenEndpointAuthMethod, m.Scope = clients.MethodJWTKey, "openid orders offline_access"
		m.JWKS = &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public()}}
	}}, change...)...)
	if app.JWKS != nil {
		err = writeKeyFile(filepath.Join(p.dir, snippet.KeyFile(id)), key)
	}
	if err != nil {
		p.Fatal(err)
	}
	return p.from.Of(app.Metadata)
}

// certified has an app prove itself by a certificate in the folder, which its tokens are bound to.
func (p *pasted) certified(m *clients.Metadata) {
	p.Helper()
	m.TokenEndpointAuthMethod, m.TLSClientAuthSubjectDN = clients.MethodTLS, "CN="+m.ClientID+",O=Example"
	m.CertificateBoundAccessTokens = true
	cert, key := p.ca.Sign(p.T, m.ClientID).Write(p.T)
	if err := errors.Join(os.Rename(cert, filepath.Join(p.dir, m.ClientID+".pem")),
		os.Rename(key, filepath.Join(p.dir, m.ClientID+"-key.pem"))); err != nil {
		p.Fatal(err)
	}
}

// text of a snippet, as parts: the next one begins after what its comment says was done.
func (p *pasted) text(s snippet.Snippet, name string) []string {
	p.Helper()
	text, err := s.Text(name)
	if err != nil {
		p.Fatal(err)
	}
	return strings.Split(text, "# Then ")
}

// sh runs a part and gives the last JSON that it says. What it sets is there in the next one.
func (p *pasted) sh(text string, answers ...any) (last map[string]any) {
	p.Helper()
	script := ""
	if !strings.HasPrefix(text, "#") {
		_, text, _ = strings.Cut(text, "\n")
	}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			script += line
		}
	}
	for _, a := range answers {
		script = strings.Replace(script, "…", fmt.Sprint(a), 1)
	}
	if strings.Contains(script, "…") {
		p.Fatalf("more is left out:\n%s", script)
	}
	c := exec.CommandContext(p.Context(), "sh", "-euc", "touch set; . ./set\n"+script+"\nset | grep '^verifier=' >set || true")
	var errs bytes.Buffer
	c.Dir, c.Env, c.Stderr = p.dir, p.env, &errs
	out, err := c.Output()
	for all := json.NewDecoder(bytes.NewReader(out)); err == nil; {
		var one map[string]any
		if err = all.Decode(&one); err == nil {
			last = one
		}
	}
	if !errors.Is(err, io.EOF) {
		p.Fatalf("%v\n%s\n%s%s", err, script, out, errs.String())
	}
	return last
}

// wants a member of an answer.
func (p *pasted) wants(what string, answer map[string]any, name string) string {
	p.Helper()
	text, _ := answer[name].(string)
	if text == "" {
		p.Fatalf("%s: no %s in %v", what, name, answer)
	}
	return text
}

// allows goes where an app takes a person, who agrees, and gives the code that the app gets.
func (p *pasted) allows(id, reference string) string {
	p.Helper()
	p.b.Get(p.T, "/oauth2/authorize?"+url.Values{"client_id": {id}, "request_uri": {reference}}.Encode())
	if p.b.Landed == nil && p.b.Has("consent-allow") {
		p.b.Allow(p.T)
	}
	if p.b.Landed == nil {
		p.Fatalf("%s: at %s: %s", id, p.b.URL, p.b.Text("main"))
	}
	got := p.b.Landed.Query()
	if parts := strings.Split(got.Get("response"), "."); len(parts) == 3 { // JARM
		var claims struct{ Code string }
		raw, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err := errors.Join(err, json.Unmarshal(raw, &claims)); err != nil {
			p.Fatal(err)
		}
		return claims.Code
	}
	return got.Get("code")
}

// TestB09_SnippetsOfCurlRun as they are printed, with keys, certificates and neither.
func TestB09_SnippetsOfCurlRun(t *testing.T) {
	manyCommands(t)
	p := newPasted(t)
	pays := func(m *clients.Metadata) { m.DetailsTypes = []string{"payment"} }
	bound := func(m *clients.Metadata) { m.DPoPBoundAccessTokens = true }
	plain := func(m *clients.Metadata) { m.JWKS = nil }
	for name, change := range map[string][]func(*clients.Metadata){
		"key":         {pays, bound},
		"certificate": {pays, plain, p.certified},
		"nothing":     {pays, plain, servertest.Public, bound},
	} {
		t.Run(name, func(t *testing.T) {
			p := *p
			p.T = t
			s := p.app(name, change...)
			parts := p.text(s, "curl-rar")
			pushed := p.sh(parts[0])
			code := p.allows(name, p.wants("push", pushed, "request_uri"))
			got := p.sh(parts[2], code)
			refresh := p.wants("code", got, "refresh_token")
			if list, _ := got["authorization_details"].([]any); len(list) != 1 {
				t.Errorf("details %v", got)
			}
			got = p.sh(p.text(s, "curl-refresh")[0], refresh)
			access := p.wants("refresh", got, "access_token")
			refresh = p.wants("refresh", got, "refresh_token")
			if kind := got["token_type"]; (kind == "DPoP") != s.DPoP {
				t.Errorf("token_type %v", kind)
			}
			active := func(want bool) {
				t.Helper()
				if s.Method == clients.MethodNone {
					return
				}
				if got := p.sh(p.text(s, "curl-introspect")[0], access); got["active"] != want || want && (got["cnf"] == nil) {
					t.Errorf("active: %v, want %v", got, want)
				}
			}
			active(true)
			p.sh(p.text(s, "curl-revoke")[0], refresh)
			active(false)
			if got := p.sh(p.text(s, "curl-refresh")[0], refresh); got["error"] != "invalid_grant" {
				t.Errorf("after its end: %v", got)
			}
		})
	}
	t.Run("FAPI", func(t *testing.T) {
		p := *p
		p.T = t
		p.fapi()
	})
	t.Run("no browser", func(t *testing.T) {
		p := *p
		p.T = t
		p.elsewhere()
	})
}

func (p *pasted) fapi() {
	for id, change := range map[string]func(m *clients.Metadata){
		"bank": func(m *clients.Metadata) { m.Profile = clients.ProfileFAPI2 },
		"fund": func(m *clients.Metadata) { m.Profile = clients.ProfileFAPI2Messages; p.certified(m) },
	} {
		s := p.app(id, func(m *clients.Metadata) {
			m.GrantTypes = []string{clients.AuthorizationCode, clients.RefreshToken}
		}, change)
		parts := p.text(s, "curl-fapi")
		code := p.allows(id, p.wants(id, p.sh(parts[0]), "request_uri"))
		got := p.sh(parts[2], code)
		p.wants(id, p.sh(strings.Replace(parts[3], "token=…", "token="+p.wants(id, got, "access_token"), 1)), "sub")
		before := p.wants(id, got, "refresh_token")
		if after := p.sh(p.text(s, "curl-refresh")[0], before); after["refresh_token"] != before {
			p.Errorf("%s: refresh: %v", id, after)
		}
	}
}

// elsewhere are the grants of apps that take nobody's browser anywhere.
func (p *pasted) elsewhere() {
	grant := func(names ...string) func(m *clients.Metadata) {
		return func(m *clients.Metadata) { m.GrantTypes, m.RedirectURIs = names, nil }
	}
	worker := p.app("worker", grant(clients.ClientCredentials), func(m *clients.Metadata) { m.Scope = "orders" })
	p.wants("client credentials", p.sh(p.text(worker, "curl")[0]), "access_token")
	mutual := p.app("mutual", grant(clients.ClientCredentials), func(m *clients.Metadata) { m.JWKS, m.Scope = nil, "orders" }, p.certified)
	p.wants("certificate", p.sh(p.text(mutual, "curl-mtls")[0]), "access_token")

	tv := p.app("tv", grant(clients.DeviceCode), func(m *clients.Metadata) { m.Scope = "orders" })
	parts := p.text(tv, "curl-device")
	got := p.sh(parts[0])
	p.b.Get(p.T, "/device?user_code="+p.wants("device", got, "user_code")).Submit(p.T, "device-allow", nil)
	got = p.sh(parts[1], p.wants("device", got, "device_code"))
	called := p.wants("device", got, "access_token")

	till := p.app("till", grant(clients.CIBA), func(m *clients.Metadata) { m.Scope = "openid" })
	parts = p.text(till, "curl-ciba")
	got = p.sh(parts[0])
	_, to, _ := strings.Cut(p.b.Get(p.T, "/account/requests").Body, `href="/account/requests?`)
	to, _, _ = strings.Cut(to, `"`)
	p.b.Get(p.T, "/account/requests?"+to).Submit(p.T, "request-allow", nil)
	p.wants("CIBA", p.sh(parts[1], p.wants("CIBA", got, "auth_req_id")), "id_token")

	api := p.app("api", grant(clients.TokenExchange), func(m *clients.Metadata) {
		m.Scope = "orders"
		m.Exchange = &clients.Exchange{SubjectsFrom: []string{"tv"}, Targets: []string{"https://shop.example"}, Scopes: []string{"orders"}}
	})
	p.wants("exchange", p.sh(p.text(api, "curl-exchange")[0], called, "https://shop.example"), "access_token")
	if got := p.sh(p.text(api, "curl-introspect")[0], called); got["active"] != true {
		p.Errorf("who may ask about it: %v", got)
	}

	portal := p.app("portal", func(m *clients.Metadata) {
		m.Exchange = &clients.Exchange{IDJAG: []clients.IDJAG{{Audience: "https://auth.chat.example", ClientID: "at-chat"}}}
		m.GrantTypes = append(m.GrantTypes, clients.TokenExchange)
	})
	parts = p.text(portal, "curl-par")
	code := p.allows("portal", p.wants("push", p.sh(parts[0]), "request_uri"))
	got = p.sh(p.text(portal, "curl-rar")[2], code)
	got = p.sh(p.text(portal, "curl-id-jag")[0], p.wants("code", got, "id_token"))
	if p.wants("ID-JAG", got, "access_token"); got["token_type"] != "N_A" {
		p.Errorf("ID-JAG: %v", got)
	}

	crm := p.app("crm", grant(clients.JWTBearer), func(m *clients.Metadata) { m.Scope = "orders" })
	said, err := assertionWords{file: filepath.Join(p.dir, "company.jwk"), issuer: "https://login.example.com", subject: "emp-7",
		audience: p.s.URL, life: time.Minute}.sign(new(app))
	if err != nil {
		p.Fatal(err)
	}
	p.wants("assertion", p.sh(p.text(crm, "curl-jwt-bearer")[0], said), "access_token")
}
