// Package files keeps clients, APIs, groups and the operator's own roles as files: Export writes what a server has, Make plans what would
// make it as the files say, and Plan.Apply does that. Things are known by their own names, never by keys of rows; no file has a secret,
// only where it is found; the order is the same whenever nothing changed. Begin with Set.
package files

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"signet/admin"
	"signet/admin/thing"
	"signet/audit/webhook"
	"signet/internal/exact"
)

// Set is a number of things, of any kinds.
type Set struct {
	things  map[string]map[string]thing.Thing // by kind and key
	secrets map[string]string                 // where secrets are found, by kind and key
	lists   map[string]bool                   // kinds that the files list, even if there is none of them
}

// Document is the things of a kind, or of all for "", as a file has them: sorted, indented, the same bytes for the same things.
func (s *Set) Document(of string) ([]byte, error) {
	all := map[string][]map[string]any{}
	for _, kind := range thing.Kinds() {
		if of != "" && of != kind {
			continue
		}
		all[kind] = []map[string]any{}
		for _, key := range slices.Sorted(maps.Keys(s.things[kind])) {
			fields, err := thing.Fields(s.things[kind][key])
			if err != nil {
				return nil, err
			}
			all[kind] = append(all[kind], fields)
		}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	err := enc.Encode(all)
	return out.Bytes(), err
}

// Read adds what a document says: JSON. An error names the thing, and what is wrong with it, and no value that may be secret; a thing that
// is there already is one.
func (s *Set) Read(document []byte) error {
	if name, is := exact.Twice(document); is {
		return fmt.Errorf("%s: is there twice", name)
	}
	var lists map[string][]json.RawMessage
	d := json.NewDecoder(bytes.NewReader(document))
	err := d.Decode(&lists)
	_, ofType := errors.AsType[*json.UnmarshalTypeError](err)
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("is empty")
	case ofType || err == nil && lists == nil:
		return fmt.Errorf("must be an object with lists: %q", thing.Kinds())
	case err != nil:
		return err
	}
	if _, more := d.Token(); !errors.Is(more, io.EOF) {
		return errors.New("there is more than one value")
	}
	var errs []error
	for _, kind := range thing.Kinds() {
		if lists[kind] != nil {
			s.list(kind)
		}
		for i, raw := range lists[kind] {
			if err := s.add(kind, raw); err != nil {
				errs = append(errs, fmt.Errorf("%s, number %d: %w", kind, i+1, err))
			}
		}
		delete(lists, kind)
	}
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		errs = append(errs, fmt.Errorf("%q: there is no such kind; use %q", name, thing.Kinds()))
	}
	return errors.Join(errs...)
}

func (s *Set) list(kind string) {
	if s.lists == nil {
		s.lists = map[string]bool{}
	}
	s.lists[kind] = true
}

func (s *Set) add(kind string, raw []byte) error {
	raw, secret, err := cutSecret(kind, raw)
	if err != nil {
		return err
	}
	t, err := thing.Read(kind, raw)
	if err != nil {
		return err
	}
	if r, ok := t.(thing.Role); ok {
		for _, p := range r.Permissions {
			if !slices.Contains(admin.All(), admin.Permission(p)) {
				return fmt.Errorf("permissions: there is no %q", p)
			}
		}
	}
	if secret != "" {
		if s.secrets == nil {
			s.secrets = map[string]string{}
		}
		s.secrets[kind+" "+t.Key()] = secret
	}
	return s.put(kind, t)
}

// notHere is told of a file that has a secret.
func notHere(name string) error {
	return errors.New(name + " does not belong into files: say where it is found, env:NAME or file:PATH, " +
		"or, of a client, to which file a new one is written, new:PATH")
}

// madeAnew begins where a secret is found that is made and written there, unless one is there already.
const madeAnew = "new:"

// secretOf is what the secret of a thing is called. An upstream at Apple has a private key in its place.
func secretOf(kind, provider string) string {
	switch {
	case kind == thing.Webhooks:
		return "secret"
	case kind == thing.Settings:
		return "password"
	case kind == thing.Upstreams && provider == "apple":
		return "private_key"
	}
	return "client_secret"
}

// cutSecret takes out of a client, an upstream, a webhook, or the section of mail, where its secret is found.
func cutSecret(kind string, raw []byte) (rest []byte, secret string, err error) {
	var fields map[string]json.RawMessage
	kinds := []string{thing.Clients, thing.Upstreams, thing.Webhooks, thing.Settings}
	if !slices.Contains(kinds, kind) || json.Unmarshal(raw, &fields) != nil {
		return raw, "", nil // what is wrong with it is told where it is read
	}
	var provider string
	_ = json.Unmarshal(fields["kind"], &provider) // only an upstream has one; what is wrong with it is told where it is read
	name, ways := secretOf(kind, provider), []string{"env", "file", "new"}
	if kind != thing.Clients {
		ways = ways[:2]
	}
	if fields[name] == nil {
		return raw, "", nil
	}
	if name, is := exact.Twice(raw); is {
		return nil, "", fmt.Errorf("%s: is there twice", name)
	}
	if json.Unmarshal(fields[name], &secret) != nil {
		return nil, "", notHere(name)
	}
	if where, at, ok := strings.Cut(secret, ":"); !ok || at == "" || !slices.Contains(ways, where) {
		return nil, "", notHere(name)
	}
	delete(fields, name)
	rest, err = json.Marshal(fields)
	return rest, secret, err
}

func (s *Set) put(kind string, t thing.Thing) error {
	if s.things == nil {
		s.things = map[string]map[string]thing.Thing{}
	}
	if s.things[kind] == nil {
		s.things[kind] = map[string]thing.Thing{}
	}
	if s.things[kind][t.Key()] != nil {
		return fmt.Errorf("%s %q is there twice", thing.KeyOf(kind), t.Key())
	}
	s.things[kind][t.Key()] = t
	return nil
}

// Source is where things are listed: the acts of administrators, or the API over them.
type Source interface {
	Clients(ctx context.Context, q admin.Ask) (admin.Page[admin.Client], error)
	Resources(ctx context.Context) ([]thing.Resource, error)
	Groups(ctx context.Context, q admin.Ask) (admin.Page[admin.Group], error)
	Roles(ctx context.Context, q admin.Ask) (admin.Page[admin.Role], error)
	// Systems are the others: those that are told of events, those where people sign in, and the sections of the configuration that are kept
	// in the database. Left out is what may not be seen.
	Systems(ctx context.Context) ([]webhook.Webhook, []thing.Upstream, []thing.Setting, error)
}

// Seen is err, or nil for what its reader may not see: they do the rest without it.
func Seen(err error) error {
	if errors.Is(err, admin.ErrRefused) {
		return nil
	}
	return err
}

// Export reads what a server has: not what is declared in its configuration, not clients that nobody registered, not the roles that ship;
// webhooks for who may see them.
func Export(ctx context.Context, from Source) (*Set, error) {
	s := &Set{}
	resources, err := from.Resources(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range resources {
		if !r.Declared && !r.Resource.Declared {
			err = errors.Join(err, s.put(thing.Resources, r))
		}
	}
	hooks, providers, sections, failed := from.Systems(ctx)
	err = errors.Join(err, failed)
	for _, w := range hooks {
		err = errors.Join(err, s.put(thing.Webhooks, thing.WebhookOf(w)))
	}
	for _, u := range providers {
		err = errors.Join(err, s.put(thing.Upstreams, u))
	}
	for _, one := range sections {
		err = errors.Join(err, s.put(thing.Settings, one))
	}
	return s, errors.Join(err,
		each(ctx, from.Clients, func(c admin.Client) error {
			if c.Declared || c.DocumentHash != "" {
				return nil
			}
			return s.put(thing.Clients, thing.Client{Metadata: c.WithDefaults(), Disabled: c.Disabled})
		}),
		each(ctx, from.Groups, func(g admin.Group) error {
			return s.put(thing.Groups, thing.Group{ID: g.Name, Description: g.Description})
		}),
		each(ctx, from.Roles, func(r admin.Role) error {
			if r.Shipped {
				return nil
			}
			own := thing.Role{ID: r.Name, Description: r.Description}
			for _, p := range r.Permissions {
				own.Permissions = append(own.Permissions, string(p))
			}
			slices.Sort(own.Permissions)
			return s.put(thing.Roles, own)
		}))
}

// each walks all parts of a list.
func each[T any](ctx context.Context, part func(ctx context.Context, q admin.Ask) (admin.Page[T], error), do func(T) error) error {
	for q := (admin.Ask{Limit: admin.MaxPage}); ; {
		page, err := part(ctx, q)
		if err != nil {
			return err
		}
		for _, one := range page.Items {
			if err := do(one); err != nil {
				return err
			}
		}
		if q.After = page.Next; q.After == "" {
			return nil
		}
	}
}
