package federationtest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Facebook is Facebook Login and as much of the Graph API as it needs, as documented at developers.facebook.com: the login
// dialog, tokens, debug_token, /me, the app secret proof, Graph's errors, signed requests. Dialog and Graph have one address.
type Facebook struct {
	*Upstream
	ClientID, ClientSecret string
	Version                string // of the Graph API, the only one that it serves

	lock      sync.Mutex
	redirects []string
	codes     map[string]facebookCode
	tokens    map[string]string // subjects by token
	debug     func(data map[string]any)
	me        func(person map[string]any)
}

type facebookCode struct {
	subject, redirectURI, challenge string
	email                           bool
}

// NewFacebook starts one that ends with the test.
func NewFacebook(t testing.TB, accounts ...Account) *Facebook {
	t.Helper()
	f := &Facebook{ClientID: "1234567890123456", ClientSecret: strings.ToLower(random()), Version: "v25.0", codes: map[string]facebookCode{},
		tokens: map[string]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{version}/dialog/oauth", f.dialog)
	mux.HandleFunc("POST /{version}/dialog/oauth", f.dialog)
	mux.HandleFunc("POST /{version}/oauth/access_token", f.accessToken)
	mux.HandleFunc("GET /{version}/oauth/access_token", f.accessToken)
	mux.HandleFunc("GET /{version}/me", f.person)
	mux.HandleFunc("GET /{version}/debug_token", f.debugToken)
	mux.HandleFunc("GET /{version}/"+f.ClientID, f.app)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { graphError(w, 2500, "Unknown path components") })
	f.Upstream = NewUpstream(t, "Facebook", mux, accounts...)
	f.fragment = "#_=_" // Facebook puts one behind every redirect URI that has none
	return f
}

// Register adds valid OAuth redirect URIs, which are compared exactly (strict mode).
func (f *Facebook) Register(redirectURIs ...string) {
	f.lock.Lock()
	defer f.lock.Unlock()
	f.redirects = append(f.redirects, redirectURIs...)
}

// TamperDebug changes what debug_token says of a token; nil ends it.
func (f *Facebook) TamperDebug(change func(data map[string]any)) {
	f.lock.Lock()
	defer f.lock.Unlock()
	f.debug = change
}

// TamperMe changes what /me says; nil ends it.
func (f *Facebook) TamperMe(change func(person map[string]any)) {
	f.lock.Lock()
	defer f.lock.Unlock()
	f.me = change
}

// SignedRequest is what Facebook posts to the deauthorize and the data deletion callback of an app, changed by with.
func (f *Facebook) SignedRequest(t testing.TB, subject string, with map[string]any) string {
	t.Helper()
	payload := map[string]any{"algorithm": "HMAC-SHA256", "issued_at": time.Now().Unix(), "expires": 0, "user_id": subject}
	body, err := json.Marshal(over(payload, with))
	if err != nil {
		t.Fatal(err)
	}
	encoded := base64.RawURLEncoding.EncodeToString(body)
	return base64.RawURLEncoding.EncodeToString(f.mac(encoded)) + "." + encoded
}

func (f *Facebook) mac(text string) []byte {
	h := hmac.New(sha256.New, []byte(f.ClientSecret))
	h.Write([]byte(text))
	return h.Sum(nil)
}

// graphError is how the Graph API says no.
func graphError(w http.ResponseWriter, code int, message string) {
	answer(w, http.StatusBadRequest, map[string]any{"error": map[string]any{
		"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "A" + random(),
	}})
}

// dialog asks who it is. Where it must not send back, it shows a page of Facebook's own.
func (f *Facebook) dialog(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f.lock.Lock()
	known := slices.Contains(f.redirects, q.Get("redirect_uri"))
	f.lock.Unlock()
	switch {
	case r.PathValue("version") != f.Version || q.Get("client_id") != f.ClientID:
		f.Refuse(w, http.StatusBadRequest, "Invalid App ID", "The provided app ID does not look like a valid app ID.")
		return
	case !known:
		f.Refuse(w, http.StatusBadRequest, "URL Blocked",
			"This redirect failed because the redirect URI is not whitelisted in the app's Client OAuth Settings.")
		return
	case q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256":
		f.Refuse(w, http.StatusBadRequest, "Invalid parameter", "This test takes codes with PKCE only.")
		return
	}
	account, denied, answered := f.Choose(w, r)
	if !answered {
		return
	}
	back := url.Values{"state": {q.Get("state")}}
	if denied {
		back.Set("error", "access_denied")
		back.Set("error_code", "200")
		back.Set("error_description", "Permissions error")
		back.Set("error_reason", "user_denied")
		f.SendBack(w, r, q.Get("redirect_uri"), back, false)
		return
	}
	code := "AQ" + random()
	scopes := strings.FieldsFunc(q.Get("scope"), func(c rune) bool { return c == ' ' || c == ',' })
	f.lock.Lock()
	f.codes[code] = facebookCode{account.Subject, q.Get("redirect_uri"), q.Get("code_challenge"), slices.Contains(scopes, "email")}
	f.lock.Unlock()
	back.Set("code", code)
	f.SendBack(w, r, q.Get("redirect_uri"), back, false)
}

func (f *Facebook) accessToken(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	code := r.Form.Get("code")
	f.lock.Lock()
	defer f.lock.Unlock()
	c, ok := f.codes[code]
	delete(f.codes, code)
	switch {
	case r.Form.Get("client_id") != f.ClientID || r.Form.Get("client_secret") != f.ClientSecret:
		graphError(w, 1, "Error validating client secret.")
	case !ok:
		graphError(w, 100, "This authorization code has been used.")
	case c.redirectURI != r.Form.Get("redirect_uri"):
		graphError(w, 100,
			"Error validating verification code. Please make sure your redirect_uri is identical to the one you used in the OAuth dialog request")
	case !provesCode(c.challenge, r.Form.Get("code_verifier")):
		graphError(w, 100, "Code challenge and verifier do not match.")
	default:
		token := "EAA" + random()
		f.tokens[token] = c.subject
		if !c.email {
			token += "-noemail"
			f.tokens[token] = c.subject
		}
		answer(w, http.StatusOK, map[string]any{"access_token": token, "token_type": "bearer", "expires_in": 5183999})
	}
}

// proven is the token of a call that has the proof for it; "" = it was answered.
func (f *Facebook) proven(w http.ResponseWriter, r *http.Request) string {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if token == "" {
		token = r.URL.Query().Get("access_token")
	}
	if token == "" {
		graphError(w, 2500, "An active access token must be used to query information about the current user.")
		return ""
	}
	if r.URL.Query().Get("appsecret_proof") != hex.EncodeToString(f.mac(token)) {
		graphError(w, 100, "API calls from the server require an appsecret_proof argument")
		return ""
	}
	return token
}

func (f *Facebook) person(w http.ResponseWriter, r *http.Request) {
	token := f.proven(w, r)
	if token == "" {
		return
	}
	f.lock.Lock()
	subject, change := f.tokens[token], f.me
	f.lock.Unlock()
	account, ok := f.Account(subject)
	if !ok {
		graphError(w, 190, "Error validating access token: The session has been invalidated.")
		return
	}
	all := map[string]any{
		"id": account.Subject, "name": account.Name, "first_name": account.GivenName, "last_name": account.FamilyName,
		"picture": map[string]any{
			"data": map[string]any{"height": 50, "width": 50, "is_silhouette": account.Picture == "", "url": account.Picture}},
	}
	if account.Email != "" && !strings.HasSuffix(token, "-noemail") {
		all["email"] = account.Email
	}
	person := map[string]any{"id": account.Subject}
	for name := range strings.SplitSeq(r.URL.Query().Get("fields"), ",") {
		if value, there := all[name]; there && value != "" {
			person[name] = value
		}
	}
	if change != nil {
		change(person)
	}
	answer(w, http.StatusOK, person)
}

func (f *Facebook) debugToken(w http.ResponseWriter, r *http.Request) {
	token := f.proven(w, r)
	if token == "" {
		return
	}
	if token != f.ClientID+"|"+f.ClientSecret {
		graphError(w, 100, "(#100) You must provide an app access token, or a user access token that is an owner or developer of the app")
		return
	}
	f.lock.Lock()
	subject, change := f.tokens[r.URL.Query().Get("input_token")], f.debug
	f.lock.Unlock()
	data := map[string]any{
		"app_id": f.ClientID, "type": "USER", "application": "Signet", "data_access_expires_at": time.Now().Add(90 * 24 * time.Hour).Unix(),
		"expires_at": time.Now().Add(60 * 24 * time.Hour).Unix(), "is_valid": subject != "", "issued_at": time.Now().Unix(),
		"scopes": []string{"email", "public_profile"}, "user_id": subject,
	}
	if change != nil {
		change(data)
	}
	answer(w, http.StatusOK, map[string]any{"data": data})
}

func (f *Facebook) app(w http.ResponseWriter, r *http.Request) {
	switch token := f.proven(w, r); token {
	case "":
	case f.ClientID + "|" + f.ClientSecret:
		answer(w, http.StatusOK, map[string]any{"id": f.ClientID, "name": "Signet"})
	default:
		graphError(w, 190, "Invalid OAuth access token signature.")
	}
}
