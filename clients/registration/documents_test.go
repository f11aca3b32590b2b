package registration_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"signet/clients"
	"signet/clients/registration"
	"signet/clients/tools"
	"signet/internal/egress"
	"signet/storage"
	"signet/storage/storagetest"
)

// world answers as a test says, and counts.
type world struct {
	answer egress.Response
	err    error
	asked  atomic.Int64
	slow   time.Duration
}

func (w *world) Fetch(ctx context.Context, _ egress.Request) (egress.Response, error) {
	w.asked.Add(1)
	if w.slow > 0 {
		select {
		case <-ctx.Done():
			return egress.Response{}, ctx.Err()
		case <-time.After(w.slow):
		}
	}
	return w.answer, w.err
}

func (w *world) say(id string, members map[string]any) {
	members["client_id"] = id
	text, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	w.answer, w.err = egress.Response{Status: http.StatusOK, Type: "application/json", Body: text, MaxAge: w.answer.MaxAge}, nil
}

func documents(t *testing.T, db *storage.DB, out registration.Fetcher) (*registration.Documents, *clients.Registry) {
	t.Helper()
	r, err := clients.New(t.Context(), clients.Options{Store: db, Issuer: "https://id.example.com", SecretKeys: [][]byte{{1}},
		Resources: []clients.Resource{{Identifier: "https://api.example", Scopes: []string{"read"}, Open: true}},
		Documents: func(string) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	d, err := registration.NewDocuments(registration.DocumentOptions{Store: db, Registry: r, Fetch: out, Again: out, Mode: registration.Open,
		Policy: func() registration.Policy {
			return registration.Policy{Scopes: []string{"openid", "profile"}, ResponseTypes: []string{"code", "token"},
				Issuer: "https://id.example.com",
				Names:  []string{"The Bank"}}
		},
		Charge: func(context.Context, string) error { return nil },
		Note:   func(context.Context, string, string) error { return nil }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return d, r
}

const app = "https://app.example/client"

// reads counts what the store is asked for.
type reads struct {
	registration.DocumentStore
	n atomic.Int64
}

func (r *reads) RegistrationOf(ctx context.Context, id string) (storage.Registration, error) {
	r.n.Add(1)
	return r.DocumentStore.RegistrationOf(ctx, id)
}

func TestDocument_ADocumentIsReadAgainEarlyAndCountsForADayWhenItIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		ctx := t.Context()
		out := &world{answer: egress.Response{MaxAge: 10 * time.Minute}}
		out.say(app, map[string]any{"redirect_uris": []string{"https://app.example/cb"}})
		d, r := documents(t, db, out)
		if err := d.Learn(ctx, app); err != nil {
			t.Fatal(err)
		}
		counted := &reads{DocumentStore: d.Store}
		d.Store = counted
		renew := func(after time.Duration, want int64) {
			t.Helper()
			time.Sleep(after)
			if err := d.Renew(ctx, app); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if n := out.asked.Load(); n != want {
				t.Errorf("after %s: fetched %d times, want %d", after, n, want)
			}
		}
		renew(0, 1)
		renew(7*time.Minute, 1)
		if counted.n.Load() != 0 {
			t.Errorf("%d reads with a warm cache", counted.n.Load())
		}
		renew(2*time.Minute, 2) // nine of ten minutes: before it is out of date
		renew(time.Minute, 2)
		out.say(app, map[string]any{"redirect_uris": []string{"https://app.example/other"}, "client_name": "Other"})
		if err := r.SetAdminTools(ctx, app, true, func(context.Context, string) error { return nil }); err != nil {
			t.Fatal(err)
		}
		before, err := r.Client(ctx, app)
		if err != nil || !before.HasScope(tools.Read) {
			t.Fatal(before, err)
		}
		renew(20*time.Minute, 3) // out of date: it is waited for
		now, err := r.Client(ctx, app)
		if err != nil || now.DocumentHash == before.DocumentHash || now.ClientName != "Other" || now.AdminTools {
			t.Errorf("%+v, %v", now, err)
		}
		if _, ok := now.MatchRedirect("https://app.example/cb"); ok { // swapped: the old address is dead at once
			t.Error("a redirect URI that the document has no more")
		}
		for name, answer := range map[string]egress.Response{
			"gone":   {Status: http.StatusNotFound},
			"secret": {Status: http.StatusOK, Type: "application/json", Body: []byte(`{"client_id":"` + app + `","client_secret":"x"}`)},
		} {
			out.answer = answer
			if time.Sleep(11 * time.Minute); d.Renew(ctx, app) != nil {
				t.Errorf("%s: refused at once", name)
			}
		}
		if time.Sleep(25 * time.Hour); !errors.Is(d.Renew(ctx, app), registration.ErrAway) {
			t.Error("it counts after a day")
		}
		if c, err := r.Client(ctx, app); err != nil || !c.Enabled() { // refresh goes on
			t.Errorf("%v", err)
		}
		d.Close()
	})
}

func TestDocument_ManyWhoComeAtOnceShareOneSlowFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		out := &world{slow: time.Hour}
		d, _ := documents(t, db, out)
		start := time.Now()
		failed := make(chan error, 50)
		for range 50 {
			go func() { failed <- d.Learn(t.Context(), app) }()
		}
		for range 50 {
			if err := <-failed; !errors.Is(err, registration.ErrNoDocument) {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took > 10*time.Second || out.asked.Load() != 1 {
			t.Errorf("%s, fetched %d times", took, out.asked.Load())
		}
		if _ = d.Learn(t.Context(), app); out.asked.Load() != 1 {
			t.Error("asked again at once")
		}
		out.slow = 0
		out.say(app, map[string]any{"redirect_uris": []string{"https://app.example/cb"}})
		if time.Sleep(6 * time.Second); d.Learn(t.Context(), app) != nil { // an error is not kept
			t.Error("the error was kept")
		}
	})
}

func TestDocument_WhatADocumentMustNotSay(t *testing.T) { // section 4.1
	db := storagetest.SQLite(t)
	out := &world{}
	d, r := documents(t, db, out)
	redirects := `"redirect_uris":["https://app.example/cb"]`
	for i, body := range []string{
		`[]`, `null`, `"x"`, `<html>`, `{` + redirects + `}`, `{"client_id":"%s/",` + redirects + `}`,
		`{"client_id":"HTTPS://app.example/%d",` + redirects + `}`,
		`{"client_id":"%s"}`, `{"client_id":"%s","redirect_uris":[]}`, `{"client_id":"%s","redirect_uris":["http://evil.example/"]}`,
		`{"client_id":"%s","redirect_uris":["https://*.app.example/"]}`, `{"client_id":"%s","redirect_uris":["javascript:alert(1)"]}`,
		`{"client_id":"%s","redirect_uris":["https://id.example.com/cb"]}`,
		`{"client_id":"%s","client_secret":"x",` + redirects + `}`, `{"client_id":"%s","client_secret_expires_at":0,` + redirects + `}`,
		`{"client_id":"%s","token_endpoint_auth_method":"client_secret_basic",` + redirects + `}`,
		`{"client_id":"%s","token_endpoint_auth_method":"client_secret_post",` + redirects + `}`,
		`{"client_id":"%s","token_endpoint_auth_method":"tls_client_auth",` + redirects + `}`,
		`{"client_id":"%s","token_endpoint_auth_method":"private_key_jwt",` + redirects + `}`,
		`{"client_id":"%s","jwks":{"keys":[{"kty":"oct","k":"c2VjcmV0"}]},` + redirects + `}`,
		`{"client_id":"%s","client_name":"The Bank",` + redirects + `}`, `{"client_id":"%s","client_name":"a\u202eb",` + redirects + `}`,
		`{"client_id":"%s","grant_types":["client_credentials"],` + redirects + `}`,
		// a member twice, of which others may take the other one (RFC 8259 section 4)
		`{"client_id":"https://bank.example/app","client_id":"%s",` + redirects + `}`, `{"client_id":"%s","client_id":"%s",` + redirects + `}`,
		`{"client_id":"%s","redirect_uris":["https://bank.example/cb"],"redirect\u005furis":["https://app.example/cb"]}`,
		`{"client_id":"%s",` + redirects + `,"x":{"y":[{"z":1,"z":2}]}}`, `{"Client_ID":"%s",` + redirects + `}`,
	} {
		id := fmt.Sprintf("https://app.example/%d", i)
		out.answer = egress.Response{Status: http.StatusOK, Type: "application/json", Body: []byte(strings.ReplaceAll(body, "%s", id))}
		if err := d.Learn(t.Context(), id); !errors.Is(err, registration.ErrNoDocument) {
			t.Errorf("%s: %v", body, err)
		}
		if _, err := r.Client(t.Context(), id); !errors.Is(err, clients.ErrUnknown) {
			t.Errorf("%s: %v", body, err)
		}
	}
	out.say(app, map[string]any{"redirect_uris": []string{"https://app.example/cb", "http://127.0.0.1/cb", "cursor://x/cb"},
		"grant_types": []string{"authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code", "client_credentials",
			"password", "implicit"},
		"response_types": []string{"token"}, "scope": "profile signet:x", "first_party": true,
		"exchange":              map[string]any{"targets": []string{"*"}},
		"require_second_factor": true, "document_hash": "x", "federated_credentials": []any{}, "groups_claim": "g", "subject_type": "pairwise",
		"claims_map": []any{map[string]any{"claim": "dept", "from": "metadata.dept"}}})
	if err := d.Learn(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	c, err := r.Client(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintln(c.GrantTypes, c.ResponseTypes, c.Scopes(), c.FirstParty, c.RedirectURIs, c.ClientName, c.Native(), c.Public(),
		c.SkipsConsent()); got !=
		"[authorization_code refresh_token] [code] [openid read] false [https://app.example/cb http://127.0.0.1/cb] app.example true true "+
			"false\n" {
		t.Error(got)
	}
	if c.Exchange != nil || c.RequireSecondFactor || c.DocumentHash == "x" || c.GroupsClaim != "" || c.SubjectType != "" ||
		len(c.ClaimsMap) > 0 {
		t.Errorf("%+v", c.Metadata)
	}
}

// What strangers have fetched takes no place of a document that is known: it is read again whatever they ask for.
func TestV06_KnownDocumentsAreReadAgainWhateverStrangersAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		out := &world{}
		out.say(app, map[string]any{"redirect_uris": []string{"https://app.example/cb"}})
		d, r := documents(t, db, out)
		if err := d.Learn(t.Context(), app); err != nil {
			t.Fatal(err)
		}
		d.Fetch = &world{err: egress.ErrBusy}
		if err := d.Learn(t.Context(), "https://app.example/made-up"); !errors.Is(err, registration.ErrNoDocument) {
			t.Errorf("without a place: %v", err)
		}
		out.say(app, map[string]any{"redirect_uris": []string{"https://app.example/new"}})
		time.Sleep(10 * time.Minute)
		if err := d.Renew(t.Context(), app); err != nil {
			t.Fatal(err)
		}
		now, err := r.Client(t.Context(), app)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := now.MatchRedirect("https://app.example/new"); !ok {
			t.Errorf("not read again: %v", now.RedirectURIs)
		}
	})
}

// A name that is another host's, or written to look like another, is not shown: the host of the document is.
func TestDocument_NamesThatPose(t *testing.T) {
	out := &world{}
	d, r := documents(t, storagetest.SQLite(t), out)
	n := 0
	for _, one := range []struct {
		name  string
		shown bool
	}{
		{"Claude Code", true}, {"app.example", true}, {"APP.example", true}, {"Notes for Next.js 15.2", true}, {"Ваш блокнот", true},
		{"example", true},
		{"claude.ai", false}, {"Sign in to Claude.ai", false}, {"(claude.ai)", false}, {"сlaude.ai", false}, {"сосо.com", false},
		{"my.app.example.com", false}, {"evil-app.example.org", false}, {"Сlaude", false}, {"Gοοgle Drive", false},
		{"https://claude.ai/", false}, {"claude.ai/mcp", false}, {"claude．ai", false}, {"claude․ai", false}, {"claude。ai", false},
		{"Claude – claude.ai.", false}, {"|claude.ai|", false}, {"user@claude.ai", false}, {"cláude.ai:443", false}, {"ｃｌａｕｄｅ.ai", false},
		{"https://app.example/", true}, {"TCP/IP tools", true}, {"Notes... and more", true}, {"A.I. helper", true},
	} {
		id := fmt.Sprintf("https://app.example/%d", n)
		n++
		out.say(id, map[string]any{"redirect_uris": []string{"https://app.example/cb"}, "client_name": one.name, "client_name#de": one.name})
		if err := d.Learn(t.Context(), id); err != nil {
			t.Fatalf("%s: %v", one.name, err)
		}
		c, err := r.Client(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		want := one.name
		if !one.shown {
			want = "app.example"
		}
		if _, german := c.Localized["client_name#de"]; c.ClientName != want || german != one.shown {
			t.Errorf("%q is shown as %q, %v", one.name, c.ClientName, c.Localized)
		}
	}
}

func TestDocument_TheWayOutFollowsNothingInside(t *testing.T) { // rebinding, redirects to inside, large, compressed and slow bodies
	inside := false
	var server *httptest.Server
	server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inside = true
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, server.URL+"/good", http.StatusFound)
		case "/large":
			_, _ = fmt.Fprintf(w, `{"client_id":"%s/large","redirect_uris":["https://app.example/cb"],"x":"%s"}`, server.URL,
				strings.Repeat("x", 20<<10))
		case "/gzip":
			w.Header().Set("Content-Encoding", "gzip")
		case "/html":
			w.Header().Set("Content-Type", "text/html")
			fallthrough
		case "/good":
			_, _ = fmt.Fprintf(w, `{"client_id":"%s%s","redirect_uris":["https://app.example/cb"]}`, server.URL, r.URL.Path)
		case "/slow":
			for r.Context().Err() == nil {
				_, _ = w.Write([]byte(" "))
				w.(http.Flusher).Flush()
				time.Sleep(20 * time.Millisecond)
			}
		}
	}))
	defer server.Close()
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	db := storagetest.SQLite(t)
	d, _ := documents(t, db, egress.New(egress.Options{MaxBody: registration.MaxDocument, Ports: []string{at.Port()}, Roots: roots}))
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"} { // names that lead inside
		if err := d.Learn(t.Context(), "https://"+host+":"+at.Port()+"/good"); !errors.Is(err, registration.ErrNoDocument) || inside ||
			strings.Contains(err.Error(), "address") {
			t.Errorf("%s: %v, asked %v", host, err, inside)
		}
	}
	open := func(total time.Duration) *egress.Client {
		return egress.New(egress.Options{MaxBody: registration.MaxDocument, Allow: []string{"127.0.0.1"}, Roots: roots, Total: total})
	}
	d, _ = documents(t, db, open(300*time.Millisecond))
	if err := d.Learn(t.Context(), server.URL+"/slow"); err == nil {
		t.Error("/slow was read")
	}
	d, _ = documents(t, db, open(0))
	for path, good := range map[string]bool{"/good": true, "/redirect": false, "/large": false, "/gzip": false, "/html": false} {
		if err := d.Learn(t.Context(), server.URL+path); (err == nil) != good {
			t.Errorf("%s: %v", path, err)
		}
	}
}
