// Package thing is what administrators register, as files have it: clients, APIs, groups, roles, webhooks, upstreams and settings, each by
// its own name, without any secret. Two things that mean the same are the same bytes. Begin with Read.
package thing

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"signet/admin/setting"
	"signet/audit/webhook"
	"signet/clients"
	"signet/internal/exact"
	"signet/users/membership"
)

// The kinds, as the members of a document are called that list them.
const (
	Clients   = "clients"
	Resources = "resources"
	Groups    = "groups"
	Roles     = "roles"
	Webhooks  = "webhooks"
	Upstreams = "upstreams"
	Settings  = "settings"
)

// keys are the kinds in order, and the field that names a thing of each.
var keys = []struct{ kind, key string }{
	{Clients, "client_id"}, {Resources, "identifier"}, {Groups, "name"}, {Roles, "name"}, {Webhooks, "id"}, {Upstreams, "id"},
	{Settings, "id"},
}

// Kinds lists them in order.
func Kinds() (all []string) {
	for _, k := range keys {
		all = append(all, k.kind)
	}
	return all
}

// Thing is one of a kind.
type Thing interface{ Key() string }

// Client is its registration (RFC 7591), and whether it is refused.
type Client struct {
	clients.Metadata
	Disabled bool `json:"disabled,omitempty"`
}

// Key implements Thing.
func (c Client) Key() string { return c.ClientID }

// Resource is an API.
type Resource struct {
	clients.Resource
	// Declared hides the member of the registration: what is declared in the configuration is in no file.
	Declared bool `json:"declared,omitempty"`
}

// Key implements Thing.
func (r Resource) Key() string { return r.Identifier }

// Group is one of people.
type Group struct {
	ID          string `json:"name"`
	Description string `json:"description,omitempty"`
}

// Key implements Thing.
func (g Group) Key() string { return g.ID }

// Role is one, with what its holders may do to the server.
type Role struct {
	ID          string   `json:"name"`
	Description string   `json:"description,omitempty"`
	Permissions []string `json:"permissions,omitempty"`
}

// Key implements Thing.
func (r Role) Key() string { return r.ID }

// Webhook is another system that is told of events.
type Webhook struct {
	ID          string   `json:"id"`
	URL         string   `json:"url"`
	Description string   `json:"description,omitempty"`
	Events      []string `json:"events"`
	Disabled    bool     `json:"disabled,omitempty"`
}

// Key implements Thing.
func (w Webhook) Key() string { return w.ID }

// WebhookOf is one as files have it.
func WebhookOf(w webhook.Webhook) Webhook {
	return Webhook{ID: w.ID, URL: w.URL, Description: w.Description, Events: sorted(w.Events), Disabled: w.Disabled}
}

// Upstream is a provider where people sign in.
type Upstream struct{ setting.Upstream }

// Key implements Thing.
func (u Upstream) Key() string { return u.ID }

// Setting is a section of the configuration that is kept in the database.
type Setting struct{ setting.Section }

// Key implements Thing.
func (s Setting) Key() string { return s.ID }

func sorted(words []string) []string {
	words = slices.Clone(words)
	slices.Sort(words)
	return slices.Compact(words)
}

// Read reads a thing of a kind as it would be registered. An error says what is wrong with it, and never a value that may be secret.
func Read(kind string, raw []byte) (t Thing, err error) {
	switch kind {
	case Clients:
		var c Client
		if err := decode(raw, &c); err != nil {
			return nil, err
		}
		if c.ClientSecret != "" || c.DocumentHash != "" {
			return nil, errors.New("client_secret and document_hash do not belong here")
		}
		c.Metadata = c.WithDefaults()
		t = c
	case Resources:
		var r Resource
		if err := decode(raw, &r); err != nil {
			return nil, err
		}
		if r.Declared {
			return nil, errors.New("declared does not belong here")
		}
		t = r
	case Groups:
		var g Group
		if err := decode(raw, &g); err != nil {
			return nil, err
		}
		t, err = g, membership.CheckName(g.ID)
	case Roles:
		var r Role
		if err := decode(raw, &r); err != nil {
			return nil, err
		}
		r.Permissions = sorted(r.Permissions)
		t, err = r, membership.CheckName(r.ID)
	case Webhooks:
		var w Webhook
		if err := decode(raw, &w); err != nil {
			return nil, err
		}
		w.Events = sorted(w.Events)
		t, err = w, membership.CheckName(w.ID)
	case Upstreams:
		var u Upstream
		if err := decode(raw, &u); err != nil {
			return nil, err
		}
		u.Upstream = u.Plain()
		t = u
	case Settings:
		var s Setting
		if err := decode(raw, &s); err != nil {
			return nil, err
		}
		if s.ID != setting.Branding && s.ID != setting.Mail {
			return nil, fmt.Errorf("id: must be %s or %s", setting.Branding, setting.Mail)
		}
		s.Section = s.Plain()
		t = s
	default:
		return nil, fmt.Errorf("%q: there is no such kind; use %q", kind, Kinds())
	}
	if err == nil && t.Key() == "" {
		err = fmt.Errorf("%s: is missing", KeyOf(kind))
	}
	return t, err
}

// KeyOf is the field that names things of a kind.
func KeyOf(kind string) string {
	for _, k := range keys {
		if k.kind == kind {
			return k.key
		}
	}
	return ""
}

// Fields are those of a thing; numbers are as they are written.
func Fields(t Thing) (map[string]any, error) {
	raw, err := json.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("write %q: %w", t.Key(), err)
	}
	var fields map[string]any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return fields, d.Decode(&fields)
}

// Same reports whether two things are the same.
func Same(a, b Thing) bool {
	one, err1 := json.Marshal(a)
	two, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && bytes.Equal(one, two)
}

// decode reads one JSON object and nothing else. What one reader takes for a field and another does not is a mistake: unknown members,
// those in other letters than theirs, those that are there twice.
func decode(raw []byte, into any) error {
	if name, is := exact.Twice(raw); is {
		return fmt.Errorf("%s: is there twice", name)
	}
	var any map[string]any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&any); err != nil {
		return shown(err)
	}
	if _, more := d.Token(); !errors.Is(more, io.EOF) {
		return errors.New("there is more than one value")
	}
	if err := spelled(any, reflect.TypeOf(into).Elem()); err != nil {
		return err
	}
	return shown(json.Unmarshal(raw, into))
}

// shown is an error of a decoder without values.
func shown(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s: must not be of the type %s", wrong.Field, strings.Fields(wrong.Value + " ?")[0])
	}
	return err
}

// spelled looks for members that a type has no field for, at any depth.
func spelled(value any, typ reflect.Type) error {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	reads := reflect.PointerTo(typ)
	if reads.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return nil
	}
	own := reads.Implements(reflect.TypeFor[json.Unmarshaler]())
	var errs []error
	switch value := value.(type) {
	case []any:
		if typ.Kind() == reflect.Slice {
			for _, one := range value {
				errs = append(errs, spelled(one, typ.Elem()))
			}
		}
	case map[string]any:
		fields := map[string]reflect.Type{}
		for _, f := range visible(typ, own) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name != "" && name != "-" && f.IsExported() && fields[name] == nil {
				fields[name] = f.Type
			}
		}
		for _, name := range slices.Sorted(maps.Keys(value)) {
			switch {
			case typ.Kind() == reflect.Map:
				errs = append(errs, spelled(value[name], typ.Elem()))
			case len(fields) > 0 && fields[name] == nil:
				errs = append(errs, fmt.Errorf("unknown field %q", name))
			case len(fields) > 0:
				errs = append(errs, spelled(value[name], fields[name]))
			}
		}
	}
	return errors.Join(errs...)
}

// visible are the fields of a struct that reads itself by their names.
func visible(typ reflect.Type, own bool) []reflect.StructField {
	if typ.Kind() != reflect.Struct || own {
		return nil
	}
	return reflect.VisibleFields(typ)
}
