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
)

//go:embed texts/*.tmpl
var texts embed.FS

// Snippet is what an app's own documentation asks for.
type Snippet struct {
	Issuer, ID, Secret, Redirect, Scope string
	KeyFile                             string // where the app's private key is
	Method                              string // how the app proves itself
	DPoP                                bool   // its tokens are bound to a key
}

// Of is the snippet of a registered app, whose private key is in ID.jwk.
func Of(issuer string, m clients.Metadata) Snippet {
	s := Snippet{Issuer: issuer, ID: m.ClientID, Secret: m.ClientSecret, Scope: m.Scope, KeyFile: KeyFile(m.ClientID),
		Method: m.TokenEndpointAuthMethod, DPoP: m.DPoPBoundAccessTokens}
	if len(m.RedirectURIs) > 0 {
		s.Redirect = m.RedirectURIs[0]
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
func (s Snippet) Scopes() []string { return strings.Fields(s.Scope) }

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
		return "--cert … --key … --data client_id=" + shellWord(s.ID)
	default:
		return "--user " + shellWord(s.ID+":"+secret)
	}
}

// Key is the line before the first request, where there is a key to be made.
func (s Snippet) Key() string {
	switch {
	case s.Method == clients.MethodJWTKey:
		return "# " + s.KeyFile + " is the private key of the app\n"
	case s.DPoP:
		return "# Make the key that its tokens are bound to, once:\nsignet assertion key --key-file " + shellWord(s.KeyFile) + "\n"
	}
	return ""
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
	t, err := template.ParseFS(texts, "texts/"+name+".tmpl")
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

// ReadsIDToken reports whether the library of a snippet takes name, email and groups from the ID token and does not ask userinfo, as it
// is set up there. Its client needs id_token_claims.
func ReadsIDToken(name string) bool {
	return slices.Contains([]string{"auth-js", "kube-apiserver", "oidc-client-ts", "passport-openidconnect"}, name)
}

// GrantOf is the grant type that a snippet's app asks for; "" = what the snippet is for asks for none itself.
func GrantOf(name string) string {
	switch name {
	case "curl":
		return clients.ClientCredentials
	case "curl-device":
		return clients.DeviceCode
	case "curl-ciba":
		return clients.CIBA
	case "curl-jwt-bearer":
		return clients.JWTBearer
	case "curl-exchange":
		return clients.TokenExchange
	case "kube-apiserver":
		return ""
	}
	return clients.AuthorizationCode
}

// shellWord quotes a word for a shell.
func shellWord(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }
