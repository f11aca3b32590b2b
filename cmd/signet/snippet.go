package main

import (
	"cmp"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"text/template"

	"signet/clients"
)

//go:embed snippets/*.tmpl
var snippetFiles embed.FS

// snippet is what an app's own documentation asks for.
type snippet struct {
	Issuer, ID, Secret, Redirect, Scope string
	Scopes                              []string
	Plain                               bool   // http, as in a local trial
	KeyFile                             string // where the app's private key is
	Method                              string // how the app proves itself
	DPoP                                bool   // its tokens are bound to a key
}

// Auth is how curl proves to be the app.
func (s snippet) Auth() string {
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
func (s snippet) Key() string {
	switch {
	case s.Method == clients.MethodJWTKey:
		return "# " + s.KeyFile + " is the private key of the app\n"
	case s.DPoP:
		return "# Make the key that its tokens are bound to, once:\nsignet assertion key --key-file " + shellWord(s.KeyFile) + "\n"
	}
	return ""
}

// Proof is the header of a request to a path that shows the key, if the app's tokens are bound to one.
func (s snippet) Proof(path string) string {
	if !s.DPoP {
		return ""
	}
	return ` --header "DPoP: $(signet assertion proof --key-file ` + shellWord(s.KeyFile) + " --url " + s.Issuer + path + `)"`
}

// provesByKey reports whether what a snippet is for signs assertions with a key, as it is set up there; so does what nobody named.
func provesByKey(name string) bool {
	return name == "" || name == "openid-client" || name == "curl" || strings.HasPrefix(name, "curl-")
}

// sendsDPoP reports the same of proofs of a key beside each request.
func sendsDPoP(name string) bool { return provesByKey(name) || name == "oidc-client-ts" }

// snippetNames lists what --for knows.
func snippetNames() []string {
	files, _ := fs.Glob(snippetFiles, "snippets/*.tmpl") // embedded: the pattern is well formed
	for i, f := range files {
		files[i] = strings.TrimSuffix(strings.TrimPrefix(f, "snippets/"), ".tmpl")
	}
	return files
}

// readsIDToken reports whether the library of a snippet takes name, email and groups from the ID token and does not ask userinfo, as it
// is set up there. Its client needs id_token_claims.
func readsIDToken(name string) bool {
	return slices.Contains([]string{"auth-js", "kube-apiserver", "oidc-client-ts", "passport-openidconnect"}, name)
}

// grantOf is the grant type that a snippet's app asks for; "" = what the snippet is for asks for none itself.
func grantOf(name string) string {
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

func checkSnippet(name string) error {
	if name != "" && !slices.Contains(snippetNames(), name) {
		return usage("--for %s: there is no such snippet; choose one of %s", name, strings.Join(snippetNames(), ", "))
	}
	return nil
}

func (s snippet) write(w io.Writer, name string) error {
	t, err := template.ParseFS(snippetFiles, "snippets/"+name+".tmpl")
	if err != nil {
		return fmt.Errorf("snippet %s: %w", name, err)
	}
	s.Scopes = strings.Fields(s.Scope)
	s.Plain = strings.HasPrefix(s.Issuer, "http://")
	return t.Execute(w, s)
}
