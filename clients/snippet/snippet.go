// Package snippet is what an app's own configuration needs, ready to paste: the code or the commands of a library for a registered app, in
// texts/, and the key that such an app proves itself by. The command line and the pages of administrators show it; it knows neither. Begin
// with Snippet.Text.
package snippet

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"text/template"

	"github.com/go-jose/go-jose/v4"

	"signet/clients"
	"signet/clients/detail"
	"signet/internal/spaced"
)

//go:embed texts/*.tmpl texts/parts.txt
var texts embed.FS

// Snippet is what an app's own documentation asks for.
type Snippet struct {
	Issuer, ID, Secret, Redirect, Scope string
	KeyFile                             string // where the app's private key is
	Method                              string // how the app proves itself
	DPoP                                bool   // its tokens are bound to a key
	Bound                               bool   // … to a certificate
	Mutual                              string // where apps come with a certificate; "" = nowhere
	Details                             string // authorization_details that it may ask for, as an example; "" = none
	SignsRequests, Keeps                bool   // its requests are signed; its refresh tokens stay the same
	Audience                            string // another authorization server that it may get assertions for
}

// Server is what snippets say of it.
type Server struct {
	Issuer, Mutual string // its base, and the one where apps come with a certificate
	// Details finds a type of authorization details; nil = there are none.
	Details func(name string) (clients.Resource, detail.Type, bool)
}

// Of is the snippet of a registered app, whose private key is in ID.jwk.
func (at Server) Of(m clients.Metadata) Snippet {
	s := Snippet{Issuer: at.Issuer, Mutual: at.Mutual, ID: m.ClientID, Secret: m.ClientSecret, Scope: m.Scope, KeyFile: KeyFile(m.ClientID),
		Method: m.TokenEndpointAuthMethod, DPoP: m.DPoPBoundAccessTokens, Bound: m.CertificateBoundAccessTokens,
		SignsRequests: m.RequireSignedRequestObject, Keeps: m.FAPI(), Details: at.example(m.DetailsTypes)}
	if len(m.RedirectURIs) > 0 {
		s.Redirect = m.RedirectURIs[0]
	}
	if m.Exchange != nil && len(m.Exchange.IDJAG) > 0 {
		s.Audience = m.Exchange.IDJAG[0].Audience
	}
	return s
}

// KeyFile is the name of the file of an app's private key.
func KeyFile(clientID string) string { return clientID + ".jwk" }

// NewKey is a key pair for signatures, ES256.
func NewKey() (jose.JSONWebKey, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return jose.JSONWebKey{}, fmt.Errorf("make a key: %w", err)
	}
	return jose.JSONWebKey{Key: private, KeyID: strings.ToLower(rand.Text()[:8]), Algorithm: string(jose.ES256), Use: "sig"}, nil
}

// Scopes are those of Scope, one by one.
func (s Snippet) Scopes() []string { return spaced.Words(s.Scope) }

// Plain reports whether the issuer is http, as in a local trial.
func (s Snippet) Plain() bool { return strings.HasPrefix(s.Issuer, "http://") }

// Auth is how curl proves to be the app.
func (s Snippet) Auth() string {
	switch secret := cmp.Or(s.Secret, "…"); s.Method {
	case clients.MethodNone:
		return "--data client_id=" + shellWord(s.ID)
	case clients.MethodJWTKey:
		return "--data client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer \\\n" +
			`  --data client_assertion="$(signet assertion sign --key-file ` + shellWord(s.KeyFile) +
			" --client " + shellWord(s.ID) + " --aud " + s.Issuer + `)"`
	case clients.MethodPost:
		return "--data client_id=" + shellWord(s.ID) + " --data client_secret=" + shellWord(secret)
	case clients.MethodTLS, clients.MethodSelfSigned:
		return "--data client_id=" + shellWord(s.ID)
	default:
		return "--user " + shellWord(s.ID+":"+secret)
	}
}

// Certified reports whether the app shows a certificate.
func (s Snippet) Certified() bool {
	return s.Bound || s.Method == clients.MethodTLS || s.Method == clients.MethodSelfSigned
}

// Cert is how curl shows it, if it does.
func (s Snippet) Cert() string {
	if !s.Certified() {
		return ""
	}
	return "--cert " + shellWord(s.ID+".pem") + " --key " + shellWord(s.ID+"-key.pem") + " "
}

// At is the base of the endpoints that the app goes to.
func (s Snippet) At() string {
	if s.Certified() {
		return cmp.Or(s.Mutual, s.Issuer)
	}
	return s.Issuer
}

// Data is how curl sends a parameter.
func (s Snippet) Data(name, value string) string {
	return "--data-urlencode " + shellWord(name+"="+value)
}

// Word quotes one for a shell.
func (s Snippet) Word(word string) string { return shellWord(word) }

// Bare is Word, without quotes where a shell takes none of it for its own.
func (s Snippet) Bare(word string) string {
	special := func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("_-.,:/@%+=", r))
	}
	if word != "" && !strings.ContainsFunc(word, special) {
		return word
	}
	return shellWord(word)
}

// Double is what stands between double quotes for a shell.
func (s Snippet) Double(text string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(text)
}

// JS is what stands between single quotes in JavaScript.
func (s Snippet) JS(text string) string {
	return strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text)
}

// Proves is what stands before the first request, where the app proves itself by what is in files.
func (s Snippet) Proves() (lines string) {
	if s.Method == clients.MethodJWTKey || s.SignsRequests {
		lines = "# " + s.KeyFile + " is the private key of the app\n"
	}
	if s.Certified() {
		lines += "# " + s.ID + ".pem is the certificate of the app, " + s.ID + "-key.pem its private key\n"
	}
	return lines
}

// Holds is the same where the requests show the key that the app's tokens are bound to already.
func (s Snippet) Holds() string {
	if !s.DPoP || s.Method == clients.MethodJWTKey || s.SignsRequests {
		return s.Proves()
	}
	return s.Proves() + "# " + s.KeyFile + " is the key that the app's tokens are bound to\n"
}

// Key is the same where the key may have to be made.
func (s Snippet) Key() string {
	if s.Holds() == s.Proves() {
		return s.Proves()
	}
	return s.Proves() + "# Make the key that its tokens are bound to, once:\nsignet assertion key --key-file " + shellWord(s.KeyFile) + "\n"
}

// Proof is the header of a request to a path that shows the key, if the app's tokens are bound to one.
func (s Snippet) Proof(path string) string {
	if !s.DPoP {
		return ""
	}
	return ` --header "DPoP: $(signet assertion proof --key-file ` + shellWord(s.KeyFile) + " --url " + s.Issuer + path + `)"`
}

// Text is the snippet for one of Names.
func (s Snippet) Text(name string) (string, error) {
	t, err := template.ParseFS(texts, "texts/"+name+".tmpl", "texts/parts.txt")
	if err != nil {
		return "", fmt.Errorf("snippet %s: %w", name, err)
	}
	var text strings.Builder
	if err := t.Execute(&text, s); err != nil {
		return "", fmt.Errorf("snippet %s: %w", name, err)
	}
	return text.String(), nil
}

// Names lists what there are snippets for.
func Names() []string {
	files, _ := fs.Glob(texts, "texts/*.tmpl") // embedded: the pattern is well formed
	for i, f := range files {
		files[i] = strings.TrimSuffix(strings.TrimPrefix(f, "texts/"), ".tmpl")
	}
	return files
}

// ProvesByKey reports whether what a snippet is for signs assertions with a key, as it is set up there; so does what nobody named.
func ProvesByKey(name string) bool {
	return name == "" || name == "openid-client" || name == "curl" || strings.HasPrefix(name, "curl-")
}

// SendsDPoP reports the same of proofs of a key beside each request.
func SendsDPoP(name string) bool { return ProvesByKey(name) || name == "oidc-client-ts" }

// Lacks says what an app needs for a snippet, and this one does not have; "" = nothing.
func Lacks(name string, m clients.Metadata) string {
	shows := m.ByCertificate() || m.CertificateBoundAccessTokens
	switch {
	case name == "curl-mtls" && !shows:
		return "shows a certificate, and this app has none (--certificate, --tls-subject-dn, --certificate-bound)"
	case shows && name != "curl" && !strings.HasPrefix(name, "curl-"):
		return "as it is set up here, shows no certificate, and this app gets no tokens without"
	case name == "curl-fapi" && !m.FAPI():
		return "is for apps with a profile of FAPI 2.0, and this one has none (--profile fapi2)"
	case name == "curl-rar" && len(m.DetailsTypes) == 0:
		return "asks for types of authorization_details, and this app may ask for none (--details-type)"
	case name == "curl-introspect" && m.TokenEndpointAuthMethod == clients.MethodNone:
		return "asks about tokens, which only an app that proves itself may (not --public)"
	case name == "curl-id-jag" && (m.Exchange == nil || len(m.Exchange.IDJAG) == 0):
		return "asks for assertions for another server, and this app gets none (--exchange-id-jag)"
	}
	return ""
}

// ReadsIDToken reports whether the library of a snippet takes name, email and groups from the ID token and does not ask userinfo, as it
// is set up there. Its client needs id_token_claims.
func ReadsIDToken(name string) bool {
	return slices.Contains([]string{"auth-js", "kube-apiserver", "oidc-client-ts", "passport-openidconnect"}, name)
}

// GrantOf is the grant type that a snippet's app asks for; "" = what the snippet is for asks for none itself.
func GrantOf(name string) string {
	switch name {
	case "curl", "curl-mtls":
		return clients.ClientCredentials
	case "curl-refresh":
		return clients.RefreshToken
	case "curl-device":
		return clients.DeviceCode
	case "curl-ciba":
		return clients.CIBA
	case "curl-jwt-bearer":
		return clients.JWTBearer
	case "curl-exchange", "curl-id-jag":
		return clients.TokenExchange
	case "curl-introspect", "curl-revoke", "kube-apiserver":
		return ""
	}
	return clients.AuthorizationCode
}

// shellWord quotes a word for a shell.
func shellWord(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }
