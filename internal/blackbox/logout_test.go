package blackbox

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// Killed (kill -9) between the end of a session and the notice of it, which the app's server refused until then: the next process sends it,
// with the jti of the tries before (OpenID Connect Back-Channel Logout 1.0 section 2.5).
func TestKillLosesNoLogoutNotice(t *testing.T) {
	var mu sync.Mutex
	up, tries, got := false, make(chan struct{}, 100), []string{} // jti of every try
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, jti(t, r.PostFormValue("logout_token")))
		if !up {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		select {
		case tries <- struct{}{}:
		default:
		}
	}))
	defer shop.Close()
	s := newSiteWith(t, "", "egress: {allow_hosts: [127.0.0.1]}\n")
	p := s.start("")
	s.cli(nil, "client", "create", "--id", "told", "--redirect-uri", callback, "--backchannel-logout-uri", shop.URL+"/out", "--json")
	s.person("ada@example.com")
	b := newBrowser(t, "ada@example.com")
	told := newApp(t, s.issuer, "openid")
	told.oauth.ClientID = "told"
	if _, _, err := told.authorize(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	_, page, err := b.send(t.Context(), http.MethodGet, s.issuer+"/oauth2/logout", nil)
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"decision": {"sign-out"}}
	for _, field := range hidden.FindAllStringSubmatch(page, -1) {
		form.Set(field[1], field[2])
	}
	if _, _, err = b.send(t.Context(), http.MethodPost, s.issuer+"/oauth2/logout/confirm", form); err != nil {
		t.Fatal(err)
	}
	wait := func(why string) {
		t.Helper()
		select {
		case <-tries:
		case <-time.After(90 * time.Second):
			t.Fatal(why + "\n" + p.out.String())
		}
	}
	wait("nothing was tried")
	p.kill()
	mu.Lock()
	up = true
	mu.Unlock()
	p = s.start("")
	wait("the next process sent nothing")
	mu.Lock()
	defer mu.Unlock()
	for _, one := range got {
		if one == "" || one != got[0] {
			t.Errorf("jti of the tries: %q", got)
		}
	}
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`)

// jti of a token that nobody verifies here.
func jti(t *testing.T, token string) string {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Errorf("no token: %q", token)
		return ""
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	var c struct {
		ID string `json:"jti"`
	}
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	if err != nil {
		t.Error(err)
	}
	return c.ID
}
