package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/spf13/cobra"

	"signet/admin"
	"signet/admin/thing"
	"signet/admin/view"
	"signet/audit"
	"signet/clients"
	"signet/clients/snippet"
	"signet/internal/outbox"
	"signet/server"
	"signet/storage"
)

func (a *app) client() *cobra.Command {
	return noun("client", "Apps: register, look at, change",
		a.clientCreate(), reads(a.clientList()), reads(a.clientShow()), kept(thing.Clients, a.clientUpdate()),
		a.clientRotateSecret(), kept(thing.Clients, a.clientDelete()),
		a.clientSwitch("disable", "Refuse an app until it is enabled again", true),
		kept(thing.Clients, a.clientSwitch("enable", "Let a disabled app work again", false)),
		a.clientAllowAdmin(), a.clientCheck())
}

// registered is how a client is shown. The secret is there only when it was just made.
type registered struct {
	clients.Metadata
	Issuer   string `json:"issuer"`
	Declared bool   `json:"declared"`
	Disabled bool   `json:"disabled"`
	Snippet  string `json:"snippet,omitempty"`
	// PrivateKey is the app's, made with it and shown this once; KeyFile is where it was written to in its place.
	PrivateKey *jose.JSONWebKey `json:"private_key,omitempty"`
	KeyFile    string           `json:"key_file,omitempty"`
	// Logouts are the notices that sessions ended; only of show, and only where the app is told.
	Logouts *outbox.Queue `json:"logout_notices,omitempty"`
}

func registeredOf(h *server.Services, c *clients.Client) registered {
	r := registered{Metadata: c.Metadata, Issuer: h.Config.Server.Issuer, Declared: c.Declared, Disabled: !c.Enabled()}
	r.ClientSecret = ""
	return r
}

func (r registered) write(w io.Writer) {
	row(w, "issuer", r.Issuer)
	row(w, "client id", r.ClientID)
	if r.ClientSecret != "" {
		row(w, "client secret", r.ClientSecret+"   (shown this once: Signet keeps only a MAC of it)")
	}
	r.writeKey(w)
	row(w, "name", dash(r.ClientName))
	row(w, "type", r.ApplicationType+", "+r.TokenEndpointAuthMethod)
	if field, value := r.CertificateName(); field != "" {
		row(w, "certificate", field+" "+value)
	}
	for _, u := range r.RedirectURIs {
		row(w, "redirect URI", u)
	}
	for _, u := range r.PostLogoutRedirectURIs {
		row(w, "after sign-out", u)
	}
	for _, u := range [][2]string{{"back-channel sign-out", r.BackchannelLogoutURI}, {"front-channel sign-out", r.FrontchannelLogoutURI},
		{"sign-in starts at", r.InitiateLoginURI}} {
		if u[1] != "" {
			row(w, u[0], u[1])
		}
	}
	row(w, "grants", strings.Join(r.GrantTypes, " "))
	row(w, "scope", dash(r.Scope))
	row(w, "first party", yes(r.FirstParty))
	for _, one := range []struct{ name, value string }{
		{"profile", r.Profile}, {"DPoP", told(r.DPoPBoundAccessTokens, "every token is bound to a key")},
		{"tokens", told(r.CertificateBoundAccessTokens, "every one is bound to a certificate")},
		{"MCP tools", told(r.AdminTools, "an administrator allowed it those at /api/admin/mcp")},
		{"requests", told(r.RequirePushedRequests, "pushed only")},
	} {
		if one.value != "" {
			row(w, one.name, one.value)
		}
	}
	if e := r.Exchange; e != nil {
		row(w, "exchanges", fmt.Sprintf("tokens of %s for %s, with %s", strings.Join(append([]string{"its own"}, e.SubjectsFrom...), " "),
			dash(strings.Join(e.Targets, " ")), dash(strings.Join(e.Scopes, " "))))
		for _, j := range e.IDJAG {
			row(w, "assertions", fmt.Sprintf("for %s, as %s, with %s", j.Audience, j.ClientID, dash(strings.Join(j.Scopes, " "))))
		}
	}
	for _, f := range r.FederatedCredentials {
		row(w, "stands for it", f.Subject+" of "+f.Issuer)
	}
	writeFields(w, r.Metadata)
	writeRules(w, r.ClaimsMap)
	if r.IDTokenClaims {
		row(w, "ID token", "has the claims of the granted scopes, too")
	}
	if r.Declared {
		row(w, "declared", "yes, in the configuration: change it there")
	}
	if q := r.Logouts; q != nil {
		row(w, "sign-out notices", fmt.Sprintf("%d waiting, %d failed in the last days", q.Waiting, q.Failed))
		if q.LastError != "" {
			row(w, "last error", q.LastError)
		}
	}
	if r.Disabled {
		row(w, "disabled", "yes")
	}
	row(w, "discovery", r.Issuer+"/.well-known/openid-configuration")
}

// show answers with a client and, if asked, the snippet for an app.
func (a *app) show(h *server.Services, r registered, snippetName string) error {
	if snippetName != "" {
		if snippet.ReadsIDToken(snippetName) && !r.IDTokenClaims {
			a.notice(fmt.Sprintf("Warning: %s reads name and email from the ID token only, and this app's has none: "+
				"set id_token_claims (`signet client update %s --id-token-claims`)", snippetName, r.ClientID))
		}
		if grant := snippet.GrantOf(snippetName); grant != "" && !slices.Contains(r.GrantTypes, grant) {
			a.notice(fmt.Sprintf("Warning: %s asks for the grant type %s, which this app does not have: give it one "+
				"(`signet client update %s --help`: --grant-type, --device, --redirect-uri)", snippetName, grant, r.ClientID))
		}
		if lacks := snippet.Lacks(snippetName, r.Metadata); lacks != "" {
			a.notice(fmt.Sprintf("Warning: %s %s: see `signet client update %s --help`", snippetName, lacks, r.ClientID))
		}
		a.warnOfProof(r, snippetName)
		s := snippet.Server{Issuer: r.Issuer, Mutual: h.Config.MTLSBase(), Details: h.Clients.Resources().DetailsOwner}.Of(r.Metadata)
		s.KeyFile = cmp.Or(r.KeyFile, s.KeyFile)
		text, err := s.Text(snippetName)
		if err != nil {
			return err
		}
		r.Snippet = text
	}
	err := a.answer(r, r.write)
	if err == nil && r.Snippet != "" && !a.json {
		_, err = fmt.Fprintf(a.stdout, "\n%s", r.Snippet)
	}
	return err
}

func forFlag(c *cobra.Command, to *string) {
	c.Flags().StringVar(to, "for", "", "add what an app's configuration needs, ready to paste; `NAME` is "+strings.Join(snippet.Names(), ", "))
}

func checkSnippet(name string) error {
	if name != "" && !slices.Contains(snippet.Names(), name) {
		return usage("--for %s: there is no such snippet; choose one of %s", name, strings.Join(snippet.Names(), ", "))
	}
	return nil
}

func (a *app) clientCreate() *cobra.Command {
	var words metadataFlags
	var proof proofFlags
	var forName string
	c := a.verb("create", "Register an app and print what it needs", 0, func(cmd *cobra.Command, _ []string) error {
		if err := checkSnippet(forName); err != nil {
			return err
		}
		if cmd.Flags().NFlag() == 0 || cmd.Flags().NFlag() == 1 && a.json {
			return usage("say what the app is: `%s --name NAME --redirect-uri URI` for one that signs people in, or "+
				"`--name NAME --grant-type client_credentials` for one that acts for itself; see --help", cmd.CommandPath())
		}
		var m clients.Metadata
		if err := words.apply(a, cmd, &m); err != nil {
			return err
		}
		if forName == "oidc-client-ts" && m.TokenEndpointAuthMethod == "" {
			m.TokenEndpointAuthMethod = clients.MethodNone // it runs in the browser, where no secret can be kept
		}
		if snippet.ReadsIDToken(forName) && !cmd.Flags().Changed("id-token-claims") {
			m.IDTokenClaims = true
		}
		if err := proof.check(cmd, m); err != nil {
			return err
		}
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			var made clients.Metadata
			key, err := proof.choose(a, &m, forName)
			if err != nil {
				return err
			}
			err = a.clientAct(ctx, h, audit.ClientCreated, func(ctx context.Context) (id string, err error) {
				m := words.complete(m)
				if err := h.Registrations.CheckSector(ctx, m); err != nil {
					return "", err
				}
				made, err = h.Clients.Create(ctx, m)
				return made.ClientID, err
			})
			if err != nil {
				proof.forget(key)
				return err
			}
			a.warnOfScopes(h, made.Scope)
			a.warnOfCertificate(h, made)
			a.warnOfExchange(h, made.Exchange)
			r := registered{Metadata: made, Issuer: h.Config.Server.Issuer}
			proof.tell(key, &r)
			return a.show(h, r, forName)
		})
	})
	words.flags(c)
	proof.flags(c)
	forFlag(c, &forName)
	return c
}

// warnOfScopes names scopes that are no resource's: tokens with them would say nothing.
func (a *app) warnOfScopes(h *server.Services, scope string) {
	for s := range strings.FieldsSeq(scope) {
		if !h.Clients.Resources().Known(s) {
			a.notice(fmt.Sprintf("Warning: no resource has the scope %q, so the app cannot get it; register the API first: "+
				"`signet resource create URI --scopes %s`", s, s))
		}
	}
}

// clientAct runs an act and writes it down in one transaction.
func (a *app) clientAct(ctx context.Context, h *server.Services, name audit.Name,
	act func(ctx context.Context) (id string, err error)) error {
	return h.DB.Tx(ctx, func(ctx context.Context) error {
		id, err := act(ctx)
		switch {
		case errors.Is(err, clients.ErrUnknown), errors.Is(err, storage.ErrNotFound):
			return fmt.Errorf("there is no client %q; see `signet client list`", id)
		case err != nil:
			return err
		}
		return h.Audit.Record(ctx, audit.Event{Name: name, ClientID: id})
	})
}

func (a *app) clientList() *cobra.Command {
	return a.verb("list", "List all apps, declared and stored", 0, func(cmd *cobra.Command, _ []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			all, err := h.Clients.List(ctx)
			if err != nil {
				return err
			}
			list := make([]registered, len(all))
			for i, c := range all {
				list[i] = registeredOf(h, c)
			}
			return a.answer(list, func(w io.Writer) {
				row(w, "CLIENT ID", "NAME", "TYPE", "GRANTS", "DECLARED", "DISABLED")
				for _, r := range list {
					row(w, r.ClientID, dash(r.ClientName), r.TokenEndpointAuthMethod, strings.Join(r.GrantTypes, " "), yes(r.Declared), yes(r.Disabled))
				}
			})
		})
	})
}

func (a *app) clientShow() *cobra.Command {
	var forName string
	c := a.verb("show ID", "Show an app's registration", 1, func(cmd *cobra.Command, args []string) error {
		if err := checkSnippet(forName); err != nil {
			return err
		}
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			return a.showClient(ctx, h, args[0], forName)
		})
	})
	forFlag(c, &forName)
	return c
}

func (a *app) showClient(ctx context.Context, h *server.Services, id, forName string) error {
	c, err := h.Clients.Client(ctx, id)
	if errors.Is(err, clients.ErrUnknown) {
		return fmt.Errorf("there is no client %q; see `signet client list`", id)
	}
	if err != nil {
		return err
	}
	r := registeredOf(h, c)
	if c.BackchannelLogoutURI != "" {
		q, err := h.Deliveries.Of(ctx, id)
		if err != nil {
			return err
		}
		r.Logouts = &q
	}
	return a.show(h, r, forName)
}

func (a *app) clientUpdate() *cobra.Command {
	var words metadataFlags
	c := a.verb("update ID", "Change an app's registration: only what is named", 1, func(cmd *cobra.Command, args []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			var made clients.Metadata
			err := a.clientAct(ctx, h, audit.ClientChanged, func(ctx context.Context) (_ string, err error) {
				made, err = h.Clients.Change(ctx, args[0], func(m *clients.Metadata) error {
					if err := words.apply(a, cmd, m); err != nil {
						return err
					}
					return h.Registrations.CheckSector(ctx, *m)
				})
				return args[0], err
			})
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("scope") {
				a.warnOfScopes(h, words.m.Scope)
			}
			a.warnOfCertificate(h, made)
			a.warnOfExchange(h, made.Exchange)
			if made.ClientSecret != "" { // it needs one now, and had none
				return a.show(h, registered{Metadata: made, Issuer: h.Config.Server.Issuer}, "")
			}
			return a.showClient(ctx, h, args[0], "")
		})
	})
	words.flags(c)
	_ = c.Flags().MarkHidden("id")                                                       // an id does not change
	zeroFits(c, "access-token-lifetime", "refresh-token-idle", "refresh-token-lifetime") // the server's again
	return c
}

func (a *app) clientRotateSecret() *cobra.Command {
	var keep time.Duration
	c := a.verb("rotate-secret ID", "Give an app a new secret; the old one stays valid for --keep", 1,
		func(cmd *cobra.Command, args []string) error {
			return a.within(cmd, func(ctx context.Context, h *server.Services) error {
				var secret string
				err := a.clientAct(ctx, h, audit.ClientSecretRotated, func(ctx context.Context) (_ string, err error) {
					secret, err = h.Clients.RotateSecret(ctx, args[0], keep)
					return args[0], err
				})
				if err != nil {
					return err
				}
				until := time.Now().Add(keep).UTC().Truncate(time.Second)
				return a.answer(map[string]any{"client_id": args[0], "client_secret": secret, "old_secret_valid_until": until}, func(w io.Writer) {
					row(w, "client id", args[0])
					row(w, "client secret", secret+"   (shown this once: Signet keeps only a MAC of it)")
					row(w, "old secret until", when(until))
				})
			})
		})
	c.Flags().DurationVar(&keep, "keep", 7*24*time.Hour, "how long the old secret stays valid, 0s = not at all")
	zeroFits(c, "keep")
	return c
}

func (a *app) clientDelete() *cobra.Command {
	var confirmed bool
	c := a.verb("delete ID", "Remove an app, its secrets and consents, and revoke its grants", 1,
		func(cmd *cobra.Command, args []string) error {
			if err := sure(cmd, confirmed, "the app's registration, secrets and consents are deleted"); err != nil {
				return err
			}
			return a.within(cmd, func(ctx context.Context, h *server.Services) error {
				err := a.clientAct(ctx, h, audit.ClientDeleted, func(ctx context.Context) (string, error) {
					return args[0], h.Clients.Delete(ctx, args[0])
				})
				if err != nil {
					return err
				}
				return a.answer(map[string]string{"deleted": args[0]}, func(w io.Writer) { fmt.Fprintln(w, "deleted:", args[0]) })
			})
		})
	yesFlag(c, &confirmed)
	return c
}

func (a *app) clientSwitch(use, short string, disabled bool) *cobra.Command {
	name := audit.ClientEnabled
	if disabled {
		name = audit.ClientDisabled
	}
	return a.verb(use+" ID", short, 1, func(cmd *cobra.Command, args []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			err := a.clientAct(ctx, h, name, func(ctx context.Context) (string, error) {
				return args[0], h.Clients.SetDisabled(ctx, args[0], disabled)
			})
			if err != nil {
				return err
			}
			return a.showClient(ctx, h, args[0], "")
		})
	})
}

func (a *app) clientAllowAdmin() *cobra.Command {
	var remove bool
	c := a.verb("allow-admin ID", "Let an MCP client use the tools for administrators (docs/mcp-admin.md)", 1,
		func(cmd *cobra.Command, args []string) error {
			return a.within(cmd, func(ctx context.Context, h *server.Services) error {
				c, err := h.Admin.Client(ctx, h.Host(operator()), args[0])
				if err == nil { // it is shown below: as it is allowed, not as it may be by then
					err = h.Admin.AllowTools(ctx, h.Host(operator()), args[0], admin.Tag(c), !remove)
				}
				if errors.Is(err, admin.ErrNotFound) {
					return fmt.Errorf("there is no client %q; see `signet client list`. One that registers itself, or is known by its metadata "+
						"document, is there after it tried to sign in", args[0])
				}
				if err != nil {
					return err
				}
				return a.showClient(ctx, h, args[0], "")
			})
		})
	c.Flags().BoolVar(&remove, "remove", false, "take the tools away again, at once")
	return c
}

func (a *app) clientCheck() *cobra.Command {
	return a.verb("check ID", "Find what keeps an app from working: its registration, keys and addresses; exit code 1 if something does", 1,
		func(cmd *cobra.Command, args []string) error {
			return a.within(cmd, func(ctx context.Context, h *server.Services) error {
				list, err := h.Admin.CheckClient(ctx, h.Host(operator()), args[0])
				if errors.Is(err, admin.ErrNotFound) {
					return fmt.Errorf("there is no client %q; see `signet client list`", args[0])
				}
				if err != nil {
					return err
				}
				err = a.answer(list, func(w io.Writer) {
					for _, f := range list {
						row(w, f.State, f.Check, strings.TrimSpace(f.Text+". "+f.Remedy))
					}
				})
				return errors.Join(err, problems(list))
			})
		})
}

// problems is an error where some were found: a script goes by the exit code.
func problems(list []view.Finding) error {
	n := 0
	for _, f := range list {
		if f.State == view.StateProblem {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return fmt.Errorf("problems: %d", n)
}

// told is a text where something is so.
func told(so bool, text string) string {
	if so {
		return text
	}
	return ""
}
