package adminapi

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"signet/admin"
	"signet/admin/view"
	"signet/audit/feed"
	"signet/clients"
	"signet/internal/mail"
	"signet/internal/ratelimit"
	"signet/oauth/keys"
	"signet/server/web"
	"signet/server/web/problem"
)

// resource is one in an answer.
type resource struct{ clients.Resource }

// Schema implements huma.SchemaProvider.
func (resource) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, Properties: properties(typeOf[clients.Resource]()), Required: []string{"identifier"}}
}

type resourceIn struct {
	Named
	Condition
	Body registrationOfResource
}

// registrationOfResource is a resource in a body.
type registrationOfResource struct{ registration }

// Schema implements huma.SchemaProvider.
func (registrationOfResource) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, Properties: properties(typeOf[clients.Resource]()), AdditionalProperties: true}
}

// resources adds the operations on APIs.
func (h *Handler) resources(api huma.API) {
	s := h.o.Acts
	operation(api, "GET /resources", "listResources", "List APIs that access tokens are for",
		func(ctx context.Context, a admin.Actor, _ *struct{}) (admin.Page[resource], error) {
			list, err := s.Resources(ctx, a)
			page := admin.Page[resource]{Items: []resource{}}
			for _, r := range list {
				page.Items = append(page.Items, resource{r})
			}
			return page, err
		})
	operation(api, "GET /resources/{id}", "getResource", "Show an API; its identifier is escaped in the path",
		func(ctx context.Context, a admin.Actor, in *Named) (resource, error) {
			r, err := s.Resource(ctx, a, in.ID)
			return resource{r}, err
		})
	bodied(api, "PUT /resources/{id}", "putResource", "Register an API, or replace the one of the identifier",
		func(ctx context.Context, a admin.Actor, in *resourceIn) (resource, error) {
			match, err := in.match()
			if err != nil {
				return resource{}, err
			}
			var r clients.Resource
			if err := strict(in.Body.registration, &r); err != nil {
				return resource{}, err
			}
			if r.Identifier != "" && r.Identifier != in.ID {
				return resource{}, &admin.Invalid{Fields: []admin.Field{{Name: "identifier", Text: "is not the one in the path"}}}
			}
			r.Identifier = in.ID
			if err := s.PutResource(ctx, a, r, match); err != nil {
				return resource{}, err
			}
			return resource{r}, nil
		})
	operation(api, "DELETE /resources/{id}", "deleteResource", "Remove an API",
		func(ctx context.Context, a admin.Actor, in *Named) (nothing, error) {
			return nothing{}, s.DeleteResource(ctx, a, in.ID, "")
		})
}

type grantsIn struct {
	Paging
	Person string `query:"person" maxLength:"200" doc:"Whose; or name an app."`
	Client string `query:"client" maxLength:"200" doc:"At which app; or name a person."`
}

type eventsIn struct {
	Paging
	Name      string    `query:"name" maxLength:"100" doc:"One name, or the beginning of several with the dot at its end, like signin."`
	Outcome   string    `query:"outcome" enum:"success,failure"`
	Actor     string    `query:"actor" maxLength:"200" doc:"Who did it: the id of a person or a client."`
	Person    string    `query:"person" maxLength:"200" doc:"Whom it concerns."`
	Client    string    `query:"client" maxLength:"200" doc:"Which app it concerns."`
	Reference string    `query:"reference" maxLength:"100" doc:"Of a request, as error pages show it."`
	Since     time.Time `query:"since"`
}

// records adds the operations on grants, keys, emails and the audit log.
func (h *Handler) records(api huma.API) {
	s := h.o.Acts
	operation(api, "GET /grants", "listGrants", "List the live grants of a person or of an app",
		func(ctx context.Context, a admin.Actor, in *grantsIn) (admin.Page[admin.Grant], error) {
			return s.Grants(ctx, a, in.Person, in.Client, in.ask())
		})
	operation(api, "DELETE /grants/{id}", "revokeGrant", "Revoke a grant: its refresh token is refused at once",
		func(ctx context.Context, a admin.Actor, in *Named) (nothing, error) {
			return nothing{}, s.RevokeGrant(ctx, a, in.ID)
		})
	operation(api, "GET /keys", "listKeys", "List signing keys",
		func(ctx context.Context, a admin.Actor, _ *struct{}) (admin.Page[keys.Info], error) {
			list, err := s.Keys(ctx, a)
			return admin.Page[keys.Info]{Items: list}, err
		})
	bodied(api, "POST /keys", "rotateKey", "Make a new signing key",
		func(ctx context.Context, a admin.Actor, in *struct {
			Body struct {
				Alg       string `json:"alg" maxLength:"20" doc:"Like ES256."`
				Emergency bool   `json:"emergency,omitempty" doc:"Refuse what the keys before signed at once."`
			}
		}) (keys.Info, error) {
			if err := h.mayRotate(ctx, a); err != nil {
				return keys.Info{}, err
			}
			return s.RotateKey(ctx, a, in.Body.Alg, in.Body.Emergency)
		})
	operation(api, "DELETE /keys/{id}", "retireKey", "Take a key out of the JWKS: nothing that it signed is accepted any more",
		func(ctx context.Context, a admin.Actor, in *Named) (nothing, error) {
			return nothing{}, s.RetireKey(ctx, a, in.ID)
		})
	operation(api, "GET /events", "listEvents", "List audit events, newest first",
		func(ctx context.Context, a admin.Actor, in *eventsIn) (admin.Page[admin.Event], error) {
			return s.Events(ctx, a, admin.EventFilter{Name: in.Name, Outcome: in.Outcome, ActorID: in.Actor, UserID: in.Person,
				ClientID: in.Client, Reference: in.Reference, Since: in.Since}, in.ask())
		})
	h.export(api)
	operation(api, "GET /traces/{id}", "explainRequest", "Explain why the request of a reference was refused",
		func(ctx context.Context, a admin.Actor, in *Named) (admin.Explained, error) {
			return s.Explain(ctx, a, in.ID)
		})
	operation(api, "GET /mail", "listMail", "List emails that wait or were given up: neither address nor words",
		func(ctx context.Context, a admin.Actor, in *Paging) (admin.Page[mail.Waiting], error) {
			return s.MailQueue(ctx, a, in.ask())
		})
	operation(api, "GET /mail/{id}", "getMail", "Show an email that waits or was given up: neither address nor words",
		func(ctx context.Context, a admin.Actor, in *Named) (mail.Waiting, error) {
			return s.Mail(ctx, a, in.ID)
		})
	operation(api, "POST /mail/{id}/retry", "retryMail", "Try an email again at once",
		func(ctx context.Context, a admin.Actor, in *Named) (nothing, error) {
			return nothing{}, s.RetryMail(ctx, a, in.ID)
		})
	operation(api, "DELETE /mail/{id}", "dropMail", "Have an email not sent",
		func(ctx context.Context, a admin.Actor, in *Named) (nothing, error) {
			return nothing{}, s.DropMail(ctx, a, in.ID)
		})
	h.server(api)
}

// rotations bounds how often keys are made over the API: each costs time, and in an emergency ends what everybody has. The host's commands
// are not bound by it.
var rotations = ratelimit.Limit{Key: "keys made over the API", Free: 6, Window: time.Hour, First: time.Minute, Max: 10 * time.Minute,
	OnSuccess: ratelimit.Never}

// mayRotate counts an actor who may make keys.
func (h *Handler) mayRotate(ctx context.Context, a admin.Actor) error {
	if !a.Holds[admin.KeysRotate] { // is refused anyway, and counts for nobody
		return nil
	}
	_, err := h.o.Limits.Charge(ctx, rotations)
	if late, ok := errors.AsType[*ratelimit.Throttled](err); ok {
		return web.NewProblem(problem.Throttled, "Keys were made too often: wait, or use the command on the host.").
			Because(err).With("Retry-After", strconv.Itoa(int(late.RetryAfter/time.Second)))
	}
	return err
}

// server adds the operations that tell about the server itself.
func (h *Handler) server(api huma.API) {
	s := h.o.Acts
	operation(api, "GET /settings", "listSettings", "List the settings in use, secrets masked, each with where it comes from",
		func(ctx context.Context, a admin.Actor, in *Paging) (admin.Page[view.Setting], error) {
			return s.Settings(ctx, a, in.ask())
		})
	operation(api, "GET /health", "checkHealth", "Check the server's health: what is found, and how to fix it",
		func(ctx context.Context, a admin.Actor, _ *struct{}) (admin.Page[view.Finding], error) {
			list, err := s.Health(ctx, a)
			return admin.Page[view.Finding]{Items: list}, err
		})
}

type exportIn struct {
	Format string    `query:"format" enum:"json,ocsf,cef" default:"json"`
	After  string    `query:"after" maxLength:"100" doc:"The id of an event; those after it follow."`
	Since  time.Time `query:"since" doc:"Those from this time on follow."`
	Limit  int       `query:"limit" minimum:"1" maximum:"1000" default:"500" doc:"How many."`
}

type exported struct {
	ContentType string `header:"Content-Type"`
	Link        string `header:"Link" doc:"rel=next goes on after the last event (RFC 8288); there may be none yet."`
	Body        []byte
}

// export adds the operation that other systems read the audit log by.
func (h *Handler) export(api huma.API) {
	op := huma.Operation{OperationID: "exportEvents", Method: "GET", Path: "/events:export", Tags: []string{"events"},
		Summary: "Read audit events as lines, the oldest first, 15 seconds behind; follow the link for more"}
	describe(api, &op)
	op.Responses["200"] = &huma.Response{Description: "Lines", Content: map[string]*huma.MediaType{
		"application/x-ndjson": {Schema: &huma.Schema{Type: huma.TypeString}}, "text/plain": {Schema: &huma.Schema{Type: huma.TypeString}},
	}}
	huma.Register(api, op, func(ctx context.Context, in *exportIn) (*exported, error) {
		f := feed.Format(in.Format)
		lines, last, err := h.o.Acts.ExportEvents(ctx, actorOf(ctx), f, in.After, in.Since, in.Limit)
		if err != nil {
			return nil, failed(ctx, err)
		}
		next := url.Values{"format": {in.Format}, "after": {last}, "limit": {strconv.Itoa(in.Limit)}}
		return &exported{f.MediaType(), "<" + h.issuer + base + "/events:export?" + next.Encode() + `>; rel="next"`, lines}, nil
	})
}
