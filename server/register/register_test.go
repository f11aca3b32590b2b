package register_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"signet/clients"
	"signet/clients/registration"
	"signet/server/servertest"
)

type document = map[string]any

func yaml(mode string) servertest.Option {
	return servertest.YAML("registration: {mode: \"" + mode + "\", scopes: [openid, profile, email, offline_access, api:read]}\n" +
		"resources: [{identifier: \"https://api.example.com/\", name: API, scopes: [api:read, api:write]}]\n")
}

// send is one request to the endpoint.
func send(t *testing.T, s *servertest.Server, method, path, token string, body any) (int, http.Header, document) {
	t.Helper()
	text, err := json.Marshal(body)
	if raw, ok := body.(string); ok {
		text, err = []byte(raw), nil
	}
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := s.HTTP.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var got document
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Fatalf("%d %s", res.StatusCode, raw)
		}
	}
	return res.StatusCode, res.Header, got
}

const at = "/oauth2/register"

func text(d document, name string) string { s, _ := d[name].(string); return s }

// words are the members of a list.
func words(d document, name string) (list []string) {
	all, _ := d[name].([]any)
	for _, one := range all {
		list = append(list, one.(string))
	}
	return list
}

func TestRegistration_AClientRegistersChangesAndGoes(t *testing.T) { // RFC 7591 section 3, RFC 7592 section 2
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly(), yaml("open"))
		status, header, made := send(t, s, "POST", at, "", document{
			"redirect_uris": []string{"https://app.example/cb"}, "client_name": "An app",
			"grant_types": []string{"authorization_code", "refresh_token"},
			"contacts":    []string{"ada@app.example"}, "made_up": true, "logo_uri": nil,
		})
		if status != http.StatusCreated || header.Get("Cache-Control") != "no-store" || text(made, "client_secret") == "" ||
			made["client_secret_expires_at"] != 0.0 ||
			made["client_id_issued_at"] == nil || text(made, "registration_client_uri") != s.URL+at+"/"+text(made, "client_id") ||
			made["made_up"] != nil {
			t.Fatalf("%d %v", status, made)
		}
		id, token := text(made, "client_id"), text(made, "registration_access_token")
		if text(made, "scope") != "openid profile email offline_access api:read" ||
			text(made, "token_endpoint_auth_method") != "client_secret_basic" {
			t.Errorf("defaults: %v", made)
		}
		app := s.Declared(
			clients.Metadata{ClientID: id, ClientSecret: text(made, "client_secret"), RedirectURIs: []string{"https://app.example/cb"},
				Scope: "openid offline_access"})
		if got := app.Login(t, s.Browser(t), s.Person(t, "ada@example.com")); got.RefreshToken == "" {
			t.Error("no refresh token")
		}

		status, _, read := send(t, s, "GET", at+"/"+id, token, nil)
		if status != http.StatusOK || read["client_secret"] != nil || text(read, "client_name") != "An app" ||
			text(read, "registration_access_token") != token {
			t.Errorf("read: %d %v", status, read)
		}
		change := document{"client_id": id, "client_secret": text(made, "client_secret"), "redirect_uris": []string{"https://app.example/other"}}
		status, _, changed := send(t, s, "PUT", at+"/"+id, token, change)
		if status != http.StatusOK || changed["contacts"] != nil || text(changed, "client_name") == "An app" ||
			slices.Contains(words(changed, "grant_types"), "refresh_token") {
			t.Errorf("what is left out is the default again: %d %v", status, changed)
		}
		second := text(changed, "registration_access_token")
		if second == token || second == "" {
			t.Fatalf("the token stayed")
		}
		if status, _, _ := send(t, s, "GET", at+"/"+id, token, nil); status != http.StatusOK {
			t.Errorf("the token before, while the new one was not used (its answer may be lost): %d", status)
		}
		if status, _, _ := send(t, s, "GET", at+"/"+id, second, nil); status != http.StatusOK {
			t.Errorf("the new token: %d", status)
		}
		if status, _, _ := send(t, s, "GET", at+"/"+id, token, nil); status != http.StatusUnauthorized {
			t.Errorf("the token before, after the new one was used: %d", status)
		}
		if status, _, got := send(t, s, "DELETE", at+"/"+id, second, nil); status != http.StatusNoContent || got != nil {
			t.Errorf("delete: %d %v", status, got)
		}
		if status, _, _ := send(t, s, "GET", at+"/"+id, second, nil); status != http.StatusUnauthorized {
			t.Errorf("deleted: %d", status)
		}
	})
}

func TestRegistration_WhatIsRefused(t *testing.T) { // RFC 7591 section 3.2.2
	s := servertest.New(t, servertest.HandlerOnly(), yaml("open"))
	good := []string{"https://app.example/cb"}
	for name, tt := range map[string]struct {
		body any
		code string
	}{
		"no redirect URI": {document{}, "invalid_redirect_uri"},
		"a fragment":      {document{"redirect_uris": []string{"https://app.example/cb#x"}}, "invalid_redirect_uri"},
		"plain http":      {document{"redirect_uris": []string{"http://app.example/cb"}}, "invalid_redirect_uri"},
		"a script":        {document{"redirect_uris": []string{"javascript:alert(1)"}}, "invalid_redirect_uri"},
		"not a list":      {document{"redirect_uris": "https://app.example/cb"}, "invalid_client_metadata"},
		"both jwks and jwks_uri": {document{"redirect_uris": good, "jwks": document{"keys": []any{}}, "jwks_uri": "https://app.example/keys"},
			"invalid_client_metadata"},
		"private_key_jwt alone":  {document{"redirect_uris": good, "token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"},
		"an unknown method":      {document{"redirect_uris": good, "token_endpoint_auth_method": "tls_client_auth"}, "invalid_client_metadata"},
		"only a grant of others": {document{"redirect_uris": good, "grant_types": []string{"password"}}, "invalid_client_metadata"},
		"machines, by strangers": {document{"grant_types": []string{"client_credentials"}, "response_types": []string{}},
			"invalid_client_metadata"},
		"an address of ours": {document{"redirect_uris": []string{good[0], s.URL + "/account/keep"}}, "invalid_redirect_uri"},
		"an address of ours after sign-out": {document{"redirect_uris": good, "post_logout_redirect_uris": []string{s.URL + "/x"}},
			"invalid_redirect_uri"},
		"our name":    {document{"redirect_uris": good, "client_name": " sigNET "}, "invalid_client_metadata"},
		"a statement": {document{"redirect_uris": good, "software_statement": "e30.e30.x"}, "unapproved_software_statement"},
		"a list":      {[]any{}, "invalid_client_metadata"}, "null": {"null", "invalid_client_metadata"},
		"not JSON":       {"{", "invalid_client_metadata"},
		"two documents":  {"{}{}", "invalid_client_metadata"},
		"a member twice": {`{"redirect_uris":["https://evil.example/cb"],"redirect_uris":["https://app.example/cb"]}`, "invalid_client_metadata"},
		"a member of a member twice": {`{"redirect_uris":["https://app.example/cb"],"jwks":{"keys":[],"keys":[]}}`,
			"invalid_client_metadata"},
		"a negative age": {document{"redirect_uris": good, "default_max_age": -1}, "invalid_client_metadata"},
	} {
		if status, _, got := send(t, s, "POST", at, "", tt.body); status != http.StatusBadRequest || text(got, "error") != tt.code ||
			text(got, "error_description") == "" {
			t.Errorf("%s: %d %v", name, status, got)
		}
	}
	if status, _, got := send(t, s, "POST", at, "",
		document{"redirect_uris": good, "client_name": strings.Repeat("x", 70<<10)}); status != http.StatusRequestEntityTooLarge {
		t.Errorf("70 KiB: %d %v", status, got)
	}
}

// What the standard lets a server replace is replaced, and the answer says so.
func TestRegistration_NormalisesWhatItMay(t *testing.T) { // RFC 7591 sections 2 and 3.2.1
	s := servertest.New(t, servertest.HandlerOnly(), yaml("open"))
	_, _, made := send(t, s, "POST", at, "", document{
		"client_name": "Editor", "token_endpoint_auth_method": "none", "resource": "https://api.example.com/",
		"grant_types":    []string{"authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"},
		"response_types": []string{"code"}, "first_party": true, "require_second_factor": true, "access_token_lifetime": "1h",
		"scope": "openid api:read api:write admin",
		"redirect_uris": []string{"https://editor.example/a", "https://editor.example/b", "http://127.0.0.1/", "http://127.0.0.1:33418/",
			"http://localhost/", "http://[::1]/cb"},
		"logo_uri": "http://editor.example/logo.png",
	})
	if made["error"] != nil || made["client_secret"] != nil || text(made, "scope") != "openid api:read" ||
		text(made, "application_type") != "native" || made["logo_uri"] != nil {
		t.Fatalf("%v", made)
	}
	if got := words(made, "grant_types"); !slices.Equal(got, []string{"authorization_code", "refresh_token"}) {
		t.Errorf("grants: %q", got)
	}
	c, err := s.Services().Clients.Client(t.Context(), text(made, "client_id"))
	if err != nil || c.FirstParty || c.RequireSecondFactor || c.AccessTokenLifetime != 0 {
		t.Errorf("an operator's members were taken: %+v %v", c, err)
	}
	_, _, made = send(t, s, "POST", at, "",
		document{"redirect_uris": []string{"https://a.example/cb"}, "scope": "admin", "response_types": []string{"id_token code", "code"},
			"grant_types": []string{"implicit", "authorization_code"}})
	if got := words(made, "response_types"); !slices.Equal(got, []string{"code"}) ||
		slices.Contains(words(made, "grant_types"), "implicit") || text(made, "scope") == "" {
		t.Errorf("hybrid where it is not offered: %v", made)
	}
}

func TestRegistration_ChangesAreTheirOwnersOnly(t *testing.T) { // RFC 7592 section 2
	servertest.Engines(t, ownersOnly)
}

func ownersOnly(t *testing.T, engine servertest.Option) {
	s := servertest.New(t, engine, servertest.HandlerOnly(), yaml("open"))
	operators := s.App(t, "operators")
	made := make([]document, 2)
	for i := range made {
		_, _, made[i] = send(t, s, "POST", at, "", document{"redirect_uris": []string{"https://app.example/cb"}})
	}
	id, token := text(made[0], "client_id"), text(made[0], "registration_access_token")
	for name, tt := range map[string]struct{ id, token string }{
		"none": {id, ""}, "made up": {id, "sgr_x"}, "another's": {id, text(made[1], "registration_access_token")},
		"of an unknown client":    {"nobody", token},
		"of an operator's client": {operators.ClientID, token}, "its secret": {id, text(made[0], "client_secret")},
	} {
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			var body any
			if method == "PUT" {
				body = document{"client_id": tt.id, "redirect_uris": []string{"https://evil.example/cb"}}
			}
			status, header, got := send(t, s, method, at+"/"+tt.id, tt.token, body)
			if status != http.StatusUnauthorized || !strings.HasPrefix(header.Get("WWW-Authenticate"), "Bearer ") {
				t.Errorf("%s %s: %d %v", method, name, status, got)
			}
		}
	}
	for name, change := range map[string]document{
		"no client_id": {}, "another client_id": {"client_id": text(made[1], "client_id")},
		"a wrong secret":           {"client_id": id, "client_secret": "x"},
		"a secret that is no text": {"client_id": id, "client_secret": 1}, "the token": {"client_id": id, "registration_access_token": token},
		"the address": {"client_id": id, "registration_client_uri": "x"}, "the time": {"client_id": id, "client_id_issued_at": 1},
		"the end": {"client_id": id, "client_secret_expires_at": 0},
	} {
		change["redirect_uris"] = []string{"https://evil.example/cb"}
		if status, _, got := send(t, s, "PUT", at+"/"+id, token, change); status != http.StatusBadRequest ||
			text(got, "error") != "invalid_client_metadata" {
			t.Errorf("%s: %d %v", name, status, got)
		}
	}
	status, _, got := send(t, s, "GET", at+"/"+id, token, nil)
	if status != http.StatusOK || !slices.Equal(words(got, "redirect_uris"), []string{"https://app.example/cb"}) {
		t.Errorf("%d %v", status, got)
	}
}

func TestRegistration_ByInitialToken(t *testing.T) { // RFC 7591 section 3
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly(), yaml("token"))
		now := time.Now()
		token, row := registration.NewInitialToken("", 3, now, now.Add(time.Hour))
		old, past := registration.NewInitialToken("", 3, now, now.Add(-time.Second))
		for _, err := range []error{s.Services().DB.InsertInitialToken(t.Context(), row), s.Services().DB.InsertInitialToken(t.Context(), past)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		good := document{"redirect_uris": []string{"https://app.example/cb"}}
		for name, bad := range map[string]string{"none": "", "made up": "x", "expired": old} {
			status, header, _ := send(t, s, "POST", at, bad, good)
			if status != http.StatusUnauthorized || strings.Contains(header.Get("WWW-Authenticate"), "error=") != (bad != "") {
				t.Errorf("%s: %d %q", name, status, header.Get("WWW-Authenticate"))
			}
		}
		if status, _, _ := send(t, s, "POST", at, token, document{"redirect_uris": []string{"x"}}); status != http.StatusBadRequest {
			t.Errorf("a mistake: %d", status)
		}
		if status, _, got := send(t, s, "POST", at, token,
			document{"grant_types": []string{"client_credentials"}, "response_types": []string{}}); status != http.StatusCreated {
			t.Errorf("a machine (and the mistake cost no use): %d %v", status, got)
		}
		var made atomic.Int32
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() {
				if status, _, _ := send(t, s, "POST", at, token, good); status == http.StatusCreated {
					made.Add(1)
				} else if status != http.StatusUnauthorized {
					t.Errorf("%d", status)
				}
			})
		}
		all.Wait()
		if made.Load() != 2 {
			t.Errorf("%d clients of 2 uses", made.Load())
		}
	})
}

func TestRegistration_OffIsNotThere(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	if status, _, _ := send(t, s, "POST", at, "", document{}); status != http.StatusNotFound {
		t.Errorf("%d", status)
	}
	if _, _, d := send(t, s, "GET", "/.well-known/openid-configuration", "", nil); d["registration_endpoint"] != nil {
		t.Errorf("%v", d["registration_endpoint"])
	}
	s = servertest.New(t, servertest.HandlerOnly(), yaml("open"))
	if _, _, d := send(t, s, "GET", "/.well-known/openid-configuration", "", nil); d["registration_endpoint"] != s.URL+at {
		t.Errorf("%v", d["registration_endpoint"])
	}
}

// Many clients from one network are slowed down.
func TestRegistration_OneNetworkDoesNotFillTheTable(t *testing.T) { servertest.Engines(t, oneNetwork) }

func oneNetwork(t *testing.T, engine servertest.Option) {
	s := servertest.New(t, engine, servertest.HandlerOnly(), yaml("open"), servertest.Quiet())
	made, refused := 0, 0
	for range 60 {
		switch status, header, got := send(t, s, "POST", at, "", document{"redirect_uris": []string{"https://app.example/cb"}}); {
		case status == http.StatusCreated:
			made++
		case status == http.StatusTooManyRequests && header.Get("Retry-After") != "":
			refused++
		default:
			t.Fatalf("%d %v", status, got)
		}
	}
	if made > 25 || refused == 0 {
		t.Errorf("%d made, %d refused", made, refused)
	}
}

// Rule V07: somebody with an IPv6 provider's addresses has networks without end, which count together. Others register meanwhile.
func TestV07_OneProviderDoesNotFillTheTable(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), yaml("open"), servertest.Quiet())
	made := map[string]int{}
	register := func(address string) bool {
		t.Helper()
		s.Address = "[" + address + "]"
		status, _, got := send(t, s, "POST", at, "", document{"redirect_uris": []string{"https://app.example/cb"}})
		if status != http.StatusCreated && status != http.StatusTooManyRequests {
			t.Fatalf("%d %v", status, got)
		}
		return status == http.StatusCreated
	}
	for i := range 140 {
		if register(fmt.Sprintf("2001:db8:1:%x00::1", i)) {
			made["site"]++
		}
	}
	for i := range 600 {
		if register(fmt.Sprintf("2001:db8:%x:%x00::1", 2+i%50, i)) {
			made["provider"]++
		}
	}
	if made["site"] > 110 || made["provider"] > 420 {
		t.Errorf("%v", made)
	}
	if !register("2001:db9::1") {
		t.Error("another provider's network may not")
	}
}

// A client that nobody used goes after a week; one that somebody agreed to stays.
func TestRegistration_UnusedClientsGo(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly(), yaml("open"))
		var ids []string
		for range 2 {
			_, _, made := send(t, s, "POST", at, "",
				document{"redirect_uris": []string{"https://app.example/cb"}, "grant_types": []string{"authorization_code", "refresh_token"}})
			app := s.Declared(
				clients.Metadata{ClientID: text(made, "client_id"), ClientSecret: text(made, "client_secret"),
					RedirectURIs: []string{"https://app.example/cb"}, Scope: "openid offline_access"})
			if ids = append(ids, app.ClientID); len(ids) == 2 {
				app.Login(t, s.Browser(t), s.Person(t, "ada@example.com"))
			}
		}
		_, unused, err := s.Services().DB.SettleRegistrations(t.Context(), time.Now().Add(8*24*time.Hour), 10)
		if err != nil || !slices.Equal(unused, ids[:1]) {
			t.Errorf("%q of %q, %v", unused, ids, err)
		}
	})
}

func TestRegistration_ScriptsOfAnyOriginMay(t *testing.T) { // browsers' inspectors register from a page
	s := servertest.New(t, servertest.HandlerOnly(), yaml("open"))
	req, err := http.NewRequestWithContext(t.Context(), "OPTIONS", s.URL+at, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Origin": {"https://inspector.example"}, "Access-Control-Request-Method": {"POST"},
		"Access-Control-Request-Headers": {"content-type"}}
	res, err := s.HTTP.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.Header.Get("Access-Control-Allow-Origin") != "*" ||
		!strings.Contains(res.Header.Get("Access-Control-Allow-Headers"), "Content-Type") {
		t.Errorf("%v", res.Header)
	}
}

func FuzzRegistration(f *testing.F) {
	s := servertest.New(f, servertest.HandlerOnly(), yaml("open"), servertest.Quiet())
	service := s.Services().Registrations
	for _, seed := range []string{`{}`, `{"redirect_uris":["https://a.example/cb"],"scope":"openid"}`, `{"jwks":{"keys":[{"kty":"RSA"}]}}`,
		`{"client_name":"\u0000","contacts":[1]}`, `{"default_max_age":1e400}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var d map[string]json.RawMessage
		if json.Unmarshal([]byte(body), &d) != nil {
			return
		}
		made, err := service.Register(t.Context(), d, "", "")
		if err != nil {
			return
		}
		if err := made.Metadata.Validate(); err != nil || made.Metadata.FirstParty {
			t.Errorf("registered %+v: %v", made.Metadata, err)
		}
	})
}
