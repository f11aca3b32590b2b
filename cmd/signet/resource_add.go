package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"signet/clients"
	"signet/internal/loopback"
	"signet/server"
)

// goKit is what the Go program imports that `resource add` prints.
const goKit = "signet/kit/go"

func (a *app) resourceAdd() *cobra.Command {
	var words resourceWords
	c := a.verb("add URI", "Register an API, and print what it needs: its metadata, its challenge, its first program", 1,
		func(cmd *cobra.Command, args []string) error {
			if err := words.read(cmd); err != nil {
				return err
			}
			return a.within(cmd, func(ctx context.Context, h *server.Services) error {
				r := clients.Resource{Identifier: args[0]}
				words.change(cmd, &r)
				kit, err := kitOf(h.Config.Server.Issuer, r)
				if err != nil {
					return err
				}
				return a.putResource(ctx, h, r.Identifier, newResource(h, r), func(made clients.Resource) error {
					kit.Resource = made
					return a.answer(kit, func(w io.Writer) { writeResource(w, made); kit.write(w) })
				})
			})
		})
	resourceFlags(c, &words)
	return c
}

// resourceMetadata prints what a registered API has to serve, as it is now.
func (a *app) resourceMetadata() *cobra.Command {
	return a.verb("metadata URI", "Print the document that an API serves (RFC 9728)", 1, func(cmd *cobra.Command, args []string) error {
		return a.within(cmd, func(_ context.Context, h *server.Services) error {
			r, err := findResource(h, args[0])
			if err != nil {
				return err
			}
			kit, err := kitOf(h.Config.Server.Issuer, r)
			if err != nil {
				return usage("%q is no address of the web: such an API has no document", r.Identifier)
			}
			return a.answer(kit.Metadata, func(w io.Writer) { fmt.Fprintf(w, "%s\n", kit.document()) })
		})
	})
}

// resourceKit is what an API needs to take tokens.
type resourceKit struct {
	Resource    clients.Resource `json:"resource"`
	Metadata    apiMetadata      `json:"metadata"`
	MetadataURL string           `json:"metadata_url"`
	Challenge   string           `json:"challenge"`
	Proof       string           `json:"proof"`
	Go          string           `json:"go"`
	TypeScript  string           `json:"typescript"`
}

// apiMetadata is the document of RFC 9728 section 2.
type apiMetadata struct {
	Resource             string   `json:"resource"`
	AuthorizationServers []string `json:"authorization_servers"`
	Scopes               []string `json:"scopes_supported,omitempty"`
	Methods              []string `json:"bearer_methods_supported"`
	Name                 string   `json:"resource_name,omitempty"`
}

// kitOf makes it. Only an API on the web has such a document.
func kitOf(issuer string, r clients.Resource) (resourceKit, error) {
	u, err := url.Parse(r.Identifier)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return resourceKit{}, usage("%q is no address of the web; register it with `signet resource create`", r.Identifier)
	}
	at := *u
	at.Path = "/.well-known/oauth-protected-resource" + strings.TrimSuffix(u.EscapedPath(), "/") // RFC 9728 section 3.1
	at.RawPath, at.Fragment = "", ""
	k := resourceKit{MetadataURL: at.String(), Metadata: apiMetadata{Resource: r.Identifier, AuthorizationServers: []string{issuer},
		Scopes: r.Scopes, Methods: []string{"header"}, Name: r.Name}}
	k.Challenge = "WWW-Authenticate: Bearer resource_metadata=" + strconv.Quote(k.MetadataURL)
	k.Proof = "curl -si " + shellWord(r.Identifier) + " | grep -i www-authenticate; curl -s " + shellWord(k.MetadataURL)
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	demand, port := "", "9420"
	if len(r.Scopes) > 0 {
		demand = "kit.Scopes(" + strconv.Quote(r.Scopes[0]) + ")"
	}
	if loopback.Host(u.Hostname()) && u.Port() != "" { // there it is where it is tried out
		port = u.Port()
	}
	first := strings.Join(quoted(r.Scopes[:min(1, len(r.Scopes))]), ", ")
	fill := strings.NewReplacer("ISSUER", strconv.Quote(issuer), "API", strconv.Quote(r.Identifier), "PATH", strconv.Quote(path), "PORT", port,
		"DEMAND", demand, "SCOPES", strings.Join(quoted(r.Scopes), ", "), "SCOPE", first, "GOKIT", strconv.Quote(goKit))
	k.Go, k.TypeScript = fill.Replace(goProgram), fill.Replace(tsProgram)
	return k, nil
}

// shellWord quotes a word for a shell.
func shellWord(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

func quoted(list []string) (all []string) {
	for _, s := range list {
		all = append(all, strconv.Quote(s))
	}
	return all
}

func (k resourceKit) document() []byte {
	text, _ := json.MarshalIndent(k.Metadata, "", "  ") // of strings alone
	return text
}

func (k resourceKit) write(w io.Writer) {
	for _, part := range [][2]string{
		{"The API's metadata (RFC 9728), at " + k.MetadataURL, string(k.document())},
		{"What it answers to a request without a token, with status 401", k.Challenge},
		{"Proof that it does", k.Proof}, {"In Go (kit/go/README.md of Signet says how to get the kit)", k.Go},
		{"In TypeScript (likewise kit/ts/README.md)", k.TypeScript},
	} {
		fmt.Fprintf(w, "\n%s:\n\n%s\n", part[0], strings.TrimSpace(part[1]))
	}
}

const goProgram = `
package main
import ("log"; "net/http"; kit GOKIT)
func main() {
	api, err := kit.New(ISSUER, API, kit.Options{Document: kit.Document{Scopes: []string{SCOPES}}})
	if err != nil { log.Fatal(err) }
	mux := http.NewServeMux()
	mux.Handle(PATH, api.Require(DEMAND)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := kit.From(r.Context())
		w.Write([]byte("Hello " + token.Subject))
	})))
	api.Mount(mux)
	log.Fatal(http.ListenAndServe("localhost:PORT", mux))
}`

const tsProgram = `
import express from 'express'
import { Api } from 'signet-kit'
import { requireToken } from 'signet-kit/express'
const api = new Api(ISSUER, API, { document: { scopes: [SCOPES] } })
const app = express()
app.all(PATH, requireToken(api, { scopes: [SCOPE] }), (_req, res) => res.send('Hello ' + res.locals.token.subject))
app.all(new URL(api.metadataURL).pathname, async (req, res) => {
  const answer = api.metadata(new Request(api.metadataURL, { method: req.method }))
  res.status(answer.status).set(Object.fromEntries(answer.headers)).send(await answer.text())
})
app.listen(PORT)`
