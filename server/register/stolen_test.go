package register_test

import (
	"net/http"
	"testing"

	"signet/audit"
	"signet/clients"
	"signet/server/servertest"
)

// TestRegistration_AStolenTokenLeadsNobodyElsewhere: whoever has a registration access token can give the app another address, and nobody
// who agreed to the app is led there unasked; that it changed is in the audit log, under the app's name. What changes nothing that people
// agreed to asks nobody.
func TestRegistration_AStolenTokenLeadsNobodyElsewhere(t *testing.T) {
	servertest.Engines(t, stolenToken)
}

func stolenToken(t *testing.T, engine servertest.Option) {
	s := servertest.New(t, engine, servertest.HandlerOnly(), yaml("open"))
	const cb, evil = "https://app.example/cb", "https://evil.example/cb"
	status, _, made := send(t, s, "POST", at, "", document{"redirect_uris": []string{cb}, "client_name": "An app",
		"token_endpoint_auth_method": "none"})
	if status != http.StatusCreated {
		t.Fatalf("%d %v", status, made)
	}
	id, token := text(made, "client_id"), text(made, "registration_access_token")
	app := func(redirect string) *servertest.App {
		return s.Declared(clients.Metadata{ClientID: id, RedirectURIs: []string{redirect}, Scope: "openid email",
			TokenEndpointAuthMethod: clients.MethodNone})
	}
	b := s.Browser(t)
	first := app(cb).Login(t, b, s.Person(t, "ada@example.com"))
	asked := func(redirect string) bool {
		t.Helper()
		app(redirect).Begin(t, b)
		return b.Landed == nil && b.Has("consent-allow")
	}
	put := func(change document) {
		t.Helper()
		change["client_id"], change["token_endpoint_auth_method"] = id, "none"
		status, _, got := send(t, s, "PUT", at+"/"+id, token, change)
		if status != http.StatusOK {
			t.Fatalf("%d %v", status, got)
		}
		token = text(got, "registration_access_token")
	}
	if asked(cb) {
		t.Error("asked again by an app that is as it was")
	}
	put(document{"redirect_uris": []string{cb}, "client_name": "An app", "contacts": []string{"ops@app.example"}})
	if asked(cb) {
		t.Error("asked again for another contact")
	}
	put(document{"redirect_uris": []string{cb, evil}, "client_name": "An app"})
	if !asked(evil) || !asked(cb) {
		t.Error("led to another address unasked")
	}
	b.Submit(t, "consent-allow", nil)
	if b.Landed == nil || asked(cb) {
		t.Error("asked once more after having agreed again")
	}
	if _, err := app(cb).TryRefresh(t.Context(), first.RefreshToken); first.RefreshToken != "" && err != nil {
		t.Errorf("the app's own access ended: %v", err)
	}
	events, err := s.Services().DB.EventsAfter(t.Context(), "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	changed := 0
	for _, e := range events {
		if e.Name == string(audit.ClientChanged) && e.ClientID == id && e.ActorID == id {
			changed++
		}
	}
	if changed != 2 {
		t.Errorf("%d events of changes", changed)
	}
}
