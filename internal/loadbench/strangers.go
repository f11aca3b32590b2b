package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"
)

// via puts the address into X-Forwarded-For, as the proxy would.
type via struct {
	address func() string
	http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (v via) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Forwarded-For", v.address())
	return v.RoundTripper.RoundTrip(r)
}

const honestAddress = "203.0.113.9"

// browser keeps cookies and comes from an address.
func (f *field) browser(address func() string) *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic(err)
	}
	return &http.Client{Transport: via{address, f.client.Transport}, CheckRedirect: stay, Timeout: 30 * time.Second, Jar: jar}
}

func honest() string { return honestAddress }

// prepare signs in with the browsers that are to be known.
func (f *field) prepare(ctx context.Context) error {
	for i := range people {
		b := f.browser(honest)
		if err := f.signIn(ctx, b, person(i)); err != nil {
			return fmt.Errorf("sign in before the attack: %w", err)
		}
		f.known = append(f.known, b)
	}
	return nil
}

type kind struct {
	name string
	do   func(ctx context.Context) error
}

// honest are the requests of one caller: all that they may expect to be served. From the strangers' own /24 come those alone whose
// credential cannot be guessed or whose browser is known (rule V05).
func (f *field) honest(i int) []kind {
	w := &world{url: f.url, client: &http.Client{Transport: via{honest, f.client.Transport}, CheckRedirect: stay, Timeout: 30 * time.Second},
		seen: f.seen, user: f.user}
	chain, browser := f.chains[i], f.known[i%people]
	list := []kind{
		{"client_credentials", func(ctx context.Context) error { _, err := w.clientCredentials(ctx, "cc"); return err }},
		{"refresh", func(ctx context.Context) error { _, err := w.refresh(ctx, "web", chain); return err }},
		{"introspection", func(ctx context.Context) error { return w.introspect(ctx, w.seen) }},
		{"userinfo", func(ctx context.Context) error { return w.userinfo(ctx, w.user) }},
		{"code, signed in", func(ctx context.Context) error { _, err := w.codeFlow(ctx, browser, "flow"); return err }},
		{"sign-in, known browser", func(ctx context.Context) error { return w.again(ctx, browser, person(i%people)) }},
		{"pushed request with a secret", func(ctx context.Context) error { return w.push(ctx) }},
	}
	if !f.one {
		list = append(list, kind{"sign-in, new browser", func(ctx context.Context) error {
			return w.signIn(ctx, f.browser(honest), person(people-1)) // whom nobody guesses at
		}})
	}
	return list
}

// again signs the person out and in with the browser.
func (w *world) again(ctx context.Context, b *http.Client, email string) error {
	at, err := url.Parse(w.url)
	if err != nil {
		return err
	}
	for _, c := range b.Jar.Cookies(at) {
		if strings.Contains(c.Name, "session") {
			b.Jar.SetCookies(at, []*http.Cookie{{Name: c.Name, Path: "/", MaxAge: -1}})
		}
	}
	return w.signIn(ctx, b, email)
}

func (w *world) push(ctx context.Context) error {
	form, err := url.ParseQuery(strings.SplitN(w.authorizeURL("flow", "verifier-verifier-verifier-verifier-verifier"), "?", 2)[1])
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, "POST", w.url+"/oauth2/par", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth("flow", benchSecret)
	res, err := do(w.client, req)
	if err == nil && res.StatusCode != http.StatusCreated {
		err = fmt.Errorf("push: %s", res.Status)
	}
	return err
}

// stranger sends whatever costs others something, as fast as it is answered.
func (f *field) stranger(ctx context.Context, i int) {
	n := i * 7919
	address := func() string {
		n++
		if f.one {
			return fmt.Sprintf("203.0.113.%d", 10+n%240)
		}
		return fmt.Sprintf("198.%d.%d.%d", 18+n%2, n/2%64, 1+n%250)
	}
	var b *http.Client
	page := ""
	for k := 0; ctx.Err() == nil; k++ {
		if k%256 == 0 { // a new browser now and then
			b, page = f.browser(address), ""
		}
		name, path, form := f.evil(i, n)
		if f.only != "" && !strings.Contains(name, f.only) {
			return
		}
		if strings.HasPrefix(path, "/signin") || strings.HasPrefix(path, "/signup") { // with a sign-in in progress
			if page == "" {
				page = f.open(ctx, b)
			}
			path += page
		}
		f.hits.Add(1)
		_ = f.fire(ctx, b, path, form) // whatever it is answered
	}
}

// open begins a sign-in and returns its query.
func (f *field) open(ctx context.Context, b *http.Client) string {
	res, err := get(ctx, b, f.authorizeURL("flow", "verifier-verifier-verifier-verifier-verifier"))
	if err != nil {
		return "?i=none"
	}
	if to, err := url.Parse(res.Header.Get("Location")); err == nil && to.RawQuery != "" {
		return "?" + to.RawQuery
	}
	return "?i=none"
}

// evil is a request of a stranger of the k-th kind: each sends one kind, so that what is slow keeps nothing fast from being sent.
func (f *field) evil(k, n int) (name, path string, form url.Values) {
	wrong := func(more url.Values) url.Values {
		more.Set("client_id", "web")
		more.Set("client_secret", fmt.Sprint("wrong", n))
		return more
	}
	verifier := "verifier-verifier-verifier-verifier-verifier"
	ask := strings.TrimPrefix(f.authorizeURL("spa", verifier), f.url)
	switch k % 13 {
	case 0, 1:
		return "begin", ask, nil
	case 2:
		return "password", "/signin", url.Values{"username": {person(n % (people - 1))}, "password": {fmt.Sprint("wrong", n)}}
	case 3:
		return "password", "/signin", url.Values{"username": {fmt.Sprintf("nobody%d@example.com", n)}, "password": {"wrong wrong"}}
	case 4:
		return "sign-up", "/signup", url.Values{"name": {"Eve"}, "username": {person(n % people)}, "password": {"a fresh and long sentence"}}
	case 5:
		return "passkey", "/signin/passkey/options", url.Values{}
	case 6:
		return "secret", "/oauth2/token", wrong(url.Values{"grant_type": {"client_credentials"}})
	case 7:
		return "secret", "/oauth2/introspect", wrong(url.Values{"token": {f.seen}})
	case 8:
		return "refresh", "/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "client_id": {"spa"},
			"refresh_token": {fmt.Sprint("x", n)}}
	case 9:
		return "device", "/oauth2/device_authorization", url.Values{"client_id": {"spa"}, "scope": {"openid"}}
	case 10:
		q, _ := url.ParseQuery(strings.SplitN(ask, "?", 2)[1])
		return "push", "/oauth2/par", q
	case 11:
		return "register", "/oauth2/register", url.Values{"json": {`{"redirect_uris":["https://app.example/cb"]}`}}
	}
	return "code", "/oauth2/token", url.Values{"grant_type": {"authorization_code"}, "client_id": {"spa"}, "code": {fmt.Sprint("x", n)},
		"redirect_uri": {callback}, "code_verifier": {verifier}}
}

func (f *field) fire(ctx context.Context, b *http.Client, path string, form url.Values) error {
	method, body, kind := "POST", form.Encode(), "application/x-www-form-urlencoded"
	if form == nil {
		method = "GET"
	} else if document := form.Get("json"); document != "" {
		body, kind = document, "application/json"
	}
	req, err := http.NewRequestWithContext(ctx, method, f.url+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	if form != nil {
		req.Header.Set("Content-Type", kind)
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	_, err = do(b, req)
	return err
}
