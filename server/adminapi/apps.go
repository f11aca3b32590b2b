package adminapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"signet/admin"
	"signet/admin/view"
	"signet/clients"
)

// registration is the metadata of a client in a body, as bytes: they are decoded strictly, or merged.
type registration json.RawMessage

// UnmarshalJSON keeps the bytes.
func (m *registration) UnmarshalJSON(raw []byte) error {
	*m = append((*m)[:0], raw...)
	return nil
}

// MarshalJSON gives them back.
func (m registration) MarshalJSON() ([]byte, error) { return m, nil }

// Schema implements huma.SchemaProvider.
func (registration) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, Properties: properties(typeOf[clients.Metadata]()), AdditionalProperties: true}
}

// properties are the fields of a struct as a document shows them. Its own type of durations is text.
func properties(typ reflect.Type) map[string]*huma.Schema {
	all := map[string]*huma.Schema{}
	for f := range typ.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" || name == "document_hash" || !f.IsExported() {
			continue
		}
		s := &huma.Schema{}
		switch typ := f.Type; {
		case typ == typeOf[clients.Duration]():
			s.Type, s.Description = huma.TypeString, "Like 10m."
		case typ.Kind() == reflect.String:
			s.Type = huma.TypeString
		case typ.Kind() == reflect.Bool:
			s.Type = huma.TypeBoolean
		case typ.Kind() == reflect.Int64, typ == typeOf[*int64]():
			s.Type = huma.TypeInteger
		case typ.Kind() == reflect.Slice && typ.Elem().Kind() == reflect.String:
			s.Type, s.Items = huma.TypeArray, &huma.Schema{Type: huma.TypeString}
		case typ.Kind() == reflect.Slice:
			s.Type, s.Items = huma.TypeArray, &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
		default:
			s.Type, s.AdditionalProperties = huma.TypeObject, true
		}
		all[name] = s
	}
	return all
}

// strict decodes one JSON value and nothing else; unknown fields are errors, and so are names in other letters than theirs.
func strict(raw []byte, into any) error {
	if typ := reflect.TypeOf(into).Elem(); typ.Kind() == reflect.Struct {
		if err := spelled(raw, typ); err != nil {
			return err
		}
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is more than one value")
		}
	}
	if err == nil {
		return nil
	}
	field := admin.Field{Text: "cannot be read"}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		field = admin.Field{Name: wrong.Field, Text: "must not be of the type " + wrong.Value}
	} else if name, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); unknown {
		field = admin.Field{Name: strings.Trim(name, `"`), Text: "there is no such field"}
	}
	return &admin.Invalid{Fields: []admin.Field{field}}
}

// spelled refuses members that only a decoder which does not care for capitals takes for a field of the struct.
func spelled(raw []byte, typ reflect.Type) error {
	var fields map[string]json.RawMessage
	if err := strict(raw, &fields); err != nil {
		return err
	}
	for f := range typ.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		delete(fields, name)
	}
	wrong := &admin.Invalid{}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		wrong.Fields = append(wrong.Fields, admin.Field{Name: name, Text: "there is no such field"})
	}
	if len(wrong.Fields) > 0 {
		return wrong
	}
	return nil
}

// theirs refuses what a body cannot say: the id is in the path, secrets are made here, and what is known of a document is not told.
func theirs(id string, body []byte) error {
	var fields map[string]json.RawMessage
	if err := strict(body, &fields); err != nil {
		return err
	}
	wrong := &admin.Invalid{}
	if own, there := fields["client_id"]; there && id != "" && string(own) != `"`+id+`"` {
		wrong.Fields = append(wrong.Fields, admin.Field{Name: "client_id", Text: "is not the one in the path: an id does not change"})
	}
	if _, there := fields["client_secret"]; there {
		wrong.Fields = append(wrong.Fields, admin.Field{Name: "client_secret", Text: "is made by the server"})
	}
	if _, there := fields["document_hash"]; there {
		wrong.Fields = append(wrong.Fields, admin.Field{Name: "document_hash", Text: "there is no such field"})
	}
	if len(wrong.Fields) > 0 {
		return wrong
	}
	return nil
}

// merge applies a merge patch (RFC 7396) of the top level to what is registered: null is the default again, arrays and objects replace.
func merge[T any](m *T, patch []byte) error {
	var changes map[string]json.RawMessage
	if err := strict(patch, &changes); err != nil {
		return err
	}
	current, err := json.Marshal(m)
	if err != nil {
		return err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(current, &all); err != nil {
		return err
	}
	for name, value := range changes {
		if string(bytes.TrimSpace(value)) == "null" {
			delete(all, name)
		} else {
			all[name] = value
		}
	}
	merged, err := json.Marshal(all)
	if err != nil {
		return err
	}
	var next T
	if err := strict(merged, &next); err != nil {
		return err
	}
	*m = next
	return nil
}

// client is a client in an answer.
type client struct{ admin.Client }

// Schema implements huma.SchemaProvider.
func (client) Schema(huma.Registry) *huma.Schema {
	all := properties(typeOf[clients.Metadata]())
	all["declared"] = &huma.Schema{Type: huma.TypeBoolean, Description: "It is in the configuration: change it there."}
	all["disabled"] = &huma.Schema{Type: huma.TypeBoolean}
	return &huma.Schema{Type: huma.TypeObject, Properties: all, AdditionalProperties: false,
		Required: []string{"client_id", "declared", "disabled"}}
}

type clientIn struct {
	Body registration
}

type clientPut struct {
	Named
	Condition
	Body registration
}

type changeIn struct {
	Named
	Condition
}

type secretIn struct {
	Named
	Body struct {
		Keep string `json:"keep,omitempty" doc:"How long the secrets before stay valid, like 24h; a week if left out."`
	}
}

// secret is the answer of rotate-secret.
type secret struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret" doc:"Shown this once."`
}

// apps adds the operations on clients and resources.
func (h *Handler) apps(api huma.API) {
	s := h.o.Acts
	operation(api, "GET /clients", "listClients", "List apps; those of the configuration come first",
		func(ctx context.Context, a admin.Actor, in *Paging) (admin.Page[client], error) {
			page, err := s.Clients(ctx, a, in.ask())
			shown := admin.Page[client]{Items: []client{}, Next: page.Next}
			for _, c := range page.Items {
				shown.Items = append(shown.Items, client{c})
			}
			return shown, err
		})
	bodied(api, "POST /clients", "createClient", "Register an app; its secret is in the answer, this once",
		func(ctx context.Context, a admin.Actor, in *clientIn) (client, error) {
			var m clients.Metadata
			if err := errors.Join(theirs("", in.Body), strict(in.Body, &m)); err != nil {
				return client{}, err
			}
			c, err := s.CreateClient(ctx, a, m)
			return client{c}, err
		})
	operation(api, "GET /clients/{id}", "getClient", "Show an app",
		func(ctx context.Context, a admin.Actor, in *Named) (client, error) {
			c, err := s.Client(ctx, a, in.ID)
			return client{c}, err
		})
	change := func(ctx context.Context, a admin.Actor, id string, c Condition, do func(m *clients.Metadata) error) (client, error) {
		match, err := c.match()
		if err != nil {
			return client{}, err
		}
		made, err := s.ChangeClient(ctx, a, id, match, do)
		return client{made}, err
	}
	bodied(api, "PATCH /clients/{id}", "changeClient", "Change some of an app's registration (RFC 7396)",
		func(ctx context.Context, a admin.Actor, in *clientPut) (client, error) {
			if err := theirs(in.ID, in.Body); err != nil {
				return client{}, err
			}
			return change(ctx, a, in.ID, in.Condition, func(m *clients.Metadata) error { return merge(m, in.Body) })
		})
	bodied(api, "PUT /clients/{id}", "replaceClient", "Replace an app's registration",
		func(ctx context.Context, a admin.Actor, in *clientPut) (client, error) {
			var next clients.Metadata
			if err := errors.Join(theirs(in.ID, in.Body), strict(in.Body, &next)); err != nil {
				return client{}, err
			}
			return change(ctx, a, in.ID, in.Condition, func(m *clients.Metadata) error { *m = next; return nil })
		})
	operation(api, "DELETE /clients/{id}", "deleteClient", "Remove an app, its secrets and consents, and revoke its grants",
		func(ctx context.Context, a admin.Actor, in *changeIn) (nothing, error) {
			match, err := in.match()
			if err != nil {
				return nothing{}, err
			}
			return nothing{}, s.DeleteClient(ctx, a, in.ID, match)
		})
	for name, disabled := range map[string]bool{"disable": true, "enable": false} {
		operation(api, "POST /clients/{id}/"+name, name+"Client", "Refuse an app's requests, or take them again",
			func(ctx context.Context, a admin.Actor, in *Named) (client, error) {
				if err := s.SetClientDisabled(ctx, a, in.ID, disabled); err != nil {
					return client{}, err
				}
				c, err := s.Client(ctx, a, in.ID)
				return client{c}, err
			})
	}
	h.allowing(api)
	bodied(api, "POST /clients/{id}/secrets", "rotateSecret", "Give an app a new secret",
		func(ctx context.Context, a admin.Actor, in *secretIn) (secret, error) {
			keep := 7 * 24 * time.Hour
			if in.Body.Keep != "" {
				var err error
				if keep, err = time.ParseDuration(in.Body.Keep); err != nil {
					return secret{}, &admin.Invalid{Fields: []admin.Field{{Name: "keep", Text: "is no duration like 24h"}}}
				}
			}
			text, err := s.RotateSecret(ctx, a, in.ID, keep)
			return secret{in.ID, text}, err
		})
	h.secrets(api)
	operation(api, "GET /clients/{id}/first-sign-in", "getFirstSignIn", "Report whether anybody has signed in at an app, and why not",
		func(ctx context.Context, a admin.Actor, in *Named) (view.FirstSignIn, error) {
			return s.FirstSignIn(ctx, a, in.ID)
		})
	h.resources(api)
}

type oneSecret struct {
	Named
	Secret string `path:"secret" maxLength:"200" doc:"The id of the secret."`
}

type snippetIn struct {
	Named
	For string `query:"for" required:"true" maxLength:"100" doc:"A name of signet client show --for, like curl or oidc-client-ts."`
}

// secrets adds the operations on what an app proves itself by, on what it needs in its own configuration, and on what is wrong with it.
func (h *Handler) secrets(api huma.API) {
	s := h.o.Acts
	operation(api, "GET /clients/{id}/secrets", "listSecrets", "List an app's secrets: when each was made and used, not what it is",
		func(ctx context.Context, a admin.Actor, in *Named) (admin.Page[view.ClientSecret], error) {
			list, err := s.Secrets(ctx, a, in.ID)
			return admin.Page[view.ClientSecret]{Items: list}, err
		})
	operation(api, "DELETE /clients/{id}/secrets/{secret}", "removeSecret", "Refuse one of an app's secrets from now on; not the last",
		func(ctx context.Context, a admin.Actor, in *oneSecret) (nothing, error) {
			return nothing{}, s.RemoveSecret(ctx, a, in.ID, in.Secret)
		})
	operation(api, "GET /clients/{id}/snippet", "getSnippet", "Show what an app's own configuration needs",
		func(ctx context.Context, a admin.Actor, in *snippetIn) (view.Snippet, error) {
			return s.Snippet(ctx, a, in.ID, in.For)
		})
	operation(api, "POST /clients/{id}/check", "checkClient",
		"Check an app: its registration, its keys, and whether the addresses in it answer",
		func(ctx context.Context, a admin.Actor, in *Named) (admin.Page[view.Finding], error) {
			list, err := s.CheckClient(ctx, a, in.ID)
			return admin.Page[view.Finding]{Items: list}, err
		})
}

// allowing adds the operations on who has the tools.
func (h *Handler) allowing(api huma.API) {
	s := h.o.Acts
	set := func(ctx context.Context, a admin.Actor, id, match string, allowed bool) (client, error) {
		if err := s.AllowTools(ctx, a, id, match, allowed); err != nil {
			return client{}, err
		}
		c, err := s.Client(ctx, a, id)
		return client{c}, err
	}
	operation(api, "POST /clients/{id}/allow-admin", "allowTools", "Let an app, as it was read, use the tools for administrators' MCP clients",
		func(ctx context.Context, a admin.Actor, in *changeIn) (client, error) {
			match, err := in.match() // it may have become another one since
			if err != nil {
				return client{}, err
			}
			return set(ctx, a, in.ID, match, true)
		})
	operation(api, "POST /clients/{id}/disallow-admin", "removeTools", "Let an app use the tools for administrators' MCP clients no longer",
		func(ctx context.Context, a admin.Actor, in *Named) (client, error) {
			return set(ctx, a, in.ID, "", false)
		})
}
