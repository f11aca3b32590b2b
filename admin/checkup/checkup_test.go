package checkup_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"signet/admin/checkup"
	"signet/admin/view"
	"signet/clients"
	"signet/internal/egress"
	"signet/server/servertest"
	"signet/storage"
)

// net of what is at addresses.
type site struct {
	mu    sync.Mutex
	there map[string]egress.Response
	fails map[string]error
	asked []string
}

func (s *site) Fetch(_ context.Context, q egress.Request) (egress.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, q.URL)
	if err := s.fails[q.URL]; err != nil {
		return egress.Response{}, err
	}
	if got, ok := s.there[q.URL]; ok {
		return got, nil
	}
	return egress.Response{Status: 200}, nil
}

type world struct {
	*testing.T
	server *servertest.Server
	out    *site
	o      checkup.Options
}

func newWorld(t *testing.T) *world {
	t.Helper()
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet())
	w := &world{T: t, server: s, out: &site{there: map[string]egress.Response{}, fails: map[string]error{}}}
	h := s.Services()
	w.o = checkup.Options{
		Clients: h.Clients, Issuer: h.Config.Server.Issuer, Out: w.out, Issuers: w.out,
		Document: func(context.Context, string) (clients.Metadata, error) {
			return clients.Metadata{}, errors.New("none: not there")
		},
		Sector: func(context.Context, clients.Metadata) error { return nil },
		Upstreams: func(context.Context) ([]view.Upstream, error) {
			return []view.Upstream{{ID: "work"}, {ID: "old", Disabled: true}}, nil
		},
		Unknown: h.DB.UnknownClients,
	}
	return w
}

// look checks an app of this registration.
func (w *world) look(m clients.Metadata, change ...func(a *checkup.App)) []view.Finding {
	w.Helper()
	if m.ClientID == "" {
		m.ClientID = "shop"
	}
	app := checkup.App{Client: &clients.Client{Metadata: m.WithDefaults()}}
	if app.Client.HasSecret() {
		app.Secrets = []storage.ClientSecret{{ID: "one", LastUsedAt: time.Now()}}
	}
	for _, one := range change {
		one(&app)
	}
	c, err := checkup.New(w.o)
	if err != nil {
		w.Fatal(err)
	}
	found, err := c.Look(w.Context(), app)
	if err != nil {
		w.Fatal(err)
	}
	return found
}

// wants looks that there is a finding of the state about the field whose text has the words, with a remedy where it is not good.
func wants(t *testing.T, found []view.Finding, state, check, words string) {
	t.Helper()
	for _, f := range found {
		if f.State == state && f.Check == check && strings.Contains(f.Text, words) && (f.Remedy != "" || state == view.StateGood) {
			return
		}
	}
	t.Errorf("no %s of %s that says %q in %+v", state, check, words, found)
}

func key(t *testing.T, kid, use string) jose.JSONWebKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return jose.JSONWebKey{Key: k.Public(), KeyID: kid, Use: use}
}

func setOf(t *testing.T, list ...jose.JSONWebKey) egress.Response {
	t.Helper()
	raw, err := json.Marshal(jose.JSONWebKeySet{Keys: list})
	if err != nil {
		t.Fatal(err)
	}
	return egress.Response{Status: 200, Body: raw}
}

const back = "https://shop.example/cb"

func TestAGoodAppIsFoundGood(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var logo bytes.Buffer
	if err := png.Encode(&logo, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	w.out.there["https://shop.example/logo.png"] = egress.Response{Status: 200, Body: logo.Bytes()}
	w.out.there["https://shop.example/keys"] = setOf(t, key(t, "a", "sig"), key(t, "b", ""))
	w.out.there[back] = egress.Response{Status: 400}
	w.out.there["https://shop.example/logout"] = egress.Response{Status: 405}
	found := w.look(clients.Metadata{RedirectURIs: []string{back, back}, JWKSURI: "https://shop.example/keys",
		LogoURI: "https://shop.example/logo.png", PolicyURI: "https://shop.example/privacy", Upstreams: []string{"work"},
		BackchannelLogoutURI: "https://shop.example/logout", Scope: "openid"},
		func(a *checkup.App) { a.First = view.FirstSignIn{SignedIn: true, At: time.Now()} })
	for _, f := range found {
		if f.State != view.StateGood || f.Remedy != "" {
			t.Errorf("%+v", f)
		}
	}
	if n := len(w.out.asked); n != 5 {
		t.Errorf("asked for %v", w.out.asked)
	}
}

// wrong is something that is wrong with an app.
type wrong struct {
	m                   clients.Metadata
	app                 func(a *checkup.App)
	there               egress.Response // at /x
	state, check, words string
}

// find looks that each is found.
func (w *world) find(t *testing.T, all map[string]wrong) {
	t.Helper()
	for name, tt := range all {
		t.Run(name, func(t *testing.T) {
			w.out.there["https://shop.example/x"] = tt.there
			if tt.m.RedirectURIs == nil {
				tt.m.RedirectURIs = []string{back}
			}
			found := w.look(tt.m, func(a *checkup.App) {
				if tt.app != nil {
					tt.app(a)
				}
			})
			wants(t, found, tt.state, tt.check, tt.words)
			if raw, _ := json.Marshal(found); strings.Contains(string(raw), "hush") {
				t.Errorf("what was fetched is told: %s", raw)
			}
		})
	}
}

// TestWhatIsWrongWithARegistrationIsFound has a row for each thing that people ask why it does not work.
func TestWhatIsWrongWithARegistrationIsFound(t *testing.T) {
	t.Parallel()
	w, now := newWorld(t), time.Now()
	w.find(t, map[string]wrong{
		"disabled": {app: func(a *checkup.App) { a.Client.DisabledAt = now }, state: view.StateProblem, check: "state", words: "disabled"},
		"an old registration": {m: clients.Metadata{RedirectURIs: []string{"https://*.shop.example/cb"}}, state: view.StateProblem,
			check: "redirect_uris", words: "wildcard"},
		"http": {m: clients.Metadata{RedirectURIs: []string{"http://shop.example/cb"}}, state: view.StateProblem, check: "redirect_uris",
			words: "must be https"},
		"a leftover of development": {m: clients.Metadata{RedirectURIs: []string{back, "http://localhost:3000/cb"}, ApplicationType: "web"},
			state: view.StateNotice, check: "redirect_uris", words: "http://localhost:3000/cb"},
		"localhost": {m: clients.Metadata{RedirectURIs: []string{"http://localhost/cb"}}, state: view.StateNotice, check: "redirect_uris",
			words: "lead elsewhere"},
		"grants that do not fit": {m: clients.Metadata{GrantTypes: []string{clients.ClientCredentials}, TokenEndpointAuthMethod: "none"},
			state: view.StateProblem, check: "grant_types", words: "prove itself"},
		"addresses of no use": {m: clients.Metadata{GrantTypes: []string{clients.ClientCredentials}}, state: view.StateNotice,
			check: "grant_types", words: "no grant type"},
		"tokens in addresses": {m: clients.Metadata{GrantTypes: []string{clients.Implicit}, ResponseTypes: []string{"id_token token"}},
			state: view.StateNotice, check: "response_types", words: "RFC 9700"},
		"passwords": {m: clients.Metadata{GrantTypes: []string{clients.Password}, FirstParty: true}, state: view.StateNotice,
			check: "grant_types", words: "passwords to the app"},
		"never offline": {m: clients.Metadata{Scope: "openid offline_access"}, state: view.StateNotice, check: "grant_types",
			words: "offline_access"},
		"a secret on devices": {m: clients.Metadata{ApplicationType: "native"}, state: view.StateNotice,
			check: "token_endpoint_auth_method", words: "everybody who has the app"},
		"certificates that nobody asks for": {m: clients.Metadata{CertificateBoundAccessTokens: true}, state: view.StateProblem,
			check: "token_endpoint_auth_method", words: "certificate"},
		"a scope that is gone": {m: clients.Metadata{Scope: "openid gone:read"}, state: view.StateProblem, check: "scope",
			words: `"gone:read"`},
		"details that are gone": {m: clients.Metadata{DetailsTypes: []string{"payment"}}, state: view.StateProblem,
			check: "authorization_details_types", words: `"payment"`},
		"an API that is gone": {m: clients.Metadata{Exchange: &clients.Exchange{Targets: []string{"https://gone.example"}}},
			state: view.StateProblem, check: "exchange", words: "https://gone.example"},
		"an app that is gone": {m: clients.Metadata{Exchange: &clients.Exchange{SubjectsFrom: []string{"gone"}}}, state: view.StateNotice,
			check: "exchange", words: `"gone"`},
		"a provider that is gone": {m: clients.Metadata{Upstreams: []string{"work", "gone"}}, state: view.StateNotice, check: "upstreams",
			words: `"gone"`},
		"no provider": {m: clients.Metadata{Upstreams: []string{"old"}}, state: view.StateProblem, check: "upstreams", words: "none"},
		"no secret":   {app: func(a *checkup.App) { a.Secrets = nil }, state: view.StateProblem, check: "secrets", words: "none of"},
		"ended secrets": {app: func(a *checkup.App) { a.Secrets[0].ExpiresAt = now.Add(-time.Second) }, state: view.StateProblem,
			check: "secrets", words: "none of"},
		"a secret that ends": {app: func(a *checkup.App) { a.Secrets[0].ExpiresAt = now.Add(time.Hour) }, state: view.StateProblem,
			check: "secrets", words: "last of its secrets ends"},
		"a secret that was never taken up": {app: func(a *checkup.App) {
			a.Secrets = []storage.ClientSecret{{ID: "new"}, {ID: "old", LastUsedAt: now, ExpiresAt: now.Add(time.Hour)}}
		}, state: view.StateNotice, check: "secrets", words: "never used the newest"},
		"many secrets": {app: func(a *checkup.App) { a.Secrets = slices.Repeat(a.Secrets, 3) }, state: view.StateNotice, check: "secrets",
			words: "3 secrets are valid"},
		"never used": {app: func(a *checkup.App) { a.Secrets[0].LastUsedAt = time.Time{} }, state: view.StateNotice, check: "use",
			words: "nobody is signed in"},
		"refused": {app: func(a *checkup.App) { a.First.Refused = &view.Mistake{Reference: "REF", Found: "no.", Remedy: "Do."} },
			state: view.StateNotice, check: "use", words: "REF"},
	})
}

func TestWhatIsWrongWithKeysIsFound(t *testing.T) {
	t.Parallel()
	w, now := newWorld(t), time.Now()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	old := key(t, "c", "")
	old.Certificates = []*x509.Certificate{{NotAfter: now.Add(time.Hour)}}
	w.find(t, map[string]wrong{
		"keys: none there": {m: clients.Metadata{JWKSURI: "https://shop.example/x"}, there: egress.Response{Status: 404},
			state: view.StateProblem, check: "jwks_uri", words: "status 404"},
		"keys: a page": {m: clients.Metadata{JWKSURI: "https://shop.example/x"},
			there: egress.Response{Status: 200, Body: []byte("<html>hush")}, state: view.StateProblem, check: "jwks_uri", words: "not a set"},
		"keys: private": {m: clients.Metadata{JWKSURI: "https://shop.example/x"}, there: setOf(t, jose.JSONWebKey{Key: private}),
			state: view.StateProblem, check: "jwks_uri", words: "private"},
		"keys: of another algorithm": {m: clients.Metadata{JWKSURI: "https://shop.example/x", TokenEndpointAuthSigningAlg: "RS256"},
			there: setOf(t, key(t, "a", "")), state: view.StateProblem, check: "jwks_uri", words: "client assertions (RS256)"},
		"keys: for nothing but encryption": {m: clients.Metadata{JWKSURI: "https://shop.example/x"}, there: setOf(t, key(t, "a", "enc")),
			state: view.StateProblem, check: "jwks_uri", words: "client assertions"},
		"keys: without a kid": {m: clients.Metadata{JWKSURI: "https://shop.example/x"}, there: setOf(t, key(t, "", ""), key(t, "a", "")),
			state: view.StateNotice, check: "jwks_uri", words: "without a kid"},
		"keys: a kid twice": {m: clients.Metadata{JWKSURI: "https://shop.example/x"}, there: setOf(t, key(t, "a", ""), key(t, "a", "")),
			state: view.StateProblem, check: "jwks_uri", words: "the same kid"},
		"keys: a certificate that ends": {m: clients.Metadata{JWKS: &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{old}}},
			state: view.StateNotice, check: "jwks", words: "ends on"},
	})
}

func TestWhatIsWrongAtAddressesIsFound(t *testing.T) {
	t.Parallel()
	newWorld(t).find(t, map[string]wrong{
		"a logo that is none": {m: clients.Metadata{LogoURI: "https://shop.example/x"}, there: egress.Response{Status: 200, Body: []byte("<svg")},
			state: view.StateNotice, check: "logo_uri", words: "not a picture"},
		"a notice that is redirected": {m: clients.Metadata{BackchannelLogoutURI: "https://shop.example/x"},
			there: egress.Response{Status: 302}, state: view.StateProblem, check: "backchannel_logout_uri", words: "redirect"},
		"terms that are gone": {m: clients.Metadata{TOSURI: "https://shop.example/x"}, there: egress.Response{Status: 410},
			state: view.StateNotice, check: "tos_uri", words: "status 410"},
		"terms in German": {m: clients.Metadata{Localized: map[string]string{"tos_uri#de": "https://shop.example/x"}},
			there: egress.Response{Status: 404}, state: view.StateNotice, check: "tos_uri", words: "status 404"},
		"a redirect URI that is gone": {m: clients.Metadata{RedirectURIs: []string{"https://shop.example/x"}},
			there: egress.Response{Status: 404}, state: view.StateNotice, check: "redirect_uris", words: "status 404"},
	})
}

// TestWhatIsInsideIsNotTold: whatever keeps an address from answering, the sentence about it is the same, and what is on the computer of
// whoever signs in is not asked for.
func TestWhatIsInsideIsNotTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := clients.Metadata{RedirectURIs: []string{back}, JWKSURI: "https://x.example/keys", LogoURI: "https://x.example/logo",
		BackchannelLogoutURI: "https://x.example/out", PolicyURI: "https://x.example/p", RequestURIs: []string{"https://x.example/r"},
		FederatedCredentials: []clients.FederatedCredential{{Issuer: "https://x.example/issuer", Subject: "x"}}}
	said := map[string]bool{}
	for _, err := range []error{egress.ErrAddress, &net.DNSError{Err: "no such host", IsNotFound: true}, context.DeadlineExceeded,
		&net.OpError{Op: "dial", Err: errors.New("connection refused")}, errors.New("malformed HTTP response \"SSH-2.0\"")} {
		for _, at := range []string{back, "https://x.example/keys", "https://x.example/logo", "https://x.example/out", "https://x.example/p",
			"https://x.example/r", "https://x.example/issuer/.well-known/openid-configuration"} {
			w.out.fails[at] = fmt.Errorf("fetch from x: %w", err)
		}
		raw, _ := json.Marshal(w.look(m))
		said[string(raw)] = true
	}
	if len(said) != 1 {
		t.Errorf("%d answers, which tell what is inside: %v", len(said), said)
	}
	w.out.fails[back] = &tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: &x509.Certificate{}, Host: "x"}}
	wants(t, w.look(m), view.StateNotice, "redirect_uris", "for another host")
	w.out.asked = nil
	w.look(clients.Metadata{ApplicationType: "native",
		RedirectURIs: []string{"http://127.0.0.1:1/cb", "com.example.app:/cb", "http://[::1]/cb"}})
	if len(w.out.asked) > 0 {
		t.Errorf("asked for %v", w.out.asked)
	}
}

// TestAddressesAreBounded: however many addresses a registration names, as one of an earlier release might, so many are asked for.
func TestAddressesAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var m clients.Metadata
	for i := range 1000 {
		m.RedirectURIs = append(m.RedirectURIs, fmt.Sprintf("https://h%d.example/cb", i))
	}
	wants(t, w.look(m), view.StateNotice, "addresses", "960 of which were not asked for")
	if n := len(w.out.asked); n != 40 {
		t.Errorf("asked for %d", n)
	}
}

// TestAddressesInFindingsAreOfASCII: a stranger's address that turns text around, or hides some, does not change what a finding says.
func TestAddressesInFindingsAreOfASCII(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var m clients.Metadata
	m.PolicyURI, m.TOSURI = "https://a.example/\u202e404 sutats", "https://a.example/t?\u200b\u2028x"
	w.out.there[m.PolicyURI] = egress.Response{Status: 404}
	found := w.look(m)
	wants(t, found, view.StateNotice, "policy_uri", "https://a.example/%E2%80%AE404%20sutats: it answers with status 404")
	wants(t, found, view.StateGood, "tos_uri", "https://a.example/t?%E2%80%8B%E2%80%A8x: it answers")
	for _, f := range found {
		if strings.ContainsFunc(f.Text, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%s: %q", f.Check, f.Text)
		}
	}
}

// TestWhatWasNotAskedForIsNoProblem: while others have apps checked whose servers are slow, nobody is told that their own app fails.
func TestWhatWasNotAskedForIsNoProblem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var m clients.Metadata
	m.RedirectURIs, m.JWKSURI = []string{"https://a.example/cb"}, "https://a.example/keys"
	m.BackchannelLogoutURI, m.LogoURI = "https://a.example/out", "https://a.example/logo"
	for _, at := range []string{m.RedirectURIs[0], m.JWKSURI, m.BackchannelLogoutURI, m.LogoURI} {
		w.out.fails[at] = egress.ErrBusy
	}
	found := w.look(m)
	for _, check := range []string{"redirect_uris", "jwks_uri", "backchannel_logout_uri", "logo_uri"} {
		wants(t, found, view.StateNotice, check, "was not asked for: too many are at once")
	}
	for _, f := range found {
		if f.State == view.StateProblem || strings.Contains(f.Text, "too many") && f.Remedy != "Check again." {
			t.Errorf("%+v", f)
		}
	}
	const issuer = "https://x.example/issuer"
	w.out.fails[issuer+"/.well-known/openid-configuration"] = egress.ErrBusy
	workload := clients.Metadata{GrantTypes: []string{"client_credentials"}, TokenEndpointAuthMethod: "private_key_jwt",
		FederatedCredentials: []clients.FederatedCredential{{Issuer: issuer, Subject: "x"}}}
	wants(t, w.look(workload), view.StateNotice, "federated_credentials", "was not asked for: too many are at once")
}
