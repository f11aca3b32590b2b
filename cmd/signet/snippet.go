package main

import (
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
	Plain                               bool // http, as in a local trial
}

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
