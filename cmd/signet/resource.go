package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"signet/admin/thing"
	"signet/audit"
	"signet/clients"
	"signet/config"
	"signet/server"
	"signet/storage"
)

func (a *app) resource() *cobra.Command {
	return noun("resource", "APIs that access tokens are for", a.resourceCreate(), a.resourceAdd(), reads(a.resourceList()),
		reads(a.resourceShow()), reads(a.resourceMetadata()),
		kept(thing.Resources, a.resourceUpdate()), kept(thing.Resources, a.resourceDelete()), a.resourceCheck())
}

// resourceWords are the words of a command line for an API's registration.
type resourceWords struct {
	clients.Resource
	scopesFile, detailsFile string
}

func resourceFlags(c *cobra.Command, words *resourceWords) {
	f := c.Flags()
	f.StringVar(&words.Name, "name", "", "`name` for people")
	f.StringSliceVar(&words.Scopes, "scopes", nil, "`scopes` of the API, separated by commas or spaces")
	f.StringVar(&words.scopesFile, "scopes-file", "",
		"YAML or JSON `file` with the list of scopes as in config.yaml: name, title, description, required, sensitive; - reads standard input")
	f.StringSliceVar(&words.IntrospectedBy, "introspected-by", nil, "client `IDs` that may ask about its tokens")
	f.StringSliceVar(&words.ExchangedBy, "exchanged-by", nil, "client `IDs` that are the API, and may exchange its tokens (RFC 8693)")
	f.BoolVar(&words.RequireSecondFactor, "require-second-factor", false, "people sign in with two factors for it, whatever the app asks for")
	f.Int64Var(&words.MaxAge, "max-age", 0, "`seconds` since people signed in, at most, when a token for it is asked for; 0 = any")
	f.StringVar(&words.detailsFile, "details-file", "",
		"YAML or JSON `file` with the list of types of authorization_details as in config.yaml (RFC 9396); - reads standard input")
	f.BoolVar(&words.Open, "open", false, "also for apps that nobody registered, known by their metadata documents")
	c.MarkFlagsMutuallyExclusive("scopes", "scopes-file")
}

// read takes the scopes and the types of authorization details from their files, if they are named.
func (words *resourceWords) read(cmd *cobra.Command) error {
	if cmd.Flags().Changed("details-file") {
		data, err := fileOf(cmd, "details-file", words.detailsFile)
		if err != nil {
			return err
		}
		types, err := config.ReadDetailsTypes(words.detailsFile, data)
		if err != nil {
			return err
		}
		words.DetailsTypes = server.DetailsTypes(types)
	}
	if !cmd.Flags().Changed("scopes-file") {
		words.Scopes = strings.Fields(strings.Join(words.Scopes, " "))
		return nil
	}
	data, err := fileOf(cmd, "scopes-file", words.scopesFile)
	if err != nil {
		return err
	}
	scopes, err := config.ReadScopes(words.scopesFile, data)
	if err != nil {
		return err
	}
	words.Scopes, words.Details = server.Scopes(scopes)
	return nil
}

// fileOf reads the file that a flag names; - is standard input.
func fileOf(cmd *cobra.Command, flag, name string) (data []byte, err error) {
	if name == "-" {
		data, err = io.ReadAll(cmd.InOrStdin())
	} else {
		data, err = os.ReadFile(name)
	}
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flag, err)
	}
	return data, nil
}

// change writes into a registration what was named on the command line. Scopes named without words keep those that they have.
func (words *resourceWords) change(cmd *cobra.Command, to *clients.Resource) {
	set := func(flag string, do func()) {
		if cmd.Flags().Changed(flag) {
			do()
		}
	}
	set("name", func() { to.Name = words.Name })
	set("scopes", func() {
		to.Scopes, to.Details = words.Scopes, maps.Clone(to.Details)
		maps.DeleteFunc(to.Details, func(scope string, _ clients.ScopeDetails) bool { return !slices.Contains(to.Scopes, scope) })
	})
	set("scopes-file", func() { to.Scopes, to.Details = words.Scopes, words.Details })
	set("details-file", func() { to.DetailsTypes = words.DetailsTypes })
	set("introspected-by", func() { to.IntrospectedBy = words.IntrospectedBy })
	set("require-second-factor", func() { to.RequireSecondFactor = words.RequireSecondFactor })
	set("max-age", func() { to.MaxAge = words.MaxAge })
	set("open", func() { to.Open = words.Open })
	set("exchanged-by", func() { to.ExchangedBy = words.ExchangedBy })
}

func (a *app) resourceCreate() *cobra.Command {
	var words resourceWords
	c := a.verb("create URI", "Register an API; tokens name the URI as aud", 1, func(cmd *cobra.Command, args []string) error {
		if err := words.read(cmd); err != nil {
			return err
		}
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			r := clients.Resource{Identifier: words.Identifier}
			if len(args) > 0 {
				r.Identifier = args[0]
			}
			words.change(cmd, &r)
			return a.changeResource(ctx, h, r.Identifier, newResource(h, r))
		})
	})
	c.Args = func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == 0 && words.Identifier == "":
			return usage("the URI is missing that tokens name as aud: `%s https://api.example.com`", cmd.CommandPath())
		case len(args) > 1 || len(args) == 1 && words.Identifier != "":
			return usage("name one URI: `%s https://api.example.com`", cmd.CommandPath())
		}
		return nil
	}
	c.Flags().StringVar(&words.Identifier, "identifier", "", "`URI`, instead of the argument")
	resourceFlags(c, &words)
	return c
}

// newResource writes a resource that there is not.
func newResource(h *server.Services, r clients.Resource) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		if _, err := findResource(h, r.Identifier); err == nil {
			return fmt.Errorf("the resource %q is registered already; change it with `signet resource update`", r.Identifier)
		}
		return h.Clients.PutResource(ctx, r)
	}
}

func (a *app) resourceUpdate() *cobra.Command {
	var words resourceWords
	c := a.verb("update URI", "Change an API's registration: only what is named", 1, func(cmd *cobra.Command, args []string) error {
		if err := words.read(cmd); err != nil {
			return err
		}
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			found, err := findResource(h, args[0])
			if err != nil {
				return err
			}
			return a.changeResource(ctx, h, found.Identifier, func(ctx context.Context) error {
				return h.Clients.ChangeResource(ctx, found.Identifier, func(r *clients.Resource) error {
					words.change(cmd, r)
					return nil
				})
			})
		})
	})
	resourceFlags(c, &words)
	return c
}

func (a *app) resourceShow() *cobra.Command {
	return a.verb("show URI", "Show an API's registration", 1, func(cmd *cobra.Command, args []string) error {
		return a.within(cmd, func(_ context.Context, h *server.Services) error {
			r, err := findResource(h, args[0])
			if err != nil {
				return err
			}
			return a.answer(r, func(w io.Writer) { writeResource(w, r) })
		})
	})
}

// writeResource writes one in full: below it its scopes, with what people read of them.
func writeResource(w io.Writer, r clients.Resource) {
	writeResources(w, r)
	if len(r.DetailsTypes) > 0 {
		fmt.Fprintln(w)
		row(w, "TYPE", "TITLE", "FIELDS")
		for _, t := range r.DetailsTypes {
			var fields []string
			for _, f := range t.Fields {
				fields = append(fields, f.Name)
			}
			row(w, t.Type, dash(inLanguages(t.Title)), dash(strings.Join(fields, " ")))
		}
	}
	if len(r.Details) == 0 {
		return
	}
	fmt.Fprintln(w)
	row(w, "SCOPE", "REQUIRED", "SENSITIVE", "TITLE", "DESCRIPTION")
	for _, s := range r.Scopes {
		d := r.Details[s]
		row(w, s, yes(d.Required), yes(d.Sensitive), dash(inLanguages(d.Title)), dash(inLanguages(d.Description)))
	}
}

// inLanguages is a text with the tags of its languages; the one for all of them has none.
func inLanguages(t clients.Text) string {
	var all []string
	for _, tag := range slices.Sorted(maps.Keys(t)) {
		all = append(all, strings.TrimPrefix(tag+": ", ": ")+t[tag])
	}
	return strings.Join(all, "; ")
}

func findResource(h *server.Services, identifier string) (clients.Resource, error) {
	r, ok := h.Clients.Resources().Find(identifier)
	if !ok {
		return r, fmt.Errorf("there is no resource %q; see `signet resource list`", identifier)
	}
	return r, nil
}

// changeResource runs an act on a registration and writes it down in one transaction.
func (a *app) changeResource(ctx context.Context, h *server.Services, identifier string, act func(ctx context.Context) error) error {
	return a.putResource(ctx, h, identifier, act, func(r clients.Resource) error {
		return a.answer(r, func(w io.Writer) { writeResource(w, r) })
	})
}

// putResource is changeResource with an answer of another kind.
func (a *app) putResource(ctx context.Context, h *server.Services, identifier string, act func(ctx context.Context) error,
	answer func(r clients.Resource) error) error {
	var r clients.Resource
	err := h.DB.Tx(ctx, func(ctx context.Context) error {
		if err := act(ctx); err != nil {
			return err
		}
		var err error
		if r, err = findResource(h, identifier); err != nil {
			return err
		}
		return h.Audit.Record(ctx,
			audit.Event{Name: audit.ResourceChanged, Detail: map[string]any{
				"identifier": r.Identifier, "scopes": r.Scopes, "exchanged_by": r.ExchangedBy,
				"require_second_factor": r.RequireSecondFactor, "max_age": r.MaxAge, "open": r.Open}})
	})
	if err != nil {
		return err
	}
	return answer(r)
}

func writeResources(w io.Writer, list ...clients.Resource) {
	row(w, "IDENTIFIER", "NAME", "SCOPES", "INTROSPECTED BY", "DECLARED", "EXCHANGED BY", "OPEN")
	for _, r := range list {
		row(w, r.Identifier, dash(r.Name), dash(strings.Join(r.Scopes, " ")), dash(strings.Join(r.IntrospectedBy, " ")), yes(r.Declared),
			dash(strings.Join(r.ExchangedBy, " ")), yes(r.Open))
	}
}

func (a *app) resourceList() *cobra.Command {
	return a.verb("list", "List all APIs, declared and stored", 0, func(cmd *cobra.Command, _ []string) error {
		return a.within(cmd, func(_ context.Context, h *server.Services) error {
			list := append([]clients.Resource{}, h.Clients.Resources().All()...)
			return a.answer(list, func(w io.Writer) { writeResources(w, list...) })
		})
	})
}

func (a *app) resourceDelete() *cobra.Command {
	var confirmed bool
	c := a.verb("delete URI", "Remove an API; tokens for it are refused from now on", 1, func(cmd *cobra.Command, args []string) error {
		if err := sure(cmd, confirmed, "the API's registration is deleted, and its tokens are refused"); err != nil {
			return err
		}
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			err := h.DB.Tx(ctx, func(ctx context.Context) error {
				if err := h.Clients.DeleteResource(ctx, args[0]); err != nil {
					return err
				}
				return h.Audit.Record(ctx, audit.Event{Name: audit.ResourceDeleted, Detail: map[string]string{"identifier": args[0]}})
			})
			if errors.Is(err, storage.ErrNotFound) {
				return fmt.Errorf("there is no resource %q; see `signet resource list`", args[0])
			}
			if err != nil {
				return err
			}
			return a.answer(map[string]string{"deleted": args[0]}, func(w io.Writer) { fmt.Fprintln(w, "deleted:", args[0]) })
		})
	})
	yesFlag(c, &confirmed)
	return c
}
