package conformance

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"image"
	"image/png"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"signet/server/servertest"
)

// algs are those of ID tokens here.
var algs = []jose.SignatureAlgorithm{jose.RS256, jose.ES256}

// dynamic is what the profiles Config, Dynamic and Third-Party Initiated Login add, by profile and module.
var dynamic = map[string]func(p *provider){
	"Config/oidcc-discovery-endpoint-verification":  discovery,
	"Dynamic/oidcc-discovery-endpoint-verification": dynamicDiscovery,
	"Dynamic/oidcc-registration-logo-uri":           logo,
	"Dynamic/oidcc-registration-policy-uri": func(p *provider) {
		shown(p, "policy_uri", "https://rp.example/policy")
	},
	"Dynamic/oidcc-registration-tos-uri":        func(p *provider) { shown(p, "tos_uri", "https://rp.example/tos") },
	"Dynamic/oidcc-redirect-uri-query-OK":       redirectQuery,
	"Dynamic/oidcc-redirect-uri-query-added":    func(p *provider) { otherQuery(p, callback, callback+"?foo=bar") },
	"Dynamic/oidcc-redirect-uri-query-mismatch": func(p *provider) { otherQuery(p, callback+"?foo=bar", callback+"?foo=baz") },
	"Dynamic/oidcc-redirect-uri-regfrag": func(p *provider) {
		p.notRegistered(document{"redirect_uris": []string{callback + "#a"}}, "invalid_redirect_uri")
	},
	"Dynamic/oidcc-registration-jwks-uri":                         keysByAddress,
	"Dynamic/oidcc-ensure-client-assertion-with-iss-aud-succeeds": keysByAddress,
	"Dynamic/oidcc-refresh-token-rp-key-rotation":                 keysChange,
	"Dynamic/oidcc-registration-sector-uri":                       sectors,
	"Dynamic/oidcc-registration-sector-bad":                       badSector,
	"Dynamic/oidcc-request-uri-unsigned":                          unsignedByReference,
	"Dynamic/oidcc-request-uri-signed-rs256":                      signedByReference,
	"Dynamic/oidcc-userinfo-rs256":                                signedUserinfo,
	"Dynamic/oidcc-idtoken-rs256":                                 func(p *provider) { signing(p, "RS256", "RS256") },
	"Dynamic/oidcc-idtoken-signature":                             func(p *provider) { signing(p, "", "RS256"); signing(p, "ES256", "ES256") },
	"Dynamic/oidcc-idtoken-unsigned":                              neverUnsigned,
	"Dynamic/oidcc-server-rotate-keys":                            rotation,
	"Third-Party Initiated Login/oidcc-3rd_party-init-login":      initiated,
	"Third-Party Initiated Login/oidcc-3rd_party-init-login-nohttps": func(p *provider) {
		p.notRegistered(document{"initiate_login_uri": "http://rp.example/go"}, "invalid_client_metadata")
	},
}

func TestDynamic(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		whole := newProvider(t, engine)
		for name, run := range dynamic {
			t.Run(name, func(t *testing.T) {
				p := *whole
				p.T = t
				run(&p)
			})
		}
	})
}

// list is a list of discovery.
func (p *provider) list(name string) (all []string) {
	values, _ := p.meta[name].([]any)
	for _, v := range values {
		text, _ := v.(string)
		all = append(all, text)
	}
	return all
}

// notRegistered wants a registration refused.
func (p *provider) notRegistered(more document, code string) {
	p.Helper()
	asked := document{"redirect_uris": []string{callback}}
	maps.Copy(asked, more)
	status, _, raw := p.ask(http.MethodPost, p.at("registration_endpoint"), asked, "Authorization", "Bearer "+p.pass)
	if status != http.StatusBadRequest || !strings.Contains(string(raw), `"`+code+`"`) {
		p.Errorf("%v: %d %s", more, status, raw)
	}
}

func discovery(p *provider) {
	if p.meta["issuer"] != p.URL {
		p.Errorf("issuer %v", p.meta["issuer"])
	}
	for name, value := range p.meta {
		text, isText := value.(string)
		if (strings.HasSuffix(name, "_endpoint") || name == "jwks_uri") && (!isText || !strings.HasPrefix(text, p.URL+"/")) {
			p.Errorf("%s is %v", name, value)
		}
		if value == nil {
			p.Errorf("%s is null", name)
		}
	}
	for name, want := range map[string]string{"response_types_supported": "code", "id_token_signing_alg_values_supported": "RS256",
		"scopes_supported": "openid", "subject_types_supported": "public", "claims_supported": "sub", "code_challenge_methods_supported": "S256",
		"grant_types_supported": "authorization_code", "token_endpoint_auth_methods_supported": "client_secret_basic"} {
		if !slices.Contains(p.list(name), want) {
			p.Errorf("%s is %v", name, p.meta[name])
		}
	}
	_, _, raw := p.ask(http.MethodGet, p.at("jwks_uri"), nil)
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(raw, &set); err != nil {
		p.Fatal(err)
	}
	seen := map[string]bool{}
	for _, k := range set.Keys {
		if !k.Valid() || !k.IsPublic() || k.KeyID == "" || seen[k.KeyID] {
			p.Errorf("key %q", k.KeyID)
		}
		seen[k.KeyID] = true
	}
}

func dynamicDiscovery(p *provider) {
	for name, want := range map[string][]string{"response_types_supported": {"code", "id_token", "id_token token"},
		"grant_types_supported": {"authorization_code", "implicit"}, "subject_types_supported": {"pairwise"},
		"request_object_signing_alg_values_supported": {"none", "RS256"}, "userinfo_signing_alg_values_supported": {"RS256"}} {
		for _, one := range want {
			if !slices.Contains(p.list(name), one) {
				p.Errorf("%s has no %s", name, one)
			}
		}
	}
	if p.meta["request_uri_parameter_supported"] != true || p.meta["request_parameter_supported"] != true {
		p.Error("request objects are not told of")
	}
}

// shown: policy and terms are on the sign-in page already.
func shown(p *provider, name, address string) {
	a := p.register("code", "", document{name: address})
	if b := a.begin(p.Browser(p.T)); !b.Has("login-submit") || !strings.Contains(b.Body, `href="`+address+`"`) {
		p.Errorf("the sign-in page: %s", b.Text("main"))
	}
}

// logo: it is fetched when the client registers, and shown from the provider's host on the very next page; so is another one, and none.
func logo(p *provider) {
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 40, 40))); err != nil {
		p.Fatal(err)
	}
	p.site.put("/logo.png", picture.String())
	a := p.register("code", "", document{"logo_uri": p.site.URL + "/logo.png"})
	if a.said("logo_uri") == "" {
		p.Errorf("registered: %v", a.made)
	}
	ours := regexp.MustCompile(`src="(/logos/` + a.said("client_id") + `/\w+)"`)
	at := func() string {
		b := a.begin(p.Browser(p.T))
		found := ours.FindStringSubmatch(b.Body)
		if found == nil || strings.Contains(b.Body, p.site.URL) {
			return b.Text("main")
		}
		if b.Get(p.T, found[1]); b.Status != http.StatusOK || b.Header.Get("Content-Type") != "image/png" {
			p.Errorf("the picture: %d %s", b.Status, b.Header.Get("Content-Type"))
		}
		return found[1]
	}
	first := at()
	if !strings.HasPrefix(first, "/logos/") {
		p.Errorf("the sign-in page: %s", first)
	}
	picture.Reset()
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 50, 50))); err != nil {
		p.Fatal(err)
	}
	p.site.put("/other.png", picture.String())
	for _, uri := range []string{p.site.URL + "/other.png", ""} {
		a.replace(document{"logo_uri": uri})
		if got := at(); strings.HasPrefix(got, "/logos/") != (uri != "") || got == first {
			p.Errorf("after a change to %q: %s", uri, got)
		}
	}
}

// replace changes what is registered (RFC 7592 section 2.2).
func (a *app) replace(changes document) {
	a.Helper()
	next := document{"client_id": a.said("client_id"), "redirect_uris": a.made["redirect_uris"]}
	maps.Copy(next, changes)
	status, _, raw := a.ask(http.MethodPut, a.said("registration_client_uri"), next, "Authorization", "Bearer "+
		a.said("registration_access_token"))
	if err := json.Unmarshal(raw, &a.made); err != nil || status != http.StatusOK {
		a.Fatalf("change: %d %s", status, raw)
	}
}

func redirectQuery(p *provider) {
	a := p.register("code", "", document{"redirect_uris": []string{callback + "?foo=bar"}})
	got, _ := a.finish(a.begin(p.Browser(p.T), "redirect_uri", callback+"?foo=bar"))
	if got.Get("foo") != "bar" || got.Get("code") == "" {
		p.Errorf("%v", got)
	}
}

func otherQuery(p *provider, registered, sent string) {
	a := p.register("code", "", document{"redirect_uris": []string{registered}})
	b := p.Browser(p.T)
	a.begin(b, "redirect_uri", sent)
	a.page(b, "redirect")
}

// newKey is a key of an app's, published under a path of its server.
func (p *provider) newKey(path, kid string) *ecdsa.PrivateKey {
	p.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: kid, Algorithm: "ES256", Use: "sig"}}})
	if err != nil {
		p.Fatal(err)
	}
	p.site.put(path, string(set))
	return key
}

func sign(p *provider, key *ecdsa.PrivateKey, kid string, claims any) string {
	p.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, nil)
	if err != nil {
		p.Fatal(err)
	}
	raw, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		p.Fatal(err)
	}
	return raw
}

func keysByAddress(p *provider) {
	key := p.newKey("/keys.json", "k1")
	a := p.register("code", "", document{"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": p.site.URL + "/keys.json"})
	for _, audience := range []string{p.at("token_endpoint"), p.URL} {
		got := a.in(p.Browser(p.T))
		now := time.Now()
		id := a.said("client_id")
		assertion := sign(p, key, "k1", jwt.Claims{Issuer: id, Subject: id, Audience: jwt.Audience{audience}, ID: rand.Text(),
			IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(time.Minute))})
		status, _, raw := p.ask(http.MethodPost, p.at("token_endpoint"), url.Values{"grant_type": {"authorization_code"},
			"code": {got.Get("code")}, "redirect_uri": {callback}, "code_verifier": {verifier}, "client_assertion": {assertion},
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}})
		if status != http.StatusOK {
			p.Errorf("audience %s: %d %s", audience, status, raw)
		}
	}
}

// keysChange: the app changes its key, and the new one counts a minute later, or at once for a replica that has not asked for the old one.
func keysChange(p *provider) {
	p = newProvider(p.T, p.engine, servertest.HandlerOnly())
	another := *p
	another.Server = servertest.New(p.T, append(p.opts, servertest.On(p.Services().DB))...)
	first := p.newKey("/changing.json", "k1")
	a := p.register("code", "", document{"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": p.site.URL + "/changing.json"})
	got := a.in(p.Browser(p.T), "scope", "openid offline_access", "prompt", "consent")
	ask := func(key *ecdsa.PrivateKey, kid string, form url.Values) (int, document) {
		now, id := time.Now(), a.said("client_id")
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", sign(p, key, kid, jwt.Claims{Issuer: id, Subject: id, Audience: jwt.Audience{p.URL}, ID: rand.Text(),
			IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(time.Minute))}))
		status, _, raw := p.ask(http.MethodPost, p.at("token_endpoint"), form)
		var answer document
		if err := json.Unmarshal(raw, &answer); err != nil {
			p.Fatal(err)
		}
		return status, answer
	}
	status, one := ask(first, "k1", url.Values{"grant_type": {"authorization_code"}, "code": {got.Get("code")}, "redirect_uri": {callback},
		"code_verifier": {verifier}})
	refresh, _ := one["refresh_token"].(string)
	if status != http.StatusOK || refresh == "" {
		p.Fatalf("%d %v", status, one)
	}
	second := p.newKey("/changing.json", "k2")
	p = &another
	if status, two := ask(second, "k2", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}); status != http.StatusOK {
		p.Errorf("with the new key: %d %v", status, two)
	}
}

func sectors(p *provider) {
	p.site.put("/sector.json", `["https://rp.example/cb","https://rp.example/other"]`)
	a := p.register("code", "", document{"subject_type": "pairwise", "sector_identifier_uri": p.site.URL + "/sector.json"})
	_, id := a.tokens(a.in(p.Browser(p.T)))
	if a.claims(id)["sub"] == p.ada.ID {
		p.Error("the subject is the person's id")
	}
}

func badSector(p *provider) {
	p.site.put("/bad.json", `["https://rp.example/other"]`)
	p.notRegistered(document{"subject_type": "pairwise", "sector_identifier_uri": p.site.URL + "/bad.json"}, "invalid_client_metadata")
}

func unsignedByReference(p *provider) {
	plain := p.site.URL + "/plain.jwt"
	a := p.register("code", "", document{"request_uris": []string{plain}})
	object := bare(a.request("state", "inside"))
	p.site.put("/plain.jwt", object)
	sum := sha256.Sum256([]byte(object))
	for _, address := range []string{plain, plain + "#" + base64.RawURLEncoding.EncodeToString(sum[:])} {
		if got := a.in(p.Browser(p.T), "request_uri", address); got.Get("state") != "inside" {
			p.Errorf("%s: %v", address, got)
		}
	}
	b := p.Browser(p.T)
	a.begin(b, "request_uri", p.site.URL+"/other.jwt")
	a.refused(b, "invalid_request_uri")
}

func signedByReference(p *provider) {
	signed := p.site.URL + "/signed.jwt"
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		p.Fatal(err)
	}
	a := p.register("code", "", document{"request_uris": []string{signed}, "request_object_signing_alg": "RS256",
		"jwks": jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: "RS256", Use: "sig"}}}})
	claims := document{"iss": a.said("client_id"), "aud": []string{"https://other.example", p.URL}}
	for name, values := range a.request("state", "inside") {
		claims[name] = values[0]
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "k1"}}, nil)
	if err != nil {
		p.Fatal(err)
	}
	object, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		p.Fatal(err)
	}
	p.site.put("/signed.jwt", object)
	if got := a.in(p.Browser(p.T), "request_uri", signed); got.Get("state") != "inside" {
		p.Errorf("signed: %v", got)
	}
	p.site.put("/signed.jwt", bare(a.request("state", "inside")))
	b := p.Browser(p.T)
	a.begin(b, "request_uri", signed)
	a.refused(b, "invalid_request_object")
}

// neverUnsigned: ID tokens are signed whatever an app asks for, and nothing else is told.
func neverUnsigned(p *provider) {
	if slices.Contains(p.list("id_token_signing_alg_values_supported"), "none") {
		p.Error("discovery has none")
	}
	p.notRegistered(document{"id_token_signed_response_alg": "none"}, "invalid_client_metadata")
}

func signedUserinfo(p *provider) {
	a := p.register("code", "", document{"userinfo_signed_response_alg": "RS256"})
	access, id := a.tokens(a.in(p.Browser(p.T)))
	status, header, raw := p.ask(http.MethodGet, p.at("userinfo_endpoint"), nil, "Authorization", "Bearer "+access)
	if status != http.StatusOK || !strings.HasPrefix(header.Get("Content-Type"), "application/jwt") {
		p.Fatalf("%d %v %s", status, header, raw)
	}
	object, err := jwt.ParseSigned(string(raw), []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		p.Fatal(err)
	}
	var c document
	if err := object.UnsafeClaimsWithoutVerification(&c); err != nil || c["iss"] != p.URL || c["aud"] != a.said("client_id") ||
		c["sub"] != a.claims(id)["sub"] || c["nonce"] != nil {
		p.Errorf("%v %v", c, err)
	}
}

// signing: RS256 unless the app asks for another algorithm.
func signing(p *provider, asked, want string) {
	a := p.register("code", "", document{"id_token_signed_response_alg": asked})
	_, id := a.tokens(a.in(p.Browser(p.T)))
	a.claims(id)
	object, err := jwt.ParseSigned(id, algs)
	if err != nil {
		p.Fatal(err)
	}
	if object.Headers[0].Algorithm != want || object.Headers[0].KeyID == "" {
		p.Errorf("%q: %+v", asked, object.Headers[0])
	}
}

// rotation: a new key is published beside the old one.
func rotation(p *provider) {
	kids := func() (all []string) {
		_, _, raw := p.ask(http.MethodGet, p.at("jwks_uri"), nil)
		var set jose.JSONWebKeySet
		if err := json.Unmarshal(raw, &set); err != nil {
			p.Fatal(err)
		}
		for _, k := range set.Keys {
			all = append(all, k.KeyID)
		}
		return all
	}
	before := kids()
	if _, err := p.Services().Keys.Rotate(p.Context(), "RS256", false); err != nil {
		p.Fatal(err)
	}
	after := kids()
	if len(after) <= len(before) {
		p.Errorf("%v, then %v", before, after)
	}
	for _, kid := range before {
		if !slices.Contains(after, kid) {
			p.Errorf("%s is gone", kid)
		}
	}
}

func initiated(p *provider) {
	const start = "https://rp.example/start"
	a := p.register("code", "", document{"initiate_login_uri": start})
	status, _, raw := p.ask(http.MethodGet, a.said("registration_client_uri"), nil, "Authorization", "Bearer "+
		a.said("registration_access_token"))
	if a.said("initiate_login_uri") != start || status != http.StatusOK || !strings.Contains(string(raw), start) {
		p.Errorf("%v, then %d %s", a.made["initiate_login_uri"], status, raw)
	}
}
