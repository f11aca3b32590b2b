package signettest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

const (
	largest = 1 << 20 // bytes of a page
	most    = 20      // requests of a sign-in
)

// Ask says for whom and for what Token asks. The zero value is the client and the first person of a server without a seed.
type Ask struct {
	ClientID     string // "" = app
	ClientSecret string // "" = a public client
	RedirectURI  string // of the client; "" = http://127.0.0.1/callback
	Login        string // the person's email; "" = ada@example.com
	Scope        string // "" = openid
	Resource     string // identifier of the API (RFC 8707); "" = none
}

// Tokens are a token answer (RFC 6749 section 5.1).
type Tokens struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	RefreshToken string `json:"refresh_token"`
	IDToken      string `json:"id_token"`
	Scope        string `json:"scope"`
}

// Token signs a person in and gives what the client gets: the authorization code flow with PKCE, whole.
func (s *Server) Token(t testing.TB, a Ask) Tokens {
	t.Helper()
	or := func(value *string, usual string) {
		if *value == "" {
			*value = usual
		}
	}
	or(&a.ClientID, "app")
	or(&a.RedirectURI, "http://127.0.0.1/callback")
	or(&a.Login, "ada@example.com")
	or(&a.Scope, "openid")
	verifier, state := rand.Text()+rand.Text(), rand.Text()
	challenge := sha256.Sum256([]byte(verifier))
	q := url.Values{
		"response_type": {"code"}, "client_id": {a.ClientID}, "redirect_uri": {a.RedirectURI}, "scope": {a.Scope}, "state": {state},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	form := url.Values{"grant_type": {"authorization_code"}, "redirect_uri": {a.RedirectURI}, "code_verifier": {verifier}}
	if a.Resource != "" {
		q.Set("resource", a.Resource)
		form.Set("resource", a.Resource)
	}
	back := s.SignIn(t, s.authorize+"?"+q.Encode(), a.Login)
	if back.Query().Get("state") != state || back.Query().Get("code") == "" {
		t.Fatalf("signettest: no code: %s", back)
	}
	form.Set("code", back.Query().Get("code"))
	if a.ClientSecret == "" {
		form.Set("client_id", a.ClientID)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.token, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal("signettest: ", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if a.ClientSecret != "" {
		req.SetBasicAuth(url.QueryEscape(a.ClientID), url.QueryEscape(a.ClientSecret))
	}
	var got Tokens
	if err := answer(req, &got); err != nil {
		t.Fatal("signettest: ", err)
	}
	return got
}

// SignIn is the browser of a person whom an app sends to the authorization endpoint: they sign in by one click, allow what is asked, and
// come back to the app. It gives the address that they come back to, which it does not open.
func (s *Server) SignIn(t testing.TB, authorizationURL, login string) *url.URL {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal("signettest: ", err)
	}
	b := &browser{s: s, http: &http.Client{
		Jar: jar, Timeout: startTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	back, err := b.signIn(t, authorizationURL, login)
	if err != nil {
		t.Fatal("signettest: ", err)
	}
	return back
}

// browser is one without scripts.
type browser struct {
	s    *Server
	http *http.Client
}

func (b *browser) signIn(t testing.TB, address, login string) (*url.URL, error) {
	at, err := url.Parse(address)
	var form url.Values // nil = GET
	for range most {
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(at.String()+"/", b.s.Issuer+"/") {
			return at, nil
		}
		at, form, err = b.step(t, at, form, login)
	}
	return nil, fmt.Errorf("no end of pages: %s", at)
}

// step asks once and says what comes next.
func (b *browser) step(t testing.TB, at *url.URL, form url.Values, login string) (*url.URL, url.Values, error) {
	method, body := http.MethodGet, io.Reader(nil)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(t.Context(), method, at.String(), body)
	if err != nil {
		return nil, nil, err
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", at.Scheme+"://"+at.Host)
	}
	req.Header.Set("Accept-Language", "en")
	res, err := b.http.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if to := res.Header.Get("Location"); to != "" {
		next, err := at.Parse(to)
		return next, nil, err
	}
	page, err := io.ReadAll(io.LimitReader(res.Body, largest))
	if err != nil {
		return nil, nil, err
	}
	to, form, err := fill(string(page), login)
	if err != nil {
		return nil, nil, fmt.Errorf("%s %s: %s: %w", method, at.Path, res.Status, err)
	}
	next, err := at.Parse(to)
	return next, form, err
}

var (
	forms   = regexp.MustCompile(`(?s)<form\b([^>]*)>(.*?)</form>`)
	inputs  = regexp.MustCompile(`<(?:input|button)\b[^>]*>`)
	pairs   = regexp.MustCompile(`([a-z-]+)(?:="([^"]*)")?`)
	heading = regexp.MustCompile(`(?s)<h1[^>]*>(.*?)</h1>`)
)

// fill answers the page that signs in by one click, and the one that asks for consent.
func fill(page, login string) (action string, form url.Values, err error) {
	for _, found := range forms.FindAllStringSubmatch(page, -1) {
		values, pressed := url.Values{}, false
		for _, tag := range inputs.FindAllString(found[2], -1) {
			a := attributes(tag)
			switch {
			case a["name"] == "seeded" && strings.EqualFold(a["value"], login), a["name"] == "decision" && a["value"] == "allow":
				pressed = true
				values.Set(a["name"], a["value"])
			case a["type"] == "hidden", a["type"] == "checkbox": // all that is asked is allowed
				values.Add(a["name"], a["value"])
			}
		}
		if pressed {
			return attributes(found[1])["action"], values, nil
		}
	}
	title := "a page"
	if m := heading.FindStringSubmatch(page); m != nil {
		title = html.UnescapeString(strings.TrimSpace(m[1]))
	}
	return "", nil, fmt.Errorf("%q has nothing to click for %s; is it somebody of the seed?", title, login)
}

// attributes of a tag.
func attributes(tag string) map[string]string {
	all := map[string]string{}
	for _, m := range pairs.FindAllStringSubmatch(tag, -1) {
		all[m[1]] = html.UnescapeString(m[2])
	}
	return all
}

// discover reads where the endpoints are.
func (s *Server) discover() error {
	req, err := http.NewRequest(http.MethodGet, s.Issuer+"/.well-known/openid-configuration", nil)
	if err != nil {
		return err
	}
	var doc struct {
		Authorize string `json:"authorization_endpoint"`
		Token     string `json:"token_endpoint"`
	}
	err = answer(req, &doc)
	s.authorize, s.token = doc.Authorize, doc.Token
	return err
}

// answer asks and reads JSON.
func answer(req *http.Request, into any) error {
	res, err := (&http.Client{Timeout: 30 * time.Second}).Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, largest))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %s", req.Method, req.URL.Path, res.Status, body)
	}
	return json.Unmarshal(body, into)
}
