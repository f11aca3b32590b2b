package federationtest

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

func random() string { return rand.Text() }

// oauthError is RFC 6749 section 5.2.
type oauthError struct {
	Code string `json:"error"`
	Text string `json:"error_description"`
}

// token is the token endpoint: codes and refresh tokens.
func (s *OIDC) token(w http.ResponseWriter, r *http.Request) {
	refuse := func(code, text string) { answer(w, http.StatusBadRequest, oauthError{code, text}) }
	if !s.knows(r) {
		answer(w, http.StatusUnauthorized, oauthError{"invalid_client", "The provided client secret is invalid."})
		return
	}
	switch r.PostFormValue("grant_type") {
	case "authorization_code":
		code, verifier := r.PostFormValue("code"), r.PostFormValue("code_verifier")
		s.mu.Lock()
		g, ok := s.codes[code]
		delete(s.codes, code) // single use, also when what follows fails
		s.mu.Unlock()
		switch {
		case !ok || time.Since(g.at) > 10*time.Minute:
			refuse("invalid_grant", "Malformed auth code.")
		case g.redirectURI != r.PostFormValue("redirect_uri"):
			refuse("redirect_uri_mismatch", "Bad Request")
		case g.challenge != "" && verifier == "":
			refuse("invalid_grant", "Missing code verifier.")
		case !provesCode(g.challenge, verifier):
			refuse("invalid_grant", "Invalid code verifier.")
		default:
			s.issue(w, g, true)
		}
	case "refresh_token":
		s.mu.Lock()
		g, ok := s.refresh[r.PostFormValue("refresh_token")]
		s.mu.Unlock()
		if !ok {
			refuse("invalid_grant", "Token has been expired or revoked.")
			return
		}
		s.issue(w, g, false)
	default:
		refuse("unsupported_grant_type", "Invalid grant_type: "+r.PostFormValue("grant_type"))
	}
}

// issue answers with tokens; first = for a code.
func (s *OIDC) issue(w http.ResponseWriter, g grant, first bool) {
	account, ok := s.Account(g.subject)
	if !ok {
		answer(w, http.StatusBadRequest, oauthError{"invalid_grant", "Account has been deleted"})
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	access := "ya29.a0" + random()
	s.access[access] = g
	body := map[string]any{"access_token": access, "expires_in": 3599, "scope": strings.Join(g.scopes, " "), "token_type": "Bearer"}
	if first && g.offline {
		refresh := "1//0" + random()
		s.refresh[refresh] = g
		body["refresh_token"] = refresh
	}
	claims := s.claims(account, g)
	claims["at_hash"] = s.atHash(access)
	if !first {
		delete(claims, "nonce")
	}
	if s.tamper != nil {
		s.tamper(claims)
	}
	raw, err := s.signer.sign("JWT", claims)
	if err != nil {
		answer(w, http.StatusInternalServerError, oauthError{"server_error", err.Error()})
		return
	}
	if s.raw != nil {
		raw = s.raw(raw)
	}
	if raw != "" {
		body["id_token"] = raw
	}
	if s.response != nil {
		s.response(body)
	}
	answer(w, http.StatusOK, body)
}

// atHash is OpenID Connect Core section 3.1.3.6.
func (s *OIDC) atHash(access string) string {
	var sum []byte
	switch s.options.Alg[2:] {
	case "384":
		all := sha512.Sum384([]byte(access))
		sum = all[:24]
	case "512", "DSA":
		all := sha512.Sum512([]byte(access))
		sum = all[:32]
	default:
		all := sha256.Sum256([]byte(access))
		sum = all[:16]
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

// claims of an ID token.
func (s *OIDC) claims(a Account, g grant) map[string]any {
	now := time.Now()
	claims := map[string]any{
		"iss": s.Issuer(), "azp": s.ClientID, "aud": s.ClientID, "sub": a.Subject, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	if g.nonce != "" {
		claims["nonce"] = g.nonce
	}
	if g.timed {
		claims["auth_time"] = g.at.Unix()
	}
	if s.options.ACR != "" {
		claims["acr"] = s.options.ACR
	}
	if s.options.AMR != nil {
		claims["amr"] = s.options.AMR
	}
	if s.options.EndSession {
		claims["sid"] = g.sid
	}
	if !s.options.Slim {
		maps.Copy(claims, s.about(a, g.scopes))
	}
	return claims
}

// about is what is said of somebody, by scope.
func (s *OIDC) about(a Account, scopes []string) map[string]any {
	claims := map[string]any{}
	put := func(name, value string) {
		if value != "" {
			claims[name] = value
		}
	}
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return slices.Contains(scopes, name) })
	}
	if has("email", googleEmail) {
		put("email", a.Email)
		if a.Email != "" && s.kind != microsoft {
			claims["email_verified"] = a.EmailVerified
		}
	}
	if has("profile", googleProfile) && s.kind != apple {
		put("name", a.Name)
		put("given_name", a.GivenName)
		put("family_name", a.FamilyName)
		put("picture", a.Picture)
		put("locale", a.Locale)
		if s.kind != google {
			put("preferred_username", a.Login)
		}
	}
	if s.kind == google {
		put("hd", a.Hosted)
	}
	if s.options.Groups != "" && has(s.options.Groups, "profile") && a.Groups != nil {
		claims[s.options.Groups] = a.Groups
	}
	if s.options.Claims != nil {
		claims = over(claims, s.options.Claims(a))
	}
	return claims
}

// answerUserinfo is the userinfo endpoint (OpenID Connect Core section 5.3).
func (s *OIDC) answerUserinfo(w http.ResponseWriter, r *http.Request) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	g, ok := s.access[token]
	tamper, write := s.userinfo, s.written
	s.mu.Unlock()
	account, there := s.Account(g.subject)
	if !ok || !there {
		w.Header().Set("WWW-Authenticate", `Bearer realm="https://accounts.google.com/", error="invalid_token"`)
		answer(w, http.StatusUnauthorized, oauthError{"invalid_request", "Invalid Credentials"})
		return
	}
	claims := s.about(account, g.scopes)
	claims["sub"] = account.Subject
	if tamper != nil {
		tamper(claims)
	}
	if write != nil {
		media, body := write(claims)
		w.Header().Set("Content-Type", media)
		_, _ = io.WriteString(w, body)
		return
	}
	answer(w, http.StatusOK, claims)
}

// revoke is RFC 7009.
func (s *OIDC) revoke(w http.ResponseWriter, r *http.Request) {
	token := r.FormValue("token")
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.refresh[token]; !ok {
		if _, ok := s.access[token]; !ok {
			answer(w, http.StatusBadRequest, oauthError{"invalid_token", "Token expired or revoked"})
			return
		}
	}
	delete(s.refresh, token)
	delete(s.access, token)
	answer(w, http.StatusOK, map[string]any{})
}
