package blackbox

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/oauth2"

	"signet/oauth/dpop/dpoptest"
)

// caller is an app of its own making, at whichever replica.
type caller struct {
	*testing.T
	id, secret string
	issuer     string
	key        dpoptest.Key
	bound      bool // it sends proofs
	mu         sync.Mutex
	nonce      string // the last that a replica gave; "" = none yet
}

// told is what an endpoint answered.
type told struct {
	status int
	json   map[string]any
	nonce  string
}

func (a told) String() string {
	return fmt.Sprint(a.status, " ", a.json["error"], " ", a.json["error_description"])
}

func (a told) is(code string) bool {
	return a.status == http.StatusBadRequest && a.json["error"] == code
}

func (a told) text(name string) string { s, _ := a.json[name].(string); return s }

// proof is a good one: for the path under the issuer, wherever it is sent to.
func (c *caller) proof(path string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	claims := dpoptest.Claims("POST", c.issuer+path)
	if c.nonce != "" {
		claims["nonce"] = c.nonce
	}
	return c.key.Sign(c, claims, nil)
}

// send posts a form to a path of one replica.
func (c *caller) send(at *server, path string, form url.Values, proof string) told {
	c.Helper()
	if c.secret == "" {
		form.Set("client_id", c.id)
	}
	req, err := http.NewRequestWithContext(c.Context(), "POST", at.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		c.Error(err)
		return told{}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if c.secret != "" {
		req.SetBasicAuth(c.id, c.secret)
	}
	if proof != "" {
		req.Header.Set("DPoP", proof)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.Error(err)
		return told{}
	}
	defer res.Body.Close()
	a := told{status: res.StatusCode, nonce: res.Header.Get("DPoP-Nonce")}
	if err := json.NewDecoder(res.Body).Decode(&a.json); err != nil {
		c.Errorf("%s%s: %d %v", at.url, path, res.StatusCode, err)
	}
	return a
}

// ask is send, with a proof if the app's tokens are bound.
func (c *caller) ask(at *server, path string, form url.Values) told {
	c.Helper()
	if !c.bound {
		return c.send(at, path, form, "")
	}
	return c.send(at, path, form, c.proof(path))
}

// race sends n forms at once, to the replicas in turn, and returns those who got tokens; all others must be told one of the errors.
func (c *caller) race(n int, at []*server, form func() url.Values, proof func() string, errors ...string) []told {
	c.Helper()
	var mu sync.Mutex
	var won []told
	var wg sync.WaitGroup
	for i := range n {
		f, p := form(), proof()
		wg.Go(func() {
			a := c.send(at[i%len(at)], "/oauth2/token", f, p)
			mu.Lock()
			defer mu.Unlock()
			if slices.ContainsFunc(errors, a.is) {
				return
			}
			if a.status != http.StatusOK {
				c.Errorf("a loser was told %s", a)
			}
			won = append(won, a)
		})
	}
	wg.Wait()
	return won
}

func none() string { return "" }

// TestTwoReplicasBindAndWait: what strangers and apps leave to wait, nonces, proofs and polls mean the same at both processes.
func TestTwoReplicasBindAndWait(t *testing.T) {
	s, one, two := twoReplicasWith(t, "dpop: {nonces: token}\n")
	s.cli(nil, "client", "create", "--id", "spa", "--public", "--name", "App", "--redirect-uri", callback, "--json",
		"--scope", "openid email offline_access")
	s.cli(nil, "client", "create", "--id", "tv", "--public", "--bearer", "--device", "--name", "TV", "--scope", "openid email offline_access",
		"--json")
	var counter struct {
		Secret string `json:"client_secret"`
	}
	s.cli(&counter, "client", "create", "--id", "counter", "--ciba", "--secret", "--name", "Counter", "--scope", "openid email offline_access",
		"--json")
	b := newBrowser(t, "ada@example.com")
	t.Run("RFC 9126, RFC 9449", func(t *testing.T) {
		boundAcross(&caller{T: t, id: "spa", issuer: s.issuer, key: dpoptest.New(t), bound: true}, one, two, b)
	})
	t.Run("RFC 8628", func(t *testing.T) {
		deviceAcross(&caller{T: t, id: "tv", issuer: s.issuer}, one, two, b)
	})
	t.Run("CIBA", func(t *testing.T) {
		cibaAcross(&caller{T: t, id: "counter", secret: counter.Secret, issuer: s.issuer}, one, two, b)
	})
}

// at is the browser as it is when the load balancer leads it to one of the processes.
func (b *browser) at(p *server) *browser {
	other := *b.http
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, strings.TrimPrefix(p.url, "http://"))
	}
	other.Transport = &http.Transport{DialContext: dial, DisableKeepAlives: true}
	return &browser{b.email, &other}
}

// boundAcross: a request is pushed at one and used at the other, a nonce of one counts at the other, and a proof counts once for both.
func boundAcross(c *caller, one, two *server, b *browser) {
	verifier := oauth2.GenerateVerifier()
	push := url.Values{"response_type": {"code"}, "redirect_uri": {callback}, "scope": {"openid offline_access"}, "state": {"s"},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"}}
	refused := c.ask(one, "/oauth2/par", push)
	if !refused.is("use_dpop_nonce") || refused.nonce == "" {
		c.Fatalf("without a nonce: %s", refused)
	}
	c.nonce = refused.nonce
	pushed := c.ask(two, "/oauth2/par", push)
	if pushed.status != http.StatusCreated {
		c.Fatalf("pushed at two with a nonce of one: %s", pushed)
	}
	q := url.Values{"client_id": {c.id}, "request_uri": {pushed.text("request_uri")}}
	to := c.issuer + "/oauth2/authorize?" + q.Encode()
	back, err := b.at(one).follow(c.Context(), to)
	if err != nil || back.Query().Get("code") == "" {
		c.Fatalf("authorized at one: %v %v", back, err)
	}
	if res, _, err := b.at(two).send(c.Context(), "GET", to, nil); err != nil || res.StatusCode != http.StatusBadRequest {
		c.Errorf("the reference once more, at two: %v %v", res, err)
	}
	code := url.Values{"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")}, "redirect_uri": {callback},
		"code_verifier": {verifier}}
	other := &caller{T: c.T, id: c.id, issuer: c.issuer, key: dpoptest.New(c), bound: true, nonce: c.nonce}
	if a := other.ask(two, "/oauth2/token", code); !a.is("invalid_grant") {
		c.Errorf("another key than at the push: %s", a)
	}
	proof := c.proof("/oauth2/token")
	got := c.send(two, "/oauth2/token", code, proof)
	if got.status != http.StatusOK || got.text("token_type") != "DPoP" {
		c.Fatalf("the code at two: %s", got)
	}
	refresh := func(token string) func() url.Values {
		return func() url.Values { return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}} }
	}
	if a := c.send(one, "/oauth2/token", refresh(got.text("refresh_token"))(), proof); !a.is("invalid_dpop_proof") {
		c.Errorf("a proof of two at one: %s", a)
	}
	both := []*server{one, two}
	proof = c.proof("/oauth2/token")
	won := c.race(10, both, refresh(got.text("refresh_token")), func() string { return proof }, "invalid_dpop_proof")
	if len(won) != 1 {
		c.Fatalf("one proof at both at once was taken %d times", len(won))
	}
	next := map[string]bool{}
	for _, a := range c.race(20, both, refresh(won[0].text("refresh_token")), func() string { return c.proof("/oauth2/token") }) {
		next[a.text("refresh_token")] = true
	}
	if len(next) != 1 {
		c.Errorf("%d successors", len(next))
	}
	for token := range next {
		if a := other.ask(one, "/oauth2/token", refresh(token)()); !a.is("invalid_grant") {
			c.Errorf("refresh with another key: %s", a)
		}
		if a := c.ask(one, "/oauth2/token", refresh(token)()); a.status != http.StatusOK {
			c.Errorf("the successor: %s", a)
		}
	}
}

// decide opens a page at a replica and allows what it asks.
func (c *caller) decide(b *browser, at *server, page, answer string, form url.Values) {
	c.Helper()
	b = b.at(at)
	res, body, err := b.send(c.Context(), "GET", c.issuer+page, nil)
	if err != nil || res.StatusCode != http.StatusOK {
		c.Fatalf("%s: %v %v", page, res, err)
	}
	if as := regexp.MustCompile(`name="as" value="([^"]*)"`).FindStringSubmatch(body); as != nil {
		form.Set("as", as[1])
	}
	form.Set("decision", "allow")
	form["scope"] = []string{"openid", "email", "offline_access"}
	if res, body, err = b.send(c.Context(), "POST", c.issuer+answer, form); err != nil || res.StatusCode != http.StatusSeeOther {
		c.Fatalf("%s: %v %v\n%s", answer, res, err, body)
	}
}

// fetched: many polls at both at once get one answer with tokens, and later ones none.
func (c *caller) fetched(one, two *server, poll func() url.Values) {
	c.Helper()
	won := c.race(10, []*server{one, two}, poll, none, "invalid_grant", "slow_down")
	if len(won) != 1 || won[0].text("access_token") == "" {
		c.Fatalf("%d got tokens", len(won))
	}
	if a := c.send(two, "/oauth2/token", poll(), ""); !a.is("invalid_grant") {
		c.Errorf("once more: %s", a)
	}
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {won[0].text("refresh_token")}}
	if a := c.send(two, "/oauth2/token", form, ""); a.status != http.StatusOK { // polls after a lost answer end nothing
		c.Errorf("refresh: %s", a)
	}
}

func deviceAcross(c *caller, one, two *server, b *browser) {
	begun := c.send(one, "/oauth2/device_authorization", url.Values{"scope": {"openid email offline_access"}}, "")
	if begun.status != http.StatusOK {
		c.Fatal(begun)
	}
	poll := func() url.Values {
		return url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {begun.text("device_code")}}
	}
	if a := c.send(two, "/oauth2/token", poll(), ""); !a.is("authorization_pending") {
		c.Errorf("at two: %s", a)
	}
	if a := c.send(one, "/oauth2/token", poll(), ""); !a.is("slow_down") {
		c.Errorf("too soon, at one: %s", a)
	}
	user := begun.text("user_code")
	c.decide(b, two, "/device?user_code="+user, "/device/decide", url.Values{"user_code": {user}})
	c.fetched(one, two, poll)
}

func cibaAcross(c *caller, one, two *server, b *browser) {
	begun := c.send(one, "/oauth2/bc-authorize", url.Values{"scope": {"openid email offline_access"}, "login_hint": {b.email}}, "")
	if begun.status != http.StatusOK {
		c.Fatal(begun)
	}
	poll := func() url.Values {
		return url.Values{"grant_type": {"urn:openid:params:grant-type:ciba"}, "auth_req_id": {begun.text("auth_req_id")}}
	}
	if a := c.send(two, "/oauth2/token", poll(), ""); !a.is("authorization_pending") {
		c.Errorf("at two: %s", a)
	}
	if a := c.send(one, "/oauth2/token", poll(), ""); !a.is("slow_down") {
		c.Errorf("too soon, at one: %s", a)
	}
	res, body, err := b.at(two).send(c.Context(), "GET", c.issuer+"/account/requests", nil)
	if err != nil || res.StatusCode != http.StatusOK {
		c.Fatalf("%v %v", res, err)
	}
	id := regexp.MustCompile(`/account/requests\?request=([^"]+)"`).FindStringSubmatch(body)
	if id == nil {
		c.Fatalf("nobody is asked: %s", body)
	}
	c.decide(b, two, "/account/requests?request="+id[1], "/account/requests", url.Values{"request": {id[1]}})
	c.fetched(one, two, poll)
}
