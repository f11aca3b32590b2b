package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"
)

// answer is what became of a request. Neither granted nor refused means that nobody knows: no answer, or one that says "try again".
type answer struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	Error        string `json:"error"`
	Active       bool   `json:"active"`
	status       int
	err          error
}

func (a answer) granted() bool { return a.err == nil && a.status == http.StatusOK }

// refused reports whether the server said no. 429 of a client that failed too often is one: its assertion was looked at before.
func (a answer) refused() bool {
	return a.err == nil && a.status >= 400 && a.status < 500 && (a.status != http.StatusTooManyRequests || a.Error == "invalid_client")
}

func (a answer) String() string {
	if a.err != nil {
		return a.err.Error()
	}
	return fmt.Sprintf("%d %s", a.status, a.Error)
}

// visitor is a person's browser.
type visitor struct {
	email string
	host  string // the issuer's, whichever replica is asked
	http  *http.Client
}

func (s *site) visitor(email string) *visitor {
	jar, _ := cookiejar.New(nil) // never fails
	client := &http.Client{Jar: jar, Transport: s.http, Timeout: 15 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &visitor{email: email, host: strings.TrimPrefix(s.issuer, "http://"), http: client}
}

// errUnsure: the server did not say what became of it.
var errUnsure = errors.New("no answer")

func (v *visitor) send(ctx context.Context, method, at string, form url.Values) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, at, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	req.Host = v.host
	res, err := v.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnsure, err)
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	if err != nil || res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests {
		return nil, fmt.Errorf("%w: %s: %w", errUnsure, res.Status, err)
	}
	return res, nil
}

// authorize leads to the client, by way of the sign-in page where that is asked for. Each request goes to the replica that base names then.
func (v *visitor) authorize(ctx context.Context, base func() string, more url.Values) (back url.Values, verifier string, err error) {
	verifier = rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(verifier))
	ask := url.Values{"client_id": {"web"}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid email offline_access"},
		"state": {rand.Text()}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}
	maps.Copy(ask, more)
	path := "/oauth2/authorize?" + ask.Encode()
	for range 10 {
		res, err := v.send(ctx, "GET", base()+path, nil)
		if err == nil && res.StatusCode == http.StatusOK {
			res, err = v.send(ctx, "POST", base()+path, url.Values{"username": {v.email}, "password": {password}, "remember": {"1"}})
		}
		if err != nil {
			return nil, "", err
		}
		if res.StatusCode != http.StatusSeeOther {
			return nil, "", fmt.Errorf("%s answered %s", path, res.Status)
		}
		next, err := res.Request.URL.Parse(res.Header.Get("Location"))
		if err != nil {
			return nil, "", err
		}
		if strings.HasPrefix(next.String(), callback) {
			return next.Query(), verifier, nil
		}
		path = next.RequestURI()
	}
	return nil, "", errors.New("the redirects do not end")
}

// signOut ends the session and returns a browser that holds the cookies of before.
func (v *visitor) signOut(ctx context.Context, s *site, base string) (*visitor, error) {
	was := s.visitor(v.email)
	at, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	was.http.Jar.SetCookies(at, v.http.Jar.Cookies(at))
	res, err := v.send(ctx, "POST", base+"/oauth2/logout/confirm", url.Values{"decision": {"sign-out"}})
	if err == nil && res.StatusCode >= 400 {
		err = errors.New(res.Status)
	}
	return was, err
}

// call posts a form to an endpoint as the client "web".
func (s *site) call(ctx context.Context, base, path string, form url.Values) answer {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "POST", base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return answer{err: err}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if !form.Has("client_assertion") {
		req.SetBasicAuth("web", secret)
	}
	return s.answerTo(req)
}

// userinfo asks as an app does who the person is.
func (s *site) userinfo(ctx context.Context, base, token string) answer {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", base+"/userinfo", nil)
	if err != nil {
		return answer{err: err}
	}
	req.Header.Set("Authorization", "Bearer "+token)
	return s.answerTo(req)
}

func (s *site) answerTo(req *http.Request) (a answer) {
	res, err := s.http.RoundTrip(req)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	a.status, a.err = res.StatusCode, err
	if err == nil && len(body) > 0 && res.StatusCode < 500 {
		a.err = json.Unmarshal(body, &a)
	}
	return a
}

func (s *site) refresh(ctx context.Context, base, token string) answer {
	return s.call(ctx, base, "/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

func (s *site) exchange(ctx context.Context, base string, c *chain) answer {
	return s.call(ctx, base, "/oauth2/token", url.Values{"grant_type": {"authorization_code"}, "code": {c.code}, "redirect_uri": {callback},
		"code_verifier": {c.verifier}})
}

func (s *site) revoke(ctx context.Context, base, token string) answer {
	return s.call(ctx, base, "/oauth2/revoke", url.Values{"token": {token}})
}

func (s *site) assert(ctx context.Context, base, assertion string) answer {
	return s.call(ctx, base, "/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"api:read"},
		"client_assertion": {assertion}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}})
}

// assertion is a client_secret_jwt of the client "job", to be used once.
func (s *site) assertion() string {
	now := time.Now()
	claims, _ := json.Marshal(map[string]any{"iss": "job", "sub": "job", "aud": s.issuer, "jti": rand.Text(), "iat": now.Unix(),
		"exp": now.Add(4 * time.Minute).Unix()}) // it has strings and numbers only
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256"}`)) + "." + base64.RawURLEncoding.EncodeToString(claims)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
