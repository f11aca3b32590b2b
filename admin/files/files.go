// Package files is what a server has registered as files: clients, APIs, groups, and the operator's own roles. Compare changes nothing:
// it tells how far a server is from what a folder says. Things are known by their own names, never by keys of rows; no file has a secret;
// the order is the same whenever nothing changed. Whether the server would take what a file says is not looked at. Begin with Export.
package files

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"

	"signet/admin"
	"signet/clients"
	"signet/users/membership"
)

// kind is a sort of thing: the member of a document that lists them, and the field that names each.
type kind struct {
	list, key string
	normal    func(raw []byte) (any, error) // one thing as it would be registered; an error says what is wrong with it
}

var kinds = []kind{
	{"clients", "client_id", func(raw []byte) (any, error) {
		var c client
		if err := strict(raw, &c); err != nil {
			return nil, err
		}
		if c.ClientSecret != "" || c.DocumentHash != "" {
			return nil, errors.New("client_secret and document_hash do not belong into files")
		}
		c.Metadata = c.WithDefaults()
		return c, nil
	}},
	{"resources", "identifier", func(raw []byte) (any, error) {
		var r resource
		if err := strict(raw, &r); err != nil {
			return nil, err
		}
		if r.Declared {
			return nil, errors.New("declared does not belong into files")
		}
		return r, nil
	}},
	{"groups", "name", func(raw []byte) (any, error) {
		var g group
		if err := strict(raw, &g); err != nil {
			return nil, err
		}
		return g, membership.CheckName(g.Name)
	}},
	{"roles", "name", func(raw []byte) (any, error) {
		var r role
		if err := strict(raw, &r); err != nil {
			return nil, err
		}
		for _, p := range r.Permissions {
			if !slices.Contains(admin.All(), p) {
				return nil, fmt.Errorf("permissions: there is no %q", p)
			}
		}
		slices.Sort(r.Permissions)
		r.Permissions = slices.Compact(r.Permissions)
		return r, membership.CheckName(r.Name)
	}},
}

// client is its registration (RFC 7591), and whether it is refused.
type client struct {
	clients.Metadata
	Disabled bool `json:"disabled,omitempty"`
}

type resource struct {
	clients.Resource
	// Declared hides the member of the registration: what is declared in the configuration is in no file.
	Declared bool `json:"declared,omitempty"`
}

type group struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

type role struct {
	Name        string             `json:"name"`
	Description string             `json:"description,omitempty"`
	Permissions []admin.Permission `json:"permissions,omitempty"`
}

// Set is a number of things, of any kinds.
type Set struct {
	things map[string]map[string]map[string]any // by kind and key: the fields
}

// Kinds are the sorts of things, in order.
func Kinds() (names []string) {
	for _, k := range kinds {
		names = append(names, k.list)
	}
	return names
}

// Document is the things of a kind, or of all for "", as a file has them: sorted, indented, the same bytes for the same things.
func (s *Set) Document(of string) ([]byte, error) {
	all := map[string][]map[string]any{}
	for _, k := range kinds {
		if of == "" || of == k.list {
			list := []map[string]any{}
			for _, key := range slices.Sorted(maps.Keys(s.things[k.list])) {
				list = append(list, s.things[k.list][key])
			}
			all[k.list] = list
		}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	err := enc.Encode(all)
	return out.Bytes(), err
}

// Read adds what a document says. An error names the thing, and what is wrong with it; a thing that is there already is one.
func (s *Set) Read(document []byte) error {
	var lists map[string][]json.RawMessage
	if err := strict(document, &lists); err != nil {
		return err
	}
	var errs []error
	for _, k := range kinds {
		for i, raw := range lists[k.list] {
			if err := s.add(k, raw); err != nil {
				errs = append(errs, fmt.Errorf("%s, number %d: %w", k.list, i+1, err))
			}
		}
		delete(lists, k.list)
	}
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		errs = append(errs, fmt.Errorf("%q: there is no such kind; use %q", name, Kinds()))
	}
	return errors.Join(errs...)
}

func (s *Set) add(k kind, raw []byte) error {
	thing, err := k.normal(raw)
	if err != nil {
		return err
	}
	return s.put(k.list, k.key, thing)
}

func (s *Set) put(list, key string, thing any) error {
	raw, err := json.Marshal(thing)
	if err != nil {
		return fmt.Errorf("write %s: %w", list, err)
	}
	var fields map[string]any
	if err := exact(raw, &fields); err != nil {
		return fmt.Errorf("read %s: %w", list, err)
	}
	name, _ := fields[key].(string)
	if name == "" {
		return fmt.Errorf("%s: is missing", key)
	}
	if s.things == nil {
		s.things = map[string]map[string]map[string]any{}
	}
	if s.things[list] == nil {
		s.things[list] = map[string]map[string]any{}
	}
	if s.things[list][name] != nil {
		return fmt.Errorf("%s %q is there twice", key, name)
	}
	s.things[list][name] = fields
	return nil
}

// strict decodes one JSON value and nothing else; unknown fields are errors.
func strict(raw []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, more := d.Token(); !errors.Is(more, io.EOF) {
		return errors.New("there is more than one value")
	}
	return nil
}

// exact decodes numbers as they are written.
func exact(raw []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return d.Decode(into)
}

// Export reads what a server has: not what is declared in its configuration, not clients that nobody registered, not the roles that ship.
func Export(ctx context.Context, acts *admin.Service, a admin.Actor) (*Set, error) {
	s := &Set{}
	resources, err := acts.Resources(ctx, a)
	if err != nil {
		return nil, err
	}
	for _, r := range resources {
		if !r.Declared {
			err = errors.Join(err, s.put("resources", "identifier", resource{Resource: r}))
		}
	}
	return s, errors.Join(err,
		each(ctx, a, acts.Clients, func(c admin.Client) error {
			if c.Declared || c.DocumentHash != "" {
				return nil
			}
			return s.put("clients", "client_id", client{c.Metadata, c.Disabled})
		}),
		each(ctx, a, acts.Groups, func(g admin.Group) error { return s.put("groups", "name", group{g.Name, g.Description}) }),
		each(ctx, a, acts.Roles, func(r admin.Role) error {
			if r.Shipped {
				return nil
			}
			slices.Sort(r.Permissions)
			return s.put("roles", "name", role{r.Name, r.Description, r.Permissions})
		}))
}

// each walks all parts of a list.
func each[T any](ctx context.Context, a admin.Actor,
	part func(ctx context.Context, a admin.Actor, q admin.Ask) (admin.Page[T], error), do func(T) error) error {
	for q := (admin.Ask{Limit: admin.MaxPage}); ; {
		page, err := part(ctx, a, q)
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

// What a server differs by.
const (
	Add    = "add"    // it is in the files, and not on the server
	Change = "change" // it is in both, and differs
	Extra  = "extra"  // it is on the server, and not in the files
)

// Difference is one thing that differs.
type Difference struct {
	What    string         `json:"what"`
	Kind    string         `json:"kind"`
	Key     string         `json:"key"`
	Changes []admin.Change `json:"changes,omitempty"` // from what the server has to what the files say
}

// Compare tells by what the server differs from the files, in order; empty = by nothing.
func Compare(server, wanted *Set) []Difference {
	list := []Difference{}
	for _, k := range kinds {
		have, want := server.things[k.list], wanted.things[k.list]
		keys := maps.Clone(have)
		if keys == nil {
			keys = map[string]map[string]any{}
		}
		maps.Copy(keys, want)
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			d := Difference{Kind: k.list, Key: key}
			switch {
			case have[key] == nil:
				d.What = Add
			case want[key] == nil:
				d.What = Extra
			case reflect.DeepEqual(have[key], want[key]):
				continue
			default:
				d.What, d.Changes = Change, changes(have[key], want[key])
			}
			list = append(list, d)
		}
	}
	return list
}

func changes(have, want map[string]any) (list []admin.Change) {
	fields := maps.Clone(have)
	maps.Copy(fields, want)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !reflect.DeepEqual(have[name], want[name]) {
			list = append(list, admin.Change{Field: name, Old: have[name], New: want[name]})
		}
	}
	return list
}
