package clients

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// good is metadata that Validate has nothing against.
func good(change func(m *Metadata)) Metadata {
	m := Metadata{ClientID: "shop", ClientName: "Shop", RedirectURIs: []string{"https://shop.example/cb"}, Scope: "openid profile"}
	change(&m)
	return m.WithDefaults()
}

func publicKeys(t *testing.T, bits int) (ec, rsaKey, private jose.JSONWebKey) {
	t.Helper()
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return jose.JSONWebKey{Key: e.Public(), KeyID: "e"}, jose.JSONWebKey{Key: r.Public(), KeyID: "r"}, jose.JSONWebKey{Key: e, KeyID: "p"}
}

func TestValidate(t *testing.T) {
	ec, rsaKey, private := publicKeys(t, 2048)
	tests := map[string]struct {
		change func(m *Metadata)
		field  string // "" = fine
	}{
		"fine":                    {func(*Metadata) {}, ""},
		"no id":                   {func(m *Metadata) { m.ClientID = "" }, "client_id"},
		"id with space":           {func(m *Metadata) { m.ClientID = "a b" }, "client_id"},
		"J16 id like a person":    {func(m *Metadata) { m.ClientID = strings.Repeat("A", 26) }, "client_id"},
		"name with bidi override": {func(m *Metadata) { m.ClientName = "Shop\u202e" }, "client_name"},
		"long name":               {func(m *Metadata) { m.ClientName = strings.Repeat("x", 81) }, "client_name"},
		"unknown grant":           {func(m *Metadata) { m.GrantTypes = []string{"implicit"} }, "grant_types"},
		"unknown response type":   {func(m *Metadata) { m.ResponseTypes = []string{"token"} }, "response_types"},
		"unknown method":          {func(m *Metadata) { m.TokenEndpointAuthMethod = "what_nobody_has" }, "token_endpoint_auth_method"},
		"no redirect URI":         {func(m *Metadata) { m.RedirectURIs = nil }, "redirect_uris"},
		"no redirect URI needed":  {func(m *Metadata) { m.RedirectURIs, m.GrantTypes = nil, []string{ClientCredentials} }, ""},
		"public with service grant": {func(m *Metadata) { m.TokenEndpointAuthMethod, m.GrantTypes = MethodNone, []string{ClientCredentials} },
			"grant_types"},
		"public with secret": {func(m *Metadata) { m.TokenEndpointAuthMethod, m.ClientSecret = MethodNone, strings.Repeat("s", 40) },
			"client_secret"},
		"H10 password, not our own": {func(m *Metadata) { m.GrantTypes = []string{Password} }, "grant_types"},
		"H10 password, our own":     {func(m *Metadata) { m.GrantTypes, m.FirstParty, m.RedirectURIs = []string{Password}, true, nil }, ""},
		"H10 password, public": {func(m *Metadata) {
			m.GrantTypes, m.FirstParty, m.TokenEndpointAuthMethod = []string{Password}, true, MethodNone
		}, "grant_types"},
		"keys":            {func(m *Metadata) { m.JWKS = &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{ec, rsaKey}} }, ""},
		"no keys":         {func(m *Metadata) { m.TokenEndpointAuthMethod = MethodJWTKey }, "jwks"},
		"K08 private key": {func(m *Metadata) { m.JWKS = &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{private}} }, "jwks"},
		"K08 symmetric key": {func(m *Metadata) { m.JWKS = &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: []byte("secret")}}} },
			"jwks"},
		"K08 two keys with one kid": {func(m *Metadata) { m.JWKS = &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{ec, ec}} }, "jwks"},
		"bad alg":                   {func(m *Metadata) { m.IDTokenSignedResponseAlg = "none" }, "id_token_signed_response_alg"},
		"bad assertion alg":         {func(m *Metadata) { m.TokenEndpointAuthSigningAlg = "HS256" }, "token_endpoint_auth_signing_alg"},
		"scope wildcard":            {func(m *Metadata) { m.Scope = "openid *" }, "scope"},
		"scope with quote":          {func(m *Metadata) { m.Scope = `a"b` }, "scope"},
		"long access token":         {func(m *Metadata) { m.AccessTokenLifetime = Duration(2 * time.Hour) }, "access_token_lifetime"},
		"negative idle":             {func(m *Metadata) { m.RefreshTokenIdle = -1 }, "refresh_token_idle"},
		"http link":                 {func(m *Metadata) { m.TOSURI = "http://shop.example/tos" }, "tos_uri"},
		"post logout with fragment": {func(m *Metadata) { m.PostLogoutRedirectURIs = []string{"https://shop.example/#x"} },
			"post_logout_redirect_uris"},
		"native type wrong": {func(m *Metadata) { m.ApplicationType = "desktop" }, "application_type"},
		"private-use scheme for web": {func(m *Metadata) { m.ApplicationType, m.RedirectURIs = Web, []string{"com.example:/cb"} },
			"redirect_uris"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := good(tt.change).Validate()
			if (err == nil) != (tt.field == "") || err != nil && !strings.Contains(err.Error(), tt.field) {
				t.Errorf("got %v, want a complaint about %q", err, tt.field)
			}
		})
	}
}

func TestK08_ShortRSAKeysAreRefused(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	_, short, _ := publicKeys(t, 1024)
	if err := good(func(m *Metadata) { m.JWKS = &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{short}} }).Validate(); err == nil ||
		!strings.Contains(err.Error(), "2048") {
		t.Errorf("got %v", err)
	}
}

func TestK08_KeysThatTakeLongToVerifyAreRefused(t *testing.T) { // anybody can have a signature verified
	for bits, taken := range map[int]bool{8192: true, 8200: false, 90_000: false} {
		n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
		key := jose.JSONWebKey{Key: &rsa.PublicKey{N: n.Add(n, big.NewInt(1)), E: 65537}, KeyID: "r"}
		err := good(func(m *Metadata) { m.JWKS = &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key}} }).Validate()
		if (err == nil) != taken || GoodSize(key) != taken {
			t.Errorf("%d bits: %v, good size: %t", bits, err, GoodSize(key))
		}
	}
}

func TestHostsThatBrowsersReadOtherwiseAreRefused(t *testing.T) { // a browser reads id.example.com in each of them
	for _, host := range []string{"id%E3%80%82example.com", "%EF%BD%89d.example.com", "id.example.com;sandbox"} {
		for field, change := range map[string]func(m *Metadata){
			"redirect_uris":          func(m *Metadata) { m.RedirectURIs = []string{"https://" + host + "/cb"} },
			"backchannel_logout_uri": func(m *Metadata) { m.BackchannelLogoutURI = "https://" + host + "/out" },
			"sector_identifier_uri":  func(m *Metadata) { m.SectorIdentifierURI = "https://" + host + "/list" },
			"jwks_uri":               func(m *Metadata) { m.JWKSURI = "https://" + host + "/keys" },
		} {
			if err := good(change).Validate(); err == nil || !strings.Contains(err.Error(), field) {
				t.Errorf("%s at %s: %v", field, host, err)
			}
		}
	}
}

func TestRFC3986_2_AddressesAreASCII(t *testing.T) { // what people and programs read in other characters is not always the same
	of := func(uri string) map[string]func(m *Metadata) {
		list := []string{uri}
		return map[string]func(m *Metadata){
			"redirect_uris":             func(m *Metadata) { m.RedirectURIs = list },
			"post_logout_redirect_uris": func(m *Metadata) { m.PostLogoutRedirectURIs = list },
			"client_uri":                func(m *Metadata) { m.ClientURI = uri },
			"logo_uri":                  func(m *Metadata) { m.LogoURI = uri },
			"policy_uri":                func(m *Metadata) { m.PolicyURI = uri },
			"tos_uri":                   func(m *Metadata) { m.TOSURI = uri },
			"tos_uri#de":                func(m *Metadata) { m.Localized = map[string]string{"tos_uri#de": uri} },
			"jwks_uri":                  func(m *Metadata) { m.JWKSURI = uri },
			"sector_identifier_uri":     func(m *Metadata) { m.SectorIdentifierURI = uri },
			"initiate_login_uri":        func(m *Metadata) { m.InitiateLoginURI = uri },
			"backchannel_logout_uri":    func(m *Metadata) { m.BackchannelLogoutURI = uri },
			"frontchannel_logout_uri":   func(m *Metadata) { m.FrontchannelLogoutURI = uri },
			"request_uris":              func(m *Metadata) { m.RequestURIs = list },
			"client_notification":       func(m *Metadata) { m.BackchannelDelivery, m.BackchannelNotification = "ping", uri },
			"tls_client_auth_san_uri": func(m *Metadata) {
				m.TokenEndpointAuthMethod, m.TLSClientAuthSANURI = MethodTLS, uri
			},
			"federated_credentials": func(m *Metadata) {
				m.TokenEndpointAuthMethod, m.GrantTypes = MethodJWTKey, []string{ClientCredentials}
				m.FederatedCredentials = []FederatedCredential{{Issuer: uri, Subject: "s"}}
			},
			"targets": func(m *Metadata) { m.Exchange = &Exchange{Targets: list} },
			"id_jag":  func(m *Metadata) { m.Exchange = &Exchange{IDJAG: []IDJAG{{Audience: uri, ClientID: "c"}}} },
			"resources": func(m *Metadata) {
				m.Exchange = &Exchange{IDJAG: []IDJAG{{Audience: "https://a.example", Resources: list}}}
			},
		}
	}
	for _, path := range []string{"/\u00fc", "/a\u202eb", "/\u200b", "/\u0085", "/ ", "/\"x", "/a|b", "?q=\u6f22", "/\t", "/\x7f", "/\xff"} {
		for field, change := range of("https://shop.example" + path) {
			if err := good(change).Validate(); err == nil || !strings.Contains(err.Error(), field) {
				t.Errorf("%s with %q: %v", field, path, err)
			}
		}
		if err := (Resource{Identifier: "https://api.example" + path}).Validate(); err == nil {
			t.Errorf("a resource with %q is taken", path)
		}
		if (Metadata{ClientID: "https://shop.example" + path}).ByAddress() {
			t.Errorf("a metadata document with %q is taken", path)
		}
	}
	for field, change := range of("https://m\u00fcller.example/") {
		if err := good(change).Validate(); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s with an international host: %v", field, err)
		}
	}
	if err := good(of("https://m\u00fcller.example/")["client_uri"]).Validate(); !strings.Contains(err.Error(), "xn--") {
		t.Errorf("no word of how it is written: %v", err)
	}
	for _, fine := range []string{"https://xn--mller-kva.example/%C3%BC?a=b&c=%20"} {
		if err := good(of(fine)["client_uri"]).Validate(); err != nil {
			t.Error(err)
		}
	}
}

func TestPairwise_WhatARegistrationMustSay(t *testing.T) { // OpenID Connect Core section 8.1
	two := []string{"https://one.example/cb", "https://two.example/cb"}
	for name, tt := range map[string]struct {
		change func(m *Metadata)
		field  string // complained of; "" = taken
	}{
		"one host":             {func(m *Metadata) { m.SubjectType = SubjectPairwise }, ""},
		"an unknown type":      {func(m *Metadata) { m.SubjectType = "Pairwise" }, "subject_type"},
		"several hosts":        {func(m *Metadata) { m.SubjectType, m.RedirectURIs = SubjectPairwise, two }, "sector_identifier_uri"},
		"a sector without TLS": {func(m *Metadata) { m.SectorIdentifierURI = "http://one.example/list" }, "sector_identifier_uri"},
		"keys without TLS":     {func(m *Metadata) { m.JWKSURI = "http://one.example/keys" }, "jwks_uri"},
	} {
		if err := good(tt.change).Validate(); (err == nil) != (tt.field == "") || err != nil && !strings.Contains(err.Error(), tt.field) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPairwise_ThisComputerIsNoSector(t *testing.T) { // OpenID Connect Core section 8.1
	for _, uri := range []string{"http://127.0.0.1/cb", "http://[::1]/cb", "http://localhost/cb"} {
		app := func(m *Metadata) {
			m.ApplicationType, m.SubjectType, m.RedirectURIs = Native, SubjectPairwise, []string{uri}
		}
		if err := good(app).Validate(); err == nil || !strings.Contains(err.Error(), "sector_identifier_uri") {
			t.Errorf("%s: %v", uri, err)
		}
		if err := good(func(m *Metadata) { app(m); m.SectorIdentifierURI = "https://app.example/list" }).Validate(); err != nil {
			t.Errorf("%s with a sector: %v", uri, err)
		}
	}
}

func TestEveryMistakeAtOnce(t *testing.T) {
	err := good(func(m *Metadata) { m.ClientID, m.Scope, m.RedirectURIs = "", `"`, []string{"x"} }).Validate()
	for _, field := range []string{"client_id", "scope", "redirect_uris"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s is missing in %v", field, err)
		}
	}
}

func TestDefaults(t *testing.T) { // RFC 7591 section 2
	m := good(func(*Metadata) {})
	if m.ApplicationType != Web || m.TokenEndpointAuthMethod != MethodBasic || len(m.GrantTypes) != 1 || m.ResponseTypes[0] != "code" {
		t.Errorf("%+v", m)
	}
	for uri, want := range map[string]string{"http://127.0.0.1/cb": Native, "com.example:/cb": Native, "https://x.example/cb": Web} {
		if got := good(func(m *Metadata) { m.RedirectURIs = []string{uri} }).ApplicationType; got != want {
			t.Errorf("%s: %s", uri, got)
		}
	}
}

func TestSkipsConsentAndPKCE(t *testing.T) { // I03, H07
	own := func(m *Metadata) { m.FirstParty = true }
	public := func(m *Metadata) { m.TokenEndpointAuthMethod = MethodNone }
	loopback := func(m *Metadata) { m.RedirectURIs = []string{"http://127.0.0.1/cb"} }
	client := func(changes ...func(*Metadata)) *Client {
		return newClient(good(func(m *Metadata) {
			for _, c := range changes {
				c(m)
			}
		}))
	}
	if client().SkipsConsent() || !client(own).SkipsConsent() || !client(own, public).SkipsConsent() ||
		client(own, public, loopback).SkipsConsent() {
		t.Error("who may skip the question")
	}
	if client().NeedsPKCE() || !client(public).NeedsPKCE() || !client(func(m *Metadata) { m.RequirePKCE = true }).NeedsPKCE() {
		t.Error("who needs PKCE")
	}
}

// TestRFC9449_BoundTokensComeFromTheTokenEndpoint: the authorization endpoint sees neither key nor certificate (also RFC 8705 section 3).
func TestRFC9449_BoundTokensComeFromTheTokenEndpoint(t *testing.T) {
	for field, bind := range map[string]func(m *Metadata){
		"dpop_bound_access_tokens":                   func(m *Metadata) { m.DPoPBoundAccessTokens = true },
		"tls_client_certificate_bound_access_tokens": func(m *Metadata) { m.CertificateBoundAccessTokens = true },
	} {
		for response, refused := range map[string]bool{"code": false, "id_token": false, "code id_token": false, "id_token token": true,
			"code token": true, "code id_token token": true} {
			m := good(func(m *Metadata) {
				m.GrantTypes, m.ResponseTypes = []string{AuthorizationCode, Implicit}, []string{"code", "id_token", response}
				bind(m)
			})
			if err := m.Validate(); (err != nil && strings.Contains(err.Error(), field)) != refused {
				t.Errorf("%s with %q: %v", field, response, err)
			}
		}
	}
}
