package server_test

import (
	"net/url"
	"testing"

	"signet/clients"
	"signet/oauth/dpop/dpoptest"
	"signet/oauth/mtls/mtlstest"
	"signet/server/servertest"
)

// TestRFC9449_ADeviceBindsItsTokens: a public app's refresh tokens are bound to the key of the first answer.
func TestRFC9449_ADeviceBindsItsTokens(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada, d := s.Person(t, "ada@example.com"), newTV(t, s, "tv", func(m *clients.Metadata) { m.DPoPBoundAccessTokens = true })
	device, user := d.begin("openid")
	b := s.Browser(t)
	d.asked(b, ada, user)
	b.Submit(t, "device-allow", nil)
	d.wants("without a proof", device, "invalid_dpop_proof")
	k := bound{t, s, d.app, dpoptest.New(t)}
	code, got, _ := k.post(s, url.Values{"grant_type": {clients.DeviceCode}, "device_code": {device}}, k.proof())
	if code != 200 || got["token_type"] != "DPoP" {
		t.Fatalf("%d %v", code, got)
	}
	if code, no, _ := k.post(s, refreshForm(got["refresh_token"]), dpoptest.New(t).Proof(t, "POST", s.URL+"/oauth2/token")); code != 400 {
		t.Errorf("another key: %d %v", code, no)
	}
	if code, yes, _ := k.post(s, refreshForm(got["refresh_token"]), k.proof()); code != 200 {
		t.Errorf("its key: %d %v", code, yes)
	}
}

// TestRFC8705_ADeviceBindsItsTokens: a public app's tokens are bound to the certificate that they are fetched with, from then on.
func TestRFC8705_ADeviceBindsItsTokens(t *testing.T) {
	w := newCertified(t)
	ada, d := w.Person(t, "ada@example.com"), newTV(t, w.Server, "tv", toCertificate)
	mine, other := mtlstest.SelfSigned(t, "tv"), mtlstest.SelfSigned(t, "tv")
	device, user := d.begin("openid")
	b := w.Browser(t)
	d.asked(b, ada, user)
	b.Submit(t, "device-allow", nil)
	d.wants("at the main listener", device, "invalid_request")
	form, token := url.Values{"grant_type": {clients.DeviceCode}, "device_code": {device}, "client_id": {"tv"}}, w.base+"/oauth2/token"
	if code, got := w.post(w.with(), token, form); code != 400 || got["error"] != "invalid_request" {
		t.Errorf("without a certificate: %d %v", code, got)
	}
	code, got := w.post(w.with(mine.TLS()), token, form)
	if code != 200 || x5t(t, got["access_token"]) != mine.Thumbprint() {
		t.Fatalf("%d %v", code, got)
	}
	refresh := refreshForm(got["refresh_token"])
	refresh.Set("client_id", "tv")
	if code, no := w.post(w.with(other.TLS()), token, refresh); code != 400 || no["error"] != "invalid_grant" {
		t.Errorf("refresh with another: %d %v", code, no)
	}
	key := dpoptest.New(t)
	if code, no := w.post(w.with(), token, refresh, "DPoP", key.Proof(t, "POST", token)); code != 400 || no["error"] != "invalid_request" {
		t.Errorf("refresh with a proof in its place: %d %v", code, no)
	}
	if code, yes := w.post(w.with(mine.TLS()), token, refresh); code != 200 || x5t(t, yes["access_token"]) != mine.Thumbprint() {
		t.Errorf("refresh: %d %v", code, yes)
	}
}

// TestRFC8705_WhoAsksElsewhereComesByCertificate: devices and apps that name the person prove themselves by it as others do, at the
// addresses that discovery has for them.
func TestRFC8705_WhoAsksElsewhereComesByCertificate(t *testing.T) { // sections 2 and 5
	w := newCertified(t)
	ada := w.Person(t, "ada@example.com")
	w.App(t, "till", byName("till"), func(m *clients.Metadata) {
		m.RedirectURIs, m.GrantTypes = nil, []string{clients.DeviceCode, clients.CIBA}
	})
	own, other := w.with(w.ca.Sign(t, "till").TLS()), w.with(w.ca.Sign(t, "other").TLS())
	for path, answer := range map[string]string{"/oauth2/device_authorization": "device_code", "/oauth2/bc-authorize": "auth_req_id"} {
		form := url.Values{"client_id": {"till"}, "scope": {"openid"}}
		if answer == "auth_req_id" {
			form.Set("login_hint", ada.Email)
		}
		if code, no := w.post(other, w.base+path, form); code != 401 || no["error"] != "invalid_client" {
			t.Errorf("%s with another: %d %v", path, code, no)
		}
		if code, no := w.post(w.with(), w.base+path, form); code != 401 || no["error"] != "invalid_client" {
			t.Errorf("%s without: %d %v", path, code, no)
		}
		if code, got := w.post(own, w.base+path, form); code != 200 || got[answer] == nil {
			t.Errorf("%s: %d %v", path, code, got)
		}
	}
}
