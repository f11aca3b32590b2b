package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"signet/server/servertest"
)

// TestDocument_ChangesBetweenPageAndAnswer: a document that says something else by the time a person answers gets nothing for the answer to
// what they saw: no code at an address that is gone, no grant for another name, nothing for who comes without the new key.
func TestDocument_ChangesBetweenPageAndAnswer(t *testing.T) {
	const id, home, away = "https://notes.example/app", "https://notes.example/cb", "https://evil.example/cb"
	members := func(name, redirect string) map[string]any {
		return map[string]any{"client_name": name, "redirect_uris": []string{redirect}, "token_endpoint_auth_method": "none",
			"grant_types": []string{"authorization_code", "refresh_token"}}
	}
	resource := oauth2.SetAuthURLParam("resource", openAPI)
	type state struct {
		*servertest.Server
		out *site
		b   *servertest.Browser
		run *servertest.Request
	}
	// reread has the server read the document again, as a stranger's request does.
	reread := func(t *testing.T, s state, redirect string) {
		t.Helper()
		time.Sleep(6 * time.Minute)
		documentApp(s.Server, id, redirect).Begin(t, s.Browser(t), resource)
	}
	for name, play := range map[string]func(t *testing.T, s state){
		"another address": func(t *testing.T, s state) {
			s.out.put(id, members("Notes", away))
			reread(t, s, away)
			s.b.Submit(t, "consent-allow", url.Values{"scope": {"notes:read"}})
			if s.b.Landed != nil || s.b.Status < 400 {
				t.Errorf("landed %v, at %s (%d): %s", s.b.Landed, s.b.URL, s.b.Status, s.b.Text("main"))
			}
		},
		"another name": func(t *testing.T, s state) {
			s.out.put(id, members("Bank", home))
			reread(t, s, home)
			s.b.Submit(t, "consent-allow", url.Values{"scope": {"notes:read"}})
			if s.b.Landed != nil || !strings.Contains(s.b.Text("main"), "Bank") {
				t.Errorf("landed %v, at %s (%d): %s", s.b.Landed, s.b.URL, s.b.Status, s.b.Text("main"))
			}
		},
		"a key, before the refresh": func(t *testing.T, s state) {
			s.b.Allow(t, "notes:read")
			token := s.run.Exchange(t, s.run.Code(t, s.b))
			m := members("Notes", home)
			m["token_endpoint_auth_method"] = "private_key_jwt"
			m["jwks_uri"] = "https://notes.example/jwks"
			s.out.put(id, m)
			reread(t, s, home)
			answer, err := s.HTTP.PostForm(s.URL+"/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "client_id": {id},
				"refresh_token": {token.RefreshToken}})
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if answer.StatusCode != http.StatusUnauthorized {
				t.Errorf("a refresh without the key: %d", answer.StatusCode)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := state{Server: servertest.New(t, servertest.HandlerOnly(), servertest.YAML(resources))}
				s.out = newSite(s.Server)
				s.out.put(id, members("Notes", home))
				s.b = s.Browser(t)
				s.run = documentApp(s.Server, id, home).Begin(t, s.b, resource)
				s.b.SignIn(t, s.Person(t, "ada@example.com"))
				if !s.b.Has("consent-allow") {
					t.Fatalf("at %s (%d): %s", s.b.URL, s.b.Status, s.b.Text("main"))
				}
				play(t, s)
			})
		})
	}
}
