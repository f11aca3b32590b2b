package server_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/oauth2"

	"signet/audit"
	"signet/clients"
	"signet/config"
	"signet/oauth/dpop/dpoptest"
	"signet/server/servertest"
	"signet/storage"
	"signet/storage/storagetest"
)

// bound drives one app with a key of its own.
type bound struct {
	*testing.T
	s   *servertest.Server
	app *servertest.App
	key dpoptest.Key
}

// post sends a token request with a proof ("" = none) and returns status, answer and headers.
func (b bound) post(s *servertest.Server, form url.Values, proof string) (int, map[string]any, http.Header) {
	b.Helper()
	form = maps.Clone(form)
	form.Set("client_id", b.app.ClientID)
	r := httptest.NewRequest("POST", s.URL+"/oauth2/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if b.app.ClientSecret != "" {
		r.SetBasicAuth(b.app.ClientID, b.app.ClientSecret)
	}
	if proof != "" {
		r.Header.Set("DPoP", proof)
	}
	return answer(b.T, s, r)
}

func answer(t *testing.T, s *servertest.Server, r *http.Request) (int, map[string]any, http.Header) {
	t.Helper()
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	var got map[string]any
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	return w.Code, got, w.Header()
}

func (b bound) proof() string { return b.key.Proof(b.T, "POST", b.s.URL+"/oauth2/token") }

// code signs in and returns the form that exchanges the code.
func (b bound) code(browser *servertest.Browser, p servertest.Person, more ...oauth2.AuthCodeOption) url.Values {
	b.Helper()
	r := b.app.Begin(b.T, browser, more...)
	if browser.Landed == nil && browser.Has("login-submit") {
		browser.SignIn(b.T, p)
	}
	if browser.Landed == nil && browser.Has("consent-allow") {
		browser.Allow(b.T)
	}
	return url.Values{"grant_type": {"authorization_code"}, "code": {r.Code(b.T, browser)}, "redirect_uri": {b.app.RedirectURIs[0]},
		"code_verifier": {r.Verifier}}
}

func (b bound) userinfo(scheme, token, proof string) (int, http.Header) {
	b.Helper()
	r := httptest.NewRequest("GET", b.s.URL+"/userinfo", nil)
	r.Header.Set("Authorization", scheme+" "+token)
	if proof != "" {
		r.Header.Set("DPoP", proof)
	}
	w := httptest.NewRecorder()
	b.s.Handler().ServeHTTP(w, r)
	return w.Code, w.Header()
}

// claimsOf reads a JWT that came from the server itself.
func claimsOf(t *testing.T, token string) (claims map[string]any) {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err == nil {
		err = json.Unmarshal(raw, &claims)
	}
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

func refreshForm(token any) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token.(string)}}
}

func TestRFC9449_TokensAreBoundToTheKey(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) *storage.DB{"sqlite": storagetest.SQLite, "postgres": storagetest.Postgres} {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			s := servertest.New(t, servertest.HandlerOnly(), servertest.On(db))
			ada, browser := s.Person(t, "ada@example.com"), s.Browser(t)
			b := bound{t, s, s.App(t, "spa", servertest.Public), dpoptest.New(t)}
			other := dpoptest.New(t)
			wants := func(what string, code int, got map[string]any, wrong string) {
				t.Helper()
				if code != 400 || got["error"] != wrong {
					t.Errorf("%s: %d %v, want %s", what, code, got, wrong)
				}
			}

			// Section 10: the code is bound by dpop_jkt. Nothing of a refused request is used up.
			form := b.code(browser, ada, oauth2.SetAuthURLParam("dpop_jkt", b.key.Thumbprint(t)))
			code, got, _ := b.post(s, form, "")
			wants("code without proof", code, got, "invalid_dpop_proof")
			code, got, _ = b.post(s, form, other.Proof(t, "POST", s.URL+"/oauth2/token"))
			wants("code with another key", code, got, "invalid_grant")
			code, got, _ = b.post(s, form, b.key.Proof(t, "POST", s.URL+"/userinfo"))
			wants("code with the proof of another endpoint", code, got, "invalid_dpop_proof")
			used := b.proof()
			code, one, _ := b.post(s, form, used)
			if code != 200 || one["token_type"] != "DPoP" {
				t.Fatalf("code: %d %v", code, one)
			}
			if cnf := claimsOf(t, one["access_token"].(string))["cnf"]; cnf.(map[string]any)["jkt"] != b.key.Thumbprint(t) {
				t.Errorf("cnf: %v", cnf)
			}

			// The very same request again ends nothing, whoever recorded it.
			code, got, _ = b.post(s, form, used)
			wants("code again with the same proof", code, got, "invalid_dpop_proof")

			// Section 5: the refresh tokens of a public client are bound to the key.
			code, got, _ = b.post(s, refreshForm(one["refresh_token"]), "")
			wants("refresh without proof", code, got, "invalid_dpop_proof")
			code, got, _ = b.post(s, refreshForm(one["refresh_token"]), other.Proof(t, "POST", s.URL+"/oauth2/token"))
			wants("refresh with another key", code, got, "invalid_grant")
			code, got, _ = b.post(s, refreshForm(one["refresh_token"]), used)
			wants("refresh with a used proof", code, got, "invalid_dpop_proof")
			code, two, _ := b.post(s, refreshForm(one["refresh_token"]), b.proof())
			if code != 200 || two["token_type"] != "DPoP" {
				t.Fatalf("refresh: %d %v", code, two)
			}
			code, again, _ := b.post(s, refreshForm(one["refresh_token"]), b.proof()) // its answer was lost
			if code != 200 || again["refresh_token"] != two["refresh_token"] || again["token_type"] != "DPoP" {
				t.Errorf("refresh in the grace: %d %v", code, again)
			}
			code, got, _ = b.post(s, refreshForm(one["refresh_token"]), "")
			wants("refresh in the grace without proof", code, got, "invalid_dpop_proof")

			// A code without dpop_jkt: the key of the exchange binds what comes after.
			code, free, _ := b.post(s, b.code(browser, ada), b.proof())
			if code != 200 || free["token_type"] != "DPoP" {
				t.Fatalf("code without dpop_jkt: %d %v", code, free)
			}
			code, got, _ = b.post(s, refreshForm(free["refresh_token"]), "")
			wants("its refresh without proof", code, got, "invalid_dpop_proof")
			code, next, _ := b.post(s, refreshForm(free["refresh_token"]), b.proof())
			if code != 200 {
				t.Fatalf("its refresh: %d %v", code, next)
			}
			b.spent(free["refresh_token"], next["refresh_token"], other)

			// Without any proof all is as it was.
			code, bearer, _ := b.post(s, b.code(browser, ada), "")
			if code != 200 || bearer["token_type"] != "Bearer" {
				t.Fatalf("without DPoP: %d %v", code, bearer)
			}
			third := b.bindsLater(bearer["refresh_token"], b.code(browser, ada))
			b.firstKeyWins(db, third)
			b.atUserinfo(two["access_token"].(string), bearer["access_token"].(string), other)
			b.replicas(db, two["refresh_token"])
		})
	}
}

// bindsLater refreshes a bearer grant with its first proof, which binds it from then on, and exchanges another code without one.
func (b bound) bindsLater(refresh any, another url.Values) (unbound any) {
	b.Helper()
	refused := func(what string, token any) {
		b.Helper()
		if code, got, _ := b.post(b.s, refreshForm(token), ""); code != 400 || got["error"] != "invalid_dpop_proof" {
			b.Errorf("%s: %d %v", what, code, got)
		}
	}
	code, later, _ := b.post(b.s, refreshForm(refresh), b.proof())
	if code != 200 || later["token_type"] != "DPoP" {
		b.Fatalf("first proof at a refresh: %d %v", code, later)
	}
	refused("the refresh after it without proof", later["refresh_token"])
	refused("the unbound one again, without proof", refresh)
	if code, got, _ := b.post(b.s, refreshForm(later["refresh_token"]), b.proof()); code != 200 {
		b.Errorf("the refresh after it: %d %v", code, got)
	}
	code, got, _ := b.post(b.s, another, "")
	if code != 200 {
		b.Fatalf("without DPoP: %d %v", code, got)
	}
	return got["refresh_token"]
}

// firstKeyWins lets several keys be the first that a grant sees, at two replicas at once: it is bound to one, and the others get nothing.
func (b bound) firstKeyWins(db *storage.DB, refresh any) {
	b.Helper()
	second := servertest.New(b.T, servertest.HandlerOnly(), servertest.On(db))
	second.URL = b.s.URL
	var keys [6]dpoptest.Key
	var next [6]any
	var wg sync.WaitGroup
	for i := range keys {
		keys[i] = dpoptest.New(b.T)
		proof, s := keys[i].Proof(b.T, "POST", b.s.URL+"/oauth2/token"), b.s
		if i%2 == 1 {
			s = second
		}
		wg.Go(func() {
			if code, got, _ := b.post(s, refreshForm(refresh), proof); code == 200 {
				next[i] = got["refresh_token"]
			}
		})
	}
	wg.Wait()
	winner := slices.IndexFunc(next[:], func(token any) bool { return token != nil })
	if winner < 0 || slices.ContainsFunc(next[winner+1:], func(token any) bool { return token != nil }) {
		b.Fatalf("answers to one of six keys: %v", next)
	}
	for i, key := range keys {
		code, got, _ := b.post(b.s, refreshForm(next[winner]), key.Proof(b.T, "POST", b.s.URL+"/oauth2/token"))
		if (code == 200) != (i == winner) {
			b.Errorf("key %d, where %d won: %d %v", i, winner, code, got)
		}
	}
}

// spent presents a refresh token that is spent and past its grace (RFC 9700 section 4.14.2): whoever does not have the key ends nothing.
func (b bound) spent(old, next any, other dpoptest.Key) {
	b.Helper()
	post := func(what string, token any, proof string, want int) any {
		b.Helper()
		code, got, _ := b.post(b.s, refreshForm(token), proof)
		if code != want {
			b.Fatalf("%s: %d %v", what, code, got)
		}
		return got["refresh_token"]
	}
	last := post("second refresh", next, b.proof(), 200)
	post("spent token without proof", old, "", 400)
	post("spent token with another key", old, other.Proof(b.T, "POST", b.s.URL+"/oauth2/token"), 400)
	last = post("the grant after strangers", last, b.proof(), 200)
	post("spent token with the key", old, b.proof(), 400)
	post("the grant after a reuse", last, b.proof(), 400)
}

// atUserinfo presents a bound and an unbound token in every way (section 7).
func (b bound) atUserinfo(token, bearer string, other dpoptest.Key) {
	b.Helper()
	proof := func(k dpoptest.Key, of string) string {
		c := dpoptest.Claims("GET", b.s.URL+"/userinfo")
		if of != "" {
			c["ath"] = dpoptest.Hash(of)
		}
		return k.Sign(b.T, c, nil)
	}
	used := proof(b.key, token)
	for _, test := range []struct {
		name, scheme, token, proof string
		status                     int
		wrong                      string
	}{
		{"bound", "DPoP", token, used, 200, ""},
		{"bound, scheme in lower case", "dpop", token, proof(b.key, token), 200, ""},
		{"replayed", "DPoP", token, used, 401, "invalid_dpop_proof"},
		{"downgraded", "Bearer", token, "", 401, "invalid_token"},
		{"downgraded, with a proof", "Bearer", token, proof(b.key, token), 401, "invalid_token"},
		{"without proof", "DPoP", token, "", 401, "invalid_dpop_proof"},
		{"another key", "DPoP", token, proof(other, token), 401, "invalid_token"},
		{"without ath", "DPoP", token, proof(b.key, ""), 401, "invalid_dpop_proof"},
		{"ath of another token", "DPoP", token, proof(b.key, bearer), 401, "invalid_dpop_proof"},
		{"unbound as bound", "DPoP", bearer, proof(b.key, bearer), 401, "invalid_token"},
		{"unbound", "Bearer", bearer, "", 200, ""},
		{"garbage", "DPoP", "a.b.c", proof(b.key, "a.b.c"), 401, "invalid_token"},
	} {
		status, h := b.userinfo(test.scheme, test.token, test.proof)
		challenges := strings.Join(h["Www-Authenticate"], "\n")
		if status != test.status || test.wrong != "" && !strings.Contains(challenges, `error="`+test.wrong+`"`) {
			b.Errorf("%s: %d %s, want %d %s", test.name, status, challenges, test.status, test.wrong)
		}
		if status == 401 && (!strings.Contains(challenges, "Bearer realm") || !strings.Contains(challenges, `DPoP realm="signet", algs="ES256`)) {
			b.Errorf("%s: the challenges are %s", test.name, challenges)
		}
	}
}

// replicas sends the same proof to two replicas at once, many times: one of them takes it (section 11.1).
func (b bound) replicas(db *storage.DB, refresh any) {
	b.Helper()
	second := servertest.New(b.T, servertest.HandlerOnly(), servertest.On(db))
	second.URL = b.s.URL
	proof := b.proof()
	var took atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		s := b.s
		if i%2 == 1 {
			s = second
		}
		wg.Go(func() {
			if code, _, _ := b.post(s, refreshForm(refresh), proof); code == 200 {
				took.Add(1)
			}
		})
	}
	wg.Wait()
	if took.Load() != 1 {
		b.Errorf("%d requests with one proof were answered", took.Load())
	}
}

func TestRFC9449_5_2_AClientThatAlwaysProves(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Change(func(c *config.Config) { c.DPoP.Nonces = config.NoncesAll }))
	b := bound{t, s, s.App(t, "robot", func(m *clients.Metadata) { m.DPoPBoundAccessTokens = true }), dpoptest.New(t)}
	form := url.Values{"grant_type": {"client_credentials"}}
	if code, got, _ := b.post(s, form, ""); code != 400 || got["error"] != "invalid_dpop_proof" {
		t.Errorf("without proof: %d %v", code, got)
	}
	code, got, h := b.post(s, form, b.proof())
	if code != 400 || got["error"] != "use_dpop_nonce" || h.Get("DPoP-Nonce") == "" {
		t.Fatalf("without nonce: %d %v", code, got)
	}
	claims := dpoptest.Claims("POST", s.URL+"/oauth2/token")
	claims["nonce"] = h.Get("DPoP-Nonce")
	proof := b.key.Sign(t, claims, nil)
	code, got, _ = b.post(s, form, proof)
	if code != 200 || got["token_type"] != "DPoP" {
		t.Fatalf("with nonce: %d %v", code, got)
	}
	if code, got, _ := b.post(s, form, proof); code != 400 || got["error"] != "invalid_dpop_proof" {
		t.Errorf("replayed: %d %v", code, got)
	}
	if _, told := b.app.Post(t, "/oauth2/introspect", url.Values{"token": {got["access_token"].(string)}}); told["token_type"] != "DPoP" ||
		told["cnf"].(map[string]any)["jkt"] != b.key.Thumbprint(t) {
		t.Errorf("introspection: %v", told)
	}
	status, h := b.userinfo("DPoP", got["access_token"].(string), b.key.Sign(t, dpoptest.Claims("GET", s.URL+"/userinfo"), nil))
	if status != 401 || h.Get("DPoP-Nonce") == "" || !strings.Contains(strings.Join(h["Www-Authenticate"], ""), "use_dpop_nonce") {
		t.Errorf("userinfo without nonce: %d %v", status, h)
	}
	// Section 11.1: what strangers send is not kept, so the same proof is good afterwards for whoever it belongs to.
	claims["jti"] = rand.Text()
	proof = b.key.Sign(t, claims, nil)
	r := httptest.NewRequest("POST", s.URL+"/oauth2/token", strings.NewReader("grant_type=client_credentials&client_id=nobody"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("DPoP", proof)
	if code, got, _ := answer(t, s, r); code != 401 || got["error"] != "invalid_client" {
		t.Errorf("a stranger: %d %v", code, got)
	}
	if code, got, _ := b.post(s, form, proof); code != 200 {
		t.Errorf("after the stranger: %d %v", code, got)
	}
}

func TestRFC9449_OffIsOff(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Change(func(c *config.Config) { c.DPoP.Enabled = false }))
	b := bound{t, s, s.App(t, "robot"), dpoptest.New(t)}
	if code, got, _ := b.post(s, url.Values{"grant_type": {"client_credentials"}}, b.proof()); code != 200 || got["token_type"] != "Bearer" {
		t.Errorf("got %d %v", code, got)
	}
	_, got, _ := answer(t, s, httptest.NewRequest("GET", s.URL+"/.well-known/openid-configuration", nil))
	if got["dpop_signing_alg_values_supported"] != nil {
		t.Error("discovery names what is off")
	}
}

// TestRFC9449_RefusedProofsAreWrittenDown, once a minute: that somebody has a code and not its key, and that a proof came twice.
func TestRFC9449_RefusedProofsAreWrittenDown(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada, k := s.Person(t, "ada@example.com"), bound{t, s, s.App(t, "spa", servertest.Public), dpoptest.New(t)}
	form := k.code(s.Browser(t), ada, oauth2.SetAuthURLParam("dpop_jkt", k.key.Thumbprint(t)))
	for range 3 {
		if code, got, _ := k.post(s, form, dpoptest.New(t).Proof(t, "POST", s.URL+"/oauth2/token")); code != 400 {
			t.Fatalf("another key: %d %v", code, got)
		}
	}
	proof := k.proof()
	_, got, _ := k.post(s, form, proof)
	for range 3 {
		if code, no, _ := k.post(s, refreshForm(got["refresh_token"]), proof); code != 400 || no["error"] != "invalid_dpop_proof" {
			t.Fatalf("again: %d %v", code, no)
		}
	}
	k.post(s, url.Values{"grant_type": {"authorization_code"}, "code": {"x"}}, "no proof") // nobody answers for it
	for _, name := range []audit.Name{audit.ProofRefused, audit.ProofReplayed} {
		if n := countEvents(t, s.Services().DB, name); n != 1 {
			t.Errorf("%s: %d", name, n)
		}
	}
}
