package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	people         = 8
	personPassword = "correct horse battery staple"
	callback       = "http://localhost:1/cb"
)

func person(i int) string { return fmt.Sprintf("person%d@example.com", i) }

// world is all that the scenarios need of a running Signet: signed-in browsers, refresh chains, tokens.
type world struct {
	url      string
	client   *http.Client   // no cookies, follows nothing
	browsers []*http.Client // one signed-in person each
	chains   []*chain       // of the client web, one for each worker
	chainsRS []*chain
	seen     string      // an access token of client credentials
	user     string      // an access token with openid
	fresh    tokenSupply // tokens never shown to the server before
	freshOID tokenSupply
}

type chain struct{ refresh string }

// tokenSupply hands out each token once.
type tokenSupply struct {
	tokens []string
	next   atomic.Int64
}

func (s *tokenSupply) take() (string, bool) {
	i := s.next.Add(1) - 1
	if int(i) >= len(s.tokens) {
		return "", false
	}
	return s.tokens[i], true
}

type tokens struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	IDToken      string `json:"id_token"`
}

func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func newWorld(ctx context.Context, issuer string, o options) (*world, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: 256, MaxIdleConns: 512}
	w := &world{url: issuer, client: &http.Client{Transport: transport, CheckRedirect: stay, Timeout: 30 * time.Second}}
	for i := range people {
		jar, err := cookiejar.New(nil)
		if err != nil {
			return nil, err
		}
		b := &http.Client{Transport: transport, CheckRedirect: stay, Timeout: 60 * time.Second, Jar: jar}
		if err := w.signIn(ctx, b, person(i)); err != nil {
			return nil, fmt.Errorf("sign in %s: %w", person(i), err)
		}
		w.browsers = append(w.browsers, b)
	}
	for i := range o.concurrency {
		for client, chains := range map[string]*[]*chain{"web": &w.chains, "web-rs256": &w.chainsRS} {
			t, err := w.codeFlow(ctx, w.browsers[i%people], client)
			if err != nil {
				return nil, fmt.Errorf("code flow of %s: %w", client, err)
			}
			*chains = append(*chains, &chain{refresh: t.RefreshToken})
			w.user = t.AccessToken
		}
	}
	t, err := w.clientCredentials(ctx, "cc")
	if err != nil {
		return nil, err
	}
	w.seen = t.AccessToken
	return w, nil
}

// signIn drives the real forms: authorize, sign in, back at the client with a code.
func (w *world) signIn(ctx context.Context, b *http.Client, email string) error {
	at := w.authorizeURL("flow", "verifier-verifier-verifier-verifier-verifier")
	for range 8 {
		res, err := get(ctx, b, at)
		if err != nil {
			return err
		}
		if res.StatusCode == http.StatusSeeOther {
			at = join(at, res.Header.Get("Location"))
			if strings.HasPrefix(at, callback) {
				return nil
			}
			continue
		}
		// A page, sign-in or consent: its form posts to its own address.
		form := url.Values{"username": {email}, "password": {personPassword}, "remember": {"1"}}
		if strings.Contains(at, "/consent?") {
			form = url.Values{"decision": {"allow"}, "scope": {"offline_access"}}
		}
		req, err := http.NewRequestWithContext(ctx, "POST", at, strings.NewReader(form.Encode()))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
		if res, err = do(b, req); err != nil {
			return err
		}
		if res.StatusCode != http.StatusSeeOther {
			return fmt.Errorf("the form at %s answered %s", at, res.Status)
		}
		at = join(at, res.Header.Get("Location"))
	}
	return fmt.Errorf("did not end at the client but at %s", at)
}

func (w *world) authorizeURL(client, verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return w.url + "/oauth2/authorize?" + url.Values{
		"client_id": {client}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid profile email offline_access"},
		"state": {"state-state-state"}, "nonce": {"nonce-nonce-nonce"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}.Encode()
}

// codeFlow is the whole code + PKCE flow of a signed-in person with remembered consent: two requests.
func (w *world) codeFlow(ctx context.Context, b *http.Client, client string) (tokens, error) {
	verifier := rand.Text() + rand.Text()
	res, err := get(ctx, b, w.authorizeURL(client, verifier))
	if err != nil {
		return tokens{}, err
	}
	back, err := url.Parse(res.Header.Get("Location"))
	if err != nil || back.Query().Get("code") == "" {
		return tokens{}, fmt.Errorf("no code: %s to %q", res.Status, res.Header.Get("Location"))
	}
	return w.token(ctx, client, url.Values{"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")},
		"redirect_uri": {callback}, "code_verifier": {verifier}})
}

func (w *world) refresh(ctx context.Context, client string, c *chain) (tokens, error) {
	t, err := w.token(ctx, client, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {c.refresh}})
	if err == nil {
		c.refresh = t.RefreshToken
	}
	return t, err
}

func (w *world) clientCredentials(ctx context.Context, client string) (tokens, error) {
	return w.token(ctx, client, url.Values{"grant_type": {"client_credentials"}, "scope": {"api:read"}})
}

func (w *world) token(ctx context.Context, client string, form url.Values) (tokens, error) {
	body, err := w.post(ctx, "/oauth2/token", client, form)
	if err != nil {
		return tokens{}, err
	}
	var t tokens
	if err := json.Unmarshal(body, &t); err != nil || t.AccessToken == "" {
		return tokens{}, fmt.Errorf("token answer: %w", err)
	}
	return t, nil
}

func (w *world) introspect(ctx context.Context, token string) error {
	body, err := w.post(ctx, "/oauth2/introspect", "api", url.Values{"token": {token}})
	if err == nil && !strings.Contains(string(body), `"active":true`) {
		err = fmt.Errorf("introspection: %s", body)
	}
	return err
}

func (w *world) userinfo(ctx context.Context, token string) error {
	req, err := http.NewRequestWithContext(ctx, "GET", w.url+"/userinfo", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := do(w.client, req)
	if err == nil && res.StatusCode != 200 {
		err = fmt.Errorf("userinfo: %s", res.Status)
	}
	return err
}

func (w *world) read(ctx context.Context, path string) error {
	res, err := get(ctx, w.client, w.url+path)
	if err == nil && res.StatusCode != 200 {
		err = fmt.Errorf("%s: %s", path, res.Status)
	}
	return err
}

func (w *world) post(ctx context.Context, path, client string, form url.Values) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, "POST", w.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(client, benchSecret)
	res, err := w.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != 200 {
		err = fmt.Errorf("%s: %s %s", path, res.Status, body)
	}
	return body, err
}

func get(ctx context.Context, c *http.Client, at string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, "GET", at, nil)
	if err != nil {
		return nil, err
	}
	return do(c, req)
}

// do sends the request and reads the answer away, so that the connection is used again.
func do(c *http.Client, req *http.Request) (*http.Response, error) {
	res, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res, err
}

func join(base, ref string) string {
	b, err := url.Parse(base)
	if err != nil {
		return ref
	}
	r, err := b.Parse(ref)
	if err != nil {
		return ref
	}
	return r.String()
}

// signInStorm signs in 50 browsers at once and compares the token endpoint's median latency with its idle value.
func (w *world) signInStorm(ctx context.Context, out io.Writer) error {
	idle, err := w.tokenLatency(ctx, make(chan struct{}), 300)
	if err != nil {
		return err
	}
	done := make(chan struct{})
	errs := make(chan error, 50)
	var wg sync.WaitGroup
	began := time.Now()
	for i := range 50 {
		wg.Go(func() {
			jar, _ := cookiejar.New(nil)
			b := &http.Client{Transport: w.client.Transport, CheckRedirect: stay, Timeout: 60 * time.Second, Jar: jar}
			if err := w.signIn(ctx, b, person(i%people)); err != nil {
				errs <- err
			}
		})
	}
	go func() { wg.Wait(); close(done) }()
	busy, err := w.tokenLatency(ctx, done, 1<<30)
	if err != nil {
		return err
	}
	<-done
	close(errs)
	failed := 0
	for err := range errs {
		failed++
		fmt.Fprintln(out, "sign-in failed:", err)
	}
	fmt.Fprintf(out, "\n50 sign-ins at once: %d failed, %.1f s; token endpoint median %.2f ms idle, %.2f ms meanwhile (%.1fx)\n",
		failed, time.Since(began).Seconds(), ms(idle), ms(busy), float64(busy)/float64(idle))
	return nil
}

func (w *world) tokenLatency(ctx context.Context, until <-chan struct{}, most int) (time.Duration, error) {
	var all []time.Duration
	for range most {
		select {
		case <-until:
			return median(all), nil
		default:
		}
		began := time.Now()
		if _, err := w.clientCredentials(ctx, "cc"); err != nil {
			return 0, err
		}
		all = append(all, time.Since(began))
		time.Sleep(2 * time.Millisecond)
	}
	return median(all), nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
