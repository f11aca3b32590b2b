package server_test

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"signet/admin"
	"signet/clients"
	"signet/server/servertest"
)

// explained asks the API for the request of a reference.
func (d *adminAPI) explained(reference string) (failed, found, remedy string) {
	d.Helper()
	status, e := d.call("GET /traces/"+reference, nil)
	if status != 200 {
		d.Fatalf("%s: %d %v", reference, status, e)
	}
	steps := e["steps"].([]any)
	return steps[len(steps)-1].(map[string]any)["check"].(string), e["found"].(string), e["remedy"].(string)
}

// references keeps the one of the last request, as its line in the log has it.
type references struct {
	slog.Handler
	last atomic.Value
}

func (r *references) Enabled(context.Context, slog.Level) bool { return true }

func (r *references) WithAttrs([]slog.Attr) slog.Handler { return r }

func (r *references) Handle(_ context.Context, line slog.Record) error {
	line.Attrs(func(a slog.Attr) bool {
		if a.Key == "request_id" {
			r.last.Store(a.Value.String())
		}
		return true
	})
	return nil
}

func (d *adminAPI) send(method, path string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, d.URL+path, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	d.Handler().ServeHTTP(w, r)
	return w
}

// TestExplain asks of each kind of refusal what failed: on pages, at endpoints, and where the error went to the app by a redirect.
func TestExplain(t *testing.T) {
	t.Parallel()
	log := new(references)
	d := newAdminAPI(t, servertest.Log(log))
	app := d.App(t, "shop", func(m *clients.Metadata) { m.TokenEndpointAuthMethod = clients.MethodPost })
	redirect, secret := app.RedirectURIs[0], app.OAuth.ClientSecret
	reference := func(method, path string, form url.Values) string {
		t.Helper()
		w := d.send(method, path, form)
		if w.Code < 300 {
			t.Fatalf("%s %s: %d", method, path, w.Code)
		}
		ref := log.last.Load().(string)
		if strings.Contains(w.Header().Get("Content-Type"), "html") && !strings.Contains(w.Body.String(), ref) {
			t.Errorf("%s: the page does not show the reference %s", path, ref)
		}
		return ref
	}
	ask := url.Values{"client_id": {"shop"}, "redirect_uri": {redirect}, "response_type": {"code"}, "scope": {"openid"},
		"code_challenge": {strings.Repeat("a", 43)}, "code_challenge_method": {"S256"}}
	with := func(pairs ...string) string {
		q := url.Values{}
		maps.Copy(q, ask)
		for i := 0; i < len(pairs); i += 2 {
			q.Set(pairs[i], pairs[i+1])
		}
		return "/oauth2/authorize?" + q.Encode()
	}
	token := func(pairs ...string) url.Values {
		form := url.Values{"client_id": {"shop"}, "client_secret": {secret}, "grant_type": {"authorization_code"}, "code": {"x.y"}}
		for i := 0; i < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
		return form
	}
	for _, test := range []struct {
		name, method, path string
		form               url.Values
		failed, found      string
	}{
		{"another redirect URI", "GET", with("redirect_uri", redirect+"x"), nil, "redirect URI", "x is too much"},
		{"an unknown client", "GET", with("client_id", "none"), nil, "client is known and enabled", ""},
		{"prompt=none without a session", "GET", with("prompt", "none"), nil, "sign-in", "Nobody is signed in"},
		{"an unknown scope", "GET", with("scope", "made-up"), nil, "scope", "None of the scopes"},
		{"a short challenge", "GET", with("code_challenge", "short"), nil, "PKCE", "43 characters"},
		{"a wrong secret", "POST", "/oauth2/token", token("client_secret", "wrong"), "client authentication", ""},
		{"a code of nobody", "POST", "/oauth2/token", token(), "code, refresh token or other grant", ""},
		{"an unknown grant", "POST", "/oauth2/token", token("grant_type", "magic"), "what the client is registered for", ""},
		{"no such page", "GET", "/nothing-here", nil, "address and method", ""},
	} {
		failed, found, remedy := d.explained(reference(test.method, test.path, test.form))
		if failed != test.failed || !strings.Contains(found, test.found) || remedy == "" {
			t.Errorf("%s: failed %q, found %q, remedy %q", test.name, failed, found, remedy)
		}
		if strings.Contains(found+remedy, secret) {
			t.Errorf("%s shows a secret", test.name)
		}
	}

	for _, nothing := range []string{"7F3K-92QD-MX", "7f3k92qdmx"} {
		if status, _ := d.call("GET /traces/"+nothing, nil); status != http.StatusNotFound {
			t.Errorf("%s: %d", nothing, status)
		}
	}
	if status, _ := d.call("GET /traces/..%2F..", nil); status != http.StatusUnprocessableEntity && status != http.StatusNotFound {
		t.Errorf("no reference: %d", status)
	}
	if _, err := d.Services().Admin.Explain(t.Context(), admin.Actor{Kind: admin.KindPerson, ID: "x"}, "7F3K-92QD-MX"); err == nil {
		t.Error("whoever has no permission is answered")
	}
}

// TestExplainAcrossReplicas: rows are found by other replicas, by the command line and after a restart.
func TestExplainAcrossReplicas(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		log := new(references)
		d := newAdminAPI(t, engine, servertest.Log(log))
		d.App(t, "shop")
		d.send("POST", "/oauth2/token",
			url.Values{"client_id": {"shop"}, "client_secret": {"wrong-secret"}, "grant_type": {"client_credentials"}})
		ref := log.last.Load().(string)
		h := d.Services()
		if err := h.Traces.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		data, err := h.DB.KeptTrace(t.Context(), ref)
		if err != nil || !strings.Contains(string(data), `"client_id":"shop"`) || strings.Contains(string(data), "wrong-secret") {
			t.Errorf("%s: %s %v", ref, data, err)
		}
	})
}
