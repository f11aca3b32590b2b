package conformance

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"signet/clients/registration"
	"signet/config"
	"signet/server/servertest"
	"signet/users"
)

// settings are those with which a provider has all profiles.
const settings = `
registration: {mode: token, scopes: [openid, profile, email, address, phone, offline_access]}
authorization:
  response_types: [code, none, id_token, id_token token, code id_token, code token, code id_token token]
  request_objects: unsigned
sessions: {check_iframe: true}
drafts: off
`

// everyClaim is what the person has beside an address and a user name: all that the standard's scopes bring.
const everyClaim = `{"name":"Ada Lovelace","given_name":"Ada","middle_name":"King","family_name":"Lovelace","nickname":"Countess",
"profile":"https://ada.example/me","picture":"https://ada.example/me.png","website":"https://ada.example/","gender":"female",
"birthdate":"1815-12-10","zoneinfo":"Europe/London","locale":"en-GB","phone_number":"+44 20 5550100","phone_number_verified":true,
"address":{"street_address":"12 St James's Square","locality":"London","country":"United Kingdom"}}`

// provider is the one under test, and the server of the apps that ask it.
type provider struct {
	*testing.T
	*servertest.Server
	engine servertest.Option
	opts   []servertest.Option
	ada    servertest.Person
	meta   map[string]any
	site   *site
	pass   string // an initial token
}

// site is what the apps serve, by https.
type site struct {
	*httptest.Server
	files sync.Map // path: what is there
	told  chan *http.Request
}

func (s *site) put(path, content string) { s.files.Store(path, content) }

func newProvider(t *testing.T, engine servertest.Option, more ...servertest.Option) *provider {
	t.Helper()
	p := &provider{T: t, engine: engine, site: &site{told: make(chan *http.Request, 16)}}
	p.site.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_ = r.ParseForm()
			p.site.told <- r
			return
		}
		file, ok := p.site.files.Load(r.URL.Path)
		if !ok {
			http.NotFound(w, r)
			return
		}
		kind := "application/json"
		if strings.HasSuffix(r.URL.Path, ".jwt") {
			kind = "application/jwt"
		}
		if strings.HasSuffix(r.URL.Path, ".png") {
			kind = "image/png"
		}
		w.Header().Set("Content-Type", kind)
		_, _ = io.WriteString(w, file.(string))
	}))
	t.Cleanup(p.site.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.site.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	near := servertest.Change(func(c *config.Config) { c.Egress.AllowHosts, c.Egress.CAFile = []string{"127.0.0.1"}, ca })
	p.opts = append([]servertest.Option{engine, servertest.Quiet(), servertest.YAML(settings), near}, more...)
	p.Server = servertest.New(t, p.opts...)
	pass, row := registration.NewInitialToken("conformance", 10_000, time.Now(), time.Now().Add(time.Hour))
	if err := p.Services().DB.InsertInitialToken(t.Context(), row); err != nil {
		t.Fatal(err)
	}
	p.pass = pass
	p.ada = p.Person(t, "ada@example.com", func(r *users.Registration) {
		r.Name, r.Username, r.Claims = "", "ada", json.RawMessage(everyClaim)
	})
	status, _, body := p.ask(http.MethodGet, p.URL+"/.well-known/openid-configuration", nil)
	if status != http.StatusOK || json.Unmarshal(body, &p.meta) != nil {
		t.Fatalf("discovery: %d %s", status, body)
	}
	return p
}

// ask sends a request that an app sends by itself: a form if there is one, JSON otherwise.
func (p *provider) ask(method, address string, body any, headers ...string) (int, http.Header, []byte) {
	p.Helper()
	var sent io.Reader
	kind := "application/json"
	switch body := body.(type) {
	case nil:
	case url.Values:
		sent, kind = strings.NewReader(body.Encode()), "application/x-www-form-urlencoded"
	default:
		raw, err := json.Marshal(body)
		if err != nil {
			p.Fatal(err)
		}
		sent = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(context.WithoutCancel(p.Context()), method, address, sent)
	if err != nil {
		p.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", kind)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := p.HTTP.Do(req)
	if err != nil {
		p.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		p.Fatal(err)
	}
	return res.StatusCode, res.Header, raw
}

func (p *provider) at(name string) string {
	p.Helper()
	address, _ := p.meta[name].(string)
	if address == "" {
		p.Fatalf("discovery has no %s", name)
	}
	return address
}

// app registered itself: what it asks for, and how it wants the answer.
type app struct {
	*provider
	made map[string]any
	kind string // response_type
	mode string // response_mode; "" = the default
}

type document = map[string]any

const (
	callback = "https://rp.example/cb"
	verifier = "a-verifier-of-forty-three-characters-or-more-0"
)

// register makes an app, which goes when the test ends, as the suite's do.
func (p *provider) register(kind, mode string, more document) *app {
	p.Helper()
	grants := []string{"authorization_code", "refresh_token", "implicit"}
	if kind == "code" {
		grants = grants[:2]
	}
	asked := document{"client_name": "Conformance",
		"redirect_uris": []string{callback}, "response_types": []string{kind}, "grant_types": grants,
		"contacts": []string{"ops@rp.example"}, "token_endpoint_auth_method": "client_secret_basic"}
	maps.Copy(asked, more)
	status, _, raw := p.ask(http.MethodPost, p.at("registration_endpoint"), asked, "Authorization", "Bearer "+p.pass)
	a := &app{provider: p, kind: kind, mode: mode}
	if err := json.Unmarshal(raw, &a.made); err != nil || status != http.StatusCreated {
		p.Fatalf("registration: %d %s", status, raw)
	}
	p.Cleanup(func() {
		status, _, raw := p.ask(http.MethodDelete, a.said("registration_client_uri"), nil, "Authorization", "Bearer "+
			a.said("registration_access_token"))
		if status != http.StatusNoContent {
			p.Errorf("delete: %d %s", status, raw)
		}
	})
	return a
}

func (a *app) said(name string) string { text, _ := a.made[name].(string); return text }

func (a *app) has(word string) bool { return slices.Contains(strings.Fields(a.kind), word) }

// request is the parameters of an authorization request; pairs change them, "" leaves one out.
func (a *app) request(pairs ...string) url.Values {
	sum := sha256.Sum256([]byte(verifier))
	q := url.Values{"client_id": {a.said("client_id")}, "redirect_uri": {callback}, "response_type": {a.kind}, "scope": {"openid"},
		"state": {"s & t"}, "nonce": {"n-1"}}
	if a.has("code") {
		q.Set("code_challenge", base64.RawURLEncoding.EncodeToString(sum[:]))
		q.Set("code_challenge_method", "S256")
	}
	if a.mode != "" {
		q.Set("response_mode", a.mode)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if q.Set(pairs[i], pairs[i+1]); pairs[i+1] == "" {
			q.Del(pairs[i])
		}
	}
	return q
}

// begin opens it in a browser.
func (a *app) begin(b *servertest.Browser, pairs ...string) *servertest.Browser {
	a.Helper()
	return b.Get(a.T, a.at("authorization_endpoint")+"?"+a.request(pairs...).Encode())
}

// finish answers the pages on the way, and gives what the app got and whether somebody had to sign in.
func (a *app) finish(b *servertest.Browser) (got url.Values, asked bool) {
	a.Helper()
	for range 3 {
		switch {
		case b.Landed != nil:
		case b.Has("login-submit"):
			asked = true
			b.SignIn(a.T, a.ada)
		case b.Has("consent-allow"):
			b.Allow(a.T)
		}
	}
	return a.answer(b), asked
}

// answer is what the app got, where it wanted it.
func (a *app) answer(b *servertest.Browser) url.Values {
	a.Helper()
	if a.mode == "form_post" {
		form := b.FormWith("state")
		if form == nil || form.Method != http.MethodPost || !strings.HasPrefix(form.Action, callback) || b.Landed != nil {
			a.Fatalf("no form for the app at %s (%d): %s", b.URL, b.Status, b.Text("main"))
		}
		return form.Fields
	}
	if b.Landed == nil || !strings.HasPrefix(b.Landed.String(), callback) {
		a.Fatalf("not at the app, but at %s (%d): %s", b.URL, b.Status, b.Text("main"))
	}
	query := b.Landed.Query()
	inside, err := url.ParseQuery(b.Landed.EscapedFragment())
	if err != nil {
		a.Fatal(err)
	}
	if front := a.has("token") || a.has("id_token"); front && len(query) > 0 || !front && len(inside) > 0 {
		a.Errorf("the answer for %q is at %s", a.kind, b.Landed)
	} else if front {
		return inside
	}
	return query
}

// in signs in and gives the answer.
func (a *app) in(b *servertest.Browser, pairs ...string) url.Values {
	a.Helper()
	got, _ := a.finish(a.begin(b, pairs...))
	if got.Get("error") != "" {
		a.Fatalf("%v", got)
	}
	return got
}

// refused wants an error at the app, with the state.
func (a *app) refused(b *servertest.Browser, codes ...string) {
	a.Helper()
	got := a.answer(b)
	if !slices.Contains(codes, got.Get("error")) || got.Get("state") != "s & t" || got.Has("code") || got.Has("id_token") ||
		strings.ContainsAny(got.Get("error_description"), "\"\\\t\n") {
		a.Errorf("%v, want %v", got, codes)
	}
}

// page wants an error on a page of the provider's, never at the app.
func (a *app) page(b *servertest.Browser, words ...string) {
	a.Helper()
	if b.Landed != nil || b.Status < 400 {
		a.Fatalf("%d at %s, landed at %v", b.Status, b.URL, b.Landed)
	}
	for _, word := range words {
		if !strings.Contains(b.Body, word) {
			a.Errorf("the page does not say %q: %s", word, b.Text("main"))
		}
	}
}

// token sends a request to the token endpoint, proven by the secret.
func (a *app) token(form url.Values) (int, document) {
	a.Helper()
	basic := base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(a.said("client_id")) + ":" + url.QueryEscape(a.said("client_secret"))))
	status, header, raw := a.ask(http.MethodPost, a.at("token_endpoint"), form, "Authorization", "Basic "+basic)
	var got document
	if err := json.Unmarshal(raw, &got); err != nil || !strings.HasPrefix(header.Get("Content-Type"), "application/json") ||
		!strings.Contains(header.Get("Cache-Control"), "no-store") {
		a.Fatalf("token: %d %v %s", status, header, raw)
	}
	return status, got
}

func (a *app) exchange(code string) (int, document) {
	a.Helper()
	return a.token(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier}})
}

// claims verifies an ID token, or a logout token, by the published keys.
func (a *app) claims(raw string) document {
	a.Helper()
	ctx := oidc.ClientContext(a.Context(), a.HTTP)
	op, err := oidc.NewProvider(ctx, a.URL)
	if err != nil {
		a.Fatal(err)
	}
	token, err := op.Verifier(&oidc.Config{ClientID: a.said("client_id")}).Verify(ctx, raw)
	if err != nil {
		a.Fatalf("%v: %s", err, raw)
	}
	var all document
	if err := token.Claims(&all); err != nil {
		a.Fatal(err)
	}
	return all
}

// tokens are all that came of an answer: an access token and the ID token, whichever way they came.
func (a *app) tokens(got url.Values) (access, id string) {
	a.Helper()
	access, id = got.Get("access_token"), got.Get("id_token")
	if got.Get("code") == "" {
		return access, id
	}
	status, answer := a.exchange(got.Get("code"))
	if status != http.StatusOK {
		a.Fatalf("exchange: %d %v", status, answer)
	}
	access, _ = answer["access_token"].(string)
	if id == "" {
		id, _ = answer["id_token"].(string)
	}
	return access, id
}

// hash is what at_hash and c_hash hold for RS256.
func hash(value string) string {
	sum := sha256.Sum256([]byte(value))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
