package federationtest

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// OIDCOptions of NewOIDC. The zero value is a plain OpenID provider.
type OIDCOptions struct {
	Name        string         // on its pages; "Example ID"
	Public      bool           // the client has no secret
	AuthMethods []string       // token_endpoint_auth_methods_supported; client_secret_basic and client_secret_post
	Alg         string         // of signatures: ES256, RS256 and the like; ES256
	Iss         bool           // advertises and sends the iss parameter (RFC 9207)
	EndSession  bool           // has an end_session_endpoint, and sid in ID tokens
	Groups      string         // the claim that carries Account.Groups, which is also a scope; "" = none
	ACR         string         // in ID tokens; "" = none
	AMR         []string       // in ID tokens
	Slim        bool           // ID tokens carry no profile and no e-mail: these are at the userinfo endpoint
	Path        string         // of the issuer, "/tenant" say
	Template    string         // issuer of the discovery document where it is not that of the tokens, without the URL before it
	Metadata    map[string]any // over the discovery document; nil takes a field away
	Claims      func(a Account) map[string]any
	// Secret reports whether a client secret is right; nil = it is ClientSecret.
	Secret func(secret string) bool
	// Callback adds parameters to what is sent back, at the nth time the account signs in (from 1).
	Callback func(a Account, nth int) url.Values
}

// OIDC is an OpenID provider. Its client is registered already; Register its redirect URIs.
type OIDC struct {
	*Upstream
	ClientID, ClientSecret string

	options OIDCOptions
	paths   oidcPaths
	kind    string // "" = plain, google, microsoft, apple

	mu        sync.Mutex
	signer    *signer
	redirects []string // exact
	signedOut []string // post-logout redirect URIs, exact
	codes     map[string]grant
	refresh   map[string]grant
	access    map[string]grant
	times     map[string]int    // sign-ins by subject
	sids      map[string]string // the newest by subject
	tamper    func(map[string]any)
	userinfo  func(map[string]any)
	raw       func(string) string
	response  func(map[string]any)
	written   func(map[string]any) (string, string)
	keys      func(map[string]any)
	keyIssuer string // Microsoft
}

// oidcPaths are where it answers.
type oidcPaths struct{ discovery, auth, token, userinfo, jwks, revoke, endSession string }

// grant is what a person agreed to.
type grant struct {
	subject, redirectURI, challenge, nonce, sid string
	scopes                                      []string
	offline, timed                              bool
	at                                          time.Time
}

// NewOIDC starts an OpenID provider that ends with the test.
func NewOIDC(t testing.TB, o OIDCOptions, accounts ...Account) *OIDC {
	t.Helper()
	if o.Name == "" {
		o.Name = "Example ID"
	}
	p := o.Path
	return newOIDC(t, o, oidcPaths{
		p + "/.well-known/openid-configuration", p + "/authorize", p + "/token", p + "/userinfo", p + "/keys", p + "/revoke", p + "/logout",
	}, accounts)
}

func newOIDC(t testing.TB, o OIDCOptions, paths oidcPaths, accounts []Account) *OIDC {
	t.Helper()
	if o.Alg == "" {
		o.Alg = "ES256"
	}
	if o.AuthMethods == nil {
		o.AuthMethods = []string{"client_secret_basic", "client_secret_post"}
	}
	s := &OIDC{
		ClientID: "client-of-signet", ClientSecret: "secret-" + random(), options: o, paths: paths, signer: newSigner(t, o.Alg),
		codes: map[string]grant{}, refresh: map[string]grant{}, access: map[string]grant{}, times: map[string]int{}, sids: map[string]string{},
	}
	if o.Public {
		s.ClientSecret, s.options.AuthMethods = "", []string{"none"}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+paths.discovery, s.discovery)
	mux.HandleFunc("GET "+paths.auth, s.authorize)
	mux.HandleFunc("POST "+paths.auth, s.authorize)
	mux.HandleFunc("POST "+paths.token, s.token)
	mux.HandleFunc("GET "+paths.userinfo, s.answerUserinfo)
	mux.HandleFunc("GET "+paths.jwks, s.jwks)
	mux.HandleFunc("POST "+paths.revoke, s.revoke)
	if o.EndSession {
		mux.HandleFunc("GET "+paths.endSession, s.endSession)
	}
	s.Upstream = NewUpstream(t, o.Name, mux, accounts...)
	return s
}

// Issuer is what its tokens say.
func (s *OIDC) Issuer() string { return s.URL + s.options.Path }

// Register adds redirect URIs, which are compared exactly.
func (s *OIDC) Register(redirectURIs ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.redirects = append(s.redirects, redirectURIs...)
}

// RegisterSignedOut adds post-logout redirect URIs, which are compared exactly.
func (s *OIDC) RegisterSignedOut(uris ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signedOut = append(s.signedOut, uris...)
}

// Tamper changes the claims of each ID token before it is signed; nil ends it.
func (s *OIDC) Tamper(change func(claims map[string]any)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tamper = change
}

// TamperUserinfo changes what the userinfo endpoint says; nil ends it.
func (s *OIDC) TamperUserinfo(change func(claims map[string]any)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.userinfo = change
}

// TamperSigned changes each ID token after it was signed; nil ends it.
func (s *OIDC) TamperSigned(change func(raw string) string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.raw = change
}

// TamperResponse changes each token response; nil ends it.
func (s *OIDC) TamperResponse(change func(body map[string]any)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.response = change
}

// Metadata sets a field of the discovery document; nil takes it away.
func (s *OIDC) Metadata(name string, value any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := maps.Clone(s.options.Metadata)
	if next == nil {
		next = map[string]any{}
	}
	next[name] = value
	s.options.Metadata = next
}

// WriteUserinfo makes media type and body of the userinfo endpoint's answers; nil ends it, and they are JSON.
func (s *OIDC) WriteUserinfo(write func(claims map[string]any) (media, body string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written = write
}

// TamperKeys changes the published key; nil ends it.
func (s *OIDC) TamperKeys(change func(key map[string]any)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = change
}

// RotateKeys puts a new signing key in the old one's place; the old one is published no more.
func (s *OIDC) RotateKeys(t testing.TB) {
	t.Helper()
	next := newSigner(t, s.options.Alg)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signer = next
}

// SID is that of the newest session of somebody; "" = none.
func (s *OIDC) SID(subject string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sids[subject]
}

// Sign makes a JWT of any claims with the key in use. typ is its header's; "" = none.
func (s *OIDC) Sign(t testing.TB, typ string, claims map[string]any) string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	raw, err := s.signer.sign(typ, claims)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// LogoutToken is one as the upstream would post it to our back-channel (OpenID Connect Back-Channel Logout 1.0 section 2.4).
// claims go over those that every such token has: a sub or sid is to be among them; nil takes a claim away.
func (s *OIDC) LogoutToken(t testing.TB, claims map[string]any) string {
	t.Helper()
	now := time.Now()
	all := map[string]any{
		"iss": s.Issuer(), "aud": s.ClientID, "iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(), "jti": random(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}
	return s.Sign(t, "logout+jwt", over(all, claims))
}

// over puts values over others; nil takes one away.
func over(under, with map[string]any) map[string]any {
	maps.Copy(under, with)
	maps.DeleteFunc(under, func(_ string, value any) bool { return value == nil })
	return under
}

func (s *OIDC) discovery(w http.ResponseWriter, _ *http.Request) {
	issuer := s.Issuer()
	if s.options.Template != "" {
		issuer = s.URL + s.options.Template
	}
	scopes := []string{"openid", "email", "profile", "offline_access"}
	if s.options.Groups != "" {
		scopes = append(scopes, s.options.Groups)
	}
	doc := map[string]any{
		"issuer": issuer, "authorization_endpoint": s.URL + s.paths.auth, "token_endpoint": s.URL + s.paths.token,
		"userinfo_endpoint": s.URL + s.paths.userinfo, "jwks_uri": s.URL + s.paths.jwks, "revocation_endpoint": s.URL + s.paths.revoke,
		"response_types_supported": []string{"code"}, "response_modes_supported": []string{"query", "form_post"},
		"grant_types_supported": []string{"authorization_code", "refresh_token"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{s.options.Alg}, "scopes_supported": scopes,
		"token_endpoint_auth_methods_supported": s.options.AuthMethods, "code_challenge_methods_supported": []string{"plain", "S256"},
		"claims_supported": []string{"aud", "email", "email_verified", "exp", "family_name", "given_name", "iat", "iss", "name", "picture",
			"sub"},
	}
	if s.kind == "" {
		doc["claims_supported"] = append(doc["claims_supported"].([]string), "auth_time")
	}
	if s.options.Iss {
		doc["authorization_response_iss_parameter_supported"] = true
	}
	if s.options.EndSession {
		doc["end_session_endpoint"] = s.URL + s.paths.endSession
		doc["backchannel_logout_supported"], doc["backchannel_logout_session_supported"] = true, true
	}
	s.mu.Lock()
	more := s.options.Metadata
	s.mu.Unlock()
	answer(w, http.StatusOK, over(doc, more))
}

func (s *OIDC) jwks(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := s.signer.published()
	if s.kind == microsoft {
		keys["keys"].([]any)[0].(map[string]any)["issuer"] = s.URL + s.keyIssuer
	}
	if s.keys != nil {
		s.keys(keys["keys"].([]any)[0].(map[string]any))
	}
	answer(w, http.StatusOK, keys)
}

// authorize is the authorization endpoint (RFC 6749 section 4.1.1, OpenID Connect Core section 3.1.2).
func (s *OIDC) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	to, scopes := q.Get("redirect_uri"), strings.Fields(q.Get("scope"))
	s.mu.Lock()
	registered := slices.Contains(s.redirects, to)
	s.mu.Unlock()
	switch {
	case q.Get("client_id") != s.ClientID:
		s.Refuse(w, http.StatusUnauthorized, "invalid_client", "The OAuth client was not found.")
		return
	case !registered:
		s.Refuse(w, http.StatusBadRequest, "redirect_uri_mismatch", "The redirect URI in the request, "+to+
			", does not match the ones authorized for the OAuth client.")
		return
	}
	back := url.Values{}
	if state := q.Get("state"); state != "" {
		back.Set("state", state)
	}
	if s.options.Iss {
		back.Set("iss", s.Issuer())
	}
	post := q.Get("response_mode") == "form_post"
	fail := func(code string) {
		back.Set("error", code)
		back.Set("error_description", "<b>secret-of-the-upstream</b>")
		s.SendBack(w, r, to, back, post)
	}
	switch {
	case q.Get("response_type") != "code":
		fail("unsupported_response_type")
		return
	case s.kind != apple && !slices.Contains(scopes, "openid"):
		fail("invalid_scope")
		return
	case s.kind == apple && !post && len(scopes) > 0: // "response_mode must be form_post when name or email scope is requested."
		fail("invalid_request")
		return
	case q.Has("code_challenge") && q.Get("code_challenge_method") != "S256":
		fail("invalid_request")
		return
	case slices.Contains(strings.Fields(q.Get("prompt")), "none"):
		fail("login_required")
		return
	}
	account, denied, answered := s.Choose(w, r)
	switch {
	case !answered:
	case denied && s.kind == apple:
		fail("user_cancelled_authorize")
	case denied:
		fail("access_denied")
	default:
		s.agree(q, account, back)
		s.SendBack(w, r, to, back, post)
	}
}

// agree makes a code for what an account agreed to.
func (s *OIDC) agree(q url.Values, account Account, back url.Values) {
	g := grant{
		subject: account.Subject, redirectURI: q.Get("redirect_uri"), challenge: q.Get("code_challenge"), nonce: q.Get("nonce"),
		sid: "sid-" + random(), scopes: strings.Fields(q.Get("scope")), timed: q.Has("max_age"), at: time.Now(),
	}
	g.offline = slices.Contains(g.scopes, "offline_access")
	if s.kind == google {
		s.likeGoogle(q, account, &g, back)
	}
	code := "4/0A" + random()
	back.Set("code", code)
	s.mu.Lock()
	s.codes[code] = g
	s.sids[g.subject] = g.sid
	s.times[g.subject]++
	nth := s.times[g.subject]
	s.mu.Unlock()
	if s.options.Callback != nil {
		maps.Copy(back, s.options.Callback(account, nth))
	}
}

// endSession is the end session endpoint (OpenID Connect RP-Initiated Logout 1.0 section 2).
func (s *OIDC) endSession(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	to := q.Get("post_logout_redirect_uri")
	s.mu.Lock()
	registered := slices.Contains(s.signedOut, to)
	s.mu.Unlock()
	if !registered || q.Get("id_token_hint") == "" && q.Get("client_id") != s.ClientID {
		s.Refuse(w, http.StatusBadRequest, "invalid_request", "You are signed out, but there is nowhere to go from here.")
		return
	}
	back := url.Values{}
	if state := q.Get("state"); state != "" {
		back.Set("state", state)
	}
	s.SendBack(w, r, to, back, false)
}

// knows reports whether the client proved itself (RFC 6749 section 2.3.1), by a method that is offered.
func (s *OIDC) knows(r *http.Request) bool {
	id, secret, basic := r.BasicAuth()
	method := "client_secret_basic"
	if basic {
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
	} else {
		id, secret, method = r.PostFormValue("client_id"), r.PostFormValue("client_secret"), "client_secret_post"
		if secret == "" {
			method = "none"
		}
	}
	if id != s.ClientID || !slices.Contains(s.options.AuthMethods, method) {
		return false
	}
	if s.options.Secret != nil {
		return s.options.Secret(secret)
	}
	return subtle.ConstantTimeCompare([]byte(secret), []byte(s.ClientSecret)) == 1
}

// provesCode reports whether a code_verifier belongs to a challenge (RFC 7636 section 4.6).
func provesCode(challenge, verifier string) bool {
	sum := sha256.Sum256([]byte(verifier))
	return challenge == "" && verifier == "" || challenge == base64.RawURLEncoding.EncodeToString(sum[:])
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
