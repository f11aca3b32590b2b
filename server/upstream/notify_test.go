package upstream_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"signet/config"
	"signet/server/servertest"
	"signet/server/upstream/upstreamtest"
)

// call posts what an upstream tells us.
func call(t *testing.T, w *upstreamtest.World, path, field, value string) (status int, body string) {
	t.Helper()
	res, err := w.HTTP.PostForm(w.URL+path, url.Values{field: {value}})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s: Cache-Control %q", path, res.Header.Get("Cache-Control"))
	}
	return res.StatusCode, string(raw)
}

func TestBackChannelLogoutOfAnUpstream(t *testing.T) { // OpenID Connect Back-Channel Logout 1.0 sections 2.5 to 2.8
	w := upstreamtest.New(t, false, upstreamtest.Changes{"work": func(u *config.Upstream) { u.AuthoritativeFor = []string{"*"} }})
	app := w.App(t, "shop").With("openid")
	b := w.Browser(t)
	r := app.Begin(t, b)
	w.SignIn(t, b, "work", upstreamtest.WorkAda).Submit(t, "newaccount-submit", nil)
	refresh := r.Exchange(t, r.Code(t, b.Allow(t))).RefreshToken
	const path = "/signin/with/work/logout"
	for name, with := range map[string]map[string]any{
		"another audience": {"aud": "another"}, "with a nonce": {"nonce": "x"}, "another issuer": {"iss": "https://evil.example"},
		"no events": {"events": map[string]any{}},
		"nobody":    {"sub": nil, "sid": nil}, "old": {"iat": time.Now().Add(-time.Hour).Unix(), "exp": time.Now().Add(-time.Minute).Unix()},
		"no jti": {"jti": nil},
	} {
		if status, body := call(t, w, path, "logout_token",
			w.Work.LogoutToken(t, merge(map[string]any{"sub": "w-1"}, with))); status != http.StatusBadRequest ||
			!strings.Contains(body, "invalid_request") {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	if status, _ := call(t, w, path, "logout_token", "x.y.z"); status != http.StatusBadRequest {
		t.Errorf("no token at all: %d", status)
	}
	if status, _ := call(t, w, "/signin/with/facebook/logout", "logout_token", "x.y.z"); status != http.StatusBadRequest {
		t.Errorf("an upstream without such a thing: %d", status)
	}
	w.Visitor(t, b) // nothing ended so far
	token := w.Work.LogoutToken(t, map[string]any{"sub": "w-1", "sid": w.Work.SID("w-1")})
	if status, body := call(t, w, path, "logout_token", token); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	upstreamtest.NoVisitor(t, b)
	if _, err := app.OAuth.TokenSource(t.Context(), &oauth2.Token{RefreshToken: refresh}).Token(); refresh != "" && err == nil {
		t.Error("its refresh token lives on")
	}
	w.SignIn(t, b.Get(t, "/signin"), "work", upstreamtest.WorkAda)
	if status, _ := call(t, w, path, "logout_token", token); status != http.StatusBadRequest {
		t.Errorf("replayed: %d", status)
	}
	w.Visitor(t, b)
}

func merge(a, b map[string]any) map[string]any {
	maps.Copy(a, b)
	return a
}

func TestN08_FacebookDeauthorizes(t *testing.T) {
	w := upstreamtest.New(t, false, upstreamtest.Changes{"facebook": func(u *config.Upstream) { u.KeepTokens = true }})
	ada := w.Person(t, "ada@example.com")
	b := w.Browser(t).Get(t, "/signin").SignIn(t, ada)
	link(t, w, b, "facebook", upstreamtest.FacebookAda.Subject)
	const path = "/signin/with/facebook/deauthorize"
	for name, raw := range map[string]string{"unsigned": "x.y", "empty": "",
		"of yesterday": w.Facebook.SignedRequest(t, upstreamtest.FacebookAda.Subject,
			map[string]any{"issued_at": time.Now().Add(-24 * time.Hour).Unix()})} {
		if status, _ := call(t, w, path, "signed_request", raw); status != http.StatusBadRequest || len(w.Linked(t, ada.ID)) != 1 {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status, _ := call(t, w, path, "signed_request", w.Facebook.SignedRequest(t, "nobody", nil)); status != http.StatusOK {
		t.Errorf("nobody of ours: %d", status)
	}
	if status, _ := call(t, w, path, "signed_request",
		w.Facebook.SignedRequest(t, upstreamtest.FacebookAda.Subject, nil)); status != http.StatusOK || len(w.Linked(t, ada.ID)) != 0 {
		t.Errorf("%d, %d linked", status, len(w.Linked(t, ada.ID)))
	}
	// Where it is the only way to sign in, it stays, without tokens and sessions.
	eve := w.Browser(t)
	w.SignIn(t, eve, "facebook", upstreamtest.FacebookEve.Subject).Submit(t, "newaccount-submit", url.Values{"email": {"eve@example.com"}})
	u := w.Visitor(t, eve)
	if status, _ := call(t, w, path, "signed_request",
		w.Facebook.SignedRequest(t, upstreamtest.FacebookEve.Subject, nil)); status != http.StatusOK {
		t.Errorf("%d", status)
	}
	upstreamtest.NoVisitor(t, eve)
	if rows := w.Linked(t, u.ID); len(rows) != 1 || rows[0].Tokens != nil {
		t.Errorf("got %+v", rows)
	}
}

func TestN08_FacebookAsksForDeletion(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := upstreamtest.New(t, false, nil, engine)
		ask := func(subject string) (code, status string) {
			t.Helper()
			httpStatus, body := call(t, w, "/signin/with/facebook/deletion", "signed_request", w.Facebook.SignedRequest(t, subject, nil))
			var said struct {
				URL  string
				Code string `json:"confirmation_code"`
			}
			if err := json.Unmarshal([]byte(body), &said); err != nil || httpStatus != http.StatusOK ||
				!strings.HasPrefix(said.URL, w.URL+"/signin/with/facebook/deletion?code=") {
				t.Fatalf("%d %s", httpStatus, body)
			}
			return said.Code, strings.TrimPrefix(said.URL, w.URL)
		}
		if _, page := ask("nobody"); !strings.Contains(w.Browser(t).Get(t, page).Text("main"), "has been deleted") {
			t.Error("nobody of ours is done at once")
		}
		ada := w.Person(t, "ada@example.com")
		b := w.Browser(t).Get(t, "/signin").SignIn(t, ada)
		link(t, w, b, "facebook", upstreamtest.FacebookAda.Subject)
		_, page := ask(upstreamtest.FacebookAda.Subject)
		if !strings.Contains(w.Browser(t).Get(t, page).Text("main"), "has been deleted") || len(w.Linked(t, ada.ID)) != 0 {
			t.Error("the link stays")
		}
		w.Visitor(t, b) // who has a password keeps the account

		eve := w.Browser(t)
		w.SignIn(t, eve, "facebook", upstreamtest.FacebookEve.Subject).Submit(t, "newaccount-submit", url.Values{"email": {"eve@example.com"}})
		u := w.Visitor(t, eve)
		code, page := ask(upstreamtest.FacebookEve.Subject)
		if got := w.Browser(t).Get(t, page).Text("main"); !strings.Contains(got, "will be deleted") || !strings.Contains(got, code) {
			t.Errorf("got %s", got)
		}
		upstreamtest.NoVisitor(t, eve)
		now, err := w.Services().People.Show(t.Context(), u.ID)
		if err != nil || now.EraseAt.IsZero() {
			t.Errorf("%+v, %v", now, err)
		}
		w.SignIn(t, eve.Get(t, "/signin"), "facebook", upstreamtest.FacebookEve.Subject) // she wants to keep it after all
		eve.Submit(t, "keep-submit", nil)
		if got := w.Browser(t).Get(t, page).Text("main"); !strings.Contains(got, "keep your account") {
			t.Errorf("got %s", got)
		}
		upstreamtest.Shows(t, w.Browser(t).Get(t, "/signin/with/facebook/deletion?code=unknown"), http.StatusNotFound,
			"no request with this code")
		if _, err := w.Services().Deletion.Delete(t.Context(), u.ID, true); err != nil {
			t.Fatal(err)
		}
		if got := w.Browser(t).Get(t, page).Text("main"); !strings.Contains(got, "has been deleted") {
			t.Errorf("got %s", got)
		}
	})
}
