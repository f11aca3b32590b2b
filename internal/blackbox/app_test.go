package blackbox

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// browser is a person at a browser without JavaScript: a cookie jar that fills in the forms.
type browser struct {
	email string
	http  *http.Client
}

func newBrowser(t *testing.T, email string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &browser{email: email, http: &http.Client{Jar: jar, Transport: transport, Timeout: 2 * time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// follow goes where an authorization request leads, signing in and allowing what is asked, until it is back at the client.
func (b *browser) follow(ctx context.Context, at string) (*url.URL, error) {
	for range 12 {
		res, body, err := b.send(ctx, "GET", at, nil)
		if err != nil {
			return nil, err
		}
		if res.StatusCode == http.StatusOK {
			form, err := b.fill(body)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", at, err)
			}
			if res, body, err = b.send(ctx, "POST", at, form); err != nil {
				return nil, err
			}
		}
		if res.StatusCode != http.StatusSeeOther {
			return nil, fmt.Errorf("%s answered %s\n%s", at, res.Status, body)
		}
		next, err := res.Request.URL.Parse(res.Header.Get("Location"))
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(next.String(), callback) {
			return next, nil
		}
		at = next.String()
	}
	return nil, errors.New("the redirects do not end")
}

// fill answers the page that is shown.
func (b *browser) fill(page string) (url.Values, error) {
	switch {
	case strings.Contains(page, `id="login-submit"`):
		return url.Values{"username": {b.email}, "password": {password}, "remember": {"1"}}, nil
	case strings.Contains(page, `id="consent-allow"`):
		return url.Values{"decision": {"allow"}, "scope": {"openid", "profile", "email", "offline_access", "api:read"}}, nil
	}
	return nil, fmt.Errorf("a page nobody expected:\n%s", page)
}

func (b *browser) send(ctx context.Context, method, at string, form url.Values) (*http.Response, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, at, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, "", err
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	res, err := b.http.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res, string(body), err
}

// app is the relying party "web", made of x/oauth2 and go-oidc.
type app struct {
	oauth    oauth2.Config
	issuer   string
	verifier *oidc.IDTokenVerifier
	provider *oidc.Provider
}

func newApp(t *testing.T, issuer string, scopes ...string) *app {
	t.Helper()
	provider, err := oidc.NewProvider(t.Context(), issuer)
	if err != nil {
		t.Fatal(err)
	}
	endpoint := provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	return &app{issuer: issuer, provider: provider, verifier: provider.Verifier(&oidc.Config{ClientID: "web"}),
		oauth: oauth2.Config{ClientID: "web", ClientSecret: secret, Endpoint: endpoint, RedirectURL: callback, Scopes: scopes}}
}

// at makes the app talk to one replica's address.
func (a *app) at(base string) *app {
	b := *a
	b.oauth.Endpoint.AuthURL = base + "/oauth2/authorize"
	b.oauth.Endpoint.TokenURL = base + "/oauth2/token"
	return &b
}

// authorize returns a code and the verifier it was asked with.
func (a *app) authorize(ctx context.Context, b *browser) (code, verifier string, err error) {
	verifier, state := oauth2.GenerateVerifier(), rand.Text()
	back, err := b.follow(ctx, a.oauth.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier), oidc.Nonce("n-"+state)))
	if err != nil {
		return "", "", err
	}
	q := back.Query()
	if q.Get("state") != state || q.Get("iss") != a.issuer || q.Get("code") == "" {
		return "", "", fmt.Errorf("answer %s", back)
	}
	return q.Get("code"), verifier, nil
}

func (a *app) exchange(ctx context.Context, code, verifier string) (*oauth2.Token, error) {
	return a.oauth.Exchange(ctx, code, oauth2.VerifierOption(verifier))
}

// login is authorize and exchange.
func (a *app) login(ctx context.Context, b *browser) (*oauth2.Token, error) {
	code, verifier, err := a.authorize(ctx, b)
	if err != nil {
		return nil, err
	}
	return a.exchange(ctx, code, verifier)
}

func (a *app) refresh(ctx context.Context, token string) (*oauth2.Token, error) {
	return a.oauth.TokenSource(ctx, &oauth2.Token{RefreshToken: token}).Token()
}

// oauthError is the error code of a token endpoint's answer, "" for any other error.
func oauthError(err error) string {
	if e, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return e.ErrorCode
	}
	return ""
}

func getJSON(t *testing.T, at string, out any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", at, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(out); err != nil {
		t.Fatal(err)
	}
}
