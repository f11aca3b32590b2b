package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"signet/server/servertest"
)

func TestDocument_NothingIsFetchedWithoutAnOpenResourceOrForAMalformedRequest(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), servertest.YAML(strings.ReplaceAll(resources, ", open: true", "")))
	out := newSite(s)
	out.put(claude, map[string]any{"redirect_uris": []string{"http://localhost/cb"}})
	b := s.Browser(t)
	if b.Get(t, asking(claude, nil)); b.Status != http.StatusBadRequest || out.total() != 0 {
		t.Errorf("%d, fetched %d", b.Status, out.total())
	}
	if d := b.Get(t, "/.well-known/openid-configuration").BodyWithout(); strings.Contains(d, "client_id_metadata_document") {
		t.Error("discovery has the flag")
	}

	s = servertest.New(t, servertest.HandlerOnly(), servertest.YAML(resources))
	out = newSite(s)
	out.put(claude, map[string]any{"redirect_uris": []string{"http://localhost/cb"}})
	b = s.Browser(t)
	if d := b.Get(t, "/.well-known/openid-configuration").BodyWithout(); !strings.Contains(d, `"client_id_metadata_document_supported":true`) {
		t.Error("discovery lacks the flag")
	}
	for name, change := range map[string]func(v url.Values){
		"no redirect":     func(v url.Values) { v.Del("redirect_uri") },
		"http elsewhere":  func(v url.Values) { v.Set("redirect_uri", "http://evil.example/cb") },
		"javascript":      func(v url.Values) { v.Set("redirect_uri", "javascript:alert(1)") },
		"two redirects":   func(v url.Values) { v.Add("redirect_uri", "http://localhost/cb") },
		"no challenge":    func(v url.Values) { v.Del("code_challenge") },
		"short challenge": func(v url.Values) { v.Set("code_challenge", "abc") },
		"plain":           func(v url.Values) { v.Set("code_challenge_method", "plain") },
		"token":           func(v url.Values) { v.Set("response_type", "token") },
		"closed resource": func(v url.Values) { v.Set("resource", closedAPI) },
		"no resource":     func(v url.Values) { v.Set("resource", "https://nowhere.example") },
		"http id":         func(v url.Values) { v.Set("client_id", "http://claude.ai/x") },
		"dots":            func(v url.Values) { v.Set("client_id", "https://claude.ai/a/%2e%2e/x") },
		"user":            func(v url.Values) { v.Set("client_id", "https://a@claude.ai/x") },
		"no path":         func(v url.Values) { v.Set("client_id", "https://claude.ai") },
	} {
		b.Get(t, asking(claude, change))
		if b.Landed != nil || b.Status != http.StatusBadRequest || out.total() != 0 {
			t.Errorf("%s: %d, landed %v, fetched %d", name, b.Status, b.Landed, out.total())
		}
	}
	for _, path := range []string{"/oauth2/token", "/oauth2/introspect", "/oauth2/revoke", "/oauth2/device_authorization"} {
		res, err := s.HTTP.PostForm(s.URL+path,
			url.Values{"client_id": {claude}, "grant_type": {"authorization_code"}, "code": {"x"}, "token": {"x"}})
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if out.total() != 0 {
			t.Fatalf("%s fetched", path)
		}
	}
	// its redirect URI is not the document's: no redirect
	if b.Get(t, asking(claude, func(v url.Values) { v.Set("redirect_uri", "http://localhost/other") })); b.Status != http.StatusBadRequest {
		t.Errorf("another redirect URI: %d at %s", b.Status, b.URL)
	}
	if b.Landed != nil || out.total() != 1 {
		t.Errorf("landed %v, fetched %d", b.Landed, out.total())
	}
}

func TestDocument_TenThousandAddressesOfAHostAreNotFetchedAndKnownOnesAreServed(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(), servertest.YAML(resources))
	out := newSite(s)
	out.put(claude, map[string]any{"redirect_uris": []string{"http://localhost/callback"}})
	ada := s.Person(t, "ada@example.com")
	app := documentApp(s, claude, "http://localhost:3118/callback")
	b := s.Browser(t)
	resource := oauth2.SetAuthURLParam("resource", openAPI)
	r := app.Begin(t, b, resource)
	b.SignIn(t, ada).Allow(t, "notes:read")
	r.Exchange(t, r.Code(t, b))
	before := out.total()
	stranger := s.Browser(t)
	refused := 0
	for i := range 300 { // each of the 10,000 costs the same
		id := fmt.Sprintf("https://claude.ai/%d", i)
		if i%2 == 0 {
			id = fmt.Sprintf("https://x%d.claude.ai/", i)
		}
		if stranger.Get(t, asking(id, nil)); stranger.Status == http.StatusTooManyRequests {
			refused++
		}
	}
	if n := out.total() - before; n > 40 || refused < 250 {
		t.Errorf("fetched %d, refused %d", n, refused)
	}
	for range 3 {
		r = app.Begin(t, b, resource)
		r.Exchange(t, r.Code(t, b))
	}
}

func TestDocument_ADocumentClientThatIsDeniedOrClosedOutEndsAtOnce(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(),
		servertest.YAML("client_documents: {mode: hosts, hosts: [.claude.ai, claude.ai], deny: [bad.claude.ai]}\n"))
	out := newSite(s)
	ctx := t.Context()
	if err := s.Services().Clients.PutResource(ctx, openResource()); err != nil {
		t.Fatal(err)
	}
	for id, known := range map[string]bool{claude: true, "https://x.claude.ai/": true, "https://bad.claude.ai/": false,
		"https://other.example/": false} {
		out.put(id, map[string]any{"redirect_uris": []string{"http://localhost/cb"}})
		b := s.Browser(t)
		if b.Get(t, asking(id, nil)); (b.Status == http.StatusOK) != known {
			t.Errorf("%s: %d at %s", id, b.Status, b.URL)
		}
	}
	c, err := s.Services().Clients.Client(ctx, claude)
	if err != nil || !c.HasScope("notes:read") || c.HasScope("profile") || c.SkipsConsent() {
		t.Fatalf("%+v, %v", c, err)
	}
	closed := openResource()
	closed.Open = false
	if err := s.Services().Clients.PutResource(ctx, closed); err != nil {
		t.Fatal(err)
	}
	if c, err = s.Services().Clients.Client(ctx, claude); err != nil || c.HasScope("notes:read") {
		t.Errorf("the resource was closed: %v, %v", c.Scopes(), err)
	}
	if _, err := s.Services().Clients.Change(ctx, claude, nil); err == nil {
		t.Error("an operator changed what a document says")
	}
	if err := s.Services().Clients.SetDisabled(ctx, claude, true); err != nil {
		t.Fatal(err)
	}
	b := s.Browser(t)
	if b.Get(t, asking(claude, nil)); b.Status != http.StatusBadRequest {
		t.Errorf("disabled: %d", b.Status)
	}
}

// TestDocument_HomoglyphHosts: a host in another alphabet is no client id, nor a redirect URI's; its name in ASCII is, and is shown.
func TestDocument_HomoglyphHosts(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), servertest.YAML(resources))
	out := newSite(s)
	const posing, ascii = "аррӏе.com", "xn--80ak6aa92e.com" // Cyrillic alone
	for _, id := range []string{"https://" + posing + "/app", "https://%D0%B0pple.com/app", "https://ａpple.com/app"} {
		out.put(id, map[string]any{"redirect_uris": []string{"https://" + ascii + "/cb"}, "token_endpoint_auth_method": "none"})
		if b := s.Browser(t); documentApp(s, id, "https://"+ascii+"/cb").Begin(t, b) == nil || b.Landed != nil || b.Status != 400 {
			t.Errorf("%s: at %s (%d)", id, b.URL, b.Status)
		}
	}
	if out.total() != 0 {
		t.Errorf("fetched %v", out.asked)
	}
	id := "https://" + ascii + "/app"
	out.put(id, map[string]any{"redirect_uris": []string{"https://" + posing + "/cb"}, "token_endpoint_auth_method": "none"})
	b := s.Browser(t)
	if documentApp(s, id, "https://"+posing+"/cb").Begin(t, b); b.Landed != nil || b.Status != 400 {
		t.Errorf("at %s (%d)", b.URL, b.Status)
	}
	id = "https://" + ascii + "/other"
	out.put(id, map[string]any{"client_name": posing, "redirect_uris": []string{"https://" + ascii + "/cb"},
		"token_endpoint_auth_method": "none"})
	documentApp(s, id, "https://"+ascii+"/cb").Begin(t, b, oauth2.SetAuthURLParam("resource", openAPI))
	b.SignIn(t, s.Person(t, "ada@example.com"))
	if page := b.Text("main"); !b.Has("itself") || strings.Count(page, ascii) < 3 || strings.Contains(page, posing) {
		t.Errorf("at %s (%d): %s", b.URL, b.Status, page)
	}
}
