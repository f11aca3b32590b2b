package adminapi

import (
	"context"
	"encoding/json"
	"maps"

	"github.com/danielgtaylor/huma/v2"

	"signet/admin"
	"signet/admin/setting"
	"signet/admin/thing"
	"signet/admin/view"
)

// provider is what is said of an upstream in a body, as bytes: its secrets are among it, and are told apart from the rest.
type provider json.RawMessage

// UnmarshalJSON keeps the bytes.
func (p *provider) UnmarshalJSON(raw []byte) error {
	*p = append((*p)[:0], raw...)
	return nil
}

// MarshalJSON gives them back.
func (p provider) MarshalJSON() ([]byte, error) { return p, nil }

// Schema implements huma.SchemaProvider.
func (provider) Schema(huma.Registry) *huma.Schema {
	all := properties(typeOf[setting.Upstream]())
	maps.Copy(all, properties(typeOf[setting.Secrets]()))
	return &huma.Schema{Type: huma.TypeObject, Properties: all, AdditionalProperties: true}
}

// read takes the secrets out of a body. An id that is in the path does not change.
func (p provider) read(id string) (rest []byte, given setting.Secrets, err error) {
	var fields map[string]json.RawMessage
	if err := strict(p, &fields); err != nil {
		return nil, given, err
	}
	wrong := &admin.Invalid{}
	for name, into := range map[string]*string{"client_secret": &given.ClientSecret, "private_key": &given.PrivateKey} {
		if raw, is := fields[name]; is && json.Unmarshal(raw, into) != nil {
			wrong.Fields = append(wrong.Fields, admin.Field{Name: name, Text: "must be a text"})
		}
		delete(fields, name)
	}
	if own, is := fields["id"]; is && id != "" && string(own) != `"`+id+`"` {
		wrong.Fields = append(wrong.Fields, admin.Field{Name: "id", Text: "is not the one in the path: an id does not change"})
	}
	if len(wrong.Fields) > 0 {
		return nil, given, wrong
	}
	rest, err = json.Marshal(fields)
	return rest, given, err
}

type providerIn struct {
	Body provider
}

type providerPut struct {
	Named
	Condition
	Body provider
}

// upstreams adds the operations on providers where people sign in.
func (h *Handler) upstreams(api huma.API) {
	s := h.o.Acts
	operation(api, "GET /upstreams", "listUpstreams", "List the providers where people sign in",
		func(ctx context.Context, a admin.Actor, _ *struct{}) (admin.Page[view.Upstream], error) {
			list, err := s.Upstreams(ctx, a)
			return admin.Page[view.Upstream]{Items: list}, err
		})
	operation(api, "GET /upstreams/{id}", "getUpstream", "Show a provider where people sign in; its secrets are never told",
		func(ctx context.Context, a admin.Actor, in *Named) (view.UpstreamSettings, error) {
			return s.Upstream(ctx, a, in.ID)
		})
	bodied(api, "POST /upstreams", "createUpstream", "Let people sign in at another provider",
		func(ctx context.Context, a admin.Actor, in *providerIn) (view.UpstreamSettings, error) {
			var u setting.Upstream
			rest, given, err := in.Body.read("")
			if err == nil {
				err = strict(rest, &u)
			}
			if err != nil {
				return view.UpstreamSettings{}, err
			}
			return s.CreateUpstream(ctx, a, u, given)
		})
	change := func(ctx context.Context, a admin.Actor, id string, c Condition, body provider,
		do func(u *setting.Upstream, rest []byte) error) (view.UpstreamSettings, error) {
		match, err := c.match()
		if err != nil {
			return view.UpstreamSettings{}, err
		}
		rest, given, err := body.read(id)
		if err != nil {
			return view.UpstreamSettings{}, err
		}
		return s.ChangeUpstream(ctx, a, id, match, given, func(u *setting.Upstream) error { return do(u, rest) })
	}
	bodied(api, "PUT /upstreams/{id}", "replaceUpstream", "Replace what is set for a provider; secrets that are left out stay",
		func(ctx context.Context, a admin.Actor, in *providerPut) (view.UpstreamSettings, error) {
			return change(ctx, a, in.ID, in.Condition, in.Body, func(u *setting.Upstream, rest []byte) error {
				var next setting.Upstream
				if err := strict(rest, &next); err != nil {
					return err
				}
				*u = next
				return nil
			})
		})
	bodied(api, "PATCH /upstreams/{id}", "changeUpstream", "Change some of what is set for a provider (RFC 7396)",
		func(ctx context.Context, a admin.Actor, in *providerPut) (view.UpstreamSettings, error) {
			return change(ctx, a, in.ID, in.Condition, in.Body, func(u *setting.Upstream, rest []byte) error { return merge(u, rest) })
		})
	operation(api, "DELETE /upstreams/{id}", "deleteUpstream", "Remove a provider: nobody can sign in there; sessions stay",
		func(ctx context.Context, a admin.Actor, in *changeIn) (nothing, error) {
			match, err := in.match()
			if err != nil {
				return nothing{}, err
			}
			return nothing{}, s.DeleteUpstream(ctx, a, in.ID, match)
		})
	for name, disabled := range map[string]bool{"disable": true, "enable": false} {
		operation(api, "POST /upstreams/{id}/"+name, name+"Upstream", "Let nobody sign in at a provider, or let them again; sessions stay",
			func(ctx context.Context, a admin.Actor, in *Named) (view.UpstreamSettings, error) {
				return s.ChangeUpstream(ctx, a, in.ID, "", setting.Secrets{}, func(u *setting.Upstream) error {
					u.Disabled = disabled
					return nil
				})
			})
	}
	operation(api, "POST /upstreams/{id}/test", "testUpstream", "Ask a provider if it is set up as it must be, and count who needs it",
		func(ctx context.Context, a admin.Actor, in *Named) (admin.Page[view.Finding], error) {
			list, err := s.TestUpstream(ctx, a, in.ID)
			return admin.Page[view.Finding]{Items: list}, err
		})
	bodied(api, "POST /upstreams/{id}/secret-state", "upstreamSecretState",
		"Say if a secret is the provider's, and if it is the one applied last",
		func(ctx context.Context, a admin.Actor, in *stateIn) (thing.SecretState, error) {
			return s.UpstreamSecretState(ctx, a, in.ID, in.Body.Secret)
		})
}
