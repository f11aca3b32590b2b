package server_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"signet/clients"
	"signet/config"
	"signet/oauth/clientauth"
	"signet/server/servertest"
)

// innerWorld has a site at an inner address that the configuration lists, with a certificate that only egress.ca_file vouches for.
type innerWorld struct {
	*servertest.Server
	site  *httptest.Server
	asked atomic.Int64
	key   *ecdsa.PrivateKey
	// subjects of the site's assertions
	subjects map[string]string
}

func newInnerWorld(t *testing.T) *innerWorld {
	t.Helper()
	return innerWorldOf(t, servertest.HandlerOnly())
}

func innerWorldOf(t *testing.T, more ...servertest.Option) *innerWorld {
	t.Helper()
	w := &innerWorld{subjects: map[string]string{}}
	var err error
	if w.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	w.site = httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.asked.Add(1)
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			_ = json.NewEncoder(rw).Encode(map[string]string{"issuer": w.site.URL, "jwks_uri": w.site.URL + "/keys"})
		case "/keys":
			_ = json.NewEncoder(rw).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: w.key.Public(), KeyID: "k", Use: "sig"}}})
		default:
			_ = json.NewEncoder(rw).Encode([]string{"https://shop.example/cb"})
		}
	}))
	t.Cleanup(w.site.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.site.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	w.Server = servertest.New(t, append(more, servertest.YAML(`
registration: {mode: open}
resources: [{identifier: "https://api.example.com/", scopes: [api:read], open: true}]`),
		servertest.Change(func(c *config.Config) {
			c.Egress.CAFile, c.Egress.InnerHosts = file, []string{"127.0.0.1"}
			c.Registration.StatementIssuers = []config.StatementIssuer{{Issuer: w.site.URL, JWKSURI: w.site.URL + "/keys"}}
			c.TrustedIssuers = []config.TrustedIssuer{{
				Issuer: w.site.URL, Clients: []string{"crm"}, Subjects: w.subjects, Scopes: []string{"api:read", "openid", "email"},
			}}
		}))...)
	return w
}

// signed is a JWT of the site's key.
func (w *innerWorld) signed(t *testing.T, typ string, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: w.key},
		(&jose.SignerOptions{}).WithHeader("kid", "k").WithType(jose.ContentType(typ)))
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (w *innerWorld) register(t *testing.T, m map[string]any) (int, map[string]any) {
	t.Helper()
	body, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := w.HTTP.Post(w.URL+"/oauth2/register", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var got map[string]any
	_ = json.NewDecoder(resp.Body).Decode(&got)
	return resp.StatusCode, got
}

// What the operator chose may be inside, where the configuration says so: the keys of issuers.
func TestInnerHosts_ForWhatTheOperatorChose(t *testing.T) {
	w := newInnerWorld(t)
	app := w.App(t, "worker", func(m *clients.Metadata) {
		m.TokenEndpointAuthMethod, m.GrantTypes, m.RedirectURIs = clients.MethodJWTKey, []string{clients.ClientCredentials}, nil
		m.Scope = "api:read"
		m.FederatedCredentials = []clients.FederatedCredential{{Issuer: w.site.URL, Subject: "pod"}}
	})
	token := w.signed(t, "JWT", map[string]any{"iss": w.site.URL, "sub": "pod", "aud": w.URL, "iat": time.Now().Unix(),
		"exp": time.Now().Add(time.Minute).Unix()})
	resp, err := w.HTTP.PostForm(w.URL+"/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {app.ClientID},
		"client_assertion_type": {clientauth.AssertionType}, "client_assertion": {token}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK || w.asked.Load() == 0 {
		t.Errorf("a workload's token: %d, asked %d times", resp.StatusCode, w.asked.Load())
	}
	statement := w.signed(t, "JWT", map[string]any{"iss": w.site.URL, "client_name": "Vouched", "iat": time.Now().Unix()})
	status, got := w.register(t, map[string]any{"redirect_uris": []string{"https://shop.example/cb"}, "software_statement": statement})
	if status != http.StatusCreated || got["client_name"] != "Vouched" {
		t.Errorf("a software statement: %d %v", status, got)
	}
}

// What apps name is never asked for inside, listed or not: their keys, requests, sectors, documents.
func TestInnerHosts_NeverForWhatAppsName(t *testing.T) { // RFC 7591 section 5, RFC 9700 section 4.11
	w := newInnerWorld(t)
	inner := w.site.URL + "/r"
	good := []string{"https://shop.example/cb"}
	status, got := w.register(t, map[string]any{"redirect_uris": good, "sector_identifier_uri": inner, "subject_type": "pairwise"})
	if status != http.StatusBadRequest {
		t.Errorf("a sector: %d %v", status, got)
	}
	status, got = w.register(t, map[string]any{"redirect_uris": good, "jwks_uri": inner, "request_uris": []string{inner},
		"logo_uri": inner, "token_endpoint_auth_method": "private_key_jwt"})
	if status != http.StatusCreated {
		t.Fatalf("%d %v", status, got)
	}
	id := got["client_id"].(string)
	resp, err := w.HTTP.PostForm(w.URL+"/oauth2/token", url.Values{"grant_type": {"authorization_code"}, "code": {"x"},
		"client_assertion_type": {clientauth.AssertionType},
		"client_assertion": {w.signed(t, "JWT", map[string]any{"iss": id, "sub": id, "aud": w.URL, "jti": "1",
			"exp": time.Now().Add(time.Minute).Unix()})}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("keys: %d", resp.StatusCode)
	}
	if uris := w.Services().Clients.LogoURIs(); uris[id] != inner {
		t.Errorf("logos to be fetched: %v", uris)
	}
	if err := w.Services().Logos.Tend(t.Context()); err != nil {
		t.Error(err)
	}
	b := w.Browser(t)
	b.Get(t, "/oauth2/authorize?"+url.Values{"client_id": {id}, "redirect_uri": good, "response_type": {"code"}, "scope": {"openid"},
		"request_uri": {inner}}.Encode())
	if b.Landed != nil || b.Status != http.StatusBadRequest || !strings.Contains(b.Text("main"), "invalid_request_uri") {
		t.Errorf("a request object: %v, %d", b.Landed, b.Status)
	}
	for _, document := range []string{inner, "https://127.0.0.1/client", strings.Replace(inner, "127.0.0.1", "localhost", 1)} {
		b.Get(t, "/oauth2/authorize?"+url.Values{"client_id": {document}, "redirect_uri": good, "response_type": {"code"},
			"code_challenge": {strings.Repeat("a", 43)}, "code_challenge_method": {"S256"}}.Encode())
		if b.Landed != nil || b.Status != http.StatusBadRequest && b.Status != http.StatusNotFound {
			t.Errorf("a metadata document %s: %v, %d", document, b.Landed, b.Status)
		}
	}
	if n := w.asked.Load(); n != 0 {
		t.Errorf("the inner site was asked %d times", n)
	}
}

// TestInnerHosts_NeverForSignOut: an app that registered itself is told of sign-outs at no inner address, listed or not.
func TestInnerHosts_NeverForSignOut(t *testing.T) { // RFC 9700 section 4.11
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := innerWorldOf(t, engine)
		status, got := w.register(t, map[string]any{"redirect_uris": []string{"https://shop.example/cb"},
			"backchannel_logout_uri": w.site.URL + "/out"})
		if status != http.StatusCreated {
			t.Fatalf("%d %v", status, got)
		}
		id := got["client_id"].(string)
		app := w.Declared(clients.Metadata{ClientID: id, ClientSecret: got["client_secret"].(string),
			RedirectURIs: []string{"https://shop.example/cb"}, Scope: "openid"})
		b := w.Browser(t)
		app.Login(t, b, w.Person(t, "ada@example.com"))
		b.Get(t, "/oauth2/logout").Submit(t, "logout-confirm", nil)
		w.tried(t, id)
	})
}

// tried waits until something was to be sent to the app, and wants that nothing of it came to the inner site.
func (w *innerWorld) tried(t *testing.T, id string) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		q, err := w.Services().Deliveries.Of(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if q.LastError != "" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no attempt: %+v", q)
		}
	}
	if n := w.asked.Load(); n != 0 {
		t.Errorf("the inner site was asked %d times", n)
	}
}

// TestInnerHosts_NeverForDecisions: an app that asks people elsewhere is told of decisions, and sent tokens, at no inner address, listed or
// not; and an app that registered itself can ask nobody elsewhere, so that it names no address to be told at.
func TestInnerHosts_NeverForDecisions(t *testing.T) { // CIBA Core sections 10.2 and 10.3, RFC 9700 section 4.11
	w := innerWorldOf(t, servertest.Change(func(c *config.Config) { c.CIBA.Push = true }))
	for _, mode := range []string{"ping", "push"} {
		status, got := w.register(t, map[string]any{"redirect_uris": []string{"https://shop.example/cb"},
			"grant_types": []string{"authorization_code", clients.CIBA}, "backchannel_token_delivery_mode": mode,
			"backchannel_client_notification_endpoint": w.site.URL + "/told"})
		if status != http.StatusCreated || got["backchannel_client_notification_endpoint"] != nil ||
			got["backchannel_token_delivery_mode"] != nil || slices.Contains(got["grant_types"].([]any), any(clients.CIBA)) {
			t.Errorf("registered itself for %s: %d %v", mode, status, got)
		}
		ada, b := w.Person(t, mode+"@example.com"), w.Browser(t)
		app := newCounter(t, w.Server, "to-"+mode, func(m *clients.Metadata) {
			m.BackchannelDelivery, m.BackchannelNotification = mode, w.site.URL+"/told"
		})
		if status, got := app.ask(ada.Email, "client_notification_token", "tok3n"); status != http.StatusOK {
			t.Fatalf("%s: %d %v", mode, status, got)
		}
		app.sees(b, ada, 1)
		b.Submit(t, "request-allow", nil)
		w.tried(t, app.app.ClientID)
	}
}
