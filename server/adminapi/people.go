package adminapi

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"signet/admin"
	"signet/admin/view"
	"signet/storage/filter"
)

// subjectID names a person as RFC 9493 does.
type subjectID struct {
	Format  string `json:"format" enum:"iss_sub,email,opaque"`
	Issuer  string `json:"iss,omitempty" maxLength:"255" doc:"Of iss_sub: this server."`
	Subject string `json:"sub,omitempty" maxLength:"200" doc:"Of iss_sub: the id of the person, which no pairwise subject is."`
	Email   string `json:"email,omitempty" maxLength:"254" doc:"Of email."`
	ID      string `json:"id,omitempty" maxLength:"200" doc:"Of opaque: the id of the person."`
}

// person is the id or the address that is named. Whom another issuer knows is nobody here.
// Members of another format beside those of its own are refused: two programs would read two people (RFC 9493 section 3).
func (s subjectID) person(issuer string) (id, address string, err error) {
	switch s {
	case subjectID{Format: "email", Email: s.Email}:
		address = s.Email
	case subjectID{Format: "opaque", ID: s.ID}:
		id = s.ID
	case subjectID{Format: "iss_sub", Issuer: s.Issuer, Subject: s.Subject}:
		if id = s.Subject; s.Issuer != issuer && s.Issuer != "" && id != "" {
			return "", "", admin.ErrNotFound
		}
		if s.Issuer == "" {
			id = ""
		}
	}
	if id != "" || address != "" {
		return id, address, nil
	}
	return "", "", &admin.Invalid{Fields: []admin.Field{{Name: "sub_id",
		Text: "names nobody: write iss and sub for iss_sub, email for email, id for opaque"}}}
}

// revocationPath is where programs have all ended that a person's sign-ins gave.
const revocationPath = "/global-token-revocation"

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

// claims is an object of claims in a body.
type claims json.RawMessage

// Schema implements huma.SchemaProvider.
func (claims) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
}

// UnmarshalJSON keeps the bytes.
func (c *claims) UnmarshalJSON(raw []byte) error {
	*c = append((*c)[:0], raw...)
	return nil
}

// MarshalJSON gives them back.
func (c claims) MarshalJSON() ([]byte, error) { return c, nil }

type personIn struct {
	Body struct {
		Email         string `json:"email" maxLength:"254"`
		EmailVerified bool   `json:"email_verified,omitempty" doc:"You know that the address is theirs."`
		Username      string `json:"username,omitempty" maxLength:"200"`
		Name          string `json:"name,omitempty" maxLength:"500"`
		Password      string `json:"password,omitempty" maxLength:"1024" doc:"Needs people:credentials. Without one they use a reset link."`
		Claims        claims `json:"claims,omitempty" doc:"OpenID Connect standard claims."`
		Metadata      claims `json:"metadata,omitempty" doc:"An object that administrators keep. Needs people:metadata."`
	}
}

type metadataIn struct {
	Named
	Condition
	Body claims `contentType:"application/merge-patch+json" doc:"Merged into what there is; null removes a member (RFC 7396)."`
}

type metadataWhole struct {
	Named
	Condition
	Body claims `doc:"All of it: what is not named is kept no more."`
}

type previewIn struct {
	Named
	ClientID string `query:"client_id" required:"true" maxLength:"512" doc:"The app."`
	Scope    string `query:"scope" maxLength:"4096" doc:"As if these were granted, separated by spaces; none = all that the app registered."`
}

type claimsIn struct {
	Named
	Condition
	Body struct {
		Claims claims `json:"claims" doc:"Merged into those that there are; null removes one (RFC 7396)."`
	} `contentType:"application/merge-patch+json"`
}

type emailIn struct {
	Named
	Body struct {
		Email    string `json:"email" maxLength:"254"`
		Verified bool   `json:"verified,omitempty" doc:"You know that the address is theirs."`
	}
}

type passwordIn struct {
	Named
	Body struct {
		Password string `json:"password" maxLength:"1024"`
	}
}

type linkIn struct {
	Named
	Body struct {
		Send bool `json:"send,omitempty" doc:"Mail it to the person; then it is not in the answer."`
	}
}

// link is the answer of reset-link.
type link struct {
	Link string `json:"link,omitempty"`
	Sent bool   `json:"sent"`
}

type deleteIn struct {
	Named
	Condition
	Now bool `query:"now" doc:"Erase at once: nothing brings the person back."`
}

type searchIn struct {
	Paging
	Search       string    `query:"search" maxLength:"254" doc:"How the email address or the user name begins."`
	Disabled     bool      `query:"disabled" doc:"Only who is disabled; false asks for nothing."`
	Unverified   bool      `query:"unverified" doc:"Only who has an address that is not verified; false asks for nothing."`
	Group        string    `query:"group" maxLength:"100" doc:"Only who is in the group."`
	Role         string    `query:"role" maxLength:"100" doc:"Only who holds the role, themselves or by a group."`
	CreatedSince time.Time `query:"created_since" doc:"Only who was created then or later."`
}

// people adds the operations on people.
func (h *Handler) people(api huma.API) {
	s := h.o.Acts
	operation(api, "GET /people", "listPeople", "List or search people",
		func(ctx context.Context, a admin.Actor, in *searchIn) (admin.Page[admin.Person], error) {
			return s.People(ctx, a, filter.People{Search: in.Search, Disabled: in.Disabled, Unverified: in.Unverified, Group: in.Group,
				Role: in.Role, CreatedSince: in.CreatedSince}, in.ask())
		})
	bodied(api, "POST /people", "createPerson", "Create a person",
		func(ctx context.Context, a admin.Actor, in *personIn) (admin.Person, error) {
			b := in.Body
			return s.CreatePerson(ctx, a, admin.NewPerson{Email: b.Email, EmailVerified: b.EmailVerified, Username: b.Username, Name: b.Name,
				Password: b.Password, Claims: json.RawMessage(b.Claims), Metadata: json.RawMessage(b.Metadata)})
		})
	h.imports(api)
	operation(api, "GET /people/{id}", "getPerson", "Show a person",
		func(ctx context.Context, a admin.Actor, in *Named) (admin.Person, error) {
			return s.Person(ctx, a, in.ID)
		})
	bodied(api, "PATCH /people/{id}", "changePerson", "Change a person's claims",
		func(ctx context.Context, a admin.Actor, in *claimsIn) (p admin.Person, err error) {
			match, err := in.match()
			if err != nil {
				return p, err
			}
			return s.ChangePerson(ctx, a, in.ID, match, json.RawMessage(in.Body.Claims))
		})
	bodied(api, "PATCH /people/{id}/metadata", "changeMetadata", "Change what administrators keep about a person, and apps may be told",
		func(ctx context.Context, a admin.Actor, in *metadataIn) (p admin.Person, err error) {
			match, err := in.match()
			if err != nil {
				return p, err
			}
			return s.SetMetadata(ctx, a, in.ID, match, json.RawMessage(in.Body))
		})
	bodied(api, "PUT /people/{id}/metadata", "replaceMetadata", "Replace what administrators keep about a person, and apps may be told",
		func(ctx context.Context, a admin.Actor, in *metadataWhole) (p admin.Person, err error) {
			match, err := in.match()
			if err != nil {
				return p, err
			}
			return s.ReplaceMetadata(ctx, a, in.ID, match, json.RawMessage(in.Body))
		})
	operation(api, "GET /people/{id}/preview-claims", "previewClaims", "Show the claims that an app would get about a person",
		func(ctx context.Context, a admin.Actor, in *previewIn) (view.Preview, error) {
			return s.PreviewClaims(ctx, a, in.ID, in.ClientID, strings.Fields(in.Scope))
		})
	operation(api, "DELETE /people/{id}", "deletePerson", "Delete a person: ends everything of theirs, and erases them after the grace time",
		func(ctx context.Context, a admin.Actor, in *deleteIn) (p admin.Person, err error) {
			match, err := in.match()
			if err != nil {
				return p, err
			}
			return s.DeletePerson(ctx, a, in.ID, match, in.Now)
		})
	type act = func(ctx context.Context, a admin.Actor, id string) (admin.Person, error)
	for _, o := range []struct {
		name, id, summary string
		do                act
	}{
		{"disable", "disablePerson", "Disable a person: ends all their sessions and grants",
			func(ctx context.Context, a admin.Actor, id string) (admin.Person, error) {
				return s.SetDisabled(ctx, a, id, true)
			}},
		{"enable", "enablePerson", "Let a disabled person sign in again",
			func(ctx context.Context, a admin.Actor, id string) (admin.Person, error) {
				return s.SetDisabled(ctx, a, id, false)
			}},
		{"unfreeze", "unfreezePerson", `Let a person sign in again who said "this was not me"`, s.Unfreeze},
		{"restore", "restorePerson", "Keep a person who was to be deleted", s.RestorePerson},
		{"reset-factors", "resetFactors", "Remove second factors, passkeys and recovery codes: ends all sessions and grants", s.ResetFactors},
	} {
		operation(api, "POST /people/{id}/"+o.name, o.id, o.summary,
			func(ctx context.Context, a admin.Actor, in *Named) (admin.Person, error) { return o.do(ctx, a, in.ID) })
	}
	h.credentials(api)
}

// credentials adds the operations on how a person signs in, and where they are signed in.
func (h *Handler) credentials(api huma.API) {
	s := h.o.Acts
	operation(api, "GET /people/{id}/factors", "getFactors", "Show how a person signs in",
		func(ctx context.Context, a admin.Actor, in *Named) (admin.Factors, error) {
			return s.Factors(ctx, a, in.ID)
		})
	bodied(api, "POST /people/{id}/password", "setPassword", "Set a person's password: ends all their sessions and grants",
		func(ctx context.Context, a admin.Actor, in *passwordIn) (admin.Person, error) {
			return s.SetPassword(ctx, a, in.ID, in.Body.Password)
		})
	bodied(api, "POST /people/{id}/email", "setEmail", "Give a person another email address; the one before is told",
		func(ctx context.Context, a admin.Actor, in *emailIn) (admin.Person, error) {
			return s.SetEmail(ctx, a, in.ID, in.Body.Email, in.Body.Verified)
		})
	bodied(api, "POST /people/{id}/reset-link", "makeResetLink", "Make a link with which a person chooses a password, once, in 24 hours",
		func(ctx context.Context, a admin.Actor, in *linkIn) (link, error) {
			text, err := s.ResetLink(ctx, a, in.ID, in.Body.Send)
			return link{text, in.Body.Send}, err
		})
	if h.o.Drafts {
		h.revocation(api)
	}
	h.agents(api)
	operation(api, "GET /people/{id}/sessions", "listSessions", "List a person's live sessions",
		func(ctx context.Context, a admin.Actor, in *Named) (admin.Page[admin.Session], error) {
			list, err := s.Sessions(ctx, a, in.ID)
			return admin.Page[admin.Session]{Items: list}, err
		})
	operation(api, "DELETE /people/{id}/sessions", "endSessions", "End all of a person's sessions",
		func(ctx context.Context, a admin.Actor, in *Named) (nothing, error) {
			_, err := s.EndSessions(ctx, a, in.ID)
			return nothing{}, err
		})
	operation(api, "DELETE /people/{id}/sessions/{session}", "endSession", "End one of a person's sessions",
		func(ctx context.Context, a admin.Actor, in *struct {
			Named
			Session string `path:"session" maxLength:"200"`
		}) (nothing, error) {
			return nothing{}, s.EndSession(ctx, a, in.ID, in.Session)
		})
}

// revocation is Global Token Revocation, a draft.
func (h *Handler) revocation(api huma.API) {
	bodied(api, "POST "+revocationPath, "revokeEverything",
		"End all sessions of a person and all access that apps have by them (Global Token Revocation)",
		func(ctx context.Context, a admin.Actor, in *struct {
			Body struct {
				SubID subjectID `json:"sub_id" doc:"The person, by RFC 9493."`
			}
		}) (nothing, error) {
			id, address, err := in.Body.SubID.person(h.o.Issuer.String())
			if err != nil {
				return nothing{}, err
			}
			return nothing{}, h.o.Acts.EndEverything(ctx, a, id, address)
		})
}
