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

// section is what is said of a section of the configuration in a body: its secret is among it, and is told apart from the rest.
type section struct{ provider }

// Schema implements huma.SchemaProvider.
func (section) Schema(huma.Registry) *huma.Schema {
	all := properties(typeOf[setting.Section]())
	maps.Copy(all, map[string]*huma.Schema{"password": {Type: huma.TypeString}})
	return &huma.Schema{Type: huma.TypeObject, Properties: all, AdditionalProperties: true}
}

// read takes the password out of a body. The id is in the path.
func (s section) read(id string) (next setting.Section, password string, err error) {
	var fields map[string]json.RawMessage
	if err := strict(s.provider, &fields); err != nil {
		return next, "", err
	}
	wrong := &admin.Invalid{}
	if raw, is := fields["password"]; is && json.Unmarshal(raw, &password) != nil {
		wrong.Fields = append(wrong.Fields, admin.Field{Name: "password", Text: "must be a text"})
	}
	delete(fields, "password")
	if own, is := fields["id"]; is && string(own) != `"`+id+`"` {
		wrong.Fields = append(wrong.Fields, admin.Field{Name: "id", Text: "is not the one in the path"})
	}
	if len(wrong.Fields) > 0 {
		return next, "", wrong
	}
	rest, err := json.Marshal(fields)
	if err == nil {
		err = strict(rest, &next)
	}
	return next, password, err
}

type sectionPut struct {
	Named
	Condition
	Body section
}

// settings adds the operations on sections of the configuration that can be kept in the database.
func (h *Handler) settings(api huma.API) {
	s := h.o.Acts
	operation(api, "GET /settings/{id}", "getSetting", "Show branding or mail, and where it comes from; the password is never told",
		func(ctx context.Context, a admin.Actor, in *Named) (setting.State, error) {
			return s.Setting(ctx, a, in.ID)
		})
	bodied(api, "PUT /settings/{id}", "putSetting", "Keep branding or mail in the database; a password that is left out stays",
		func(ctx context.Context, a admin.Actor, in *sectionPut) (setting.State, error) {
			match, err := in.match()
			if err != nil {
				return setting.State{}, err
			}
			next, password, err := in.Body.read(in.ID)
			if err != nil {
				return setting.State{}, err
			}
			return s.ChangeSetting(ctx, a, in.ID, match, password, func(now *setting.Section) error {
				*now = next
				return nil
			})
		})
	operation(api, "DELETE /settings/{id}", "resetSetting", "Forget what is kept of branding or mail: the configuration counts again",
		func(ctx context.Context, a admin.Actor, in *changeIn) (nothing, error) {
			match, err := in.match()
			if err != nil {
				return nothing{}, err
			}
			return nothing{}, s.ResetSetting(ctx, a, in.ID, match)
		})
	bodied(api, "POST /settings/{id}/test", "testMail", "Send an email at once, and tell what the mail server says",
		func(ctx context.Context, a admin.Actor, in *struct {
			Named
			Body struct {
				To       string `json:"to" maxLength:"320" doc:"An address."`
				Language string `json:"language,omitempty" maxLength:"20" doc:"A tag like de; left out: English."`
			}
		}) (admin.Page[view.Finding], error) {
			if in.ID != setting.Mail {
				return admin.Page[view.Finding]{}, admin.ErrNotFound
			}
			list, err := s.TestMail(ctx, a, in.Body.To, in.Body.Language)
			return admin.Page[view.Finding]{Items: list}, err
		})
	bodied(api, "POST /settings/{id}/secret-state", "settingSecretState",
		"Say if a secret is the one in use, and if it is the one applied last",
		func(ctx context.Context, a admin.Actor, in *stateIn) (thing.SecretState, error) {
			return s.SettingSecretState(ctx, a, in.ID, in.Body.Secret)
		})
}
