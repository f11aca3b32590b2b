package adminapi

import (
	"context"
	"encoding/json"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"signet/admin"
	"signet/admin/thing"
)

// said is a thing as files have it, as bytes: package admin reads it.
type said json.RawMessage

// UnmarshalJSON keeps the bytes.
func (s *said) UnmarshalJSON(raw []byte) error {
	*s = append((*s)[:0], raw...)
	return nil
}

// MarshalJSON gives them back.
func (s said) MarshalJSON() ([]byte, error) { return s, nil }

// Schema implements huma.SchemaProvider.
func (said) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
}

// managed is who keeps a thing by files.
type managed struct {
	Kind    string    `json:"kind" enum:"clients,resources,groups,roles,webhooks,upstreams,settings"`
	Key     string    `json:"key"`
	Owner   string    `json:"owner"`
	Applied said      `json:"applied" doc:"What the files said last."`
	By      string    `json:"by" doc:"Who applied it last."`
	At      time.Time `json:"at"`
	Version int64     `json:"version" doc:"What a step names that was planned on this."`
}

// Steps is one thing to be made, changed or deleted. Its name is exported for huma.
type Steps struct {
	Kind    string `json:"kind" enum:"clients,resources,groups,roles,webhooks,upstreams,settings"`
	Key     string `json:"key" maxLength:"600"`
	Owner   string `json:"owner" maxLength:"100" doc:"Whose files keep it from then on."`
	Before  said   `json:"before,omitempty" doc:"The thing as it was planned on; left out: there was none."`
	Version int64  `json:"version,omitempty" minimum:"0" doc:"Of the entry under /managed it was planned on; left out: there was none."`
	After   said   `json:"after,omitempty" doc:"The thing as it is to be; left out: it is deleted."`
	Applied said   `json:"applied,omitempty" doc:"What the files say of it; left out: no files keep it any more."`
	Secret  string `json:"client_secret,omitempty" maxLength:"8192" doc:"Another one of a client, an upstream, a webhook or the section mail."`
}

type stepIn struct {
	Body Steps
}

func (in *stepIn) step() thing.Step {
	b := in.Body
	return thing.Step{Kind: b.Kind, Key: b.Key, Owner: b.Owner, Before: json.RawMessage(b.Before), Version: b.Version,
		After: json.RawMessage(b.After), Applied: json.RawMessage(b.Applied), Secret: b.Secret}
}

type stateIn struct {
	Named
	Body struct {
		Secret string `json:"client_secret" maxLength:"8192"`
	}
}

// files adds the operations of configuration as code.
func (h *Handler) files(api huma.API) {
	s := h.o.Acts
	operation(api, "GET /managed", "listManaged", "List what is kept by files, and what they said last",
		func(ctx context.Context, a admin.Actor, in *Paging) (admin.Page[managed], error) {
			page, err := s.Managed(ctx, a, in.ask())
			shown := admin.Page[managed]{Items: []managed{}, Next: page.Next}
			for _, m := range page.Items {
				shown.Items = append(shown.Items, managed{m.Kind, m.Key, m.Owner, said(m.Applied), m.By, m.At, m.Version})
			}
			return shown, err
		})
	bodied(api, "POST /steps", "applyStep", "Make, change or delete one thing as files say, if it is as it was planned on",
		func(ctx context.Context, a admin.Actor, in *stepIn) (nothing, error) {
			return nothing{}, s.Apply(ctx, a, in.step())
		})
	bodied(api, "POST /steps:check", "checkStep", "Tell what is wrong with a step without doing it",
		func(ctx context.Context, a admin.Actor, in *stepIn) (nothing, error) {
			return nothing{}, s.CheckStep(ctx, a, in.step())
		})
	bodied(api, "POST /clients/{id}/secret-state", "secretState", "Say if a secret is the app's, and if it is the one applied last",
		func(ctx context.Context, a admin.Actor, in *stateIn) (thing.SecretState, error) {
			return s.SecretState(ctx, a, in.ID, in.Body.Secret)
		})
}
